"""The socket, on a real ASGI server."""

import asyncio
import socket as sockets
import threading
import time

import pytest
import uvicorn
from django.conf import settings

from backend import asgi
from messaging.consumer import SocketApp
from wardline_client.account import Account
from wardline_client.http import Api, ApiError
from wardline_client.protocol.bodies import Text
from wardline_client.sockets import Socket


@pytest.fixture
def address(transactional_db, monkeypatch):
    """A server of its own, on a free port of the loopback."""
    # A process starts once; here it starts for every test, and what was stopped does not start again.
    monkeypatch.setattr(asgi, "sockets", SocketApp())
    listening = sockets.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(asgi.application, log_level="warning", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://localhost:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def over_network(address):
    """The same device, signed in over the network."""
    opened = []

    def signed_in(account: Account) -> Account:
        api = Api(address, origin=settings.PUBLIC_URL)
        opened.append(api)
        there = Account.load(api, account.dump())
        there.sign_in()
        return there

    yield signed_in
    for api in opened:
        api.close()


async def first(events: Socket, t: str):
    async with asyncio.timeout(10):
        async for event in events:
            if event["t"] == t:
                return event
    raise AssertionError(f"closed before {t}")


def test_what_one_sends_the_other_hears_and_opens(over_network, adler, brandt):
    adler, brandt = over_network(adler), over_network(brandt)
    here = adler.talk_to(brandt.person)

    async def night():
        async with await Socket.open(brandt.api) as hearing, await Socket.open(adler.api) as sending:
            await first(hearing, "hello")
            await first(sending, "hello")
            stored = await sending.send(here.id, adler.conversations.seal(here.id, Text("Guten Abend")))
            return stored, await first(hearing, "message")

    stored, event = asyncio.run(night())
    received = brandt.conversations.receive(brandt.conversations.get(here.id), event["message"])

    assert stored["sequence"] == received.sequence == 1
    assert (received.body, received.problem) == (Text("Guten Abend"), None)


def test_a_refusal_has_its_code(over_network, adler, brandt):
    adler, brandt = over_network(adler), over_network(brandt)
    here = adler.talk_to(brandt.person)
    envelope = adler.conversations.seal(here.id, Text("von Adler"))

    async def night():
        async with await Socket.open(brandt.api) as socket:
            await socket.send(here.id, envelope)

    with pytest.raises(ApiError) as refused:
        asyncio.run(night())
    assert refused.value.code == "envelope.wrong_sender"


def test_signing_out_closes_the_socket(over_network, adler):
    adler = over_network(adler)

    async def night():
        async with await Socket.open(adler.api) as socket:
            await first(socket, "hello")
            await asyncio.to_thread(adler.sign_out)
            async with asyncio.timeout(10):
                async for _ in socket:
                    pass
            return socket.close_code

    assert asyncio.run(night()) == 4401

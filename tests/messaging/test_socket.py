"""The WebSocket, on a real server process."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.realtime import close_after_commit
from benchmarks.people import Talk
from identity.models import SignIn
from messaging.models import Acknowledgement, Message, Receipt
from tests.cast import Night, Someone
from tests.messaging.people import LAPSES, envelope_json, hand_over, refusals, seal
from tests.messaging.server import Server


def read_until(socket: Any, matches: Callable[[dict[str, Any]], bool], within: float = 5) -> dict[str, Any]:
    deadline = time.monotonic() + within
    while True:
        event = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        if matches(event):
            return dict(event)


def of(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["t"] == kind


def opened(server: Server, somebody: Someone, **options: Any) -> Any:
    socket = server.connect(somebody, **options)
    assert json.loads(socket.recv(timeout=5))["t"] == "hello"
    return socket


def ask(socket: Any, do: str, **details: Any) -> dict[str, Any]:
    id = str(uuid4())
    socket.send(json.dumps({"id": id, "do": do, **details}))
    return read_until(socket, lambda event: event["t"] == "answer" and event["id"] == id)


def code_at_close(socket: Any, within: float) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        read_until(socket, lambda event: False, within)
    return int(closed.value.rcvd.code)


def test_a_message_is_answered_and_reaches_the_duty_holder(server: Server, night: Night, talk: Talk) -> None:
    id, sealed = seal(night.adler, talk, b"text")
    with opened(server, night.adler) as adler, opened(server, night.brandt) as brandt, opened(server, night.dorn) as dorn:
        answer = ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(sealed))
        event = read_until(brandt, of("message"))
        with pytest.raises(TimeoutError):
            read_until(dorn, of("message"), within=0.3)

    assert (answer["status"], answer["body"]["sequence"], answer["body"]["id"]) == (201, 1, str(id))
    fetched = night.brandt.get(f"conversations/{talk.id}/messages").json()["results"]
    assert fetched == [event["message"]]
    assert {name: fetched[0][name] for name in "hcs"} == envelope_json(sealed)
    for hospital in (night.kreis, night.uni):
        leaf = next(event for event in night.audit_of(hospital) if event.action == "messaging.send")
        assert leaf.subjects == {"conversation": str(talk.id), "message": str(id)}


def test_the_same_bytes_again_are_stored_once(server: Server, night: Night, talk: Talk) -> None:
    _, sealed = seal(night.adler, talk, b"text")
    with opened(server, night.adler) as adler:
        answers = [ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(sealed)) for _ in range(3)]

    assert [answer["status"] for answer in answers] == [201, 200, 200]
    assert len({json.dumps(answer["body"]) for answer in answers}) == 1
    assert Message.objects.filter(conversation=talk.id).count() == 1
    assert night.actions_of(night.uni).count("messaging.send") == 1


def test_messages_of_one_socket_keep_their_order(server: Server, night: Night, talk: Talk) -> None:
    sealed = [seal(night.adler, talk, str(n).encode()) for n in range(30)]
    with opened(server, night.adler) as adler, opened(server, night.brandt) as brandt:
        for id, message in sealed:
            adler.send(json.dumps({"id": str(id), "do": "send", "conversation": str(talk.id), "envelope": envelope_json(message)}))
        events = [read_until(brandt, of("message"))["message"] for _ in sealed]

    assert [event["id"] for event in events] == [str(id) for id, _ in sealed]
    assert [event["sequence"] for event in events] == list(range(1, 31))


def test_one_bad_message_takes_nothing_of_its_batch_with_it(server: Server, night: Night, talk: Talk) -> None:
    """The second sender's id is taken by the first in the same moment: one of both is told, everybody else's message stands."""
    good = [seal(night.adler, talk, b"good") for _ in range(20)]
    twice = uuid4()
    reused = [seal(night.adler, talk, body, id=twice) for body in (b"one", b"two")]
    with opened(server, night.adler) as adler:
        for id, message in [*good[:10], *reused, *good[10:]]:
            adler.send(json.dumps({"id": str(id), "do": "send", "conversation": str(talk.id), "envelope": envelope_json(message)}))
        answers = [read_until(adler, of("answer")) for _ in range(22)]

    assert sorted(answer["status"] for answer in answers) == [201] * 21 + [409]
    assert sorted(Message.objects.filter(conversation=talk.id).values_list("sequence", flat=True)) == list(range(1, 22))


def test_delivered_and_acknowledged_reach_the_sender(server: Server, night: Night, talk: Talk) -> None:
    id, sealed = seal(night.adler, talk, b"text")
    with opened(server, night.adler) as adler, opened(server, night.brandt) as brandt:
        ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(sealed))
        assert ask(brandt, "delivered", conversation=str(talk.id), sequence=1)["status"] == 200
        said = {"conversation": str(talk.id), "message": str(id), "role": str(night.uni.role.id)}
        assert [ask(brandt, "acknowledge", **said)["status"] for _ in range(2)] == [201, 200]
        assert read_until(adler, of("delivered"))["sequence"] == 1
        assert read_until(adler, of("acknowledged"))["role"] == str(night.uni.role.id)

    assert Receipt.objects.get(conversation=talk.id, person=night.brandt.id).delivered_sequence == 1
    assert Acknowledgement.objects.get(message=id).role_id == night.uni.role.id
    actions = night.actions_of(night.kreis)
    assert (actions.count("messaging.deliver"), actions.count("messaging.acknowledge")) == (1, 1)


@pytest.mark.parametrize(
    ("who", "status", "code"), [("outsider", 404, "not_found"), ("dorn", 404, "not_found"), ("brandt", 400, "envelope.wrong_sender")]
)
def test_who_is_no_member_or_not_the_signer_is_refused_and_it_is_recorded(
    server: Server, night: Night, talk: Talk, who: str, status: int, code: str
) -> None:
    sender = getattr(night, who)
    signer = night.adler if who == "brandt" else sender
    _, sealed = seal(signer, talk, b"text")
    with opened(server, sender) as socket:
        answer = ask(socket, "send", conversation=str(talk.id), envelope=envelope_json(sealed))

    assert (answer["ok"], answer["status"], answer["body"]["code"]) == (False, status, code)
    assert not Message.objects.filter(conversation=talk.id).exists()
    assert refusals(night, sender) == [code]


def test_the_former_duty_holder_gets_nothing_more_on_an_open_socket(server: Server, night: Night, talk: Talk) -> None:
    with opened(server, night.adler) as adler, opened(server, night.brandt) as former, opened(server, night.dorn) as present:
        hand_over(night, to=night.dorn)
        _, sealed = seal(night.adler, talk, b"text")
        ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(sealed))
        assert read_until(present, of("message"))["conversation"] == str(talk.id)
        with pytest.raises(TimeoutError):
            read_until(former, of("message"), within=0.5)
        _, own = seal(night.brandt, talk, b"text")
        assert ask(former, "send", conversation=str(talk.id), envelope=envelope_json(own))["body"]["code"] == "not_found"


def test_an_ended_sign_in_closes_its_socket_within_a_second(server: Server, night: Night) -> None:
    with opened(server, night.adler) as adler, opened(server, night.brandt) as brandt:
        with transaction.atomic():
            SignIn.objects.filter(pk=night.adler.sign_in_id).update(ended_at=timezone.now())
            close_after_commit([night.adler.sign_in_id])
        assert code_at_close(adler, within=1) == 4401
        brandt.send(json.dumps({"do": "ping"}))
        assert read_until(brandt, of("pong"))


@pytest.mark.parametrize("lapse", LAPSES)
def test_a_socket_that_outlived_its_right_can_do_nothing(server: Server, night: Night, talk: Talk, lapse: str) -> None:
    """Even if the ring that closes it was lost: the statement itself asks."""
    _, sealed = seal(night.adler, talk, b"text")
    with opened(server, night.adler) as adler:
        LAPSES[lapse](night.adler)
        answer = ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(sealed))
        assert code_at_close(adler, within=1) == 4401

    assert answer["status"] == 401
    assert not Message.objects.filter(conversation=talk.id).exists()


@pytest.mark.parametrize("lapse", [None, *LAPSES])
def test_without_a_good_sign_in_a_socket_closes_at_once(server: Server, night: Night, lapse: str | None) -> None:
    if lapse:
        LAPSES[lapse](night.adler)
    with server.connect(night.adler if lapse else None) as socket:
        assert code_at_close(socket, within=3) == 4401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_another_origin_gets_no_socket(server: Server, night: Night, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        server.connect(night.adler, origin=origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "frame.malformed"),
        ("[]", "frame.malformed"),
        ("[" * 100_000, "frame.malformed"),
        ('{"do":"send"}', "frame.malformed"),
        ('{"do":"fly","conversation":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}', "frame.unknown_command"),
        ('{"do":"send","conversation":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","envelope":7}', "envelope.malformed"),
        ('{"do":"delivered","conversation":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","sequence":1e9}', "frame.malformed"),
        ('{"do":"delivered","conversation":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","sequence":true}', "frame.malformed"),
        (b"\x00\x01", "frame.not_text"),
        ("x" * 300_000, "frame.too_large"),
    ],
)
def test_a_frame_that_makes_no_sense_is_answered_and_the_socket_lives(server: Server, night: Night, frame: str | bytes, code: str) -> None:
    with opened(server, night.adler) as socket:
        socket.send(frame)
        assert read_until(socket, of("answer"))["body"]["code"] == code
        socket.send('{"do":"ping"}')
        assert read_until(socket, of("pong"))


def test_a_lost_redis_connection_makes_every_socket_resync(server: Server, night: Night) -> None:
    with opened(server, night.adler) as socket, redis.Redis.from_url(settings.REDIS_URL) as client:
        ours = [each["id"] for each in client.client_list("pubsub") if each["name"] == f"wardline-hub-{server.process.pid}"]
        assert [client.client_kill_filter(_id=id) for id in ours] == [1], "this server's subscription, and no other's"
        assert read_until(socket, of("resync"))


def test_a_reader_who_does_not_read_is_closed_and_others_are_not_held_up(server: Server, night: Night, talk: Talk) -> None:
    sealed = [seal(night.adler, talk, b"x" * 60_000) for _ in range(300)]
    with opened(server, night.adler) as adler, server.connect(night.brandt, max_queue=1) as slow:
        for id, message in sealed:
            answer = ask(adler, "send", conversation=str(talk.id), envelope=envelope_json(message))
            assert answer["status"] == 201, id
        # Far less than what was sent: the socket was given up, and the reader will sync.
        received: list[str] = []
        with pytest.raises(ConnectionClosed):
            read_until(slow, lambda event: received.append(event["t"]) is not None, within=30)
    assert received.count("message") < len(sealed)

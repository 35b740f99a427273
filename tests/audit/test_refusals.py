"""Every refusal leaves its event: at every endpoint whoever is refused, before the socket and on it, and for what the state forbids.

Of strangers' refusals (``backend.flooding``) the first of a minute is recorded; each test begins to count anew (``nothing_tried_yet``).
"""

from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus

from audit.leaves import OPERATOR
from messaging.consumer import note_refusal
from tests.attacks.test_matrix import CLOSED, TABLE, call, world
from tests.audit.walk.seen import Told, last_event, told_since
from tests.cast import Night
from tests.identity.browser import Browser, new_token
from tests.identity.test_duty import code
from tests.messaging.people import envelope_json, seal, send, start_talk
from tests.messaging.server import Server
from tests.messaging.test_socket import ask, code_at_close, opened

__all__ = ["world"]
FACADE = "fhir/"
WHO = [
    (route, method, who)
    for route, method in CLOSED
    for who, status in TABLE[route][method].items()
    if status and not route.startswith(FACADE)
]
AT_THE_FACADE = [(route, method) for route, method in CLOSED if route.startswith(FACADE)]
LAPSED = ("former_colleague", "revoked_device")


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    shared_night.cast("archive", shared_night.kreis.archive)
    return shared_night


def refused(code: str, *, log: Any, action: str = "api.refused") -> Told:
    return Told(action, "refused", code, [log])


@pytest.mark.parametrize(("route", "method", "who"), WHO)
def test_who_is_out_is_in_the_log(night: Night, world: dict[str, str], route: str, method: str, who: str) -> None:
    caller: Any = night.person(who)
    since = last_event()

    code = call(caller, route, method, world).json()["code"]

    if who in LAPSED:
        expected = [refused(code, log=caller.hospital, action="identity.come_back"), refused(code, log=OPERATOR)]
    else:
        expected = [refused(code, log=OPERATOR if who == "anonymous" else caller.hospital)]
    assert told_since(since) == expected


@pytest.mark.parametrize("who", ["anonymous", "adler", "former_colleague"])
@pytest.mark.parametrize(("route", "method"), AT_THE_FACADE)
def test_at_the_facade_whoever_has_no_token_is_a_stranger(night: Night, world: dict[str, str], route: str, method: str, who: str) -> None:
    since = last_event()

    outcome = call(night.person(who), route, method, world).json()  # type: ignore[arg-type]

    assert told_since(since) == [refused(outcome["issue"][0]["details"]["text"], log=OPERATOR)]


def test_so_is_who_lacks_the_csrf_token(night: Night) -> None:
    since = last_event()

    assert code(night.adler.patch("me", {}, X_CSRFToken="d" * 32)) == (403, "csrf.failed")

    assert told_since(since) == [refused("csrf.failed", log=OPERATOR)]


TOKEN = {"token": "A" * 43}
UNKNOWN = {
    "invitations/look": ("invitation.unknown", TOKEN),
    "device-links/look": ("link.unknown", TOKEN),
    "setup/look": ("setup.unknown", TOKEN),
    "enrolment/options": ("invitation.unknown", TOKEN | {"purpose": "join"}),
}


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_token_that_nobody_gave_out(night: Night, path: str) -> None:
    expected, body = UNKNOWN[path]
    since = last_event()

    assert code(Browser().post(path, body)) == (404, expected)

    assert told_since(since) == [refused(expected, log=OPERATOR)]


def test_a_sign_in_that_fails_is_in_the_log_of_whom_it_names(night: Night) -> None:
    phone = Browser().becomes(night.adler)
    body = phone.assertion() | {"signature": "A" * 86}
    since = last_event()

    assert code(phone.post("session", body)) == (401, "device.signature")

    told = told_since(since)
    assert refused("device.signature", log=night.kreis.id, action="identity.sign_in") in told
    assert {one.outcome for one in told} == {"refused"}


def stale_figure(night: Night, world: dict[str, str]) -> Any:
    url = f"capacities/{world['<uuid:capacity_id>']}"
    return night.adler.put(url, {"staffed": 1, "occupied": 0, "blocked": 0}, If_Match="7")


def wrong_state(night: Night, world: dict[str, str]) -> Any:
    return night.brandt.post(f"candidates/{world['<uuid:candidate_id>']}/arrive", {})


def not_the_holder(night: Night, world: dict[str, str]) -> Any:
    return night.conrad.post(f"duty/{world['<uuid:role>']}/hand-over", {"to": night.adler.id})


@pytest.mark.parametrize(("attempt", "hospital"), [(stale_figure, "kreis"), (wrong_state, "uni"), (not_the_holder, "kreis")])
def test_what_the_state_forbids(night: Night, world: dict[str, str], attempt: Any, hospital: str) -> None:
    since = last_event()

    status, told = code(attempt(night, world))

    assert status in (409, 412)
    assert told_since(since) == [refused(told, log=getattr(night, hospital).id)]


def test_a_key_used_for_something_else(night: Night) -> None:
    key = uuid4()
    bodies = [{"token": new_token(), "sealed": "AAAA"} for _ in range(2)]
    assert night.adler.post("device-links", bodies[0], key=key).status_code == 201
    since = last_event()

    assert code(night.adler.post("device-links", bodies[1], key=key)) == (409, "idempotency.key_reused")

    assert told_since(since) == [refused("idempotency.key_reused", log=night.kreis.id)]


def test_a_forged_message(night: Night) -> None:
    talk = start_talk(night)
    _, sealed = seal(night.brandt, talk)
    since = last_event()

    assert code(send(night.adler, talk, sealed)) == (400, "envelope.wrong_sender")

    assert told_since(since) == [refused("envelope.wrong_sender", log=night.kreis.id, action="messaging.refused")]


@pytest.mark.parametrize("do", ["send", "delivered", "acknowledge"])
def test_a_command_of_an_outsider(night: Night, server: Server, do: str) -> None:
    talk = start_talk(night)
    said = {"sequence": 1, "message": str(uuid4()), "envelope": envelope_json(seal(night.outsider, talk)[1])}
    with opened(server, night.outsider) as socket:
        since = last_event()
        answer = ask(socket, do, conversation=str(talk.id), **said)

    assert answer["status"] == 404
    assert told_since(since) == [refused(answer["body"]["code"], log=night.fern.id)]


@pytest.mark.parametrize("who", [*LAPSED, "pending"])
def test_a_socket_that_is_not_opened(night: Night, server: Server, who: str) -> None:
    caller: Any = night.person(who)
    since = last_event()

    with server.connect(caller) as socket:
        assert code_at_close(socket, within=5) == 4401

    [told] = told_since(since)
    assert (told.outcome, told.logs) == ("refused", [caller.hospital])
    assert told.action == ("identity.come_back" if who in LAPSED else "api.refused")


def test_a_socket_from_a_page_of_another_origin(night: Night, server: Server) -> None:
    since = last_event()

    with pytest.raises(InvalidStatus), server.connect(night.adler, origin="https://evil.example"):
        pass

    assert told_since(since) == [refused("socket.other_origin", log=night.kreis.id)]


def test_a_strangers_socket(night: Night) -> None:
    since = last_event()

    note_refusal(None, "not_authenticated")
    note_refusal(None, "not_authenticated")

    assert told_since(since) == [refused("not_authenticated", log=OPERATOR)]

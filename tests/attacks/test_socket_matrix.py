"""Every command of the socket, by everybody who has no business with that conversation. A command without a row fails.

Whoever has no sign-in in force gets no socket at all, and none that was opened before stays good for a single command.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from messaging.models import Message, Receipt
from tests.cast import Night, Someone
from tests.messaging.people import LAPSES, Talk, envelope_json, seal, sent, start_talk
from tests.messaging.server import Server
from tests.messaging.test_socket import ask, code_at_close, opened
from tests.served import commands

SHUT = ("anonymous", "former_colleague", "revoked_device", "pending")
ABSENT = {"outsider": 404, "north": 404, "egger": 404, "conrad": 404}
TABLE: dict[str, dict[str, int]] = {
    "send": ABSENT | {"archive": 403},
    "acknowledge": ABSENT | {"archive": 403},
    "delivered": ABSENT,
    "ping": {},  # of nobody's conversation
    "watch": {},
}
CLOSED = [(command, who) for command, row in TABLE.items() for who in row]


def test_every_command_has_a_row() -> None:
    assert commands() == set(TABLE)


def details(command: str, someone: Someone, talk: Talk, message: UUID) -> dict[str, Any]:
    fields: dict[str, Callable[[], dict[str, Any]]] = {
        "send": lambda: {"envelope": envelope_json(seal(someone, talk)[1])},
        "acknowledge": lambda: {"message": str(message)},
        "delivered": lambda: {"sequence": 1},
    }
    return {"conversation": str(talk.id)} | fields[command]()


def traces(talk: Talk) -> tuple[list[Any], list[Any]]:
    return (
        list(Message.objects.filter(conversation=talk.id).values_list("pk", "sequence")),
        list(Receipt.objects.filter(conversation=talk.id).order_by("pk").values_list()),
    )


@pytest.mark.parametrize(("command", "who"), CLOSED)
def test_who_is_out_is_out(night: Night, server: Server, command: str, who: str) -> None:
    night.cast("archive", night.kreis.archive)
    talk = start_talk(night)
    message, someone = sent(night.adler, talk), getattr(night, who)
    before = traces(talk)

    with opened(server, someone) as socket:
        answer = ask(socket, command, **details(command, someone, talk, message))

    assert answer["status"] == TABLE[command][who]
    assert traces(talk) == before


@pytest.mark.parametrize("who", SHUT)
def test_who_has_no_standing_gets_no_socket(night: Night, server: Server, who: str) -> None:
    with server.connect(night.person(who)) as socket:
        assert code_at_close(socket, within=5) == 4401


@pytest.mark.parametrize("lapse", LAPSES)
@pytest.mark.parametrize("command", [command for command, row in TABLE.items() if row])
def test_a_socket_opened_in_good_standing_carries_no_command_after_it(night: Night, server: Server, command: str, lapse: str) -> None:
    """The ring was lost, so the socket is still open: the tables say no."""
    talk = start_talk(night)
    message = sent(night.brandt, talk)
    asked = details(command, night.adler, talk, message)
    before = traces(talk)
    with opened(server, night.adler) as socket:
        LAPSES[lapse](night.adler)
        assert ask(socket, command, **asked)["status"] == 401
        assert code_at_close(socket, within=5) == 4401

    assert traces(talk) == before

"""Every endpoint and every command, done once, with the events that it leaves.

A row names what is called, the events (``action: logs``, in their order), and prepares: what it returns is the call itself, which may be
made anew for as often as it is prepared. Logs are those of the night's hospitals by name; ``operator`` is the log of no hospital.
"""

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

from tests.beds.asking import Ward
from tests.cast import Night
from tests.messaging.people import Talk, start_talk

Attempt = Callable[[], Any]


class Scene:
    """What the calls are about."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.registrar = night.kreis.registrar

    @cached_property
    def ward(self) -> Ward:
        return Ward(self.night)

    @cached_property
    def talk(self) -> Talk:
        return start_talk(self.night)


Prepare = Callable[[Scene], Attempt]


class Row(NamedTuple):
    prepare: Prepare
    events: list[str]


ROWS: dict[str, Row] = {}


def row(name: str, *events: str) -> Callable[[Prepare], Prepare]:
    def add(prepare: Prepare) -> Prepare:
        assert name not in ROWS
        ROWS[name] = Row(prepare, list(events))
        return prepare

    return add


for part in ("accounts", "devices", "logs", "officers", "software", "sso", "talks", "wards"):
    import_module(f"tests.audit.walk.{part}")

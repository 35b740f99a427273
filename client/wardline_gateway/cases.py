"""A closed case as it is filed: what was said, by whom, and how far that was proved.

Invariant: plain values, no network. Two readings of a case that nothing was added to have one fingerprint, whatever else the directory has
learned meanwhile; one message, acknowledgement or step more gives another.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from wardline_client.protocol.bodies import Body, Identity
from wardline_client.protocol.receipts import Proved

Json = dict[str, Any]


@dataclass(frozen=True)
class Who:
    """``name`` is the one a registrar signed, empty where none is proved; ``hospital`` as the service lists it."""

    id: UUID
    name: str = ""
    title: str = ""
    hospital: str = ""


@dataclass(frozen=True)
class Proof:
    """A message's verified signature: over the header and the SHA-256 of the ciphertext, by a device's Ed25519 key."""

    h: bytes
    ciphertext_digest: bytes
    signature: bytes
    device: UUID
    key: bytes


@dataclass(frozen=True)
class Acknowledgement:
    """As the service recorded it: a person's tap, not a signature."""

    by: Who
    role: Who | None
    at: datetime


@dataclass(frozen=True)
class Entry:
    """A message. ``body`` and ``proof`` are ``None`` when ``problem`` says why it is not believed or does not open; ``at`` is the sender's
    signed time, ``received_at`` the service's."""

    sequence: int
    id: UUID
    by: Who
    role: Who | None
    at: datetime | None
    received_at: datetime
    priority: str
    body: Body | None = field(repr=False)
    problem: str | None
    proof: Proof | None
    acknowledged: tuple[Acknowledgement, ...]
    digest: bytes
    image: bytes | None = field(default=None, repr=False)
    image_problem: str | None = None


@dataclass(frozen=True)
class Step:
    """A step of the workflow, as the service recorded it; ``by`` is ``None`` for the clock's and for one of a hospital's ``software``."""

    action: str
    target: str
    reason: str
    by: Who | None
    role: Who | None
    at: datetime
    software: str = ""


@dataclass(frozen=True)
class Thread:
    """One hospital that was asked, and the conversation with it; ``None`` where nobody has written about what software asked.
    ``missing`` are numbers of messages the service did not give."""

    candidate: UUID
    conversation: UUID | None
    hospital: Who
    role: Who
    state: str
    reason: str
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    missing: tuple[int, ...]
    epochs: tuple[int, ...]
    receipt: Proved | None = None
    receipt_digest: bytes = b""
    receipt_problem: str | None = None


@dataclass(frozen=True)
class Head:
    """How far a hospital's log of statements was seen when this was read; ``trouble`` is the code of what does not fit."""

    hospital: Who
    size: int
    root: bytes
    trouble: str | None


@dataclass(frozen=True)
class Case:
    """A request as this hospital may see it. ``need`` are the codes it was asked with; of ``requester`` and ``software``, the name of the
    origin's own, one asked."""

    id: UUID
    own: Who
    origin: Who
    requester: Who | None
    need: Json
    created_at: datetime
    closed_at: datetime | None
    threads: tuple[Thread, ...]
    heads: tuple[Head, ...]
    software: str = ""

    @property
    def entries(self) -> list[tuple[Thread, Entry]]:
        return [(thread, entry) for thread in self.threads for entry in thread.entries]

    @property
    def problems(self) -> list[tuple[Thread, Entry]]:
        return [(thread, entry) for thread, entry in self.entries if entry.problem or entry.image_problem]

    @property
    def identity(self) -> Identity | None:
        """The patient, by the newest message that says so and is proved."""
        said = [entry.body for _, entry in self.entries if isinstance(entry.body, Identity)]
        return said[-1] if said else None

    @property
    def ended_at(self) -> datetime:
        """When the last thing in it happened."""
        steps = [step.at for thread in self.threads for step in thread.steps]
        return max([self.created_at, *steps, *(entry.received_at for _, entry in self.entries)])

    @property
    def fingerprint(self) -> str:
        members = [str(self.id), [_thread_members(thread) for thread in self.threads]]
        return hashlib.sha256(json.dumps(members, default=_plain).encode()).hexdigest()


def _thread_members(thread: Thread) -> list[Any]:
    entries = [
        [
            entry.sequence, entry.id, entry.digest, entry.problem, entry.image_problem,
            [[each.by.id, each.at] for each in entry.acknowledged],
        ]
        for entry in thread.entries
    ]  # fmt: skip
    steps = [[step.action, step.target, step.reason, step.at] for step in thread.steps]
    return [thread.candidate, thread.state, steps, entries, thread.missing, thread.receipt_digest]


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

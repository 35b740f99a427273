"""What an audit event says.

Invariant: identifiers here are pseudonyms; there is no field that could take a name, content or a key. The leaf's bytes are made once, in
Python, and stored as hashed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Outcome = Literal["success", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Agent:
    """The human (or the technical account) behind an action, always, and how it came in.

    ``person`` is the pseudonym (``identity.Person.pseudonym``), never the id.
    """

    person: UUID | None = None
    hospital: UUID | None = None
    role: UUID | None = None
    device: UUID | None = None
    profession: str = ""
    method: str = ""  # passkey, clock, system
    snapshot: bytes | None = None  # commitment to name and profession at the time (``audit.openings``)


SYSTEM = Agent(method="system")
CLOCK = Agent(method="clock")


@dataclass(frozen=True, slots=True)
class Event:
    """One action, access or refusal.

    ``action`` is ``part.verb`` (``beds.confirm``, ``messaging.send``, ``messaging.open_image``, ``identity.sign_in``). ``hospitals`` are
    those in whose logs it belongs; none means the operator's log. ``subjects`` are pseudonymous ids by kind, e.g. ``{"candidate": UUID,
    "request": UUID}``; ``detail`` holds codes only (reason, state, purpose), ``digest`` a SHA-256 of ciphertext.
    """

    action: str
    agent: Agent | None  # None: nobody was signed in
    hospitals: Sequence[UUID] = ()
    outcome: Outcome = "success"
    subjects: Mapping[str, UUID] = field(default_factory=dict)
    detail: Mapping[str, str | int | list[str]] = field(default_factory=dict)
    digest: bytes | None = None
    recipients: bytes | None = None  # commitment to whom it went (``audit.openings``)

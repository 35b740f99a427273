"""From an event to the bytes that are hashed.

Invariant: the bytes are made here once and stored as they are; nothing ever serialises an event a second time. Canonical means: UTF-8,
members in code point order, no white space, no floating-point numbers. No Django.
"""

import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.events import Agent, Event

VERSION = 1
NONCE_BYTES = 16  # without it, somebody who holds only hashes could guess a leaf from the few things it says
MAX_LEAF_BYTES = 65_535  # an entry bundle gives a leaf's length in two bytes (C2SP tlog-tiles, Log Entries)
OPERATOR = UUID(int=0)
_NOBODY = Agent()
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Leaf:
    """One event, ready to be written: the hashed bytes and what the index says about them."""

    content: bytes
    at: datetime
    event: Event
    agent: Agent

    def parameters(self) -> dict[str, Any]:
        """The named parameters of ``audit.services.leaf_ctes``."""
        return {
            "audit_leaf": self.content,
            "audit_logs": list(dict.fromkeys(self.event.hospitals)) or [OPERATOR],
            "audit_at": self.at,
            "audit_action": self.event.action,
            "audit_outcome": self.event.outcome,
            "audit_agent": self.agent.person,
            "audit_role": self.agent.role,
            "audit_subjects": list(self.event.subjects.values()),
        }


def leaf_of(event: Event) -> Leaf:
    """Serialise ``event`` with the present time of this host and a fresh nonce.

    Raises:
        ValueError: over 65,535 bytes.
        TypeError: something in ``detail`` that is not a string, a whole number or a list of strings.
    """
    at = datetime.now(UTC)
    agent = event.agent or _NOBODY
    members = _members(event, agent, at)
    committed = {"agent": agent.snapshot, "recipients": event.recipients}
    if commitments := {name: b64encode(commitment).decode() for name, commitment in committed.items() if commitment is not None}:
        members["commitments"] = commitments
    content = _encode(members).encode()
    if len(content) > MAX_LEAF_BYTES:
        raise ValueError(f"An audit leaf takes at most {MAX_LEAF_BYTES} bytes; this one has {len(content)}.")
    return Leaf(content=content, at=at, event=event, agent=agent)


def _members(event: Event, agent: Agent, at: datetime) -> dict[str, Any]:
    return {
        "v": VERSION,
        "nonce": _b64u(secrets.token_bytes(NONCE_BYTES)),
        "at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "clock": "host",
        "action": event.action,
        "outcome": event.outcome,
        "agent": {
            "person": _text(agent.person),
            "hospital": _text(agent.hospital),
            "role": _text(agent.role),
            "device": _text(agent.device),
            "profession": agent.profession,
            "method": agent.method,
        },
        "hospitals": sorted({str(hospital) for hospital in event.hospitals}),
        "subjects": {kind: str(subject) for kind, subject in event.subjects.items()},
        "detail": {name: _plain(value) for name, value in event.detail.items()},
        "digest": None if event.digest is None else _b64u(event.digest),
    }


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)


def _plain(value: object) -> object:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    raise TypeError(f"An audit detail is a string, a whole number or a list of strings, not {type(value).__name__}.")


def _b64u(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()

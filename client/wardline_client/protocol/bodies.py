"""What a message says once it is open (section 7).

Invariant: a known type has exactly its members; an unknown type is a value to show, not an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from wardline_client.protocol.encoding import Members, encode, malformed, parse_object, to_json
from wardline_client.protocol.errors import ProtocolError

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png"})
SEXES: Final = frozenset({"female", "male", "other", "unknown"})
_type_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Image:
    """``size`` is that of the plaintext in bytes, ``width`` and ``height`` are pixels."""

    attachment: UUID
    key: bytes = field(repr=False)
    size: int
    type: str
    width: int
    height: int
    caption: str = ""


@dataclass(frozen=True)
class Identity:
    """Who the patient is; sent after a bed is confirmed."""

    family: str
    given: str
    birth_date: str
    sex: str
    note: str = ""


@dataclass(frozen=True)
class Ack:
    of: UUID


@dataclass(frozen=True)
class System:
    event: str
    detail: Mapping[str, object]


@dataclass(frozen=True)
class Unknown:
    """A type of a newer version."""

    t: str


Body = Text | Image | Identity | Ack | System | Unknown

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "text": ("text",),
        "image": ("attachment", "key", "size", "type", "width", "height", "caption"),
        "identity": ("family", "given", "birthDate", "sex", "note"),
        "ack": ("of",),
        "system": ("event", "detail"),
    }
)


def parse_body(data: bytes) -> Body:
    """Raises ``message.unreadable`` when it is not a body at all or a known type is malformed."""
    try:
        values = parse_object(data)
        t = values.get("t")
        if not isinstance(t, str):
            raise malformed("t")
        if t not in _MEMBERS:
            return Unknown(t)
        return _parse(t, Members(values, ("t", *_MEMBERS[t])))
    except ProtocolError as error:
        raise ProtocolError("message.unreadable", str(error)) from None


def _parse(t: str, members: Members) -> Body:
    match t:
        case "text":
            return Text(members.text("text"))
        case "image":
            return Image(
                attachment=members.uuid("attachment"),
                key=members.binary("key", 32),
                size=members.integer("size"),
                type=members.one_of("type", IMAGE_TYPES),
                width=members.integer("width", least=1),
                height=members.integer("height", least=1),
                caption=members.text("caption"),
            )
        case "identity":
            return Identity(
                family=members.text("family"),
                given=members.text("given"),
                birth_date=members.text("birthDate", _type_date),
                sex=members.one_of("sex", SEXES),
                note=members.text("note"),
            )
        case "ack":
            return Ack(members.uuid("of"))
        case _:
            return System(members.text("event"), members.object("detail"))


def format_body(body: Body) -> bytes:
    """Raises ``message.unreadable`` for what the other side would refuse."""
    match body:
        case Text():
            members: dict[str, object] = {"t": "text", "text": body.text}
        case Image():
            members = {"t": "image"} | vars(body) | {"attachment": str(body.attachment), "key": encode(body.key)}
        case Identity():
            members = {"t": "identity", "family": body.family, "given": body.given}
            members |= {"birthDate": body.birth_date, "sex": body.sex, "note": body.note}
        case Ack():
            members = {"t": "ack", "of": str(body.of)}
        case System():
            members = {"t": "system", "event": body.event, "detail": dict(body.detail)}
        case Unknown():
            raise ProtocolError("message.unreadable", "a body of unknown type cannot be made")
    data = to_json(members)
    parse_body(data)
    return data

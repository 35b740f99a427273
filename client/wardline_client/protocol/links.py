"""The two links that carry a secret in their fragment, where no server sees it (section 3.2).

Invariant: the token is for the server, what follows the dot is not.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol.encoding import Members, as_binary, encode, malformed, parse_object, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.keys import hkdf, labelled

_FRAGMENT: Final = re.compile(r".*/?#/(link|join)/([A-Za-z0-9_-]{1,128})\.([A-Za-z0-9_-]+)", re.DOTALL)


@dataclass(frozen=True)
class LinkPayload:
    """What the new device learns from the old one."""

    person: UUID
    seed: bytes = field(repr=False)
    generation: int
    hospital: UUID
    root: bytes


def format_link(token: str, secret: bytes) -> str:
    return f"/#/link/{token}.{encode(secret)}"


def format_invitation(token: str, root: bytes) -> str:
    return f"/#/join/{token}.{encode(root)}"


def parse_link(link: str) -> tuple[str, bytes]:
    """Token and secret of a device link, with or without the address in front. Raises ``header.malformed``."""
    return _parse(link, "link")


def parse_invitation(link: str) -> tuple[str, bytes]:
    """Token and the hospital's root public key. Raises ``header.malformed``."""
    return _parse(link, "join")


def seal_link_payload(*, payload: LinkPayload, secret: bytes, token: str) -> bytes:
    members = {
        "v": 1,
        "person": str(payload.person),
        "seed": encode(payload.seed),
        "generation": payload.generation,
        "hospital": str(payload.hospital),
        "root": encode(payload.root),
    }
    key, nonce = _key(secret, token)
    return AESGCM(key).encrypt(nonce, to_json(members), None)


def open_link_payload(*, sealed: bytes, secret: bytes, token: str) -> LinkPayload:
    """Raises ``wrap.unreadable``, or a ``header`` code when the payload itself is wrong."""
    key, nonce = _key(secret, token)
    try:
        plaintext = AESGCM(key).decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError):
        raise ProtocolError("wrap.unreadable") from None
    members = Members(parse_object(plaintext), ("v", "person", "seed", "generation", "hospital", "root"))
    if members.integer("v") != 1:
        raise ProtocolError("header.unknown_version")
    return LinkPayload(
        person=members.uuid("person"),
        seed=members.binary("seed", 32),
        generation=members.integer("generation", least=1),
        hospital=members.uuid("hospital"),
        root=members.binary("root", 32),
    )


def _key(secret: bytes, token: str) -> tuple[bytes, bytes]:
    material = hkdf(secret, labelled("wardline/1 link", token.encode()), 44)
    return material[:32], material[32:]


def _parse(link: str, kind: str) -> tuple[str, bytes]:
    match = _FRAGMENT.fullmatch(link.strip())
    if match is None or match[1] != kind:
        raise malformed(f"not a {kind} address")
    return match[2], as_binary(match[3], kind, 32)

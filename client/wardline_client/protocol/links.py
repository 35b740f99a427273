"""The links that carry a secret or a root in their fragment, where no server sees it (section 3.2).

Invariant: the token is for the server, what follows the dot is not. A seed leaves by a device link only sealed to the key that two people
compared digits of.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol.encoding import Members, as_binary, encode, malformed, parse_object, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey, seal
from wardline_client.protocol.keys import hkdf, labelled
from wardline_client.protocol.signing import SigningKey, verify

_FRAGMENT: Final = re.compile(r".*/?#/(link|join|restore)/([A-Za-z0-9_-]{1,128})\.([A-Za-z0-9_-]+)", re.DOTALL)


@dataclass(frozen=True)
class LinkPayload:
    """What the new device learns from the old one."""

    person: UUID
    seed: bytes = field(repr=False)
    generation: int
    hospital: UUID
    root: bytes


@dataclass(frozen=True)
class LinkClaim:
    """The public keys a new device comes with: its own, and one made for receiving the seed."""

    token: str
    sign: bytes
    kem: bytes

    @property
    def digest(self) -> bytes:
        """What digits and sealed payload are bound to."""
        return sha256(self.token.encode() + self.sign + self.kem)


def sign_pin(key: SigningKey, hospital: UUID, root: bytes) -> bytes:
    """The person's own word, for a later device of theirs, which root their hospital has (section 3.4)."""
    return key.sign("sig-pin", _pin_digest(hospital, root))


def verify_pin(sign: bytes, hospital: UUID, root: bytes, pin: bytes) -> None:
    """Raises ``signature.invalid``."""
    verify(sign, "sig-pin", (_pin_digest(hospital, root),), pin)


def link_secret(opening: bytes) -> bytes:
    """What the link shows: it commits the old device to ``opening`` and does not give it away."""
    return hkdf(opening, b"wardline/1 link-secret")


def link_digits(opening: bytes, claim: LinkClaim) -> str:
    """Six digits that two people compare. Until ``opening`` is handed out nobody, the server included, can make keys that show them."""
    number = int.from_bytes(hkdf(opening, labelled("wardline/1 link-digits", claim.digest), 8), "big")
    return f"{number % 1_000_000:06d}"


def seal_link_for(claim: LinkClaim, sealed: bytes) -> bytes:
    """A payload sealed under the link's secret, for the claiming device alone."""
    return seal(claim.kem, sealed, _claim_info(claim))


def open_link_for(claim: LinkClaim, kem: KemKey, sealed: bytes) -> bytes:
    """Raises ``wrap.unreadable``."""
    return kem.open(sealed, _claim_info(claim))


def format_link(token: str, secret: bytes) -> str:
    return f"/#/link/{token}.{encode(secret)}"


def format_invitation(token: str, root: bytes) -> str:
    return f"/#/join/{token}.{encode(root)}"


def format_restoration(token: str, root: bytes) -> str:
    return f"/#/restore/{token}.{encode(root)}"


def parse_link(link: str) -> tuple[str, bytes]:
    """Token and secret of a device link, with or without the address in front. Raises ``header.malformed``."""
    return _parse(link, "link")


def parse_invitation(link: str) -> tuple[str, bytes]:
    """Token and the hospital's root public key. Raises ``header.malformed``."""
    return _parse(link, "join")


def parse_restoration(link: str) -> tuple[str, bytes]:
    """Token and the hospital's root public key. Raises ``header.malformed``."""
    return _parse(link, "restore")


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


def _pin_digest(hospital: UUID, root: bytes) -> bytes:
    return sha256(str(hospital).encode() + root)


def _claim_info(claim: LinkClaim) -> bytes:
    return labelled("wardline/1 link", claim.digest)


def _key(secret: bytes, token: str) -> tuple[bytes, bytes]:
    material = hkdf(secret, labelled("wardline/1 link", token.encode()), 44)
    return material[:32], material[32:]


def _parse(link: str, kind: str) -> tuple[str, bytes]:
    match = _FRAGMENT.fullmatch(link.strip())
    if match is None or match[1] != kind:
        raise malformed(f"not a {kind} address")
    return match[2], as_binary(match[3], kind, 32)

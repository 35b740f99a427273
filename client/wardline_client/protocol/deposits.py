"""A seed that two of three officers of the hospital can give back, and neither alone (section 3.6).

Invariant: the seed is encrypted once for each pair of officers, one of whom has the key and the other the ciphertext; what an officer has
leaves her device only sealed to the keys of the one new device whose fingerprint was compared.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol.encoding import Members, encode, format_time, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import OVERHEAD, PUBLIC_KEY_LENGTH, KemKey, seal
from wardline_client.protocol.keys import SEED_LENGTH, PrincipalKeys, hkdf, labelled
from wardline_client.protocol.signing import SigningKey, digits, verify

PAIRS: Final = ((0, 1), (0, 2), (1, 2))
_KEY: Final = 32
_CIPHERTEXT: Final = SEED_LENGTH + 16
# Officer 0 has two keys, officer 2 two ciphertexts, officer 1 one of each.
SHARE_LENGTHS: Final = (_KEY + _KEY, _CIPHERTEXT + _KEY, _CIPHERTEXT + _CIPHERTEXT)
SEALED_LENGTHS: Final = tuple(OVERHEAD + length for length in SHARE_LENGTHS)
_DEPOSIT: Final = ("hospital", "person", "generation", "kid", "named", "at")
_ASK: Final = ("id", "hospital", "person", "device", "sign", "kem", "at")


@dataclass(frozen=True)
class Deposit:
    """``kid`` is that of the person's X-Wing key, ``named`` the digest of the statement that names the officers."""

    h: bytes
    hospital: UUID
    person: UUID
    generation: int
    kid: bytes
    named: bytes
    at: datetime

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.h)


@dataclass(frozen=True)
class Ask:
    """A new device that asks for a person's seed: its own key, and one made for receiving it."""

    h: bytes
    id: UUID
    hospital: UUID
    person: UUID
    device: UUID
    sign: bytes
    kem: bytes
    at: datetime

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.h)

    @property
    def fingerprint(self) -> str:
        """What the person reads out to each officer: six groups of five digits over all of it."""
        return digits(labelled("wardline/1 restoration-fingerprint", self.h))


def parse_deposit(h: bytes) -> Deposit:
    """Raises a ``header`` or ``encoding`` code."""
    members = Members.of_header(h, "deposit", _DEPOSIT)
    return Deposit(
        h=h,
        hospital=members.uuid("hospital"),
        person=members.uuid("person"),
        generation=members.integer("generation", least=1),
        kid=members.binary("kid", 16),
        named=members.binary("named", 32),
        at=members.time("at"),
    )


def parse_ask(h: bytes) -> Ask:
    """Raises a ``header`` or ``encoding`` code."""
    members = Members.of_header(h, "restoration", _ASK)
    return Ask(
        h=h,
        id=members.uuid("id"),
        hospital=members.uuid("hospital"),
        person=members.uuid("person"),
        device=members.uuid("device"),
        sign=members.binary("sign", 32),
        kem=members.binary("kem", PUBLIC_KEY_LENGTH),
        at=members.time("at"),
    )


def make_deposit(
    *, seed: bytes, hospital: UUID, person: UUID, generation: int, named: bytes, kems: Sequence[bytes], at: datetime
) -> tuple[Deposit, tuple[bytes, ...]]:
    """The header, and what is sealed to each officer. ``kems`` are the officers' proved X-Wing keys, in the statement's order."""
    header = {
        "v": 1,
        "t": "deposit",
        "hospital": str(hospital),
        "person": str(person),
        "generation": generation,
        "kid": encode(PrincipalKeys(seed).kem.kid),
        "named": encode(named),
        "at": format_time(at),
    }
    deposit = parse_deposit(to_json(header))
    shares = _split(deposit, seed, [os.urandom(_KEY) for _ in PAIRS])
    return deposit, tuple(
        seal(kem, share, _deposit_info(deposit, place)) for place, (kem, share) in enumerate(zip(kems, shares, strict=True))
    )


def make_ask(*, id: UUID, hospital: UUID, person: UUID, device: UUID, sign: bytes, kem: bytes, at: datetime) -> Ask:
    named = {"id": str(id), "hospital": str(hospital), "person": str(person), "device": str(device)}
    return parse_ask(to_json({"v": 1, "t": "restoration", **named, "sign": encode(sign), "kem": encode(kem), "at": format_time(at)}))


def hand_on(*, ask: Ask, deposit: Deposit, place: int, kem: KemKey, sealed: bytes) -> bytes:
    """On the device of the officer at ``place``: her share, for the new device alone. Raises ``wrap.unreadable``."""
    share = _checked(kem.open(sealed, _deposit_info(deposit, place)), place)
    return seal(ask.kem, share, _restoration_info(ask, deposit, place))


def sign_approval(ask: Ask, deposit: Deposit, sealed: bytes, *, key: SigningKey) -> bytes:
    """The officer's device says that it handed on exactly this, for this attempt and device."""
    return key.sign("sig-restoration", ask.digest, deposit.digest, sha256(sealed))


def verify_approval(ask: Ask, deposit: Deposit, sealed: bytes, *, device: bytes, signature: bytes) -> None:
    """Raises ``signature.invalid``."""
    verify(device, "sig-restoration", (ask.digest, deposit.digest, sha256(sealed)), signature)


def restore(*, ask: Ask, deposit: Deposit, kem: KemKey, handed: Mapping[int, bytes]) -> bytes:
    """On the new device: the seed, from what officers handed on, by their place. Raises ``wrap.unreadable``."""
    opened = {place: _checked(kem.open(handed[place], _restoration_info(ask, deposit, place)), place) for place in sorted(handed)}
    seeds = {
        _join(deposit, number, opened[first], opened[second])
        for number, (first, second) in enumerate(PAIRS)
        if {first, second} <= opened.keys()
    }
    if len(seeds) != 1:
        raise ProtocolError("wrap.unreadable", "not the shares of one seed")
    (seed,) = seeds
    # Whoever seals to a public key can make shares up: only the seed behind the key that the deposit names counts.
    if PrincipalKeys(seed).kem.kid != deposit.kid:
        raise ProtocolError("wrap.unreadable", "not the seed of the deposit")
    return seed


def _split(deposit: Deposit, seed: bytes, keys: Sequence[bytes]) -> tuple[bytes, ...]:
    shares: list[list[bytes]] = [[], [], []]
    for number, ((first, second), key) in enumerate(zip(PAIRS, keys, strict=True)):
        under, nonce = _piece_key(deposit, number, key)
        shares[first].append(key)
        shares[second].append(AESGCM(under).encrypt(nonce, seed, None))
    return tuple(b"".join(share) for share in shares)


def _join(deposit: Deposit, number: int, first: bytes, second: bytes) -> bytes:
    has_key, has_ciphertext = PAIRS[number]
    key, ciphertext = _piece(first, has_key, number), _piece(second, has_ciphertext, number)
    under, nonce = _piece_key(deposit, number, key)
    try:
        return AESGCM(under).decrypt(nonce, ciphertext, None)
    except InvalidTag:
        raise ProtocolError("wrap.unreadable", "the shares are of two deposits") from None


def _piece(share: bytes, place: int, number: int) -> bytes:
    """An officer's share holds a piece for each of the two pairs she is in, in their order."""
    own = [pair for pair in PAIRS if place in pair]
    length = _KEY if PAIRS[number][0] == place else _CIPHERTEXT
    return share[:length] if own[0] == PAIRS[number] else share[-length:]


def _checked(share: bytes, place: int) -> bytes:
    if len(share) != SHARE_LENGTHS[place]:
        raise ProtocolError("wrap.unreadable", "length of a share")
    return share


def _piece_key(deposit: Deposit, number: int, key: bytes) -> tuple[bytes, bytes]:
    material = hkdf(key, labelled("wardline/1 deposit-piece", deposit.digest + bytes([number])), 44)
    return material[:32], material[32:]


def _deposit_info(deposit: Deposit, place: int) -> bytes:
    return labelled("wardline/1 deposit", deposit.digest + bytes([place]))


def _restoration_info(ask: Ask, deposit: Deposit, place: int) -> bytes:
    return labelled("wardline/1 restoration", ask.digest + deposit.digest + bytes([place]))

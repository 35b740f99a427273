"""The next generation of one's own key, after a phone was lost (protocol 3.5).

Invariant: the new seed leaves this device only wrapped; the former one can open nothing of it. Nothing is the person's new key until a
registrar, who compared the fingerprint, has signed it.
"""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wardline_client.authenticator import prf_output, with_prf
from wardline_client.joining import as_json, make_wrap, public_keys
from wardline_client.keyring import Keyring
from wardline_client.protocol import DeviceKey, Keys, Profile, ProtocolError, Revocation, Statement, decode, encode, parse_profile
from wardline_client.protocol.keys import PrincipalKeys, fingerprint, format_recovery_code, new_seed, seal_history
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import Body, make_statement
from wardline_client.session import Session

Json = dict[str, Any]


@dataclass(frozen=True)
class OfferedRenewal:
    """``recovery_code`` is to be printed and shown once; the former one is good until a registrar has signed. ``fingerprint`` is what
    the person and the registrar compare.
    """

    recovery_code: str
    fingerprint: str


@dataclass(frozen=True)
class WaitingRenewal:
    """Somebody's next keys, as the service shows them to a registrar."""

    person: UUID
    profile: Profile
    fingerprint: str
    keys: Keys


def is_due(session: Session) -> bool:
    """Whether a device was lost under the present key, and nothing that would do is waiting for a registrar."""
    standing = session.api.get("renewal")
    return standing["due_since"] is not None and standing["state"] != "waiting"


def offer(session: Session) -> OfferedRenewal:
    """Make the next generation. The person's other devices end when it takes effect and are linked anew: none of them could get the new
    seed by anything the lost one did not have.

    Raises:
        ApiError: ``renewal.not_due``, ``renewal.waiting`` (another device was first), ``renewal.registrar``.
    """
    session.sign_in()  # the seed of today, whatever another device made of it meanwhile
    session.book.refresh()
    keyring, code = session.keyring, os.urandom(16)
    seed = new_seed()
    keys, generation = PrincipalKeys(seed), keyring.generation + 1
    following = Keyring(keyring.person, keyring.hospital, keyring.root, keyring.authenticator, {generation: seed})
    history = seal_history(former=keyring.keys.seed, current=seed, principal=keyring.person, generation=keyring.generation)
    stays, ends = _stays(session, keys), [_end(session, device) for device in _others(session)]
    body = {
        "generation": generation,
        **public_keys(keys),
        "history": encode(history),
        "device": as_json(stays),
        "ends": [as_json(end) for end in ends],
        "wraps": [_passkey_wrap(session, following), make_wrap(following, "recovery", code)],
    }
    for statement in (stays, *ends):
        session.book.sign(statement)
    session.api.post("renewal", body)
    return OfferedRenewal(format_recovery_code(code), fingerprint(kem=keys.kem.public, sign=keys.sign.public))


def waiting(registrar: Session) -> list[WaitingRenewal]:
    """Members' next keys, for a registrar. Raises ``ProtocolError`` when what the service shows cannot follow what was signed."""
    registrar.book.refresh()
    return [_read_waiting(row, registrar) for row in registrar.api.get("members/renewals")["results"]]


def approve(registrar: Session, renewal: WaitingRenewal) -> Statement:
    """Vouch for the next keys whose fingerprint was compared with the person. Raises ``ApiError``: ``renewal.outdated``."""
    statement = _state(registrar, "member", renewal.person, renewal.keys, registrar.keyring.keys.sign)
    registrar.state(f"members/{renewal.person}/renew", statement)
    registrar.book.refresh()
    return statement


def _read_waiting(row: Json, session: Session) -> WaitingRenewal:
    person, known = UUID(row["person"]), session.book.recipient(UUID(row["person"]))
    profile = parse_profile(decode(row["profile"]), known.profile)
    if known.kind != "member" or row["generation"] != known.generation + 1:
        raise ProtocolError("statement.no_chain", "not the next generation of a member")
    keys = Keys(row["generation"], decode(row["keys"]["kem"]), decode(row["keys"]["sign"]), known.profile)
    return WaitingRenewal(person, profile, fingerprint(kem=keys.kem, sign=keys.sign), keys)


def _others(session: Session) -> list[UUID]:
    listed = session.api.get("devices")["results"]
    open_devices = [UUID(row["id"]) for row in listed if row["revoked_at"] is None]
    return [device for device in open_devices if device != session.keyring.device]


def _stays(session: Session, keys: PrincipalKeys) -> Statement:
    keyring = session.keyring
    return _state(session, "device", keyring.device, DeviceKey(keyring.person, keyring.device_key.public), keys.sign)


def _end(session: Session, device: UUID) -> Statement:
    return _state(session, "device-revoked", device, Revocation(session.keyring.person, "replaced"), session.keyring.keys.sign)


def _state(session: Session, kind: str, subject: UUID, body: Body, key: SigningKey) -> Statement:
    keyring = session.keyring
    return make_statement(
        kind=kind,
        hospital=keyring.hospital,
        subject=subject,
        body=body,
        by=keyring.person,
        key=key,
        at=session.now(),
        prev=session.book.directory.latest(kind, subject),
    )


def _passkey_wrap(session: Session, following: Keyring) -> Json:
    """Under the passkey's secret, which only its owner's finger brings out. Raises ``ValueError`` for one without ``prf``."""
    options = session.api.post("session/options")["publicKey"]
    credential = session.keyring.authenticator.get(with_prf(options))
    secret = prf_output(credential)
    if secret is None:
        raise ValueError("this authenticator has no prf")
    return {**make_wrap(following, "passkey", secret), "credential_id": credential["id"]}

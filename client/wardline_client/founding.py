"""A hospital's first hour: its root, its first registrar, its archive.

Invariant: the root key signs here, twice, and is then only on the printed code; the archive's seed goes to its gateway by a device link.
"""

import os
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from wardline_client.authenticator import SoftwareAuthenticator, with_prf, without_prf_results
from wardline_client.http import Api
from wardline_client.joining import as_json, device_entry, device_statement, make_wrap, passkey_wrap, pin_of, public_keys
from wardline_client.keyring import Keyring
from wardline_client.protocol import Keys, Office, Profile, Sign, Statement, encode, profile_digest
from wardline_client.protocol.keys import PrincipalKeys, format_recovery_code, new_seed, root_key
from wardline_client.protocol.links import LinkPayload, format_link, seal_link_payload
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import Body, make_statement
from wardline_client.session import Session, utc_now

Json = dict[str, Any]


@dataclass(frozen=True)
class Founded:
    """``root_code`` and ``recovery_code`` are to be printed and kept apart; ``archive_seed`` goes into the archive's gateway."""

    session: Session
    root_code: str
    recovery_code: str
    archive: UUID
    archive_seed: bytes = field(repr=False)


def found_hospital(api: Api, token: str, profile: Profile, *, label: str = "Python") -> Founded:
    """Set a hospital up with the one-time token printed for its first registrar. Raises ``ApiError``."""
    api.get("session")
    looked = api.post("setup/look", {"token": token})
    hospital, code, secret = UUID(looked["hospital"]["id"]), os.urandom(16), os.urandom(16)
    root = root_key(code)
    keyring = Keyring(
        person=UUID(looked["person"]),
        hospital=hospital,
        root=root.public,
        authenticator=SoftwareAuthenticator(api.origin),
        seeds={1: new_seed()},
    )
    archive, archive_seed = uuid4(), new_seed()
    options = api.post("enrolment/options", {"token": token, "purpose": "setup"})["publicKey"]
    credential = keyring.authenticator.create(with_prf(options))
    written = make_profile(profile)
    body = {
        "token": token,
        "root": as_json(_state(hospital, "root", hospital, Sign(root.public), hospital, root)),
        "registrar": as_json(_state(hospital, "registrar", keyring.person, Office(keyring.keys.sign.public), hospital, root)),
        "member": as_json(_vouch(keyring, "member", keyring.person, keyring.keys, written)),
        "credential": without_prf_results(credential),
        "device": device_entry(keyring, label),
        "statement": as_json(device_statement(keyring)),
        "keys": public_keys(keyring.keys) | {"profile": encode(written)},
        "wraps": [passkey_wrap(keyring, credential), make_wrap(keyring, "recovery", secret)],
        "pin": pin_of(keyring),
        "archive": _archive(keyring, archive, PrincipalKeys(archive_seed)),
    }
    api.post("setup", body)
    session = Session(api, keyring)
    return Founded(session, format_recovery_code(code), format_recovery_code(secret), archive, archive_seed)


def make_archive_link(session: Session, archive: UUID, seed: bytes) -> str:
    """A device link for the archive's gateway, made by a registrar."""
    token, secret = encode(os.urandom(32)), os.urandom(32)
    keyring = session.keyring
    payload = LinkPayload(person=archive, seed=seed, generation=1, hospital=keyring.hospital, root=keyring.root)
    sealed = seal_link_payload(payload=payload, secret=secret, token=token)
    session.api.post("device-links", {"token": token, "sealed": encode(sealed), "archive": str(archive)})
    return format_link(token, secret)


def _archive(keyring: Keyring, archive: UUID, keys: PrincipalKeys) -> Json:
    written = make_profile(Profile(name="Archive", profession="archive"))
    statement = _vouch(keyring, "archive", archive, keys, written)
    return {"id": str(archive), "profile": encode(written), "statement": as_json(statement)}


def _vouch(keyring: Keyring, kind: str, subject: UUID, keys: PrincipalKeys, profile: bytes) -> Statement:
    body = Keys(1, keys.kem.public, keys.sign.public, profile_digest(profile))
    return _state(keyring.hospital, kind, subject, body, keyring.person, keyring.keys.sign)


def _state(hospital: UUID, kind: str, subject: UUID, body: Body, by: UUID, key: SigningKey) -> Statement:
    return make_statement(kind=kind, hospital=hospital, subject=subject, body=body, by=by, key=key, at=utc_now())

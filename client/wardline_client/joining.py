"""Becoming a device: of a new colleague by invitation, or of oneself by a link from another device.

Invariant: the seed is made (join) or opened (link) here and goes to the server only wrapped; the root is pinned from the fragment,
which the server never saw.
"""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wardline_client.authenticator import SoftwareAuthenticator, prf_output, with_prf, without_prf_results
from wardline_client.http import Api
from wardline_client.keyring import Keyring
from wardline_client.protocol import DeviceKey, Profile, ProtocolError, Statement, decode, encode, sha256
from wardline_client.protocol.keys import PrincipalKeys, format_recovery_code, new_seed, unwrap_seed, wrap_seed
from wardline_client.protocol.links import (
    LinkPayload,
    format_link,
    open_link_payload,
    parse_invitation,
    parse_link,
    seal_link_payload,
    sign_pin,
    verify_pin,
)
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.statements import make_statement
from wardline_client.session import Session, utc_now

Json = dict[str, Any]


@dataclass(frozen=True)
class Joined:
    """``recovery_code`` is to be printed and shown once; it is kept nowhere."""

    session: Session
    recovery_code: str


def join(api: Api, link: str, authenticator: SoftwareAuthenticator, *, label: str) -> Joined:
    """Take up an invitation; afterwards a registrar approves. Raises ``ApiError``, ``ProtocolError``."""
    token, root = parse_invitation(link)
    api.get("session")
    invited = api.post("invitations/look", {"token": token})
    if decode(invited["root"]) != root:
        raise ProtocolError("statement.no_chain", "the invitation is of another hospital's root")
    keyring = Keyring(
        person=UUID(invited["person"]),
        hospital=UUID(invited["hospital"]["id"]),
        root=root,
        authenticator=authenticator,
        seeds={1: new_seed()},
    )
    profile = Profile(**{field: invited[field] for field in Profile.__annotations__})
    secret = os.urandom(16)
    body = {
        "keys": public_keys(keyring.keys) | {"profile": encode(make_profile(profile))},
        "wraps": [make_wrap(keyring, "recovery", secret)],
    }
    enrol(api, keyring, token=token, purpose="join", label=label, body=body)
    return Joined(Session(api, keyring), format_recovery_code(secret))


def claim(api: Api, link: str, authenticator: SoftwareAuthenticator, *, label: str) -> Session:
    """Become another device by a link that is good as it is: an archive's, or the demo's. Raises ``ApiError``, ``ProtocolError``."""
    token, secret = parse_link(link)
    api.get("session")
    looked = api.post("device-links/look", {"token": token})
    payload = open_link_payload(sealed=decode(looked["sealed"]), secret=secret, token=token)
    keyring = Keyring(
        person=payload.person,
        hospital=payload.hospital,
        root=payload.root,
        authenticator=authenticator,
        seeds={payload.generation: payload.seed},
    )
    enrol(api, keyring, token=token, purpose="link", label=label, body={"wraps": []})
    return Session(api, keyring)


def make_device_link(session: Session, minutes: int = 10) -> str:
    """A link that is good as it is, without comparing: only the demo's service takes it, and grants more than 10 ``minutes``."""
    token, secret = encode(os.urandom(32)), os.urandom(32)
    sealed = seal_link_payload(payload=link_payload(session), secret=secret, token=token)
    session.api.post("device-links", {"token": token, "sealed": encode(sealed), "minutes": minutes})
    return format_link(token, secret)


def link_payload(session: Session) -> LinkPayload:
    """What another device of the same person needs to know."""
    keyring = session.keyring
    return LinkPayload(
        person=keyring.person,
        seed=keyring.seeds[keyring.generation],
        generation=keyring.generation,
        hospital=keyring.hospital,
        root=keyring.root,
    )


def public_keys(keys: PrincipalKeys) -> Json:
    return {"kem": encode(keys.kem.public), "sign": encode(keys.sign.public)}


def make_wrap(keyring: Keyring, kind: str, secret: bytes) -> Json:
    """A wrapped copy of the present seed, with its share, as the server takes it."""
    share = os.urandom(32)
    seed = keyring.seeds[keyring.generation]
    wrap = wrap_seed(kind=kind, seed=seed, secret=secret, share=share, person=keyring.person)
    return {"kind": kind, "wrap": encode(wrap), "share": encode(share)}


def device_statement(keyring: Keyring) -> Statement:
    """The person's word that this device is theirs."""
    return make_statement(
        kind="device",
        hospital=keyring.hospital,
        subject=keyring.device,
        body=DeviceKey(keyring.person, keyring.device_key.public),
        by=keyring.person,
        key=keyring.keys.sign,
        at=utc_now(),
    )


def as_json(statement: Statement) -> Json:
    return {"h": encode(statement.h), "s": encode(statement.s)}


def device_entry(keyring: Keyring, label: str) -> Json:
    return {"id": str(keyring.device), "label": label, "public_key": encode(keyring.device_key.public)}


def pin_of(keyring: Keyring) -> str:
    """The person's own word about the hospital's root, for a later device that has nothing but the passkey."""
    return encode(sign_pin(keyring.keys.sign, keyring.hospital, keyring.root))


def passkey_wrap(keyring: Keyring, credential: Json) -> Json:
    """Raises ``ValueError`` for an authenticator without ``prf``: nothing here could keep a ``device`` wrap's secret better."""
    secret = prf_output(credential)
    if secret is None:
        raise ValueError("this authenticator has no prf")
    return make_wrap(keyring, "passkey", secret)


def enrol(api: Api, keyring: Keyring, *, token: str, purpose: str, label: str, body: Json) -> None:
    options = api.post("enrolment/options", {"token": token, "purpose": purpose})["publicKey"]
    credential = keyring.authenticator.create(with_prf(options))
    common = {
        "token": token,
        "purpose": purpose,
        "credential": without_prf_results(credential),
        "device": device_entry(keyring, label),
        "statement": as_json(device_statement(keyring)),
    }
    wraps = [passkey_wrap(keyring, credential), *body["wraps"]]
    api.post("enrolment", common | body | {"wraps": wraps, "pin": pin_of(keyring)})


def claim_by_passkey(api: Api, authenticator: SoftwareAuthenticator, *, label: str) -> Session:
    """A device by a synced passkey alone, where the hospital allows it. Raises ``ApiError``, ``ProtocolError``."""
    api.get("session")
    options = api.post("session/options")["publicKey"]
    credential = authenticator.get(with_prf(options))
    secret = prf_output(credential)
    opened = api.post("passkeys/open", {"credential": without_prf_results(credential)})
    person, hospital, root = UUID(opened["person"]), UUID(opened["hospital"]["id"]), decode(opened["root"])
    newest = max(opened["wraps"], key=lambda row: row["generation"])
    seed = unwrap_seed(kind="passkey", wrap=decode(newest["wrap"]), secret=secret or b"", share=decode(newest["share"]), person=person)
    verify_pin(PrincipalKeys(seed).sign.public, hospital, root, decode(opened["pin"]))
    keyring = Keyring(person, hospital, root, authenticator, {newest["generation"]: seed})
    keyring.take_history({row["generation"] - 1: decode(row["history"]) for row in opened["keys"] if row["history"]})
    body = {
        "credential_id": credential["id"],
        "device": device_entry(keyring, label),
        "statement": as_json(device_statement(keyring)),
        "signature": encode(keyring.device_key.sign("by-passkey", sha256(decode(opened["grant"])))),
    }
    api.post("passkeys/device", body)
    return Session(api, keyring)

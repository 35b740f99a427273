"""A browser with an authenticator, holding the ceremonies step by step, so that a test can spoil any one of them."""

import os
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from tests.cast import Caller, Someone, keys_of
from wardline_client.authenticator import SoftwareAuthenticator, prf_output, with_prf, without_prf_results
from wardline_client.protocol import DeviceKey, decode, encode, format_time, sha256
from wardline_client.protocol.keys import PrincipalKeys, wrap_seed
from wardline_client.protocol.links import sign_pin
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import make_statement

ORIGIN = "http://localhost:8000"
Json = dict[str, Any]


def shown(statement) -> Json:
    """A statement as the API takes it."""
    return {"h": encode(statement.h), "s": encode(statement.s)}


class Browser(Caller):
    """A device that is about to be somebody's."""

    def __init__(self) -> None:
        super().__init__(None)
        self.authenticator = SoftwareAuthenticator(ORIGIN)
        self.device_id, self.device_key = uuid4(), SigningKey(os.urandom(32))
        self.kem = keys_of("receiving").kem

    @property
    def cookie(self) -> str:
        return self.client.cookies["wardline"].value

    # joining and linking

    def enrolment(
        self,
        *,
        token: str,
        purpose: str,
        person: UUID,
        hospital: UUID,
        keys: PrincipalKeys,
        profile: bytes | None = None,
        root: bytes | None = None,
    ) -> Json:
        """Asks for the options and fills in what an honest client would send."""
        options = self.post("enrolment/options", {"token": token, "purpose": purpose})
        assert options.status_code == 200, options.content
        credential = self.authenticator.create(with_prf(options.json()["publicKey"]))
        body: Json = {
            "token": token,
            "purpose": purpose,
            "credential": without_prf_results(credential),
            "device": {"id": str(self.device_id), "label": "phone", "public_key": encode(self.device_key.public)},
            "statement": shown(self.device_statement(person, hospital, keys)),
            "wraps": [wrap("passkey", keys.seed, prf_output(credential), person)],
        }
        if root is not None:
            body["pin"] = encode(sign_pin(keys.sign, hospital, root))
        if purpose in ("join", "recover"):
            body["wraps"].append(wrap("recovery", keys.seed, os.urandom(16), person))
        if profile is not None:
            body["keys"] = {"kem": encode(keys.kem.public), "sign": encode(keys.sign.public), "profile": encode(profile)}
        return body

    def device_statement(self, person: UUID, hospital: UUID, keys: PrincipalKeys):
        body = DeviceKey(person, self.device_key.public)
        at = timezone.now()
        return make_statement(kind="device", hospital=hospital, subject=self.device_id, body=body, by=person, key=keys.sign, at=at)

    def claims(self, token: str) -> Any:
        device = {"id": str(self.device_id), "label": "phone", "public_key": encode(self.device_key.public)}
        return self.post("device-links/claim", {"token": token, "device": device, "kem": encode(self.kem.public)})

    def waits(self, token: str) -> Any:
        return self.post("device-links/wait", {"token": token, "device": str(self.device_id)})

    def becomes(self, owner: Someone, root: bytes | None = None) -> "Browser":
        """Made a device of ``owner`` through the product's own linking; with ``root`` its passkey may make another."""
        token = new_token()
        assert owner.post("device-links", {"token": token, "sealed": encode(b"sealed")}).status_code == 201
        body = self.enrolment(token=token, purpose="link", person=owner.id, hospital=owner.hospital, keys=owner.keys, root=root)
        answer = self.post("enrolment", body)
        assert answer.status_code == 201, answer.content
        return self

    # a synced passkey

    def asserted(self) -> Json:
        """What the passkey answers to a challenge of ``/session/options``, with its ``prf``."""
        options = self.post("session/options")
        assert options.status_code == 200, options.content
        return self.authenticator.get(with_prf(options.json()["publicKey"]))

    def opens_by_passkey(self) -> Any:
        return self.post("passkeys/open", {"credential": without_prf_results(self.asserted())})

    def device_by_passkey(self, opened: Json, hospital: UUID, keys: PrincipalKeys) -> Json:
        return {
            "credential_id": encode(self.authenticator.credentials[-1].id),
            "device": {"id": str(self.device_id), "label": "new phone", "public_key": encode(self.device_key.public)},
            "statement": shown(self.device_statement(UUID(opened["person"]), hospital, keys)),
            "signature": encode(self.device_key.sign("by-passkey", sha256(decode(opened["grant"])))),
        }

    # signing in

    def assertion(self) -> Json:
        """What an honest client posts to ``/session``."""
        options = self.post("session/options")
        assert options.status_code == 200, options.content
        public_key = options.json()["publicKey"]
        signature = self.device_key.sign("sign-in", sha256(decode(public_key["challenge"])))
        return {
            "credential": without_prf_results(self.authenticator.get(with_prf(public_key))),
            "device": str(self.device_id),
            "signature": encode(signature),
            "at": format_time(timezone.now()),
        }

    def signs_in(self) -> Any:
        return self.post("session", self.assertion())


def new_token() -> str:
    return encode(os.urandom(32))


def wrap(kind: str, seed: bytes, secret: bytes | None, person: UUID) -> Json:
    assert secret is not None
    share = os.urandom(32)
    return {
        "kind": kind,
        "wrap": encode(wrap_seed(kind=kind, seed=seed, secret=secret, share=share, person=person)),
        "share": encode(share),
    }

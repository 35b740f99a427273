"""An authenticator in software (WebAuthn Level 3): for gateways, which have no finger, and for rehearsals.

Invariant: it answers only for the relying party a credential was made for, and the ``prf`` of one credential never equals that of
another. It claims user verification because whoever runs it unlocked what holds it; who needs more uses real hardware.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.keys import PRF_EVAL

Json = dict[str, Any]

_ES256: Final = -7
_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04
_ATTESTED: Final = 0x40
_AAGUID: Final = bytes(16)


class AuthenticatorError(Exception):
    """The authenticator refuses; ``args[0]`` is the DOMException name a browser would give."""


@dataclass
class Credential:
    """One passkey. ``prf_key`` is the credential's hmac-secret."""

    id: bytes
    rp_id: str
    user_handle: bytes
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    prf_key: bytes = field(repr=False)
    sign_count: int = 0

    def prf(self, first: bytes) -> bytes:
        """Output of the ``prf`` extension for ``eval.first`` (WebAuthn section 10.1.4 over CTAP2 hmac-secret)."""
        salt = hashlib.sha256(b"WebAuthn PRF\x00" + first).digest()
        return hmac.new(self.prf_key, salt, hashlib.sha256).digest()

    def dump(self) -> Json:
        number = self.key.private_numbers().private_value
        binary = {"id": self.id, "user_handle": self.user_handle, "prf_key": self.prf_key, "key": number.to_bytes(32, "big")}
        return {name: encode(value) for name, value in binary.items()} | {"rp_id": self.rp_id, "sign_count": self.sign_count}

    @classmethod
    def load(cls, dumped: Json) -> "Credential":
        return cls(
            id=decode(dumped["id"]),
            rp_id=dumped["rp_id"],
            user_handle=decode(dumped["user_handle"]),
            key=ec.derive_private_key(int.from_bytes(decode(dumped["key"]), "big"), ec.SECP256R1()),
            prf_key=decode(dumped["prf_key"]),
            sign_count=dumped["sign_count"],
        )


class SoftwareAuthenticator:
    """Holds passkeys of one browser-like client at one ``origin`` (``https://host[:port]``)."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.credentials: list[Credential] = []

    def create(self, options: Mapping[str, Any]) -> Json:
        """``navigator.credentials.create({publicKey})``, as its ``toJSON()``.

        Raises:
            AuthenticatorError: ``SecurityError``, ``NotSupportedError`` or ``InvalidStateError``.
        """
        rp_id = self._rp_id(options["rp"].get("id"))
        if _ES256 not in [parameter["alg"] for parameter in options["pubKeyCredParams"]]:
            raise AuthenticatorError("NotSupportedError")
        excluded = {decode(entry["id"]) for entry in options.get("excludeCredentials") or []}
        if any(credential.id in excluded and credential.rp_id == rp_id for credential in self.credentials):
            raise AuthenticatorError("InvalidStateError")

        user_handle = decode(options["user"]["id"])
        credential = Credential(os.urandom(32), rp_id, user_handle, ec.generate_private_key(ec.SECP256R1()), os.urandom(32))
        # A second passkey for the same account takes the place of the first, as on a real authenticator.
        self.credentials = [other for other in self.credentials if (other.rp_id, other.user_handle) != (rp_id, user_handle)]
        self.credentials.append(credential)

        client_data = self._client_data("webauthn.create", options["challenge"])
        data = _authenticator_data(credential, attested=True)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": encode(client_data),
            "attestationObject": encode(attestation),
            "authenticatorData": encode(data),
            "publicKeyAlgorithm": _ES256,
            "transports": ["internal"],
        }
        extensions: Json = {"credProps": {"rk": True}, "prf": {"enabled": True} | _prf_results(credential, options)}
        return _public_key_credential(credential, response, extensions)

    def get(self, options: Mapping[str, Any]) -> Json:
        """``navigator.credentials.get({publicKey})``, as its ``toJSON()``.

        Raises:
            AuthenticatorError: ``SecurityError``, or ``NotAllowedError`` when no passkey fits.
        """
        rp_id = self._rp_id(options.get("rpId"))
        allowed = {decode(entry["id"]) for entry in options.get("allowCredentials") or []}
        fitting = [entry for entry in self.credentials if entry.rp_id == rp_id and (not allowed or entry.id in allowed)]
        if not fitting:
            raise AuthenticatorError("NotAllowedError")
        credential = fitting[-1]
        credential.sign_count += 1
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = _authenticator_data(credential, attested=False)
        signature = credential.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": encode(credential.user_handle),
        }
        prf = _prf_results(credential, options)
        return _public_key_credential(credential, response, {"prf": prf} if prf else {})

    def dump(self) -> Json:
        """JSON-ready, private keys in clear."""
        return {"origin": self.origin, "credentials": [credential.dump() for credential in self.credentials]}

    @classmethod
    def load(cls, dumped: Json) -> "SoftwareAuthenticator":
        authenticator = cls(dumped["origin"])
        authenticator.credentials = [Credential.load(entry) for entry in dumped["credentials"]]
        return authenticator

    def _rp_id(self, asked: str | None) -> str:
        host = urlsplit(self.origin).hostname or ""
        rp_id = asked or host
        if host != rp_id and not host.endswith("." + rp_id):
            raise AuthenticatorError("SecurityError")
        return rp_id

    def _client_data(self, kind: str, challenge: str) -> bytes:
        members = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(members, separators=(",", ":")).encode()


def with_prf(options: Mapping[str, Any]) -> Json:
    """The server's options with the ``prf`` evaluation that Wardline asks for added."""
    extensions = dict(options.get("extensions") or {})
    return {**options, "extensions": extensions | {"prf": {"eval": {"first": encode(PRF_EVAL)}}}}


def without_prf_results(credential: Json) -> Json:
    """What may go to the server: the ``prf`` output is the secret that unwraps the seed and stays here."""
    extensions = dict(credential["clientExtensionResults"])
    prf = {name: value for name, value in extensions.pop("prf", {}).items() if name != "results"}
    return {**credential, "clientExtensionResults": extensions | ({"prf": prf} if prf else {})}


def prf_output(credential: Json) -> bytes | None:
    """The 32-byte ``prf`` result of a response, ``None`` if there is none."""
    results = credential["clientExtensionResults"].get("prf", {}).get("results", {})
    return decode(results["first"]) if "first" in results else None


def _prf_results(credential: Credential, options: Mapping[str, Any]) -> Json:
    first = (options.get("extensions") or {}).get("prf", {}).get("eval", {}).get("first")
    return {"results": {"first": encode(credential.prf(decode(first)))}} if first else {}


def _authenticator_data(credential: Credential, *, attested: bool) -> bytes:
    flags = _USER_PRESENT | _USER_VERIFIED | (_ATTESTED if attested else 0)
    head = hashlib.sha256(credential.rp_id.encode()).digest() + bytes([flags]) + credential.sign_count.to_bytes(4, "big")
    if not attested:
        return head
    numbers = credential.key.public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    cose = cbor2.dumps({1: 2, 3: _ES256, -1: 1, -2: x, -3: y})
    return head + _AAGUID + len(credential.id).to_bytes(2, "big") + credential.id + cose


def _public_key_credential(credential: Credential, response: Json, extensions: Json) -> Json:
    return {
        "id": encode(credential.id),
        "rawId": encode(credential.id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": extensions,
        "response": response,
    }

"""A new device of the same person, compared on the old one (protocol 3.2).

Invariant: the opening of a link is handed out for the first claim that was seen, and the seed is sealed to that claim's keys alone, after a
person has said that both sides show the same digits.
"""

import os
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID, uuid4

from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.http import Api
from wardline_client.joining import enrol, link_payload
from wardline_client.keyring import Keyring
from wardline_client.protocol import ProtocolError, decode, encode
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import new_seed
from wardline_client.protocol.links import (
    LinkClaim,
    format_link,
    link_digits,
    link_secret,
    open_link_for,
    open_link_payload,
    parse_link,
    seal_link_for,
    seal_link_payload,
)
from wardline_client.protocol.signing import SigningKey
from wardline_client.session import Session

Json = dict[str, Any]


@dataclass
class OfferedLink:
    """On the old device: ``address`` is shown as a QR code, ``digits`` are compared, then ``approve`` or ``refuse``."""

    session: Session
    token: str
    opening: bytes = field(repr=False)
    claim: LinkClaim | None = None
    label: str = ""

    @classmethod
    def make(cls, session: Session) -> Self:
        offered = cls(session, encode(os.urandom(32)), os.urandom(32))
        session.api.post("device-links", {"token": offered.token})
        return offered

    @property
    def address(self) -> str:
        return format_link(self.token, link_secret(self.opening))

    def digits(self) -> str | None:
        """Of the device that has answered, ``None`` if none has. Raises ``ProtocolError`` when another one is shown later."""
        found = self.session.api.post("device-links/claimed", {"token": self.token})["claim"]
        if found is None:
            return None
        claim = LinkClaim(self.token, decode(found["public_key"]), decode(found["kem"]))
        if self.claim is None:
            self.claim, self.label = claim, found["label"]
            self.session.api.post("device-links/open", {"token": self.token, "opening": encode(self.opening)})
        elif claim != self.claim:
            raise ProtocolError("wrap.unreadable", "another device than the one the link was opened for")
        return link_digits(self.opening, claim)

    def approve(self) -> None:
        """After a person compared the digits."""
        if self.claim is None:
            raise ProtocolError("wrap.unreadable", "no device has answered")
        sealed = seal_link_payload(payload=link_payload(self.session), secret=link_secret(self.opening), token=self.token)
        self._decide(encode(seal_link_for(self.claim, sealed)))

    def refuse(self) -> None:
        self._decide(None)

    def _decide(self, sealed: str | None) -> None:
        self.session.api.post("device-links/decide", {"token": self.token, "sealed": sealed})


@dataclass
class AnsweredLink:
    """On the new device: ``digits`` as soon as the old one has seen the claim, ``finish`` once it has approved."""

    api: Api
    token: str
    secret: bytes = field(repr=False)
    kem: KemKey = field(repr=False)
    device: UUID
    device_seed: bytes = field(repr=False)
    label: str

    @classmethod
    def answer(cls, api: Api, link: str, *, label: str) -> Self:
        """Raises ``ApiError`` ``link.claimed`` when another device was quicker: then the link was seen by somebody else."""
        token, secret = parse_link(link)
        api.get("session")
        answered = cls(api, token, secret, KemKey(new_seed()), uuid4(), new_seed(), label)
        claim = answered.claim
        device = {"id": str(answered.device), "label": label, "public_key": encode(claim.sign)}
        api.post("device-links/claim", {"token": token, "device": device, "kem": encode(claim.kem)})
        return answered

    @property
    def claim(self) -> LinkClaim:
        return LinkClaim(self.token, SigningKey(self.device_seed).public, self.kem.public)

    def digits(self) -> str | None:
        """``None`` while the old device has not seen the claim. Raises ``ProtocolError`` for an opening that is not this link's."""
        opening = self._wait()["opening"]
        if opening is None:
            return None
        if link_secret(decode(opening)) != self.secret:
            raise ProtocolError("wrap.unreadable", "not the opening this link commits to")
        return link_digits(decode(opening), self.claim)

    def finish(self, authenticator: SoftwareAuthenticator) -> Session | None:
        """The device, signed in; ``None`` while it is not approved. Raises ``ApiError`` ``link.refused``."""
        sealed = self._wait()["sealed"]
        if sealed is None:
            return None
        inner = open_link_for(self.claim, self.kem, decode(sealed))
        payload = open_link_payload(sealed=inner, secret=self.secret, token=self.token)
        keyring = Keyring(
            person=payload.person,
            hospital=payload.hospital,
            root=payload.root,
            authenticator=authenticator,
            seeds={payload.generation: payload.seed},
            device=self.device,
            device_seed=self.device_seed,
        )
        enrol(self.api, keyring, token=self.token, purpose="link", label=self.label, body={"wraps": []})
        return Session(self.api, keyring)

    def _wait(self) -> Json:
        waited: Json = self.api.post("device-links/wait", {"token": self.token, "device": str(self.device)})
        return waited

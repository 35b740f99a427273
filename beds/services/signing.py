"""What the acting devices sign: the offer of a bed and its acceptance (protocol 12).

Invariant: a bed is promised and taken only with a header signed by the very device, person and role that act, about this candidate, this
need and this bed, within minutes of now; kept once, as signed, and never changed. The hold itself is made from the signed header, so what
was signed and what was done cannot differ.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Max

from backend.clock import database_now
from backend.errors import Conflict, Forbidden, Invalid, Unauthenticated
from beds.models import Candidate, Request, SignedStep
from beds.services.promises import mismatch
from beds.transitions import State
from identity.actors import Actor
from identity.models import Device, Statement
from messaging.envelopes import refusal
from wardline_client.protocol import (
    Acceptance,
    Offer,
    ProtocolError,
    Signed,
    need_digest,
    parse_acceptance,
    parse_offer,
    sha256,
    verify_acceptance,
    verify_offer,
)
from wardline_client.protocol.promises import CLOCK_WITHIN


class Offering(NamedTuple):
    """A checked offer, with the bytes it was read from."""

    signed: Signed
    header: Offer

    @property
    def digest(self) -> bytes:
        return sha256(self.signed.h)


class Accepting(NamedTuple):
    """A checked acceptance; whether it is of the offer that stands, ``require_offer`` asks under the lock."""

    signed: Signed
    header: Acceptance

    @property
    def digest(self) -> bytes:
        return sha256(self.signed.h)


def read_signed(signed: Signed | None, *, actor: Actor, candidate: Candidate, action: str, role: UUID | None) -> Offering | Accepting:
    """What ``hold`` or ``confirm`` needs signed, checked against who acts on what.

    Raises:
        Invalid: ``offer.missing``, ``acceptance.missing``, a ``header`` or ``encoding`` code.
        Forbidden: ``signature.invalid``, ``promise.wrong_signer``.
        Conflict: ``promise.mismatch`` (``member`` says where), ``promise.wrong_clock`` (``now`` is the server's).
    """
    if signed is None:
        raise Invalid(
            "offer.missing" if action == "hold" else "acceptance.missing", "This step is signed by the acting device (protocol 12)."
        )
    read = _parsed(signed, action)
    _require_signer(read, actor, role)
    _require_same(read.header, candidate)
    _require_clock(read.header.at, candidate)
    return read


def _parsed(signed: Signed, action: str) -> Offering | Accepting:
    try:
        return Offering(signed, parse_offer(signed.h)) if action == "hold" else Accepting(signed, parse_acceptance(signed.h))
    except ProtocolError as error:
        raise refusal(error) from None


def _require_signer(read: Offering | Accepting, actor: Actor, role: UUID | None) -> None:
    header, verify = read.header, verify_offer if isinstance(read, Offering) else verify_acceptance
    if (header.by, header.device, header.role) != (actor.person_id, actor.device_id, role):
        raise Forbidden("promise.wrong_signer", "The header names another person, device or duty role than the one that acts.")
    try:
        verify(read.signed, actor.device_public_key)
    except ProtocolError as error:
        raise Forbidden(error.code, "The signature is not that of the signed-in device.") from None


def _require_same(header: Offer | Acceptance, candidate: Candidate) -> None:
    request = candidate.request
    facts: dict[str, Any] = {"request": request.pk, "candidate": candidate.pk}
    facts |= {"origin": request.origin_id, "destination": candidate.hospital_id}
    if isinstance(header, Offer):
        facts["need"] = need_digest(**need_codes(request))
    for member, fact in facts.items():
        if getattr(header, member) != fact:
            raise mismatch(member, candidate.state)


def need_codes(request: Request) -> dict[str, Any]:
    """What was asked for, as it is digested and as a receipt shows it."""
    names = ("category", "capabilities", "urgency", "age_band", "sex", "transport_mode")
    return {name: getattr(request, name) for name in names}


def _require_clock(at: datetime, candidate: Candidate) -> None:
    now = database_now()
    if abs(at - now) > CLOCK_WITHIN:
        detail = "The device's clock is more than five minutes off, or this was signed long ago."
        raise Conflict("promise.wrong_clock", detail, now=now.isoformat(), state=candidate.state)


def keep(read: Offering | Accepting, *, actor: Actor, candidate: Candidate) -> None:
    """Store what was signed, with the place in the key directory up to which a receipt shows the device's chain.

    To be called under the request's lock. A revocation becomes visible together with its statement: one that is not to be seen after the
    place was read stands behind it.

    Raises:
        Unauthenticated: ``device.revoked``, while this waited.
    """
    place = Statement.objects.aggregate(place=Max("order"))["place"] or 0
    if not Device.objects.filter(pk=actor.device_id, revoked_at=None).exists():
        raise Unauthenticated("device.revoked", "This device was revoked.")
    kind = SignedStep.Kind.OFFER if isinstance(read, Offering) else SignedStep.Kind.ACCEPTANCE
    signed = {"kind": kind, "header": read.signed.h, "signature": read.signed.s, "directory_place": place}
    SignedStep.objects.create(candidate=candidate, person_id=actor.person_id, device_id=actor.device_id, **signed)


def require_offer(accepting: Accepting, candidate: Candidate) -> None:
    """Raises: Conflict: ``promise.mismatch``: it accepts another offer than the one that stands."""
    offer = SignedStep.objects.filter(candidate=candidate, kind=SignedStep.Kind.OFFER).first()
    if offer is None or sha256(bytes(offer.header)) != accepting.header.offer:
        raise mismatch("offer", State.HELD)

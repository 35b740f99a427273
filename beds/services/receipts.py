"""The receipt both hospitals hold: what the two devices signed, and the chains of both to their hospitals' roots (protocol 12).

Invariant: it depends on nothing but what was true when it was signed, so whoever asks, and whenever, gets the same bytes. It holds ids,
codes and keys; the reading is recorded in both hospitals' logs before it leaves.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from audit.events import Event
from audit.services import record
from backend.errors import NotFound
from beds import access
from beds.models import Candidate, SignedStep
from beds.services.signing import need_codes
from identity.actors import Actor
from identity.models import Hospital, Statement
from wardline_client.protocol import Acceptance, Offer, Signed, encode, format_receipt, parse_acceptance, parse_offer, parse_statement


@transaction.atomic
def read_receipt(*, actor: Actor, candidate_id: UUID) -> bytes:
    """The canonical receipt of a confirmed candidate, for members of both its hospitals.

    Raises:
        NotFound: not a candidate of the actor's hospital; ``receipt.none`` when nobody has accepted an offer.
    """
    candidate = access.candidate_of(actor, candidate_id)
    kept = {step.kind: step for step in SignedStep.objects.filter(candidate=candidate)}
    if len(kept) < len(SignedStep.Kind):
        raise NotFound("receipt.none", "Both signatures are there once the bed is confirmed.")
    hospitals = [candidate.request.origin_id, candidate.hospital_id]
    subjects = {"request": candidate.request_id, "candidate": candidate.pk}
    record(event=Event("beds.read_receipt", actor.agent(), hospitals, subjects=subjects))
    return _receipt(candidate, offer=kept[SignedStep.Kind.OFFER], acceptance=kept[SignedStep.Kind.ACCEPTANCE])


def _receipt(candidate: Candidate, *, offer: SignedStep, acceptance: SignedStep) -> bytes:
    offered, accepted = parse_offer(bytes(offer.header)), parse_acceptance(bytes(acceptance.header))
    chains = [
        *_chain(accepted, acceptance, hospital=accepted.origin, partner=accepted.destination),
        *_chain(offered, offer, hospital=offered.destination, partner=offered.origin),
    ]
    roots = Hospital.objects.filter(pk__in=[accepted.origin, accepted.destination]).values_list("pk", "root_public_key")
    return format_receipt(
        offer=_signed(offer),
        acceptance=_signed(acceptance),
        need=need_codes(candidate.request),
        roots={hospital: bytes(root) for hospital, root in roots if root},
        statements=[Signed(bytes(row.header), bytes(row.signature)) for row in sorted(chains, key=lambda row: row.order)],
    )


def _chain(header: Offer | Acceptance, step: SignedStep, *, hospital: UUID, partner: UUID) -> list[Statement]:
    """What proves that device, person and role belonged to ``hospital`` when it signed, and that it accepts ``partner``. Two queries."""
    made = Statement.objects.filter(hospital=hospital, order__lte=step.directory_place)
    named = Q(kind=Statement.Kind.ROOT) | Q(kind=Statement.Kind.PARTNER, subject=partner) | Q(subject__in=[header.by, header.device])
    rows = list(made.filter(named | Q(subject=header.role, kind=Statement.Kind.ROLE)))
    rows = [row for row in rows if row.kind != Statement.Kind.REGISTRAR]
    return rows + list(made.filter(kind=Statement.Kind.REGISTRAR, subject__in=_signers(rows)))


def _signers(rows: Iterable[Statement]) -> set[UUID]:
    return {parse_statement(bytes(row.header), bytes(row.signature)).by for row in rows}


def _signed(step: SignedStep) -> Signed:
    return Signed(bytes(step.header), bytes(step.signature))


def as_json(step: SignedStep) -> dict[str, str]:
    return {"h": encode(bytes(step.header)), "s": encode(bytes(step.signature))}

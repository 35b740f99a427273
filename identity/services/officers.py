"""Who may give a member's key back: three officers whom the hospital's root names (protocol 3.6).

Invariant: it takes two people to name them, as to make a registrar: one registrar proposes, somebody else who is none of the three
confirms with the root. Naming others, or nobody, ends every deposit made for the former ones and every attempt under way.
"""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Forbidden, Invalid
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import KeyDeposit, Membership, OfficersProposal, PrincipalKey, Restoration
from identity.services import statements
from identity.services.hospitals import own_root
from identity.services.named_officers import named_of
from identity.services.restoring import end_restorations
from wardline_client.protocol import Officers

PROPOSAL_LASTS: Final = timedelta(days=3)


class Listing(NamedTuple):
    """``away``: officers who have left or have another key than the one named; nothing more is sealed to them."""

    people: list[UUID]
    away: list[UUID]
    proposals: list[OfficersProposal]


@transaction.atomic
def read(*, actor: Actor) -> Listing:
    """Who could give a member's key back; for registrars and auditors also who is proposed. Three queries and the audit event."""
    named = named_of(actor.hospital_id)
    officers = named.officers.officers if named else ()
    is_reader = actor.is_registrar or actor.is_auditor
    proposals = list(access.open_officers_proposals(actor.hospital_id)) if is_reader else []
    present = _present_keys(actor.hospital_id, [person for person, _ in officers])
    record(event=Event("identity.read_officers", actor.agent(), [actor.hospital_id]))
    away = [person for person, kid in officers if present.get(person) != kid]
    return Listing([person for person, _ in officers], away, proposals)


@transaction.atomic
def propose(*, actor: Actor, officers: list[tuple[UUID, bytes]]) -> OfficersProposal:
    """Propose three active members with the kid of each one's X-Wing key, or nobody: to end the hospital's recovery.

    Raises:
        Conflict: ``officers.other_keys`` (also for whoever is no member), ``officers.proposed``, ``officers.none``.
        Invalid: ``officers.three``.
    """
    actor.require_registrar()
    ordered = sorted(officers, key=lambda officer: str(officer[0]))
    people, kids = [person for person, _ in ordered], [kid for _, kid in ordered]
    if len(set(people)) not in (0, 3) or len(people) != len(set(people)):
        raise Invalid("officers.three", "Name three different people, or nobody.")
    if not people and named_of(actor.hospital_id) is None:
        raise Conflict("officers.none", "No officers are named.")
    _require_keys(actor.hospital_id, people, kids)
    now = timezone.now()
    open_ones = OfficersProposal.objects.filter(hospital=actor.hospital_id, ended_at=None)
    open_ones.filter(expires_at__lte=now).update(ended_at=now, end_reason="expired")
    who = {"hospital_id": actor.hospital_id, "proposed_by_id": actor.person_id, "expires_at": now + PROPOSAL_LASTS}
    try:
        with transaction.atomic():
            proposal = OfficersProposal.objects.create(officers=people, kids=kids, **who)
    except IntegrityError as error:
        raise Conflict("officers.proposed", "Somebody has been proposed already.") from error
    _note("identity.propose_officers", actor, len(people))
    return proposal


@transaction.atomic
def confirm(*, actor: Actor, proposal_id: UUID, signed: dict[str, bytes]) -> OfficersProposal:
    """The second person's word, with the statement the root signed.

    Raises:
        Forbidden: ``officers.second_person`` for who proposed or is named; ``auditor.required``.
        NotFound: no proposal. Conflict: ``proposal.over``, ``officers.other_keys``, a statement's code.
        Invalid: ``statement.unexpected``, a statement's code.
    """
    actor.require_log_reader()
    proposal = access.officers_proposal_of_own_hospital(actor, proposal_id)
    _require_open(proposal)
    if actor.person_id == proposal.proposed_by_id or actor.person_id in proposal.officers:
        raise Forbidden("officers.second_person", "It takes a second person, who is no officer, to confirm this.")
    kids = [bytes(kid) for kid in proposal.kids]
    _require_keys(actor.hospital_id, proposal.officers, kids)
    hospital = actor.hospital_id
    statement = statements.read(signed, kind="recovery", hospital_id=hospital, subject=hospital, by=hospital)
    if statement.body != Officers(tuple(zip(proposal.officers, kids, strict=True))):
        raise Invalid("statement.unexpected", "The statement names other officers.")
    proposal.confirmed_by_id, proposal.ended_at, proposal.end_reason = actor.person_id, timezone.now(), "confirmed"
    proposal.save(update_fields=["confirmed_by", "ended_at", "end_reason"])
    end_restorations(Restoration.objects.filter(hospital=hospital), reason="superseded", agent=actor.agent())
    statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=hospital)
    # After the directory's lock: whoever deposits holds it too, so none for the former officers comes behind.
    KeyDeposit.objects.filter(statement__hospital=hospital).delete()
    _note("identity.confirm_officers", actor, len(kids))
    return proposal


@transaction.atomic
def withdraw(*, actor: Actor, proposal_id: UUID) -> OfficersProposal:
    """Any registrar may say no. Raises: NotFound. Conflict: ``proposal.over``."""
    actor.require_registrar()
    proposal = access.officers_proposal_of_own_hospital(actor, proposal_id)
    _require_open(proposal)
    proposal.ended_at, proposal.end_reason = timezone.now(), "withdrawn"
    proposal.save(update_fields=["ended_at", "end_reason"])
    _note("identity.withdraw_officers", actor, len(proposal.officers))
    return proposal


def _require_open(proposal: OfficersProposal) -> None:
    proposer = Membership.objects.filter(person=proposal.proposed_by_id, hospital=proposal.hospital_id, state=Membership.State.ACTIVE)
    is_good = proposal.ended_at is None and proposal.expires_at > timezone.now() and proposer.filter(is_registrar=True).exists()
    if not is_good:
        raise Conflict("proposal.over", "This proposal was confirmed, withdrawn or has expired.")


def _require_keys(hospital_id: UUID, people: list[UUID], kids: list[bytes]) -> None:
    present = _present_keys(hospital_id, people)
    if [present.get(person) for person in people] != kids:
        raise Conflict("officers.other_keys", "One of them is no member any more or has other keys now.")


def _present_keys(hospital_id: UUID, people: list[UUID]) -> dict[UUID, bytes]:
    """The kid of each one's X-Wing key, of those who are active people of the hospital."""
    active = Membership.objects.filter(hospital=hospital_id, state=Membership.State.ACTIVE, person__kind="human", person__in=people)
    keys = PrincipalKey.objects.filter(principal__in=active.values("person"), replaced_at=None)
    return {key.principal: bytes(key.kid) for key in keys}


def _note(action: str, actor: Actor, officers: int) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id], detail={"officers": officers}))
    # Every device looks: a deposit is to be made, or was ended.
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "members"})

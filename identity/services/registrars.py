"""Who signs for the hospital.

Invariant: it takes two people to make a registrar: one proposes a member, whose fingerprint was compared, and another one confirms with the
hospital's root, which is on paper until then and signs in the browser. The second is another registrar or an auditor; where there is
neither, the operator agrees first. Who is to leave the office needs one registrar, for that is often urgent; one registrar always stays.
"""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import SYSTEM, Event
from audit.services import record
from backend.errors import Conflict, Forbidden, Invalid
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import AuditorTerm, Membership, PrincipalKey, RegistrarProposal, Statement
from identity.services import statements
from identity.services.hospitals import own_root
from identity.services.members import lock_registrars
from wardline_client.protocol import Office, parse_statement

PROPOSAL_LASTS: Final = timedelta(days=3)


class Holder(NamedTuple):
    """Somebody whom the hospital's clients believe as a registrar; ``is_active`` false: has left, and the root has not signed that yet."""

    membership: Membership
    is_active: bool


class Listing(NamedTuple):
    holders: list[Holder]
    proposals: list[RegistrarProposal]


@transaction.atomic
def read(*, actor: Actor) -> Listing:
    """Registrars, and the open proposals. Four queries and the audit event."""
    actor.require_log_reader()
    stated = _stated(actor.hospital_id)
    memberships = Membership.objects.filter(hospital=actor.hospital_id, person__in=stated).select_related("person").order_by("-created_at")
    newest = {membership.person_id: membership for membership in reversed(memberships)}
    holders = [Holder(one, one.is_registrar and one.state == Membership.State.ACTIVE) for one in newest.values()]
    record(event=Event("identity.read_registrars", actor.agent(), [actor.hospital_id]))
    return Listing(holders, list(access.open_proposals(actor.hospital_id)))


@transaction.atomic
def propose(*, actor: Actor, person_id: UUID, sign: bytes) -> RegistrarProposal:
    """Propose an active member, whose key ``sign`` is (the fingerprint was compared).

    Raises:
        NotFound: no active human member of this hospital. Conflict: ``registrar.known``, ``registrar.proposed``, ``registrar.other_keys``.
        Invalid: ``registrar.oneself``.
    """
    actor.require_registrar()
    membership = access.human_member(actor, person_id)
    if person_id == actor.person_id:
        raise Invalid("registrar.oneself", "Nobody proposes themselves.")
    if membership.is_registrar:
        raise Conflict("registrar.known", "This person is a registrar already.")
    _require_key(person_id, sign)
    now = timezone.now()
    RegistrarProposal.objects.filter(candidate=person_id, ended_at=None, expires_at__lte=now).update(ended_at=now, end_reason="expired")
    who = {"hospital_id": actor.hospital_id, "candidate_id": person_id, "proposed_by_id": actor.person_id}
    try:
        with transaction.atomic():
            proposal = RegistrarProposal.objects.create(sign_public_key=sign, expires_at=now + PROPOSAL_LASTS, **who)
    except IntegrityError as error:
        raise Conflict("registrar.proposed", "This person has been proposed already.") from error
    _note("identity.propose_registrar", actor, membership)
    return proposal


@transaction.atomic
def confirm(*, actor: Actor, proposal_id: UUID, signed: dict[str, bytes]) -> RegistrarProposal:
    """The second person's word, with the statement the root signed: the candidate is a registrar.

    Raises:
        Forbidden: ``registrar.second_person`` for who proposed (unless the operator agreed) or is proposed; ``auditor.required``.
        NotFound: no proposal. Conflict: ``proposal.over``, ``registrar.other_keys``, a statement's code.
        Invalid: ``statement.unexpected``, a statement's code.
    """
    actor.require_log_reader()
    proposal = access.proposal_of_own_hospital(actor, proposal_id)
    _require_open(proposal)
    is_second = actor.person_id != proposal.proposed_by_id or proposal.operator_agreed_at is not None
    if not is_second or actor.person_id == proposal.candidate_id:
        raise Forbidden("registrar.second_person", "It takes a second person to confirm this.")
    membership = access.human_member(actor, proposal.candidate_id)
    sign = bytes(proposal.sign_public_key)
    _require_key(membership.person_id, sign)
    statement = statements.read(signed, kind="registrar", hospital_id=actor.hospital_id, subject=membership.person_id, by=actor.hospital_id)
    if statement.body != Office(sign=sign):
        raise Invalid("statement.unexpected", "The statement is about another key.")
    proposal.confirmed_by_id, proposal.ended_at, proposal.end_reason = actor.person_id, timezone.now(), "confirmed"
    proposal.save(update_fields=["confirmed_by", "ended_at", "end_reason"])
    membership.is_registrar = True
    membership.save(update_fields=["is_registrar"])
    statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=membership.person.pseudonym)
    _note("identity.confirm_registrar", actor, membership)
    return proposal


@transaction.atomic
def withdraw(*, actor: Actor, proposal_id: UUID) -> RegistrarProposal:
    """Any registrar may say no. Raises: NotFound. Conflict: ``proposal.over``."""
    actor.require_registrar()
    proposal = access.proposal_of_own_hospital(actor, proposal_id)
    _require_open(proposal)
    proposal.ended_at, proposal.end_reason = timezone.now(), "withdrawn"
    proposal.save(update_fields=["ended_at", "end_reason"])
    record(event=Event("identity.withdraw_proposal", actor.agent(), [actor.hospital_id], subjects={"person": proposal.candidate.pseudonym}))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "members"})
    return proposal


@transaction.atomic
def end(*, actor: Actor, person_id: UUID, signed: dict[str, bytes]) -> Membership:
    """End an office with the statement the root signed; also that of somebody who has left, whom clients still believe.

    Raises:
        NotFound: nobody of this hospital. Conflict: ``member.last_registrar``, ``registrar.none``, a statement's code.
        Invalid: ``statement.unexpected``, a statement's code.
    """
    actor.require_registrar()
    registrars = lock_registrars(actor)
    membership = access.membership_at_own_hospital(actor, person_id, states=Membership.State.values)
    if person_id not in _stated(actor.hospital_id):
        raise Conflict("registrar.none", "This person is no registrar.")
    if registrars == {person_id}:
        raise Conflict("member.last_registrar", "The hospital would be without a registrar.")
    statement = statements.read(signed, kind="registrar", hospital_id=actor.hospital_id, subject=person_id, by=actor.hospital_id)
    if statement.body != Office(sign=None):
        raise Invalid("statement.unexpected", "The statement does not end the office.")
    membership.is_registrar = False
    membership.save(update_fields=["is_registrar"])
    statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=membership.person.pseudonym)
    _note("identity.end_registrar", actor, membership)
    return membership


@transaction.atomic
def agree_as_operator(*, proposal_id: UUID) -> RegistrarProposal:
    """The operator is the second person of a hospital that has one registrar and no auditor; the proposer then confirms with the root.

    Raises:
        Conflict: ``proposal.over``, ``registrar.has_second_person``.
    """
    proposal = RegistrarProposal.objects.select_for_update(of=["self"]).select_related("candidate", "hospital").get(pk=proposal_id)
    _require_open(proposal)
    if _second_people(proposal):
        raise Conflict("registrar.has_second_person", "The hospital has a second registrar or an auditor: it is theirs to confirm.")
    proposal.operator_agreed_at = timezone.now()
    proposal.save(update_fields=["operator_agreed_at"])
    record(
        event=Event("identity.agree_registrar", SYSTEM, [proposal.hospital_id], subjects={"person": proposal.candidate.pseudonym}),
    )
    ring_after_commit([proposal.proposed_by_id], {"t": "members"})
    return proposal


def _second_people(proposal: RegistrarProposal) -> bool:
    others = Membership.objects.filter(hospital=proposal.hospital_id, state=Membership.State.ACTIVE)
    others = others.exclude(person__in=[proposal.proposed_by_id, proposal.candidate_id])
    terms = AuditorTerm.objects.filter(membership__in=others, ended_at=None).exclude(until__lte=timezone.now())
    return others.filter(is_registrar=True).exists() or terms.exists()


def _require_open(proposal: RegistrarProposal) -> None:
    proposer = Membership.objects.filter(person=proposal.proposed_by_id, hospital=proposal.hospital_id, state=Membership.State.ACTIVE)
    is_good = proposal.ended_at is None and proposal.expires_at > timezone.now() and proposer.filter(is_registrar=True).exists()
    if not is_good:
        raise Conflict("proposal.over", "This proposal was confirmed, withdrawn or has expired.")


def _require_key(person_id: UUID, sign: bytes) -> None:
    key = PrincipalKey.objects.filter(principal=person_id, replaced_at=None).first()
    if key is None or bytes(key.sign_public_key or b"") != sign:
        raise Conflict("registrar.other_keys", "This person has other keys now. Compare the fingerprint again.")


def _stated(hospital_id: UUID) -> set[UUID]:
    """Whom the latest ``registrar`` statements give a key. One query."""
    rows = Statement.objects.filter(hospital=hospital_id, kind=Statement.Kind.REGISTRAR).order_by("order")
    bodies = {row.subject: parse_statement(bytes(row.header), bytes(row.signature)).body for row in rows}
    return {person for person, body in bodies.items() if isinstance(body, Office) and body.sign is not None}


def _note(action: str, actor: Actor, membership: Membership) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"person": membership.person.pseudonym}))
    # All of them, and whoever might be the second person, see it at once.
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "members"})

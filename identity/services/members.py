"""Who belongs to the hospital.

Invariant: a joined person is a member only by a registrar's signed statement about exactly the keys that person made; a person who leaves
loses everything in one transaction (``identity.services.leaving``), and a hospital is never without a registrar.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Agent, Event
from audit.services import record
from backend.errors import Conflict, Unauthenticated
from backend.realtime import ring_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Membership, Person, PrincipalKey
from identity.services import statements
from identity.services.hospitals import add_generation, own_root, require_keys
from identity.services.invitations import credentials
from identity.services.leaving import leave


@transaction.atomic
def approve(*, actor: Actor, person_id: UUID, signed: dict[str, bytes]) -> Membership:
    """Vouch for a person who joined, after comparing the fingerprints of both keys.

    Raises:
        NotFound: nobody of this hospital. Conflict: ``member.not_pending`` (``state``), a statement's code. Invalid: a statement's code.
    """
    actor.require_registrar()
    membership = access.membership_at_own_hospital(actor, person_id, states=Membership.State.values)
    if membership.state != Membership.State.PENDING:
        raise Conflict("member.not_pending", "This person is not waiting for approval.", state=membership.state)
    person = membership.person
    statement = statements.read(signed, kind="member", hospital_id=actor.hospital_id, subject=person.id, by=actor.person_id)
    kem, sign = bytes(membership.offered_kem or b""), bytes(membership.offered_sign or b"")
    require_keys(statement, kem=kem, sign=sign, profile=bytes(person.profile))
    row = statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=person.pseudonym)
    add_generation(principal=person.id, kind=PrincipalKey.Kind.USER, statement=statement, row=row)
    membership.state, membership.started_at = Membership.State.ACTIVE, timezone.now()
    membership.save(update_fields=["state", "started_at"])
    subjects, detail = {"person": person.pseudonym}, credentials(person)
    record(event=Event("identity.approve_member", actor.agent(), [actor.hospital_id], subjects=subjects, detail=detail))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "members"})
    return membership


@transaction.atomic
def end(*, actor: Actor, person_id: UUID) -> Membership:
    """End a membership, also one that still waits, and all that hangs on it. Ending an ended one changes nothing.

    Raises:
        NotFound: nobody of this hospital. Conflict: ``member.last_registrar``.
        Unauthenticated: the registrar was ended in this very moment.
    """
    actor.require_registrar()
    lock_registrars(actor)
    return end_membership(hospital_id=actor.hospital_id, person_id=person_id, agent=actor.agent())


@transaction.atomic
def end_membership(*, hospital_id: UUID, person_id: UUID, agent: Agent) -> Membership:
    """The rule alone, for whoever may say it: a registrar, the hospital's sign-on, its roster; ``agent`` is who does, for the log.

    Raises:
        NotFound: nobody of this hospital. Conflict: ``member.last_registrar``.
    """
    registrars = _locked_registrars(hospital_id)
    membership = access.membership_at(hospital_id, person_id, states=Membership.State.values)
    if membership.state == Membership.State.ENDED:
        return membership
    if registrars == {person_id}:
        raise Conflict("member.last_registrar", "The hospital would be without a registrar.")
    leave(membership, agent=agent)
    return membership


def to_end_by_provider(*, hospital_id: UUID, person_id: UUID) -> Membership | None:
    """The membership, locked, that the hospital's sign-in service ends; ``None`` if it has ended or is the last registrar's."""
    if _locked_registrars(hospital_id) == {person_id}:
        return None
    return access.open_membership(hospital_id, person_id)


@transaction.atomic
def read_pending(*, actor: Actor) -> list[Membership]:
    """Who joined and waits, oldest first; the reading is audited."""
    actor.require_registrar()
    waiting = Membership.objects.filter(hospital=actor.hospital_id, state=Membership.State.PENDING, person__kind=Person.Kind.HUMAN)
    found = list(
        waiting.select_related("person").prefetch_related("person__devices__statement", "person__sso_subjects").order_by("created_at")
    )
    record(event=Event("identity.read_pending", actor.agent(), [actor.hospital_id]))
    return found


def lock_registrars(actor: Actor) -> set[UUID]:
    """Always before the membership and in one order, so that two registrars can neither end each other nor wait for each other for ever."""
    found = _locked_registrars(actor.hospital_id)
    if actor.person_id not in found:
        raise Unauthenticated("membership.ended", "Your membership has ended.")
    return found


def _locked_registrars(hospital_id: UUID) -> set[UUID]:
    active = Membership.objects.select_for_update().filter(hospital=hospital_id, is_registrar=True, state=Membership.State.ACTIVE)
    return {membership.person_id for membership in active.order_by("id")}

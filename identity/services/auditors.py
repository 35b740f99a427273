"""Who may read the hospital's log beside its registrars.

Invariant: an auditor is a member with one open term, given by a registrar for a reason; a term that has run out, or whose membership has
ended, gives nothing from that moment on, whoever tidies the row.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from identity import access
from identity.actors import Actor
from identity.models import AuditorTerm, Membership, Person


@transaction.atomic
def appoint(*, actor: Actor, person_id: UUID, reason: str, until: datetime | None) -> AuditorTerm:
    """Make a member of the own hospital an auditor, until ``until`` where given.

    Raises:
        NotFound: no active member. Forbidden: ``actor.not_human``. Conflict: ``auditor.known``. Invalid: ``auditor.until_past``.
    """
    actor.require_registrar()
    now = timezone.now()
    if until is not None and until <= now:
        raise Invalid("auditor.until_past", "The end of the term must be in the future.")
    # Locked: two registrars who appoint at once wait for each other, and the second sees the first one's term.
    membership = access.membership_at_own_hospital(actor, person_id, states=[Membership.State.ACTIVE])
    if membership.person.kind != Person.Kind.HUMAN:
        raise Forbidden("actor.not_human", "Only a person may be an auditor, not an archive.")
    term = membership.auditor_terms.filter(ended_at=None).first()
    if term is not None and not _is_over(term, now):
        raise Conflict("auditor.known", "This person is an auditor already.", until=term.until)
    if term is not None:
        _close(term, term.until or now, AuditorTerm.EndReason.TERM_OVER)
    made = membership.auditor_terms.create(appointed_by_id=actor.person_id, reason=reason, started_at=now, until=until)
    _tell(actor, "identity.appoint_auditor", membership, {"reason": reason} | ({"until": until.isoformat()} if until else {}))
    return made


@transaction.atomic
def end(*, actor: Actor, person_id: UUID, reason: str) -> AuditorTerm:
    """End a member's term at once.

    Raises:
        NotFound: nobody of this hospital, or no auditor.
    """
    actor.require_registrar()
    membership = access.membership_at_own_hospital(actor, person_id, states=Membership.State.values)
    term = membership.auditor_terms.filter(ended_at=None).first()
    if term is None:
        raise NotFound
    _close(term, timezone.now(), reason)
    _tell(actor, "identity.end_auditor", membership, {"reason": reason})
    return term


def end_terms(membership: Membership) -> None:
    """With the membership; the caller's event says it."""
    ended = {"ended_at": timezone.now(), "end_reason": AuditorTerm.EndReason.MEMBERSHIP_ENDED}
    membership.auditor_terms.filter(ended_at=None).update(**ended)


def _is_over(term: AuditorTerm, now: datetime) -> bool:
    return term.until is not None and term.until <= now


def _close(term: AuditorTerm, at: datetime, reason: str) -> None:
    term.ended_at, term.end_reason = at, reason
    term.save(update_fields=["ended_at", "end_reason"])


def _tell(actor: Actor, action: str, membership: Membership, detail: dict[str, str]) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"person": membership.person.pseudonym}, detail=detail))

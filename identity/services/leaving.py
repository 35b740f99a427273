"""What ends when somebody leaves, whoever says so: a registrar, the hospital's sign-on, its roster.

Invariant: sign-ins, sockets, duties, seals, keys, wraps, links, terms, exports, pushes, the connected account and emergency accesses end in
the one transaction in which the membership does; parts above this one add theirs with ``ends_with_member``. Order: sign-ins first, then
roles, seals, and what is begun under their locks, so that nothing begins behind our back.
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.events import Agent, Event
from audit.exports.jobs import end_exports
from audit.models import Export
from audit.services import record
from backend.clock import database_now
from backend.realtime import ring_after_commit
from identity import access
from identity.models import (
    DeviceLink,
    Duty,
    DutyRole,
    KeyDeposit,
    KeyRenewal,
    Membership,
    PrincipalKey,
    Restoration,
    RestorationApproval,
    RoleSeal,
    SeedWrap,
    SsoSubject,
)
from identity.services import turns
from identity.services.auditors import end_terms
from identity.services.restoring import end_restorations
from identity.services.sign_in import end_sign_ins

Ender = Callable[[UUID, Agent], None]
_ENDERS: Final[list[Ender]] = []


def ends_with_member(ender: Ender) -> Ender:
    """Have ``ender(person_id, agent)`` called in the transaction of every leaving; said once, when the application starts."""
    _ENDERS.append(ender)
    return ender


def leave(membership: Membership, *, agent: Agent) -> None:
    """End an open membership, locked by the caller in the caller's transaction, with everything that hangs on it. One event."""
    person_id, now = membership.person_id, timezone.now()
    membership.state, membership.ended_at = Membership.State.ENDED, now
    membership.save(update_fields=["state", "ended_at"])
    # Before the sign-ins, as in signing in: neither waits for the other for ever.
    SsoSubject.objects.filter(person=person_id, ended_at=None).update(ended_at=now, refresh_token=b"")
    end_sign_ins(person=person_id)
    roles = access.lock_roles_of(person_id)
    # Seals before what is begun under a seal's lock: turns of duty and emergency accesses.
    RoleSeal.objects.filter(person=person_id, ended_at=None).update(ended_at=now)
    _leave_rosters(roles, person_id)
    end_terms(membership)
    SeedWrap.objects.filter(person=person_id, ended_at=None).update(ended_at=now)
    KeyRenewal.objects.filter(person=person_id, ended_at=None).update(ended_at=now)
    end_restorations(Restoration.objects.filter(person=person_id), reason="left", agent=agent)
    RestorationApproval.objects.filter(officer=person_id).delete()
    KeyDeposit.objects.filter(person=person_id).delete()
    DeviceLink.objects.filter(person=person_id, used_at=None).update(used_at=now)
    PrincipalKey.objects.filter(principal=person_id, replaced_at=None).update(replaced_at=now)
    asked = Export.objects.filter(asked_by=person_id).exclude(state=Export.State.GONE).values_list("id", flat=True)
    end_exports(ids=list(asked), agent=agent, action="audit.delete_export", reason="left")
    for ender in _ENDERS:
        ender(person_id, agent)
    record(event=Event("identity.end_member", agent, [membership.hospital_id], subjects={"person": membership.person.pseudonym}))
    colleagues = access.colleagues(membership.hospital_id)
    ring_after_commit(colleagues, {"t": "members"})
    ring_after_commit(colleagues, {"t": "duty"})


def _leave_rosters(roles: list[DutyRole], person_id: UUID) -> None:
    """Every turn ends or is dropped; where somebody else is planned, that goes on at once."""
    now = database_now()
    turns.end(Duty.objects.filter(person=person_id), now)
    for role in roles:
        turns.lay_out(role, now)

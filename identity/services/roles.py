"""Duty roles: functions of a hospital with keys of their own.

Invariant: who may hold a role is who its present seed is sealed to, and that is exactly whom the registrar's statement lists; who is taken
off the list never sees the next generation's seed. A generation comes whole, with all its seals, or not at all.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.clock import database_now
from backend.errors import Conflict, Invalid, NotFound
from backend.realtime import ring_after_commit, ring_watching_after_commit
from identity import access
from identity.actors import Actor
from identity.models import Duty, DutyRole, Membership, Person, PrincipalKey, RoleSeal, Unit
from identity.services import statements, turns
from identity.services.enrolment import read_profile, require_kem
from identity.services.hospitals import add_generation, own_root
from identity.services.keys import current_keys
from wardline_client.protocol import RoleKeys, Statement, profile_digest


class Seal(NamedTuple):
    kid: bytes
    sealed: bytes


@dataclass(frozen=True)
class RoleDraft:
    """A role's first or next generation, as the registrar's browser made it. ``seals``: eligible person -> the kid of the person's key and
    the seed sealed to it (protocol 9); none when only the description changes.
    """

    id: UUID
    name: str
    unit_id: UUID | None
    categories: list[str]
    profile: bytes
    seals: dict[UUID, Seal]
    history: bytes | None = None  # the former generation's seed under this one's, where the registrar holds it


@transaction.atomic
def state_role(*, actor: Actor, draft: RoleDraft, signed: dict[str, bytes]) -> DutyRole:
    """Create a role, or state its next generation or its new list of eligible people.

    Raises:
        NotFound: unit or an eligible person of another hospital.
        Conflict: ``role.name_taken``, ``role.generation`` (``generation`` is the present one), ``role.stale_seals`` (``people`` have
            another key by now).
        Invalid: ``role.seals`` (not exactly the eligible), ``role.history_missing``, ``role.generation_required``, a statement's code.
    """
    actor.require_registrar()
    statement, body = _read(actor, draft, signed)
    require_kem(body.kem)
    read_profile(draft.profile)
    _require_eligible(actor, body.eligible)
    _require_present_keys(draft)
    role, is_new = _save(actor, draft)
    current = PrincipalKey.objects.filter(principal=role.id, replaced_at=None).first()
    row = statements.accept(statement, root=own_root(actor), agent=actor.agent(), subject=role.id)
    _require_generation(role, body, draft, current)
    if current is None or body.generation > current.generation:
        add_generation(principal=role.id, kind=PrincipalKey.Kind.ROLE, statement=statement, row=row, history=draft.history)
    else:
        PrincipalKey.objects.filter(pk=current.pk).update(statement=row)
    if draft.seals or body.generation != (current.generation if current else 0):
        _seal(role, body, draft)
    action = "identity.create_role" if is_new else "identity.change_role"
    detail: dict[str, str | int | list[str]] = {"generation": body.generation, "eligible": len(body.eligible)}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"role": role.id}, detail=detail))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    return role


@transaction.atomic
def close_role(*, actor: Actor, role_id: UUID) -> DutyRole:
    """Nobody holds the role any more and nothing is sealed to it; what was written stays, and its name is free.

    Raises:
        NotFound: no open role of the own hospital.
    """
    actor.require_registrar()
    role = access.role_for_change(actor, role_id)
    role.closed_at = timezone.now()
    role.save(update_fields=["closed_at"])
    # Role, then seals, then turns: in this order of locks no turn begins behind our back.
    RoleSeal.objects.filter(role=role, ended_at=None).update(ended_at=role.closed_at)
    turns.end(Duty.objects.filter(role=role), database_now())
    PrincipalKey.objects.filter(principal=role.id, replaced_at=None).update(replaced_at=role.closed_at)
    record(event=Event("identity.close_role", actor.agent(), [actor.hospital_id], subjects={"role": role.id}))
    ring_after_commit(access.colleagues(actor.hospital_id), {"t": "duty"})
    boards = {actor.hospital_id} | access.partner_hospitals(actor.hospital_id)
    ring_watching_after_commit(boards, {"t": "board", "hospital": str(actor.hospital_id)})
    return role


def _read(actor: Actor, draft: RoleDraft, signed: dict[str, bytes]) -> tuple[Statement, RoleKeys]:
    statement = statements.read(signed, kind="role", hospital_id=actor.hospital_id, subject=draft.id, by=actor.person_id)
    body = cast(RoleKeys, statement.body)  # the kind decides the body's type
    if body.profile != profile_digest(draft.profile):
        raise Invalid("statement.unexpected", "The statement is about another profile.")
    if draft.seals and set(draft.seals) != set(body.eligible):
        raise _not_for_each()
    return statement, body


def _not_for_each() -> Invalid:
    return Invalid("role.seals", "There must be one sealed seed for each eligible person and no other.")


def _require_eligible(actor: Actor, eligible: tuple[UUID, ...]) -> None:
    """Active colleagues, locked: whoever is leaving in this very second does not get a seal afterwards."""
    active = Membership.objects.select_for_update(of=["self"]).filter(hospital=actor.hospital_id, state=Membership.State.ACTIVE)
    found = active.filter(person__in=eligible, person__kind=Person.Kind.HUMAN)
    if len(found.order_by("id")) != len(eligible):
        raise NotFound()


def _require_present_keys(draft: RoleDraft) -> None:
    """What was sealed to a key replaced meanwhile opens with the lost phone that was the reason for replacing it."""
    present = {person: bytes(key.kid) for person, key in current_keys(draft.seals).items()}
    stale = sorted(str(person) for person, seal in draft.seals.items() if present.get(person) != seal.kid)
    if stale:
        raise Conflict("role.stale_seals", "Some people have another key by now: check it and seal again.", people=stale)


def _save(actor: Actor, draft: RoleDraft) -> tuple[DutyRole, bool]:
    if draft.unit_id is not None and not Unit.objects.filter(pk=draft.unit_id, hospital=actor.hospital_id, closed_at=None).exists():
        raise NotFound()
    fields = {"name": draft.name, "unit_id": draft.unit_id, "categories": sorted(set(draft.categories)), "profile": draft.profile}
    role = DutyRole.objects.select_for_update().filter(pk=draft.id).first()
    if role is not None and (role.hospital_id != actor.hospital_id or role.closed_at is not None):
        raise NotFound()
    try:
        with transaction.atomic():
            if role is None:
                return DutyRole.objects.create(id=draft.id, hospital_id=actor.hospital_id, **fields), True
            DutyRole.objects.filter(pk=role.pk).update(**fields)
            return role, False
    except IntegrityError as error:
        raise Conflict("role.name_taken", "There is a role of this name.") from error


def _require_generation(role: DutyRole, body: RoleKeys, draft: RoleDraft, current: PrincipalKey | None) -> None:
    present = current.generation if current else 0
    if body.generation not in ({present, present + 1} - {0}):
        raise Conflict("role.generation", "Another generation is current.", generation=present)
    if body.generation > present:
        if not draft.seals and body.eligible:
            raise _not_for_each()
        if _would_lose(role, body.eligible, present if draft.history is None else None):
            raise Invalid("role.history_missing", "Nobody would be left who can open the open cases for the others.")
    elif not _eligible_now(role) <= set(body.eligible):
        # Who is taken off has the present seed: only a new one shuts that person out.
        raise Invalid("role.generation_required", "Taking somebody off the list needs a new generation.")
    elif not draft.seals and _eligible_now(role) != set(body.eligible):
        raise _not_for_each()


def _would_lose(role: DutyRole, eligible: tuple[UUID, ...], present: int | None) -> bool:
    """Whether a former seed that one of those eligible now could still hand on (``role_history``) would go with the last of them."""
    gaps = PrincipalKey.objects.filter(principal=role.id, generation__gt=1, history=None).values_list("generation", flat=True)
    former = {generation - 1 for generation in gaps} | ({present} if present else set())
    holders: dict[int, set[UUID]] = defaultdict(set)
    seals = RoleSeal.objects.filter(role=role, generation__in=former, person__in=_eligible_now(role))
    for generation, person in seals.values_list("generation", "person_id"):
        holders[generation].add(person)
    return any(not people & set(eligible) for people in holders.values())


def _eligible_now(role: DutyRole) -> set[UUID]:
    return set(RoleSeal.objects.filter(role=role, ended_at=None).values_list("person_id", flat=True))


def _seal(role: DutyRole, body: RoleKeys, draft: RoleDraft) -> None:
    now = timezone.now()
    # Former generations stay listed as ended: the present seed opens them by its history (protocol 3).
    RoleSeal.objects.filter(role=role, ended_at=None).exclude(generation=body.generation).update(ended_at=now)
    seals = [
        RoleSeal(role=role, generation=body.generation, person_id=person, created_at=now, **seal._asdict())
        for person, seal in draft.seals.items()
    ]
    fields = ["kid", "sealed", "created_at", "ended_at"]
    RoleSeal.objects.bulk_create(seals, update_conflicts=True, update_fields=fields, unique_fields=["role", "generation", "person"])
    moment = database_now()
    turns.end(Duty.objects.filter(role=role).exclude(person__in=body.eligible), moment)
    turns.lay_out(role, moment)

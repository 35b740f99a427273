"""Chains of a hospital's duty roles: whom the clock alarms when nobody acknowledges.

Invariant: a chain is written whole, by a registrar of its hospital who has seen the one before (``If-Match``); its steps are numbered
without gaps and lead to open roles of the same hospital. A chain changed while a request runs holds from the next alarm on.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from audit.events import Event
from audit.services import record
from backend.errors import Changed, Invalid
from beds.access import usable_steps
from beds.escalation import Step, Variant, step_at, step_of, steps_for
from beds.models import EscalationChain, EscalationStep
from beds.transitions import ACKNOWLEDGE_WITHIN
from identity.access import role_at_own_hospital
from identity.actors import Actor
from identity.models import DutyRole, Hospital


class Chain(NamedTuple):
    """``version`` 0: never written."""

    role: UUID
    version: int
    normal: tuple[Step, ...]
    important: tuple[Step, ...]


@transaction.atomic
def read_chain(*, actor: Actor, role_id: UUID) -> Chain:
    """A role of the own hospital. Raises ``NotFound``."""
    role = role_at_own_hospital(actor, role_id)
    record(event=Event("beds.read_escalation", actor.agent(), [actor.hospital_id], subjects={"role": role.pk}))
    version = EscalationChain.objects.filter(role=role).values_list("version", flat=True).first() or 0
    return _chain(role, version)


@transaction.atomic
def write_chain(*, actor: Actor, role_id: UUID, version: int, normal: Sequence[Step], important: Sequence[Step]) -> Chain:
    """Replace a role's chain, on top of ``version``.

    Raises:
        Forbidden: ``registrar.required``. NotFound: not a role of the actor's hospital.
        Changed: ``escalation.changed`` with the present version.
        Invalid: ``escalation.unknown_role``: a step leads to the role itself, to one that is closed, or to another hospital's.
    """
    actor.require_registrar()
    role = role_at_own_hospital(actor, role_id)
    _require_targets(role, [*normal, *important])
    EscalationChain.objects.get_or_create(role=role)
    chain = EscalationChain.objects.select_for_update().get(role=role)
    if chain.version != version:
        raise Changed("escalation.changed", "Somebody changed this chain since you read it.", version=chain.version)
    EscalationStep.objects.filter(role=role).delete()
    variants = {Variant.NORMAL: normal, Variant.IMPORTANT: important}
    EscalationStep.objects.bulk_create(
        _row(role, variant, at, step) for variant, steps in variants.items() for at, step in enumerate(steps, 1)
    )
    EscalationChain.objects.filter(role=role).update(version=version + 1)
    detail: dict[str, str | int | list[str]] = {"version": version + 1}
    detail |= {variant.value: [_words(step) for step in steps] for variant, steps in variants.items()}
    record(event=Event("beds.change_escalation", actor.agent(), [actor.hospital_id], subjects={"role": role.pk}, detail=detail))
    return _chain(role, version + 1)


def steps_of(role_ids: Iterable[UUID]) -> dict[UUID, list[EscalationStep]]:
    """The usable steps of each role, in order. One query."""
    found: dict[UUID, list[EscalationStep]] = {role: [] for role in role_ids}
    for step in usable_steps().filter(role__in=list(found)):
        found[step.role_id].append(step)
    return found


def targets(steps: Iterable[EscalationStep]) -> set[UUID]:
    """The roles a chain leads to, besides the role itself, in either variant."""
    return {step.target_role_id for step in steps if step.target_role_id is not None}


def wait_before(position: int, rows: Iterable[EscalationStep], hospital: Hospital, urgency: str) -> timedelta:
    """From one alarm to that of ``position``; without a chain what the hospital gives itself to acknowledge."""
    within = int(hospital.acknowledge_within.get(urgency, ACKNOWLEDGE_WITHIN[urgency]))
    return timedelta(seconds=step_at(steps_for(rows, urgency), position, within=within).wait)


def _require_targets(role: DutyRole, steps: Sequence[Step]) -> None:
    wanted = {step.target for step in steps if step.target is not None}
    known = DutyRole.objects.filter(pk__in=wanted, hospital=role.hospital_id, closed_at=None).exclude(pk=role.pk).count()
    if known != len(wanted):
        raise Invalid("escalation.unknown_role", "A step leads to another open duty role of your hospital, or to none: the role itself.")


def _row(role: DutyRole, variant: Variant, position: int, step: Step) -> EscalationStep:
    where = {"role": role, "hospital_id": role.hospital_id, "variant": variant.value, "position": position}
    return EscalationStep(**where, wait=step.wait, target_role_id=step.target, whom=step.whom.value, how=step.how.value)


def _words(step: Step) -> str:
    return f"{step.wait} {step.target or 'role'} {step.whom.value} {step.how.value}"


def _chain(role: DutyRole, version: int) -> Chain:
    rows = list(EscalationStep.objects.filter(role=role).order_by("position"))
    by_variant = {variant: tuple(step_of(row) for row in rows if row.variant == variant) for variant in Variant}
    return Chain(role.pk, version, by_variant[Variant.NORMAL], by_variant[Variant.IMPORTANT])

"""A client asks for a bed, and moves its hospital's Tasks.

Invariant: what it does is done by the services of ``beds``, under the same table and locks as what people do; here is only the translation.
"""

import re
from typing import Final
from uuid import UUID

from django.db import transaction

from backend.errors import Changed, Conflict, Invalid, NotFound
from beds.access import candidate_of
from beds.models import Candidate
from beds.services import request_by_software, take_step_by_software
from beds.services.by_software import SIGNED, sides_of
from beds.transitions import actions_for
from integration import workflow
from integration.actors import ClientActor
from integration.orders import Move, Order, number_if_none
from integration.parts import PARTS
from integration.resources import Resource
from integration.services.resources import record_read

_ETAG: Final = re.compile(r'^(?:W/)?"(?P<version>[^"]*)"$')
_VERSION: Final = re.compile(r"^(?P<version>[0-9]{1,9})\.[0-9]{1,9}$")


@transaction.atomic
def create_request(*, actor: ClientActor, order: Order, if_none_exist: str | None) -> tuple[Resource, bool]:
    """Ask for a bed, once for each identifier.

    Returns:
        The ServiceRequest, and whether it is new; with ``if_none_exist`` the one that is known of this identifier.
    Raises:
        Forbidden: ``client.scope_missing``. Invalid: ``fhir.if_none_exist``; and as ``beds.services.request_by_software``.
        Conflict: ``request.order_known``: the identifier is known, and the call does not say that this is fine.
    """
    actor.require_scope("ServiceRequest", "c")
    if if_none_exist is not None and number_if_none(if_none_exist) != order.number:
        raise Invalid("fhir.if_none_exist", "If-None-Exist is identifier=<system>|<value>, of the identifier in the body.")
    made, is_new = request_by_software(software=actor.software(), order=order.number, need=order.need, role=order.role, asked=order.asked)
    if not is_new:
        if if_none_exist is None:
            raise Conflict("request.order_known", "There is a request of this identifier: send If-None-Exist to be given it.")
        record_read(actor, PARTS["ServiceRequest"][0], made)
    return workflow.service_request(made), is_new


@transaction.atomic
def move_task(*, actor: ClientActor, task_id: str, move: Move, if_match: str | None) -> Resource:
    """Take the step that leads to where the Task is to be; one that is there already stays as it is.

    Raises:
        Forbidden: ``client.scope_missing``. NotFound: there is none, or it is between other hospitals.
        Changed: ``task.version_missing``, ``candidate.changed``: it was moved since it was read.
        Conflict: ``task.no_such_step``, ``candidate.needs_signature``, ``candidate.wrong_state``. Invalid: ``reason.unknown``.
    """
    actor.require_scope("Task", "u")
    candidate = candidate_of(actor, _id(task_id))
    version, business = _version(if_match, move), workflow.said_of(move.business, candidate.state)
    if version != candidate.version:
        raise Changed("candidate.changed", "The Task was moved since you read it.", version=candidate.version)
    if move.status == workflow.standing_of(candidate).status and not business:
        record_read(actor, PARTS["Task"][0], candidate)
        return workflow.task(candidate)
    action = _action(actor, candidate, move.status, business)
    moved = take_step_by_software(software=actor.software(), candidate_id=candidate.pk, version=version, action=action, reason=move.reason)
    return workflow.task(moved)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _version(if_match: str | None, move: Move) -> int:
    """``If-Match`` counts, else the version in the body."""
    etag = _ETAG.match(if_match.strip()) if if_match is not None else None
    text = move.version if if_match is None else etag["version"] if etag else ""
    found = _VERSION.match(text)
    if found is None:
        raise Changed("task.version_missing", "Say which version you read: If-Match, or meta.versionId.")
    return int(found["version"])


def _action(actor: ClientActor, candidate: Candidate, status: str, business: str) -> str:
    sides = sides_of(actor, candidate)
    action = workflow.action_to(candidate.state, sides=sides, status=status, business=business)
    if action is None:
        steps = {name: workflow.STANDING[workflow.STEPS[name].target] for name in actions_for(candidate.state, sides) if name not in SIGNED}
        to = ", ".join(" / ".join(filter(None, standing)) for standing in dict.fromkeys(steps.values())) or "nowhere"
        raise Conflict("task.no_such_step", f"From here your hospital's software can move this Task to: {to}.", state=candidate.state)
    return action

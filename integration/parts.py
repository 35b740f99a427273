"""Which rows stand behind a resource type, how each is shown and by what it is found.

Invariant: rows come from ``access`` alone, which begins at the client's hospital.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from integration import access, resources, workflow
from integration.actors import ClientActor
from integration.measures import measure_report, version_of
from integration.orders import order_number
from integration.resources import Resource
from integration.searching import codes, ids, moments
from integration.subscriptions import subscription

PRIORITY: Final = "http://hl7.org/fhir/request-priority"
TASK_STATUS: Final = "http://hl7.org/fhir/task-status"
NOTHING: Final = Q(pk__in=[])
Condition = Callable[[list[str]], Q]


def _own_key(row: Any) -> UUID:
    return UUID(str(row.pk))


def _nobody(row: Any) -> list[UUID]:
    return []


class Part(NamedTuple):
    """One kind of row behind a resource type. ``subject`` is its word in the log, ``about`` the id there; ``concerns`` are the hospitals
    beside the client's that find the reading of one in their logs.
    """

    subject: str
    rows: Callable[[ClientActor], QuerySet[Any]]
    shown: Callable[[Any], Resource]
    conditions: dict[str, Condition]
    is_newest_first: bool = False
    about: Callable[[Any], UUID] = _own_key
    concerns: Callable[[Any], list[UUID]] = _nobody


def _by_key(values: list[str]) -> Q:
    return Q(pk__in=ids(values))


def _by_version(values: list[str]) -> Q:
    named = [found for text in ",".join(values).split(",") if (found := version_of(text))]
    return reduce(lambda any_, one: any_ | Q(capacity=one[0], version=one[1]), named, NOTHING)


def _by_order(values: list[str]) -> Q:
    named = [text.split("|", 1) for text in ",".join(values).split(",") if "|" in text]
    return Q(order__in=[order_number(*one) for one in named])


def _by_business(values: list[str]) -> Q:
    found = NOTHING
    for state, alarms in workflow.states_in_business(codes(values, workflow.business_system())):
        found |= Q(state=state) if alarms is None else Q(state=state, escalation=alarms)
    return found


def _answers_for(values: list[str]) -> Q:
    """A role without categories answers for all of its hospital."""
    found = Q(categories=[])
    for code in codes(values, resources.category_system()):
        found |= Q(categories__contains=[code])
    return found


_ROLES: Final[dict[str, Condition]] = {
    "_id": _by_key,
    "organization": lambda values: Q(hospital__in=ids(values, "Organization")),
    "specialty": _answers_for,
}


def _when(column: str, values: list[str]) -> Q:
    return Q(**{f"{column}__{how}": at for how, at in moments(values).items()})


PARTS: Final[dict[str, Sequence[Part]]] = {
    "Organization": [Part("hospital", access.hospital_of, resources.organization, {"_id": _by_key})],
    "Subscription": [Part("webhook", access.own_subscriptions, subscription, {"_id": _by_key})],
    "Location": [
        Part(
            "unit",
            access.units_of,
            resources.unit_location,
            {
                "_id": _by_key,
                "organization": lambda values: Q(hospital__in=ids(values, "Organization")),
                "partof": lambda values: NOTHING,
                "operational-status": lambda values: NOTHING,
            },
        ),
        Part(
            "bed",
            access.beds_of,
            resources.bed_location,
            {
                "_id": _by_key,
                "organization": lambda values: Q(unit__hospital__in=ids(values, "Organization")),
                "partof": lambda values: Q(unit__in=ids(values, "Location")),
                "operational-status": lambda values: Q(status__in=codes(values, resources.BED_STATUS)),
            },
        ),
    ],
    "PractitionerRole": [
        Part("role", access.roles_of, resources.own_role, _ROLES),
        Part("role", access.partner_roles_of, resources.partner_role, _ROLES),
    ],
    "ServiceRequest": [
        Part(
            "request",
            access.requests_of,
            workflow.service_request,
            {
                "_id": _by_key,
                "identifier": _by_order,
                "priority": lambda values: Q(urgency__in=codes(values, PRIORITY)),
                "authored": lambda values: _when("created_at", values),
            },
            concerns=lambda row: [row.origin_id],
        )
    ],
    "Task": [
        Part(
            "candidate",
            access.tasks_of,
            workflow.task,
            {
                "_id": _by_key,
                "status": lambda values: Q(state__in=workflow.states_with(codes(values, TASK_STATUS))),
                "business-status": _by_business,
                "focus": lambda values: Q(request__in=ids(values, "ServiceRequest")),
                "owner": lambda values: Q(role__in=ids(values, "PractitionerRole")),
                "modified": lambda values: _when("changed_at", values),
                "_lastUpdated": lambda values: _when("changed_at", values),
            },
            concerns=lambda row: [row.request.origin_id],
        )
    ],
    "MeasureReport": [
        Part(
            "capacity",
            access.reports_of,
            measure_report,
            {
                "_id": _by_version,
                "subject": lambda values: Q(capacity__unit__in=ids(values, "Location")),
                "date": lambda values: _when("reported_at", values),
            },
            is_newest_first=True,
            about=lambda row: UUID(str(row.capacity_id)),
        )
    ],
}


def _requests_of_tasks(actor: ClientActor, tasks: Sequence[Any]) -> list[Resource]:
    return _brought(actor, "ServiceRequest", {task.request_id for task in tasks})


def _owners_of_tasks(actor: ClientActor, tasks: Sequence[Any]) -> list[Resource]:
    return _brought(actor, "PractitionerRole", {task.role_id for task in tasks})


def _tasks_of_requests(actor: ClientActor, requests: Sequence[Any]) -> list[Resource]:
    return _brought(actor, "Task", {task.pk for request in requests for task in request.candidates.all()})


def _brought(actor: ClientActor, kind: str, keys: set[UUID]) -> list[Resource]:
    """In a query for each part. Raises: Forbidden: ``client.scope_missing``: what may not be read is not brought along either."""
    actor.require_scope(kind, "r")
    return [part.shown(row) for part in PARTS[kind] for row in part.rows(actor).filter(pk__in=keys).order_by("pk")]


# By what ``searching.INCLUDED`` names.
INCLUDES: Final[dict[tuple[str, str], Callable[[ClientActor, Sequence[Any]], list[Resource]]]] = {
    ("Task", "Task:focus"): _requests_of_tasks,
    ("Task", "Task:owner"): _owners_of_tasks,
    ("ServiceRequest", "Task:focus"): _tasks_of_requests,
}

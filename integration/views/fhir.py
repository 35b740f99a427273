"""The FHIR R4 façade (docs/integration.md). One view per form of address; what a resource type allows stands in tables.

Invariant: no rule lives here; an interaction that is not offered is refused before its body is looked at.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response

from backend.errors import NotFound
from integration.conformance import capability_statement
from integration.measures import pushed
from integration.orders import moving, ordered
from integration.resources import Resource, base
from integration.scopes import OFFERED
from integration.searching import search_of
from integration.services import log
from integration.services.pushing import push_report
from integration.services.resources import read_resource, search_resources
from integration.services.subscribing import subscribe, unsubscribe
from integration.services.workflow import create_request, move_task
from integration.subscriptions import subscribed
from integration.views.door import ClientRequest, FhirView, SearchParser


@extend_schema(exclude=True)
class MetadataView(FhirView):
    """``/fhir/metadata``"""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = []

    def get(self, request: Request) -> Response:
        return Response(capability_statement())


@extend_schema(exclude=True)
class TypeView(FhirView):
    """``/fhir/<type>``"""

    def get(self, request: ClientRequest, kind: str) -> Response:
        return _searched(request, kind, request.query_params)

    def post(self, request: ClientRequest, kind: str) -> Response:
        require_interaction(request, kind, "c")
        resource, is_new = CREATED[kind](request)
        headers = {"Location": f"{base()}/{kind}/{resource['id']}", "ETag": etag(resource)}
        return Response(resource, status=201 if is_new else 200, headers=headers)


@extend_schema(exclude=True)
class SearchView(FhirView):
    """``/fhir/<type>/_search``: what is asked stands in the body, and may stand in the address as well."""

    parser_classes = [SearchParser]

    def post(self, request: ClientRequest, kind: str) -> Response:
        require_interaction(request, kind, "s")
        given = request.query_params.copy()
        given.update(request.data or QueryDict())
        return _searched(request, kind, given)


@extend_schema(exclude=True)
class ResourceView(FhirView):
    """``/fhir/<type>/<id>``"""

    def get(self, request: ClientRequest, kind: str, id: str) -> Response:
        require_type(kind)
        resource = (
            log.read_event(actor=request.actor, event_id=id)
            if kind == log.KIND
            else read_resource(actor=request.actor, kind=kind, resource_id=id)
        )
        headers = {"ETag": etag(resource)}
        if is_known(request.META.get("HTTP_IF_NONE_MATCH", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(resource, headers=headers)

    def put(self, request: ClientRequest, kind: str, id: str) -> Response:
        require_interaction(request, kind, "u")
        resource = move_task(actor=request.actor, task_id=id, move=moving(request.data, id), if_match=request.META.get("HTTP_IF_MATCH"))
        return Response(resource, headers={"ETag": etag(resource)})

    def delete(self, request: ClientRequest, kind: str, id: str) -> Response:
        require_interaction(request, kind, "d")
        unsubscribe(actor=request.actor, subscription_id=id)
        return Response(status=204)


@extend_schema(exclude=True)
class NothingView(FhirView):
    """Every other address below ``/fhir/``."""

    def get(self, request: ClientRequest, rest: str = "") -> Response:
        raise NotFound


def _searched(request: ClientRequest, kind: str, given: QueryDict) -> Response:
    require_type(kind)
    search = search_of(kind, given)
    if kind == log.KIND:
        return Response(log.search_events(actor=request.actor, search=search))
    return Response(search_resources(actor=request.actor, kind=kind, search=search))


def _push(request: ClientRequest) -> tuple[Resource, bool]:
    return push_report(actor=request.actor, pushed=pushed(request.data))


def _ask(request: ClientRequest) -> tuple[Resource, bool]:
    return create_request(actor=request.actor, order=ordered(request.data), if_none_exist=request.META.get("HTTP_IF_NONE_EXIST"))


def _subscribe(request: ClientRequest) -> tuple[Resource, bool]:
    endpoint, reason = subscribed(request.data)
    return subscribe(actor=request.actor, endpoint=endpoint, reason=reason), True


CREATED: Final[dict[str, Callable[[ClientRequest], tuple[Resource, bool]]]] = {
    "ServiceRequest": _ask,
    "MeasureReport": _push,
    "Subscription": _subscribe,
}


def require_interaction(request: ClientRequest, kind: str, letter: str) -> None:
    """Before the body is looked at, which is nobody's to have judged. Raises: NotFound, MethodNotAllowed, Forbidden."""
    require_type(kind)
    if letter not in OFFERED[kind]:
        raise MethodNotAllowed(str(request.method))
    request.actor.require_scope(kind, letter)


def etag(resource: Resource) -> str:
    """The version, where the type counts them, else a digest of what is shown."""
    version = resource.get("meta", {}).get("versionId")
    return f'W/"{version or hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:32]}"'


def is_known(if_none_match: str, etag: str) -> bool:
    return any(each.strip() in ("*", etag, etag.removeprefix("W/")) for each in if_none_match.split(","))


def require_type(kind: str) -> None:
    if kind not in OFFERED:
        raise NotFound("fhir.no_such_type", f"The resource types here are {', '.join(OFFERED)}.")

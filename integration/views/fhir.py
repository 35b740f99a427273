"""The FHIR R4 façade (docs/integration.md). One view per form of address; what a resource type allows stands in tables.

Invariant: nothing but the token of a client says who asks, no cookie does; every error is an OperationOutcome.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable
from typing import IO, Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import NotFound, TooMany, Unauthenticated
from backend.parsing import StrictJSONParser
from identity.throttles import WINDOW, AttemptThrottle
from integration.actors import ClientActor, actor_of_token
from integration.conformance import capability_statement
from integration.measures import pushed
from integration.orders import moving, ordered
from integration.outcomes import outcome
from integration.resources import Resource, base
from integration.scopes import OFFERED
from integration.searching import search_of
from integration.services.pushing import push_report
from integration.services.resources import read_resource, search_resources
from integration.services.workflow import create_request, move_task

FHIR_JSON: Final = "application/fhir+json"
VERSION: Final = re.compile(r";\s*fhirVersion\s*=\s*\"?([^\";,\s]*)", re.IGNORECASE)
OURS: Final = "4.0"
ACCEPTED: Final = frozenset({"*/*", "application/*", FHIR_JSON, "application/json"})
FORMATS: Final = frozenset({"json", "application/json", FHIR_JSON})
CALLS: Final = 1200  # of one client in a minute


class ClientRequest(Request):
    """What a view of the façade gets."""

    actor: ClientActor


class FhirRenderer(JSONRenderer):
    media_type = FHIR_JSON


class FhirParser(StrictJSONParser):
    media_type = FHIR_JSON

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Raises: ParseError; UnsupportedMediaType: of another version of FHIR."""
        if any(version != OURS for version in VERSION.findall(media_type or "")):
            raise UnsupportedMediaType(media_type or "")
        return super().parse(stream, media_type, parser_context)


class PlainParser(FhirParser):
    media_type = "application/json"


class FhirAccept(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Raises: NotAcceptable: something else than R4 in JSON is wanted."""
        renderer, wanted = next(iter(renderers)), request.META.get("HTTP_ACCEPT", "*/*")
        asked = request.query_params.get("_format")
        if asked is not None and asked.replace(" ", "+") not in FORMATS:  # a plus sign in an address is a space
            raise NotAcceptable
        if asked is None and not any(_is_ours(one) for one in wanted.split(",")):
            raise NotAcceptable
        return renderer, renderer.media_type


def _is_ours(accepted: str) -> bool:
    return accepted.partition(";")[0].strip().lower() in ACCEPTED and all(version == OURS for version in VERSION.findall(accepted))


class TokenAuthentication(BaseAuthentication):
    """Raises: Unauthenticated: ``token.ended``."""

    def authenticate(self, request: Request) -> tuple[ClientActor, None] | None:
        request.actor = None  # type: ignore[attr-defined]
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        actor = actor_of_token(token.strip())
        if actor is None:
            raise Unauthenticated("token.ended", "This token is over, or never was one. Sign in again.")
        request.actor = actor  # type: ignore[attr-defined]
        return actor, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class IsClient(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return getattr(request, "actor", None) is not None


class ClientThrottle(AttemptThrottle):
    """By client: a loop gone wild at one hospital is not felt at the others."""

    name, limit = "fhir", CALLS

    def allow_request(self, request: Request, view: Any) -> bool:
        """Raises: TooMany: ``client.too_many``."""
        if self.count(request) > self.limit:
            wait = math.ceil(WINDOW - time.time() % WINDOW)
            raise TooMany("client.too_many", f"More than {CALLS} calls in a minute. Wait, then go on slower.", retry_after=wait)
        return True

    def _key(self, request: Request) -> str:
        client = request.actor.client_id  # type: ignore[attr-defined]
        return f"throttle:{self.name}:{client}:{int(time.time() // WINDOW)}"


class FhirView(APIView):
    authentication_classes: list[Any] = [TokenAuthentication]
    permission_classes: list[Any] = [IsClient]
    throttle_classes: list[Any] = [ClientThrottle]
    parser_classes: list[Any] = [FhirParser, PlainParser]
    renderer_classes: list[Any] = [FhirRenderer]
    content_negotiation_class = FhirAccept
    metadata_class = None  # what there is says the CapabilityStatement

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        response.data = outcome(response.status_code, response.data, self.kwargs.get("kind", ""))
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response


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
        require_type(kind)
        return Response(search_resources(actor=request.actor, kind=kind, search=search_of(kind, request.query_params)))

    def post(self, request: ClientRequest, kind: str) -> Response:
        require_interaction(request, kind, "c")
        resource, is_new = CREATED[kind](request)
        headers = {"Location": f"{base()}/{kind}/{resource['id']}", "ETag": etag(resource)}
        return Response(resource, status=201 if is_new else 200, headers=headers)


@extend_schema(exclude=True)
class ResourceView(FhirView):
    """``/fhir/<type>/<id>``"""

    def get(self, request: ClientRequest, kind: str, id: str) -> Response:
        require_type(kind)
        resource = read_resource(actor=request.actor, kind=kind, resource_id=id)
        headers = {"ETag": etag(resource)}
        if is_known(request.META.get("HTTP_IF_NONE_MATCH", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(resource, headers=headers)

    def put(self, request: ClientRequest, kind: str, id: str) -> Response:
        require_interaction(request, kind, "u")
        resource = move_task(actor=request.actor, task_id=id, move=moving(request.data, id), if_match=request.META.get("HTTP_IF_MATCH"))
        return Response(resource, headers={"ETag": etag(resource)})


@extend_schema(exclude=True)
class NothingView(FhirView):
    """Every other address below ``/fhir/``."""

    def get(self, request: ClientRequest, rest: str = "") -> Response:
        raise NotFound


def _push(request: ClientRequest) -> tuple[Resource, bool]:
    return push_report(actor=request.actor, pushed=pushed(request.data))


def _ask(request: ClientRequest) -> tuple[Resource, bool]:
    return create_request(actor=request.actor, order=ordered(request.data), if_none_exist=request.META.get("HTTP_IF_NONE_EXIST"))


CREATED: Final[dict[str, Callable[[ClientRequest], tuple[Resource, bool]]]] = {"ServiceRequest": _ask, "MeasureReport": _push}


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

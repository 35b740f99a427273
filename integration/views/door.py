"""How every call of the façade is taken and answered (docs/integration.md).

Invariant: nothing but the token of a client says who asks, no cookie does; what is not R4 in JSON is neither read nor written; every error
is an OperationOutcome, one that nobody foresaw too, and that one says nothing but that it happened.
"""

import math
import re
import time
from collections.abc import Iterable
from typing import IO, Any, Final

import structlog
from django.http import QueryDict
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAcceptable, ParseError, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import TooMany, Unauthenticated
from backend.parsing import LONGEST_FORM, StrictJSONParser
from identity.throttles import WINDOW, AttemptThrottle
from integration.actors import ClientActor, actor_of_token
from integration.outcomes import outcome

log = structlog.get_logger("wardline.fhir")
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


class SearchParser(BaseParser):
    """A search in a body, so that it stands in no address."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> QueryDict:
        """Raises: ParseError."""
        body = stream.read(LONGEST_FORM + 1)
        try:
            if len(body) > LONGEST_FORM:
                raise ParseError
            return QueryDict(body.decode("ascii"))
        except ValueError as error:
            raise ParseError from error


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
    content_negotiation_class: type[DefaultContentNegotiation] = FhirAccept
    metadata_class = None  # what there is says the CapabilityStatement

    def handle_exception(self, exc: Exception) -> Response:
        try:
            response = super().handle_exception(exc)
        except Exception:
            log.exception("fhir.failed")
            told = {"code": "service.failed", "detail": "This went wrong on our side; nothing was changed. It is in our log."}
            response = Response(told, status=500)
            response.exception = True
        response.data = outcome(response.status_code, response.data, self.kwargs.get("kind", ""))
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

"""Where a client's makers look first, and where the client signs in. The words are OAuth's and SMART's, not this API's."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import DomainError, Invalid
from backend.negotiation import AnyAccept
from backend.parsing import LONGEST_FORM, StrictFormParser, parsed
from identity.throttles import AttemptThrottle, FailureThrottle
from integration.assertions import audience
from integration.keys import ALGORITHMS
from integration.scopes import OFFERED
from integration.services.tokens import LIFE, issue_token

GRANT: Final = "client_credentials"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
COUNTED: Final = frozenset({400, 401})
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, 5.1


class TokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    grant_type = serializers.CharField(max_length=64)
    client_assertion_type = serializers.CharField(max_length=128)
    client_assertion = serializers.CharField(max_length=LONGEST_FORM)
    scope = serializers.CharField(max_length=2048)


@extend_schema(exclude=True)
class SmartConfigurationView(APIView):
    """``/fhir/.well-known/smart-configuration`` (SMART App Launch 2.2, Conformance)."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    content_negotiation_class = AnyAccept

    def get(self, request: Request) -> Response:
        return Response(
            {
                "token_endpoint": audience(),
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
                "grant_types_supported": [GRANT],
                "scopes_supported": [f"system/{kind}.{letters}" for kind, letters in OFFERED.items()],
                "capabilities": ["client-confidential-asymmetric", "permission-v2"],
            }
        )


@extend_schema(exclude=True)
class TokenView(APIView):
    """``/fhir/token`` (RFC 6749, 4.4; RFC 7523)"""

    # The assertion says who speaks; there is no cookie, so nothing that another site's page could send along.
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = [AttemptThrottle, FailureThrottle]
    parser_classes = [StrictFormParser]
    content_negotiation_class = AnyAccept

    def post(self, request: Request) -> Response:
        given = parsed(TokenSerializer, request.data)
        if given["grant_type"] != GRANT:
            raise Invalid("token.grant_type", f"The grant_type is {GRANT}.")
        if given["client_assertion_type"] != ASSERTION_TYPE:
            raise Invalid("token.assertion_type", f"The client_assertion_type is {ASSERTION_TYPE}.")
        issued = issue_token(assertion=given["client_assertion"], scope=given["scope"])
        answer = {"access_token": issued.token, "token_type": "bearer", "expires_in": int(LIFE.total_seconds()), "scope": issued.scope}
        return Response(answer, headers=NO_STORE)

    def handle_exception(self, exc: Exception) -> Response:
        """As RFC 6749, 5.2, has it, with our code beside."""
        response = super().handle_exception(exc)
        if response.status_code in COUNTED:
            FailureThrottle().count(self.request)
        response.data = {"error": _error(exc), "error_description": response.data["detail"], "code": response.data["code"]}
        for name, value in NO_STORE.items():
            response.headers[name] = value
        return response


def _error(exc: Exception) -> str:
    match exc:
        case DomainError(code="token.grant_type"):
            return "unsupported_grant_type"
        case DomainError(code="client.no_such_scope"):
            return "invalid_scope"
        case DomainError(status=401):
            return "invalid_client"
        case DomainError(status=429 | 503):
            return "temporarily_unavailable"
        case ValidationError() | ParseError() | UnsupportedMediaType() | DomainError():
            return "invalid_request"
    return "server_error"

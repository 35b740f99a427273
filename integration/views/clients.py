"""A registrar's screen of the hospital's software."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from integration.assertions import audience
from integration.scopes import SCOPES
from integration.services import clients


class ClientDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField(max_length=60)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), min_length=1, max_length=len(SCOPES))
    jwks = serializers.JSONField(required=False, allow_null=True, default=None, help_text="A JWK Set of public keys.")
    jwks_url = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)


class ClientSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    jwks = serializers.JSONField(source="keys", allow_null=True)
    jwks_url = serializers.CharField(source="keys_url", allow_blank=True)
    keys_changed_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class ClientsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """``token_endpoint`` and ``scopes`` are what a client's makers have to know."""

    results = ClientSerializer(many=True)
    token_endpoint = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())


class ClientsView(APIView):
    """``/integration-clients``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=ClientsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The own hospital's software, what each may and when it was last signed in."""
        found = clients.read_clients(actor=request.actor)
        shown: dict[str, Any] = {"results": found, "token_endpoint": audience(), "scopes": SCOPES}
        return Response(ClientsSerializer(shown).data)


class ClientView(APIView):
    """``/integration-clients/<client>``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=ClientDraftSerializer, responses={200: ClientSerializer, 201: ClientSerializer})
    def put(self, request: ActorRequest, client: UUID) -> Response:
        """Let one in under an id made by the caller, or change its scopes and keys, which ends the tokens it holds. Not ``@idempotent``:
        the address of its keys is asked outside any transaction, and the same again is the same client."""
        draft = clients.Draft(**parsed(ClientDraftSerializer, request.data))
        saved, is_new = clients.save_client(actor=request.actor, client_id=client, draft=draft)
        return Response(ClientSerializer(saved).data, status=201 if is_new else 200)


class RevokeClientView(APIView):
    """``/integration-clients/<client>/revoke``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=None, responses=ClientSerializer)
    @idempotent
    def post(self, request: ActorRequest, client: UUID) -> Response:
        """Put it out for good, with the tokens it holds."""
        return Response(ClientSerializer(clients.revoke_client(actor=request.actor, client_id=client)).data)

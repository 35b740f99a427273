"""Web Push of this device."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from messaging import pushes
from messaging.serializers import NewPushSubscription, PushKeyShape


class PushKeyView(APIView):
    @extend_schema(responses=PushKeyShape)
    def get(self, request: ActorRequest) -> Response:
        """The key a browser subscribes with."""
        return Response({"key": pushes.application_server_key()})


class PushSubscriptionsView(APIView):
    @extend_schema(request=NewPushSubscription, responses={201: OpenApiResponse(), 200: OpenApiResponse(description="Had it already.")})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Let pushes reach this device."""
        given = parsed(NewPushSubscription, request.data)
        is_new = pushes.subscribe(actor=request.actor, endpoint=given["endpoint"], **given["keys"])
        return Response({}, status=201 if is_new else 200)

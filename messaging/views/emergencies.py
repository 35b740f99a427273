"""Break-glass over HTTP."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from messaging import emergency
from messaging.serializers import ConversationEmergencyShape, NewEmergency


class EmergenciesView(APIView):
    """``/emergencies``"""

    @extend_schema(request=NewEmergency, responses={201: ConversationEmergencyShape})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Open one conversation of a role the actor is eligible for and does not hold. Everybody in it is told, and both logs have it."""
        given = parsed(NewEmergency, request.data)
        made = emergency.begin(actor=request.actor, conversation_id=given["conversation"], role_id=given["role"], reason=given["reason"])
        return Response(ConversationEmergencyShape(made).data, status=201)


class EndEmergencyView(APIView):
    """``/emergencies/<emergency>/end``"""

    @extend_schema(request=None, responses=ConversationEmergencyShape)
    @idempotent
    def post(self, request: ActorRequest, emergency_id: UUID) -> Response:
        """End it before its time: who took it, who holds the role, or a registrar. Ended before: the same answer."""
        return Response(ConversationEmergencyShape(emergency.end(actor=request.actor, emergency_id=emergency_id)).data)

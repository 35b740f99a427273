"""Messages. A repetition needs no ``Idempotency-Key`` here: a message is known by its own id, a receipt by what it says."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.parsing import parsed
from identity.authentication import ActorRequest
from messaging import reading
from messaging.commands import Outcome
from messaging.serializers import AcknowledgementShape, Delivered, MessagesAfter, MessagesShape, NewAcknowledgement, NewMessage, Stored
from messaging.services import acknowledge_message, mark_delivered, send_message


class MessagesView(APIView):
    @extend_schema(parameters=[MessagesAfter], responses=MessagesShape)
    def get(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """Messages after a sequence, ascending: fills a gap."""
        return Response(reading.messages_after(request.actor, conversation_id, **parsed(MessagesAfter, request.query_params)))

    @extend_schema(request=NewMessage, responses={201: Stored, 200: Stored})
    def post(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """Store a message. The identical bytes again: the same answer."""
        envelope = parsed(NewMessage, request.data)["envelope"]
        return _response(send_message(actor=request.actor, conversation_id=conversation_id, envelope=envelope))


class DeliveredView(APIView):
    @extend_schema(request=Delivered, responses=Delivered)
    def post(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """This person's device has stored everything up to a sequence."""
        sequence = parsed(Delivered, request.data)["sequence"]
        return _response(mark_delivered(actor=request.actor, conversation_id=conversation_id, sequence=sequence))


class AcknowledgeView(APIView):
    @extend_schema(request=NewAcknowledgement, responses={201: AcknowledgementShape, 200: AcknowledgementShape})
    def post(self, request: ActorRequest, conversation_id: UUID, message_id: UUID) -> Response:
        """Seen and taken on, visible to all members."""
        role = parsed(NewAcknowledgement, request.data)["role"]
        return _response(acknowledge_message(actor=request.actor, conversation_id=conversation_id, message_id=message_id, role=role))


def _response(outcome: Outcome) -> Response:
    return Response(outcome.body, status=outcome.status)

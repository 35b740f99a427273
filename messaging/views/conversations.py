"""Conversations, their keys, and the one round trip that says what is new."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from messaging import reading
from messaging.serializers import (
    After,
    ConversationDetailShape,
    EpochNumber,
    EpochsShape,
    NewDirectConversation,
    NewEpoch,
    SyncShape,
)
from messaging.services import create_conversation, create_epoch


class SyncView(APIView):
    @extend_schema(responses=SyncShape)
    def get(self, request: ActorRequest) -> Response:
        """What the actor may read now, with the last sequences."""
        return Response(reading.sync(request.actor))


class ConversationsView(APIView):
    @extend_schema(request=NewDirectConversation, responses={201: ConversationDetailShape, 200: ConversationDetailShape})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """A direct conversation with its first epoch."""
        made, is_new = create_conversation(actor=request.actor, **parsed(NewDirectConversation, request.data))
        return Response(reading.conversation(request.actor, made.pk), status=201 if is_new else 200)


class ConversationView(APIView):
    @extend_schema(responses=ConversationDetailShape)
    def get(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """One conversation, with the recipients of a new epoch and the receipts."""
        return Response(reading.conversation(request.actor, conversation_id))


class EpochsView(APIView):
    @extend_schema(parameters=[After], responses=EpochsShape)
    def get(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """Epochs after a number, with the actor's own wraps alone."""
        return Response(reading.epochs_after(request.actor, conversation_id, **parsed(After, request.query_params)))

    @extend_schema(request=NewEpoch, responses={201: EpochNumber, 200: EpochNumber})
    @idempotent
    def post(self, request: ActorRequest, conversation_id: UUID) -> Response:
        """The next epoch."""
        epoch = parsed(NewEpoch, request.data)["epoch"]
        number, is_new = create_epoch(actor=request.actor, conversation_id=conversation_id, epoch=epoch)
        return Response({"epoch": number}, status=201 if is_new else 200)

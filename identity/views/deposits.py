"""The own deposit for the hospital's recovery officers, and the own no."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField
from identity.services import deposits
from identity.services.deposits import State


class UseSerializer(serializers.Serializer):  # type: ignore[type-arg]
    started_at = serializers.DateTimeField(source="created_at")
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.CharField(allow_blank=True, help_text="finished refused cancelled expired superseded left; empty: under way.")


class DepositStandingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    state = serializers.ChoiceField(choices=[state.value for state in State])
    officers = serializers.ListField(child=serializers.UUIDField())
    made_at = serializers.DateTimeField(allow_null=True)
    uses = UseSerializer(many=True, help_text="Each attempt to get this key back, newest first.")


class DepositSerializer(serializers.Serializer):  # type: ignore[type-arg]
    header = Base64UrlField(most=1024)
    sealed = serializers.ListField(child=Base64UrlField(most=1232), min_length=3, max_length=3, help_text="One for each officer.")
    is_wanted_again = serializers.BooleanField(required=False, default=False, help_text="The person said so, after having declined.")


class DepositView(APIView):
    """``/deposit``"""

    @extend_schema(responses=DepositStandingSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Whether two officers could give the own key back, and when that was tried."""
        return Response(DepositStandingSerializer(deposits.read_own(actor=request.actor)).data)

    @extend_schema(request=DepositSerializer, responses={201: DepositStandingSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Deposit the own key, sealed for any two of the three officers."""
        request.actor.require_human()  # before the body is looked at, so that the refusal is in the log whatever it holds
        made = deposits.make(actor=request.actor, **parsed(DepositSerializer, request.data))
        return Response(DepositStandingSerializer(made).data, status=201)


class DeclineDepositView(APIView):
    """``/deposit/decline``"""

    @extend_schema(request=None, responses=DepositStandingSerializer)
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """No officers for the own key: what was deposited is gone at once."""
        return Response(DepositStandingSerializer(deposits.decline(actor=request.actor)).data)

"""A duty role's chain over HTTP."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from backend.versions import IF_MATCH, version_seen
from beds import services
from beds.escalation import STEPS_AT_MOST, WAIT_AT_LEAST, WAIT_AT_MOST, How, Step, Whom
from beds.views.http import IDEMPOTENCY_KEY, HttpRequest


class EscalationStepSerializer(serializers.Serializer):
    wait = serializers.IntegerField(min_value=WAIT_AT_LEAST, max_value=WAIT_AT_MOST, help_text="Seconds since the step before.")
    target = serializers.UUIDField(allow_null=True, default=None, help_text="Another duty role of the hospital; null: the role itself.")
    whom = serializers.ChoiceField([whom.value for whom in Whom], default=Whom.HOLDER.value)
    how = serializers.ChoiceField([how.value for how in How], default=How.ALARM.value)


class ChainIn(serializers.Serializer):
    normal = EscalationStepSerializer(many=True, max_length=STEPS_AT_MOST)  # type: ignore[call-arg]
    important = EscalationStepSerializer(many=True, max_length=STEPS_AT_MOST, help_text="For stat and asap; empty: as normal.")  # type: ignore[call-arg]


class ChainOut(ChainIn):
    role = serializers.UUIDField()
    version = serializers.IntegerField(help_text="For If-Match; 0: never written.")


class EscalationView(APIView):
    """``/roles/<role>/escalation``"""

    @extend_schema(operation_id="escalation", responses=ChainOut)
    def get(self, request: HttpRequest, role: UUID) -> Response:
        """Whom the clock alarms, and when, if nobody acknowledges a request to a role of the own hospital."""
        return Response(ChainOut(services.read_chain(actor=request.actor, role_id=role)).data)

    @extend_schema(operation_id="change_escalation", parameters=[IDEMPOTENCY_KEY, IF_MATCH], request=ChainIn, responses=ChainOut)
    @idempotent
    def put(self, request: HttpRequest, role: UUID) -> Response:
        """Replace the chain; for registrars. What runs goes on with it from its next alarm."""
        given = parsed(ChainIn, request.data)
        steps = {variant: [_step(step) for step in given[variant]] for variant in ("normal", "important")}
        version = version_seen(request, "escalation")
        return Response(ChainOut(services.write_chain(actor=request.actor, role_id=role, version=version, **steps)).data)


def _step(given: dict[str, Any]) -> Step:
    return Step(given["wait"], given["target"], Whom(given["whom"]), How(given["how"]))

"""Who witnesses the hospital's log, and how far.

Invariant: looking is an event; what a witness thinks of other hospitals' logs is not shown.
"""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.api.access import actor_of, log_of_reader, newest_checkpoint, signed_size
from audit.events import Event
from audit.services import record
from audit.status import WitnessStatus, witness_status

STATES = ["current", "late", "missing", "unreachable", "unknown_log", "unknown_key", "fork", "ahead", "no_proof", "misbehaves"]


class WitnessSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Name of the witness's key.")
    state = serializers.ChoiceField(choices=STATES)
    size = serializers.IntegerField(help_text="What it last cosigned.")
    cosigned_at = serializers.DateTimeField(allow_null=True)
    behind_seconds = serializers.IntegerField(help_text="Age of the oldest checkpoint it has not cosigned; 0: none.")


class WitnessesSerializer(serializers.Serializer[Any]):
    signed = serializers.IntegerField(help_text="Size of the newest checkpoint.")
    shown = serializers.IntegerField(
        help_text="Size of the checkpoint that is shown and exported: cosigned by the quorum, if that is not late."
    )
    results = WitnessSerializer(many=True)


class Witnesses(APIView):
    @extend_schema(operation_id="audit_witnesses", responses=WitnessesSerializer)
    def get(self, request: Request) -> Response:
        """The witnesses of the own hospital's log. Auditors and registrars; audited."""
        actor = actor_of(request)
        log = log_of_reader(actor)
        with transaction.atomic():
            hospitals, subjects = [actor.hospital_id], {"log": log.id}
            record(event=Event(action="audit.read_witnesses", agent=actor.agent(), hospitals=hospitals, subjects=subjects))
        found = [_row(witness) for witness in witness_status() if witness.log == log.id]
        return Response({"signed": signed_size(log.id), "shown": newest_checkpoint(log.id).size, "results": found})


def _row(witness: WitnessStatus) -> dict[str, Any]:
    return {
        "name": witness.witness.rpartition("+")[0],
        "state": witness.state,
        "size": witness.size,
        "cosigned_at": witness.cosigned_at,
        "behind_seconds": round(witness.behind_seconds),
    }

"""Who and what the actor can reach, and the signed statements that prove it."""

from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField
from identity.models import Person, Statement
from identity.services import directory
from identity.services.directory import Listing


class HospitalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    city = serializers.CharField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    root = Base64UrlField(source="root_public_key")  # type: ignore[assignment]


class PersonSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField(source="person_id")
    hospital = serializers.UUIDField(source="hospital_id")
    profile = Base64UrlField(source="person.profile")
    kind = serializers.ChoiceField(choices=Person.Kind.choices, source="person.kind")
    is_registrar = serializers.BooleanField()


class OnDutySerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(allow_null=True, help_text="Own hospital only.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class DirectoryRoleSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    hospital = serializers.UUIDField()
    unit = serializers.UUIDField(allow_null=True)
    profile = Base64UrlField()
    categories = serializers.ListField(child=serializers.CharField())
    on_duty = OnDutySerializer(allow_null=True)


class DirectorySerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospitals = HospitalSerializer(many=True)
    people = PersonSerializer(many=True)
    roles = DirectoryRoleSerializer(many=True)


class StatementSerializer(serializers.Serializer):  # type: ignore[type-arg]
    order = serializers.IntegerField()
    hospital = serializers.UUIDField()
    place = serializers.IntegerField(help_text="Which leaf of the hospital's log it is, from 0.")
    h = Base64UrlField(allow_null=True)
    s = Base64UrlField(allow_null=True)
    leaf = Base64UrlField(allow_null=True, help_text="The leaf's hash in place of a statement that is not shown.")


class DirectoryHeadSerializer(serializers.Serializer):  # type: ignore[type-arg]
    order = serializers.IntegerField()
    hospital = serializers.UUIDField(source="hospital_id")
    note = serializers.CharField(help_text="C2SP checkpoint, signed note.")
    key = Base64UrlField(help_text="Ed25519 public key; clients keep the first one they see.")


class AfterSerializer(serializers.Serializer):  # type: ignore[type-arg]
    after = serializers.IntegerField(min_value=0, default=0)
    heads = serializers.IntegerField(min_value=0, default=0)
    hospital = serializers.UUIDField(required=False)


class StatementsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = StatementSerializer(many=True)
    heads = DirectoryHeadSerializer(many=True)


class DirectoryView(APIView):
    """``/directory``"""

    @extend_schema(responses=DirectorySerializer)
    def get(self, request: ActorRequest) -> Response:
        """Own hospital and accepted partners. Audited."""
        listing: Listing = directory.read(actor=request.actor)
        roles = [
            {
                "id": role.id,
                "hospital": role.hospital_id,
                "unit": role.unit_id,
                "profile": role.profile,
                "categories": role.categories,
                "on_duty": directory.on_duty(duty, role, request.actor),
            }
            for role, duty in listing.roles
        ]
        return Response(DirectorySerializer({"hospitals": listing.hospitals, "people": listing.members, "roles": roles}).data)


class StatementsView(APIView):
    """``/statements``"""

    @extend_schema(parameters=[AfterSerializer], responses=StatementsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The key directory in order: own hospital's and partners' statements, with signed heads. Clients verify all of it."""
        asked = parsed(AfterSerializer, request.query_params)
        places = {"order": asked["after"], "heads": asked["heads"], "hospital": asked.get("hospital")}
        found = directory.statements_after(actor=request.actor, **places)
        rows = [_row(statement, is_shown=directory.is_shown(statement, request.actor)) for statement in found.statements]
        page = {"next": None if found.is_last else _next(request, rows[-1]["order"]), "previous": None}
        return Response(StatementsSerializer({**page, "results": rows, "heads": found.heads}).data)


def _row(statement: Statement, *, is_shown: bool) -> dict[str, Any]:
    bare = {"order": statement.order, "hospital": statement.hospital_id, "place": statement.place}
    if is_shown:
        return {**bare, "h": statement.header, "s": statement.signature, "leaf": None}
    return {**bare, "h": None, "s": None, "leaf": statement.leaf}


def _next(request: ActorRequest, order: int) -> str:
    query = urlencode({**request.query_params.dict(), "after": order})
    return request.build_absolute_uri(f"{request.path}?{query}")

"""Who and what the actor can reach, and the signed statements that prove it."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.parsing import parsed
from identity.authentication import ActorRequest
from identity.fields import Base64UrlField
from identity.models import Person
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
    h = Base64UrlField(source="header")
    s = Base64UrlField(source="signature")


class AfterSerializer(serializers.Serializer):  # type: ignore[type-arg]
    after = serializers.IntegerField(min_value=0, default=0)


class StatementsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = StatementSerializer(many=True)


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
        """The key directory in order: own hospital's and partners' statements. Clients verify every one."""
        found = directory.statements_after(actor=request.actor, order=parsed(AfterSerializer, request.query_params)["after"])
        more = request.build_absolute_uri(f"{request.path}?after={found[-1].order}") if len(found) == directory.PAGE else None
        return Response(StatementsSerializer({"next": more, "previous": None, "results": found}).data)

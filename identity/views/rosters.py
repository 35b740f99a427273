"""Rosters: the plan of a role, its shifts and patterns."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import Invalid
from backend.idempotency import idempotent
from backend.parsing import parsed
from backend.versions import IF_MATCH, version_seen
from identity.authentication import ActorRequest, IsRegistrar
from identity.roster_lines import Line, lines_of_csv
from identity.services import rosters
from identity.services.roster_import import import_roster
from identity.services.rosters import PatternDraft, Roster, ShiftDraft
from identity.views.duty import GapSerializer, PlannedTurnSerializer


class RangeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class RosterTurnSerializer(PlannedTurnSerializer):
    is_planned = serializers.BooleanField(help_text="By the roster, not by hand.")


class ShiftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class ShiftOutSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    person = serializers.UUIDField(source="person_id")
    since = serializers.DateTimeField(source="starts_at")
    until = serializers.DateTimeField(source="ends_at")


class PatternSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()
    weekdays = serializers.ListField(child=serializers.IntegerField(min_value=1, max_value=7), min_length=1, max_length=7)
    begins = serializers.TimeField(format="%H:%M", help_text="In the hospital's time zone.")
    ends = serializers.TimeField(format="%H:%M", help_text="No later than begins: on the next day.")
    first = serializers.DateField()
    last = serializers.DateField(required=False, allow_null=True, default=None)
    every = serializers.IntegerField(min_value=1, max_value=8, default=1, help_text="Weeks, counted from that of first.")


class PatternOutSerializer(PatternSerializer):
    id = serializers.UUIDField()
    person = serializers.UUIDField(source="person_id")


class DutyRosterSerializer(serializers.Serializer):  # type: ignore[type-arg]
    role = serializers.UUIDField()
    version = serializers.IntegerField()
    time_zone = serializers.CharField()
    turns = RosterTurnSerializer(many=True)
    gaps = GapSerializer(many=True)
    patterns = PatternOutSerializer(many=True)
    shifts = ShiftOutSerializer(many=True)


class VersionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    version = serializers.IntegerField()


class RosterView(APIView):
    """``/rosters/<role>``"""

    @extend_schema(parameters=[RangeSerializer], responses=DutyRosterSerializer)
    def get(self, request: ActorRequest, role: UUID) -> Response:
        """Who holds the role when, what that comes from, and when nobody does. For registrars and for who may hold it. Audited."""
        asked = parsed(RangeSerializer, request.query_params)
        return Response(
            DutyRosterSerializer(_shown(rosters.read(actor=request.actor, role_id=role, since=asked["since"], until=asked["until"]))).data
        )


class ShiftView(APIView):
    """``/rosters/<role>/shifts/<id>``"""

    permission_classes = [IsRegistrar]

    @extend_schema(parameters=[IF_MATCH], request=ShiftSerializer, responses=VersionSerializer)
    @idempotent
    def put(self, request: ActorRequest, role: UUID, shift: UUID) -> Response:
        """Write one shift; it counts before the patterns."""
        given = parsed(ShiftSerializer, request.data)
        draft = ShiftDraft(given["person"], given["since"], given["until"])
        return _version(rosters.save_shift(actor=request.actor, role_id=role, shift_id=shift, version=_seen(request), draft=draft))

    @extend_schema(parameters=[IF_MATCH], responses=VersionSerializer)
    @idempotent
    def delete(self, request: ActorRequest, role: UUID, shift: UUID) -> Response:
        """Delete one shift that is not over; the patterns count again."""
        return _version(rosters.delete_shift(actor=request.actor, role_id=role, shift_id=shift, version=_seen(request)))


class PatternView(APIView):
    """``/rosters/<role>/patterns/<id>``"""

    permission_classes = [IsRegistrar]

    @extend_schema(parameters=[IF_MATCH], request=PatternSerializer, responses=VersionSerializer)
    @idempotent
    def put(self, request: ActorRequest, role: UUID, pattern: UUID) -> Response:
        """Write a shift that comes back weekly, in the hospital's own time."""
        draft = PatternDraft(**parsed(PatternSerializer, request.data))
        return _version(rosters.save_pattern(actor=request.actor, role_id=role, pattern_id=pattern, version=_seen(request), draft=draft))

    @extend_schema(parameters=[IF_MATCH], responses=VersionSerializer)
    @idempotent
    def delete(self, request: ActorRequest, role: UUID, pattern: UUID) -> Response:
        """Delete a shift that comes back, from now on."""
        return _version(rosters.delete_pattern(actor=request.actor, role_id=role, pattern_id=pattern, version=_seen(request)))


def _seen(request: ActorRequest) -> int:
    return version_seen(request, "roster")


def _version(version: int) -> Response:
    return Response(VersionSerializer({"version": version}).data)


def _shown(roster: Roster) -> dict[str, object]:
    role = roster.role
    shown = {"role": role.pk, "version": role.roster_version, "time_zone": role.hospital.time_zone}
    return shown | {"turns": roster.turns, "gaps": roster.gaps, "patterns": roster.patterns, "shifts": roster.shifts}


class LineSerializer(serializers.Serializer):  # type: ignore[type-arg]
    role = serializers.CharField(max_length=120, help_text="Id or name.")
    person = serializers.CharField(max_length=200, help_text="Id, or a name only one colleague has.")
    since = serializers.CharField(max_length=40, help_text="ISO 8601 or 31.12.2026 07:00; without an offset in the hospital's time zone.")
    until = serializers.CharField(max_length=40)


class ImportSerializer(RangeSerializer):
    csv = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=400_000)
    lines = LineSerializer(many=True, required=False)
    is_dry_run = serializers.BooleanField(default=False)


class ProblemSerializer(serializers.Serializer):  # type: ignore[type-arg]
    line = serializers.IntegerField(help_text="Of the file, or of the list from 1.")
    code = serializers.CharField()


class ImportedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    is_applied = serializers.BooleanField()
    lines = serializers.IntegerField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    problems = ProblemSerializer(many=True, source="errors")


class ImportView(APIView):
    """``/rosters/import``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=ImportSerializer, responses=ImportedSerializer)
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Replace the single shifts that begin in the range, of the roles named, by those of a file or list: all of it or nothing."""
        given = parsed(ImportSerializer, request.data)
        lines = _lines(given)
        range_ = {"since": given["since"], "until": given["until"], "is_dry_run": given["is_dry_run"]}
        return Response(ImportedSerializer(import_roster(actor=request.actor, lines=lines, **range_)).data)


def _lines(given: dict[str, Any]) -> list[Line]:
    if ("csv" in given) == ("lines" in given):
        raise Invalid("roster.source", "Send either csv or lines.")
    if "csv" in given:
        return list(lines_of_csv(given["csv"]))
    return [Line(number, line) for number, line in enumerate(given["lines"], start=1)]

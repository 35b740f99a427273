"""What an auditor may ask for, in people and cases, and what that is in the log's own words.

Invariant: a filter only narrows the own hospital's log; a person or a request that the log does not know gives nothing, whether it exists
or not.
"""

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from audit.exports.wanted import Wanted
from audit.models import IndexEntry
from beds.models import Candidate
from identity.actors import Actor
from identity.models import Person

ACTION = r"^[a-z][a-z_]*\.([a-z][a-z_]*)?$"
NOTHING = UUID(int=2**128 - 1)


class Asked(TypedDict, total=False):
    since: datetime
    until: datetime
    person: UUID
    request: UUID
    subject: UUID
    action: list[str]
    outcome: list[str]


@extend_schema_serializer(component_name="AuditFilter")
class FilterSerializer(serializers.Serializer[Asked]):
    """All that is given has to hold."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Itself out.")
    person = serializers.UUIDField(required=False, help_text="The person's id or pseudonym.")
    request = serializers.UUIDField(required=False, help_text="A bed request with all its candidates and conversations: a patient's case.")
    subject = serializers.UUIDField(required=False, help_text="Any other pseudonymous id: a conversation, a message, a device.")
    action = serializers.ListField(
        child=serializers.RegexField(ACTION, max_length=64),
        required=False,
        max_length=32,
        help_text="`beds.confirm`, or `beds.` for a part.",
    )
    outcome = serializers.ListField(child=serializers.ChoiceField(["success", "refused", "failed"]), required=False, max_length=3)


def wanted_of(actor: Actor, asked: Asked) -> Wanted:
    """The same for the actor's log. At most two queries."""
    return Wanted(
        since=asked.get("since"),
        until=asked.get("until"),
        agents=_pseudonyms(actor, asked["person"]) if "person" in asked else (),
        subjects=_subjects(asked),
        actions=tuple(asked.get("action", ())),
        outcomes=tuple(asked.get("outcome", ())),
    )


def case_of(request: UUID) -> tuple[UUID, ...]:
    """The pseudonyms a request goes by in the log: its own, its candidates' and their conversations'. One query."""
    candidates = Candidate.objects.filter(request=request).values_list("id", "conversation_id")
    return (request, *(identifier for pair in candidates for identifier in pair if identifier))


def _pseudonyms(actor: Actor, person: UUID) -> tuple[UUID, ...]:
    """A person's id leads to the pseudonym only if the own log has it: otherwise asking would be a way to learn it."""
    acted = IndexEntry.objects.filter(agent=OuterRef("pseudonym"), hospitals__contains=[actor.hospital_id])
    return (person, *Person.objects.filter(Exists(acted), pk=person).values_list("pseudonym", flat=True))


def _subjects(asked: Asked) -> tuple[UUID, ...]:
    case = set(case_of(asked["request"])) if "request" in asked else None
    if "subject" not in asked:
        return tuple(sorted(case or ()))
    if case is None or asked["subject"] in case:
        return (asked["subject"],)
    return (NOTHING,)  # of that request it is no part

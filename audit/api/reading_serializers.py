"""The shapes of what an auditor reads."""

from rest_framework import serializers

from audit.models import Review


class AgentSerializer(serializers.Serializer[object]):
    person = serializers.UUIDField(allow_null=True, help_text="Pseudonym; null: nobody was signed in, or the service itself.")
    name = serializers.CharField(help_text="As it was then; empty when unknown or erased.")
    title = serializers.CharField()
    profession = serializers.CharField()
    hospital = serializers.UUIDField(allow_null=True)
    role = serializers.UUIDField(allow_null=True)
    device = serializers.UUIDField(allow_null=True)
    method = serializers.CharField()
    is_erased = serializers.BooleanField()


class RecipientSerializer(serializers.Serializer[object]):
    principal = serializers.UUIDField(help_text="A person's pseudonym, a duty role or an archive.")
    kind = serializers.CharField()
    hospital = serializers.UUIDField()


class EventSerializer(serializers.Serializer[object]):
    place = serializers.IntegerField(help_text="Index of the leaf in the log.")
    at = serializers.CharField(help_text="UTC with microseconds, as hashed.")
    action = serializers.CharField()
    outcome = serializers.ChoiceField(["success", "refused", "failed"])
    agent = AgentSerializer()
    hospitals = serializers.ListField(child=serializers.UUIDField())
    subjects = serializers.DictField(child=serializers.UUIDField())
    detail = serializers.DictField()
    digest = serializers.CharField(allow_null=True)
    to = RecipientSerializer(many=True, help_text="Who belonged to the conversation then; empty where nothing was sent.")
    leaf_hash = serializers.CharField()


class EventPageSerializer(serializers.Serializer[object]):
    results = EventSerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="`cursor` of the following page.")


class BreakGlassSerializer(EventSerializer):
    is_reviewed = serializers.BooleanField(
        help_text="There is a review of scope `break_glass` whose `subject` is this `subjects.emergency`."
    )


class BreakGlassPageSerializer(serializers.Serializer[object]):
    results = BreakGlassSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)
    unreviewed = serializers.IntegerField(help_text="Of all in the log.")


class DisclosureSerializer(EventSerializer):
    recipients = serializers.ListField(child=serializers.UUIDField(), help_text="Hospitals that learned of it.")
    purpose = serializers.CharField(help_text="HL7 v3 ActReason, e.g. TREAT.")


class DisclosurePageSerializer(serializers.Serializer[object]):
    results = DisclosureSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)


class PageSerializer(serializers.Serializer[object]):
    cursor = serializers.IntegerField(required=False, min_value=0, help_text="`next` of the page before.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)


class SpanSerializer(serializers.Serializer[object]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Itself out.")


class HourSerializer(serializers.Serializer[object]):
    hour = serializers.DateTimeField(help_text="Its beginning, in the hospital's time zone.")
    events = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="Refused or failed.")
    people = serializers.IntegerField()


class ActivitySerializer(serializers.Serializer[object]):
    results = HourSerializer(many=True)


class NewReviewSerializer(SpanSerializer):
    id = serializers.UUIDField(help_text="Made by the client.")
    scope = serializers.ChoiceField(Review.SCOPES)
    finding = serializers.ChoiceField(Review.FINDINGS)
    action = serializers.ChoiceField(Review.ACTIONS)
    subject = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="The request, person or emergency access that was reviewed."
    )
    place = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0, help_text="The event it is about.")


class ReviewSerializer(NewReviewSerializer):
    reviewer = serializers.UUIDField(help_text="Pseudonym.")
    reviewed_at = serializers.DateTimeField()


class ReviewListSerializer(serializers.Serializer[object]):
    results = ReviewSerializer(many=True)


class RosterTermSerializer(serializers.Serializer[object]):
    reason = serializers.CharField()
    started_at = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.CharField()


class RosterRowSerializer(serializers.Serializer[object]):
    person = serializers.UUIDField(source="person_id")
    pseudonym = serializers.UUIDField(source="person.pseudonym")
    name = serializers.CharField(source="person.name")
    title = serializers.CharField(source="person.title")
    profession = serializers.CharField(source="person.profession")
    kind = serializers.CharField(source="person.kind")
    state = serializers.CharField()
    is_registrar = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    auditor_terms = RosterTermSerializer(many=True)


class RosterSerializer(serializers.Serializer[object]):
    results = RosterRowSerializer(many=True)

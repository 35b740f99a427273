"""The shapes of requests and answers. No rules: those are in ``envelopes`` and the services."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from messaging.envelopes import Envelope, SealedEpoch, read_envelope, read_epoch
from messaging.models import Conversation, EmergencyAccess
from wardline_client.protocol.messages import PRIORITIES

BASE64URL = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}
_ENVELOPE = {
    "type": "object",
    "description": "Protocol 6: header, ciphertext, signature; base64url without padding.",
    "properties": {"h": BASE64URL, "c": BASE64URL, "s": BASE64URL},
    "required": ["h", "c", "s"],
    "additionalProperties": False,
}
_EPOCH = {
    "type": "object",
    "description": "Protocol 5: header, wraps in the order of `to`, signature; base64url without padding.",
    "properties": {"h": BASE64URL, "w": {"type": "array", "items": BASE64URL, "minItems": 1, "maxItems": 512}, "s": BASE64URL},
    "required": ["h", "w", "s"],
    "additionalProperties": False,
}


@extend_schema_field(_ENVELOPE)
class EnvelopeField(serializers.Field):
    """Raises the protocol's own error codes, not field errors."""

    def to_internal_value(self, data: Any) -> Envelope:
        return read_envelope(data)


@extend_schema_field(_EPOCH)
class EpochField(serializers.Field):
    def to_internal_value(self, data: Any) -> SealedEpoch:
        return read_epoch(data)


class Base64UrlField(serializers.CharField):
    """base64url without padding."""


class NewDirectConversation(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.RegexField("^direct$")  # a case's conversations are made with its request
    members = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=512)
    epoch = EpochField()
    role = serializers.UUIDField(required=False, allow_null=True, default=None)


class NewEpoch(serializers.Serializer):
    epoch = EpochField()


class EpochNumber(serializers.Serializer):
    epoch = serializers.IntegerField()


class NewMessage(serializers.Serializer):
    envelope = EnvelopeField()


class Stored(serializers.Serializer):
    sequence = serializers.IntegerField()
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()


class Delivered(serializers.Serializer):
    sequence = serializers.IntegerField(min_value=1, max_value=2**53 - 1)


class NewAcknowledgement(serializers.Serializer):
    role = serializers.UUIDField(required=False, allow_null=True, default=None)


class AcknowledgementShape(serializers.Serializer):
    person = serializers.UUIDField()
    role = serializers.UUIDField(allow_null=True)
    at = serializers.DateTimeField()


class MemberShape(serializers.Serializer):
    principal = serializers.UUIDField()
    kind = serializers.CharField(help_text="`user`, `role` or `archive`.")
    hospital = serializers.UUIDField()


class NewEmergency(serializers.Serializer):
    conversation = serializers.UUIDField()
    role = serializers.UUIDField(help_text="A role of the conversation that the actor is eligible for and does not hold.")
    reason = serializers.ChoiceField(choices=EmergencyAccess.Reason.choices)


class EmergencyShape(serializers.Serializer):
    id = serializers.UUIDField()
    person = serializers.UUIDField(source="person_id")
    role = serializers.UUIDField(source="role_id")
    reason = serializers.ChoiceField(choices=EmergencyAccess.Reason.choices)
    started_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null: not noted yet; over at `ends_at` either way.")


class ConversationEmergencyShape(EmergencyShape):
    conversation = serializers.UUIDField(source="conversation_id")


class ConversationShape(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Conversation.Kind.choices)
    epoch = serializers.IntegerField()
    last_sequence = serializers.IntegerField()
    delivered_sequence = serializers.IntegerField(help_text="What this person's devices have stored.")
    last_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    members = MemberShape(many=True)
    awaited = MemberShape(many=True, help_text="Sealed to already, and given nothing until they are admitted.")
    candidate = serializers.UUIDField(allow_null=True, help_text="The bed request's candidate that this conversation is about.")
    request = serializers.UUIDField(allow_null=True, help_text="That candidate's bed request; also when it is over.")
    emergencies = EmergencyShape(many=True, help_text="Emergency accesses to it, also past ones, oldest first.")


class ReceiptShape(serializers.Serializer):
    person = serializers.UUIDField()
    delivered_sequence = serializers.IntegerField()


class ConversationDetailShape(ConversationShape):
    recipients = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2),
        help_text="`to` of a new epoch: [principal, kid] of members and awaited.",
    )
    receipts = ReceiptShape(many=True)


class SyncShape(serializers.Serializer):
    conversations = ConversationShape(many=True)
    requests_changed_at = serializers.DateTimeField(allow_null=True)
    server_time = serializers.DateTimeField()


class MessageShape(serializers.Serializer):
    sequence = serializers.IntegerField()
    id = serializers.UUIDField()
    epoch = serializers.IntegerField()
    person = serializers.UUIDField()
    role = serializers.UUIDField(allow_null=True)
    device = serializers.UUIDField()
    priority = serializers.ChoiceField(choices=sorted(PRIORITIES))
    created_at = serializers.DateTimeField()
    h = Base64UrlField()
    c = Base64UrlField()
    s = Base64UrlField()
    acknowledged = AcknowledgementShape(many=True)


class MessagesShape(serializers.Serializer):
    results = MessageShape(many=True)
    last_sequence = serializers.IntegerField()


class WrapShape(serializers.Serializer):
    principal = serializers.UUIDField()
    wrap = Base64UrlField()


class EpochShape(serializers.Serializer):
    epoch = serializers.IntegerField()
    h = Base64UrlField()
    s = Base64UrlField()
    wraps_digest = Base64UrlField()
    wraps = WrapShape(many=True)


class EpochsShape(serializers.Serializer):
    results = EpochShape(many=True)


class After(serializers.Serializer):
    """Where a gap begins."""

    after = serializers.IntegerField(min_value=0, max_value=2**53 - 1, default=0)


class MessagesAfter(After):
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)


class NewAttachment(serializers.Serializer):
    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    size = serializers.IntegerField(min_value=1, max_value=2**53 - 1)
    sha256 = Base64UrlField(max_length=43)


class AttachmentShape(serializers.Serializer):
    size = serializers.IntegerField()
    chunks = serializers.ListField(child=serializers.IntegerField(), help_text="Numbers of the chunks that have arrived.")
    is_complete = serializers.BooleanField()


class PushKeys(serializers.Serializer):
    p256dh = serializers.CharField(max_length=100)
    auth = serializers.CharField(max_length=32)


class NewPushSubscription(serializers.Serializer):
    endpoint = serializers.URLField(max_length=1000)
    keys = PushKeys()


class PushKeyShape(serializers.Serializer):
    key = Base64UrlField(help_text="The VAPID public key, as `applicationServerKey` takes it.")

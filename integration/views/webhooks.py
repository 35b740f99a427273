"""A registrar's screen of the hospital's webhooks."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest, IsRegistrar
from integration.models import Topic, Webhook
from integration.services import webhooks
from integration.signatures import secret_of


class WebhookDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    topic = serializers.ChoiceField(choices=Topic.choices)
    name = serializers.CharField(max_length=60)
    endpoint = serializers.CharField(max_length=255)


class WebhookSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """``owed``: how many things there were to tell; ``last_status``: the receiver's last answer, 0 none; ``halted_at``: given up."""

    id = serializers.UUIDField()
    topic = serializers.CharField()
    name = serializers.CharField()
    endpoint = serializers.CharField()
    generation = serializers.IntegerField(help_text="Of the secret.")
    created_at = serializers.DateTimeField()
    owed = serializers.IntegerField()
    failing_since = serializers.DateTimeField(allow_null=True)
    last_status = serializers.IntegerField(allow_null=True)
    last_taken_at = serializers.DateTimeField(allow_null=True)
    halted_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class SecretSerializer(WebhookSerializer):
    """``secret`` as libraries of Standard Webhooks take it. Shown when it is made, and not again."""

    secret = serializers.SerializerMethodField()

    def get_secret(self, webhook: Webhook) -> str:
        return secret_of(webhook.pk, webhook.generation)


class GenerationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField(min_value=2)


class WebhooksSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = WebhookSerializer(many=True)


class TriedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    status = serializers.IntegerField(help_text="What the receiver answered; 0: nothing.")
    milliseconds = serializers.IntegerField()


class WebhooksView(APIView):
    """``/webhooks``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=WebhooksSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The own hospital's webhooks and how each is doing."""
        return Response(WebhooksSerializer({"results": webhooks.read_webhooks(actor=request.actor)}).data)


class WebhookView(APIView):
    """``/webhooks/<webhook>``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=WebhookDraftSerializer, responses={200: WebhookSerializer, 201: SecretSerializer})
    def put(self, request: ActorRequest, webhook: UUID) -> Response:
        """Set one up under an id made by the caller, which shows its secret, or change its name and address; a halted one goes on. Not
        ``@idempotent``: the same again is the same webhook, and a secret is not kept in a stored answer."""
        draft = webhooks.Draft(**parsed(WebhookDraftSerializer, request.data))
        saved, is_new = webhooks.save_webhook(actor=request.actor, webhook_id=webhook, draft=draft)
        return Response((SecretSerializer if is_new else WebhookSerializer)(saved).data, status=201 if is_new else 200)


class WebhookSecretView(APIView):
    """``/webhooks/<webhook>/secret``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=GenerationSerializer, responses=SecretSerializer)
    def put(self, request: ActorRequest, webhook: UUID) -> Response:
        """Make the secret of the next generation and show it. Not ``@idempotent``: a secret is not kept in a stored answer."""
        given = parsed(GenerationSerializer, request.data)
        return Response(SecretSerializer(webhooks.renew_secret(actor=request.actor, webhook_id=webhook, **given)).data)


class TryWebhookView(APIView):
    """``/webhooks/<webhook>/try``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=None, responses=TriedSerializer)
    def post(self, request: ActorRequest, webhook: UUID) -> Response:
        """Call it once now with a ``ping``. Not ``@idempotent``: the receiver is called outside any transaction, and nothing is changed."""
        return Response(TriedSerializer(webhooks.try_webhook(actor=request.actor, webhook_id=webhook)).data)


class EndWebhookView(APIView):
    """``/webhooks/<webhook>/end``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=None, responses=WebhookSerializer)
    @idempotent
    def post(self, request: ActorRequest, webhook: UUID) -> Response:
        """It is called no more; what it is owed lapses."""
        return Response(WebhookSerializer(webhooks.end_webhook(actor=request.actor, webhook_id=webhook)).data)

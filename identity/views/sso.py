"""The hospital's own sign-in service: the way there and back, and what a registrar sets.

The provider sends the browser back to the app's own address, and the app sends on what it was given: a cookie that is ``SameSite=Strict``
comes with the app's call and would not with the provider's redirect.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import LONGEST_FORM, StrictFormParser, parsed
from identity.authentication import ActorRequest, AnyonesRequest, IsRegistrar
from identity.fields import Base64UrlField
from identity.models import SsoProvider, SsoSubject
from identity.services import sso_logout, sso_proofs, sso_providers
from identity.views.strangers import StrangersView

PURPOSES = ["sign-in", "join", "bind"]
LOGOUT_PATH = "/api/v1/sso/logout"


class StartSerializer(serializers.Serializer):  # type: ignore[type-arg]
    purpose = serializers.ChoiceField(choices=PURPOSES)
    device = serializers.UUIDField(required=False, default=None, help_text="To sign in: which device asks.")
    token = serializers.CharField(required=False, default="", allow_blank=True, max_length=128, help_text="To join: the invitation's.")


class StartedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    address = serializers.CharField()


class ReturnedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The query that the provider sent the browser back with."""

    state = serializers.CharField(max_length=128)
    code = serializers.CharField(required=False, default="", allow_blank=True, max_length=4096)
    error = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)
    iss = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)


class FinishedSerializer(serializers.Serializer):  # type: ignore[type-arg]
    purpose = serializers.ChoiceField(choices=PURPOSES)
    label = serializers.CharField(allow_blank=True, help_text="What the provider calls the account.")  # type: ignore[assignment]
    challenge = Base64UrlField(allow_null=True, help_text="To sign in: for the device to sign, as in POST /session.")


class ProviderDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField(max_length=60)
    issuer = serializers.CharField(max_length=255)
    client_id = serializers.CharField(max_length=255)
    client_secret = serializers.CharField(max_length=512, allow_blank=True, default="", write_only=True, help_text="Empty: the one kept.")
    is_required = serializers.BooleanField(default=False)
    is_passkey_fallback = serializers.BooleanField(default=True)
    ends_membership = serializers.BooleanField(default=False)
    asks_offline = serializers.BooleanField(default=False)


class ProviderSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField()
    issuer = serializers.CharField()
    client_id = serializers.CharField()
    is_required = serializers.BooleanField()
    is_passkey_fallback = serializers.BooleanField()
    ends_membership = serializers.BooleanField()
    asks_offline = serializers.BooleanField()
    failing_since = serializers.DateTimeField(allow_null=True)


class SsoSettingsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """``redirect_uri`` and ``logout_uri`` are what the provider has to know of this service."""

    provider = ProviderSerializer(allow_null=True)
    redirect_uri = serializers.CharField()
    logout_uri = serializers.CharField()


class AccountSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField(source="person_id")
    label = serializers.CharField()  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=SsoSubject.State.choices)
    is_checked = serializers.SerializerMethodField()
    proved_at = serializers.DateTimeField()

    def get_is_checked(self, subject: SsoSubject) -> bool:
        return bool(subject.refresh_token)


class AccountsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = AccountSerializer(many=True)


class UnboundSerializer(serializers.Serializer):  # type: ignore[type-arg]
    person = serializers.UUIDField()


class StartView(StrangersView):
    """``/sso/start``"""

    @extend_schema(request=StartSerializer, responses=StartedSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """Where to send the browser; what comes back is good for a quarter of an hour, once, in this browser."""
        given = parsed(StartSerializer, request.data)
        asking = {"purpose": given["purpose"], "device_id": given["device"], "token": given["token"]}
        return Response({"address": sso_proofs.start(session=request.session, actor=request.actor, **asking)})


class FinishView(StrangersView):
    """``/sso/finish``"""

    @extend_schema(request=ReturnedSerializer, responses=FinishedSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """What the browser came back with. It signs nobody in yet: that is ``POST /session`` or ``POST /enrolment``, on a device."""
        given = parsed(ReturnedSerializer, request.data)
        returned = sso_proofs.Returned(given["state"], given["code"], given["error"], given["iss"])
        purpose, proof = sso_proofs.finish(session=request.session, returned=returned, actor=request.actor)
        shown = {"purpose": purpose, "label": proof.label, "challenge": proof.challenge if purpose == "sign-in" else None}
        return Response(FinishedSerializer(shown).data)


class SsoSettingsView(APIView):
    """``/hospital/sso``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=SsoSettingsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The own hospital's sign-in service, and what has to be entered there."""
        return _settings(sso_providers.read(actor=request.actor))

    @extend_schema(request=ProviderDraftSerializer, responses=SsoSettingsSerializer)
    def put(self, request: ActorRequest) -> Response:
        """Make or change it. Not ``@idempotent``: the provider is asked outside any transaction, and the same again changes nothing."""
        draft = sso_providers.Draft(**parsed(ProviderDraftSerializer, request.data))
        return _settings(sso_providers.configure(actor=request.actor, draft=draft))

    @extend_schema(responses={204: None})
    def delete(self, request: ActorRequest) -> Response:
        """Do without; everybody signs in by passkey."""
        sso_providers.end(actor=request.actor)
        return Response(status=204)


class AccountsView(APIView):
    """``/hospital/sso/accounts``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=AccountsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Who of the hospital is connected with which account; ``is_checked``: the provider is asked about it every few minutes."""
        return Response(AccountsSerializer({"results": sso_providers.read_subjects(actor=request.actor)}).data)


class UnbindView(APIView):
    """``/members/<person>/sso/unbind``"""

    permission_classes = [IsRegistrar]

    @extend_schema(request=None, responses=UnboundSerializer)
    @idempotent
    def post(self, request: ActorRequest, person: UUID) -> Response:
        """Undo a connection and end what was signed in by it."""
        sso_providers.unbind(actor=request.actor, person_id=person)
        return Response({"person": str(person)})


class LogoutSerializer(serializers.Serializer):  # type: ignore[type-arg]
    logout_token = serializers.CharField(max_length=LONGEST_FORM)


class LogoutView(StrangersView):
    """``/sso/logout``"""

    # The token's signature says who speaks; there is no cookie, so nothing that another site's page could send along.
    authentication_classes: list[Any] = []
    parser_classes = [StrictFormParser]

    @extend_schema(request={StrictFormParser.media_type: LogoutSerializer}, responses={200: None})
    def post(self, request: Request) -> Response:
        """A hospital's sign-in service logs somebody out (OpenID Connect Back-Channel Logout 1.0)."""
        sso_logout.log_out(parsed(LogoutSerializer, request.data)["logout_token"])
        return Response(status=200)


def _settings(provider: SsoProvider | None) -> Response:
    addresses = {"redirect_uri": sso_proofs.redirect_uri(), "logout_uri": settings.PUBLIC_URL + LOGOUT_PATH}
    shown: dict[str, Any] = {"provider": provider, **addresses}
    return Response(SsoSettingsSerializer(shown).data)

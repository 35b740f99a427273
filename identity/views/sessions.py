"""Session: who am I, sign in, sign out, unlock."""

from typing import Any

from django.middleware.csrf import get_token, rotate_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.idempotency import idempotent
from backend.parsing import parsed
from identity import access, challenges, passkeys
from identity.actors import Actor, Lapse, resolve
from identity.authentication import ActorRequest, AnyonesRequest, IsMember
from identity.fields import Base64UrlField
from identity.models import Hospital, SeedWrap, SsoProvider
from identity.services import devices, sso_subjects
from identity.services import sign_in as signing_in
from identity.views.strangers import StrangersView

STATES = ["anonymous", "pending", "active"]
LAPSES = ["session.ended", "device.revoked", "membership.ended"]


class SsoSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The hospital's own sign-in service. ``label``: the account of the person signed in, null while none is connected."""

    name = serializers.CharField()
    is_required = serializers.BooleanField()
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class SessionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """``lapse``: why the cookie sent is no longer good; on ``device.revoked`` and ``membership.ended`` a client wipes its store."""

    person = serializers.UUIDField(allow_null=True)
    device = serializers.UUIDField(allow_null=True)
    hospital = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(choices=STATES)
    is_registrar = serializers.BooleanField()
    is_auditor = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    idle_lock_seconds = serializers.IntegerField(allow_null=True)
    roles_on_duty = serializers.ListField(child=serializers.UUIDField())
    lapse = serializers.ChoiceField(choices=LAPSES, allow_null=True)
    sso = SsoSerializer(allow_null=True, help_text="Of the hospital of who is signed in, or else of the device that asks.")


class PublicKeySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """WebAuthn options in the JSON form of ``parseCreationOptionsFromJSON`` and ``parseRequestOptionsFromJSON``."""

    publicKey = serializers.DictField()  # noqa: N815 -- WebAuthn's spelling


class SignInSerializer(serializers.Serializer):  # type: ignore[type-arg]
    credential = serializers.DictField(required=False, default=None, help_text="The assertion's toJSON(), without prf results.")
    sso = serializers.BooleanField(default=False, help_text="Instead of a credential: by what POST /sso/finish proved.")
    device = serializers.UUIDField()
    signature = Base64UrlField(length=64, help_text='Device key over "wardline/1 sign-in" || 0x00 || SHA-256(challenge).')
    at = serializers.DateTimeField(help_text="The device's clock.")


class WrapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kind = serializers.ChoiceField(choices=SeedWrap.Kind.choices)
    credential_id = Base64UrlField(allow_null=True)
    device = serializers.UUIDField(allow_null=True)
    generation = serializers.IntegerField()
    wrap = Base64UrlField()
    share = Base64UrlField()


class GenerationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    generation = serializers.IntegerField()
    history = Base64UrlField(allow_null=True, help_text="The former generation's seed under this one's.")


class KeptWrapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kind = serializers.ChoiceField(choices=SeedWrap.Kind.choices)
    generation = serializers.IntegerField()


class UnlockingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    by = serializers.ChoiceField(choices=["device", "recovery"], default="device", help_text="What the seed will be opened with.")


class UnlockSerializer(serializers.Serializer):  # type: ignore[type-arg]
    wraps = WrapSerializer(many=True)
    keys = GenerationSerializer(many=True)


class NewWrapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kind = serializers.ChoiceField(choices=SeedWrap.Kind.choices)
    credential_id = Base64UrlField(most=1024, required=False, allow_null=True, default=None)
    wrap = Base64UrlField(length=60)
    share = Base64UrlField(length=32)


class AskingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    device = serializers.UUIDField(required=False, default=None, help_text="Which device asks.")


class SessionView(StrangersView):
    """``/session``"""

    @extend_schema(parameters=[AskingSerializer], responses=SessionSerializer)
    def get(self, request: AnyonesRequest) -> Response:
        """Who is signed in; to a device that nobody is signed in on, whether it is still somebody's. Sets the CSRF cookie."""
        get_token(request._request)
        device = parsed(AskingSerializer, request.query_params)["device"]
        if request.actor is not None or device is None:
            return answer_session(request)
        return answer_session(request, lapse_of_stranger=devices.lapse_of(device), sso=access.sso_provider_of_device(device))

    @extend_schema(request=SignInSerializer, responses=SessionSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """Sign in on a registered device, with a passkey or by what the hospital's sign-in service proved."""
        given = parsed(SignInSerializer, request.data)
        by_device = {"device_id": given["device"], "signature": given["signature"], "at": given["at"], "former": request.actor}
        if given["sso"]:
            signing_in.sign_in_from_provider(session=request.session, **by_device)
        else:
            signing_in.sign_in(session=request.session, credential=given["credential"] or {}, **by_device)
        return answer_signed_in(request)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: AnyonesRequest) -> Response:
        """Sign out. Doing it twice is no error."""
        if request.actor is not None:
            signing_in.sign_out(actor=request.actor)
        request.session.flush()
        return Response(status=204)

    def get_throttles(self) -> list[Any]:
        return super().get_throttles() if self.request.method == "POST" else []


class SessionOptionsView(StrangersView):
    """``/session/options``"""

    @extend_schema(request=None, responses=PublicKeySerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """A challenge for signing in, good for five minutes and one attempt."""
        options, challenge = passkeys.request_options()
        challenges.keep(request.session, challenge, purpose="sign-in")
        return Response({"publicKey": options})


class UnlockView(APIView):
    """``/session/unlock``"""

    permission_classes = [IsMember]

    @extend_schema(parameters=[UnlockingSerializer], responses=UnlockSerializer)
    def get(self, request: ActorRequest) -> Response:
        """The wrapped copies of the own seed with the server's shares. Audited."""
        is_by_code = parsed(UnlockingSerializer, request.query_params)["by"] == SeedWrap.Kind.RECOVERY
        unlock = devices.unlock(actor=request.actor, is_by_code=is_by_code)
        return Response({"wraps": [_wrap(wrap) for wrap in unlock.wraps], "keys": GenerationSerializer(unlock.keys, many=True).data})


class WrapsView(APIView):
    """``/session/wraps``"""

    permission_classes = [IsMember]

    @extend_schema(request=NewWrapSerializer, responses={201: KeptWrapSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Keep another wrapped copy of the own seed."""
        given = parsed(NewWrapSerializer, request.data)
        made = devices.add_wrap(actor=request.actor, **given)
        # Without the share: this answer is stored for retries, and a share lies in its own table alone.
        return Response({"kind": made.kind, "generation": made.generation}, status=201)


def answer_session(request: Request, lapse_of_stranger: Lapse | None = None, sso: SsoProvider | None = None) -> Response:
    actor, lapse, _ = resolve(request.session.session_key)
    shown = _session(actor) | {"lapse": lapse or lapse_of_stranger}
    return Response(SessionSerializer(shown if actor else shown | {"sso": _sso(sso, None)}).data)


def answer_signed_in(request: Request) -> Response:
    rotate_token(request._request)
    return answer_session(request)


def _session(actor: Actor | None) -> dict[str, Any]:
    if actor is None:
        empty = dict.fromkeys(["person", "device", "hospital", "expires_at", "idle_lock_seconds"])
        return {**empty, "state": "anonymous", "is_registrar": False, "is_auditor": False, "roles_on_duty": []}
    lock_after = Hospital.objects.values_list("idle_lock_after", flat=True).get(pk=actor.hospital_id)
    return {
        "person": actor.person_id,
        "device": actor.device_id,
        "hospital": actor.hospital_id,
        "state": "pending" if actor.is_pending else "active",
        "is_registrar": actor.is_registrar,
        "is_auditor": actor.is_auditor,
        "expires_at": actor.expires_at,
        "idle_lock_seconds": int(lock_after.total_seconds()),
        "roles_on_duty": sorted(actor.roles, key=str),
        "sso": _sso(access.sso_provider_of(actor.hospital_id), actor),
    }


def _sso(provider: SsoProvider | None, actor: Actor | None) -> dict[str, Any] | None:
    if provider is None:
        return None
    subject = sso_subjects.open_subject(actor.person_id) if actor else None
    return {"name": provider.name, "is_required": provider.is_required, "label": subject and subject.label}


def _wrap(wrap: SeedWrap) -> dict[str, Any]:
    shown = {"kind": wrap.kind, "credential_id": wrap.passkey.credential_id if wrap.passkey else None, "device": wrap.device_id}
    return dict(WrapSerializer({**shown, "generation": wrap.generation, "wrap": wrap.wrap, "share": wrap.share}).data)

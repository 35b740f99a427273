"""Invitations, device links, and becoming a device. Tokens travel in bodies, never in URLs: URLs end up in logs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import Invalid
from backend.idempotency import idempotent
from backend.parsing import parsed
from identity import access
from identity.authentication import ActorRequest, AnyonesRequest, IsRegistrar
from identity.fields import Base64UrlField, SignedSerializer
from identity.models import SeedWrap
from identity.services import enrolment as enrolling
from identity.services import hospitals, invitations, inviting
from identity.services.enrolment import Enrolment
from identity.views.sessions import PublicKeySerializer, SessionSerializer, answer_signed_in
from identity.views.strangers import StrangersView
from identity.vocabulary import Profession, Speciality
from wardline_client.protocol import Profile

# The demo prints links that people open when they get to it.
LONGEST_LINK_MINUTES = 7 * 24 * 60 if settings.MODE == "demo" else 10


class NewInvitationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField(max_length=120)
    title = serializers.CharField(max_length=60, allow_blank=True)
    profession = serializers.ChoiceField(Profession.choices)
    speciality = serializers.ChoiceField(Speciality.choices, required=False, allow_blank=True, default="")
    unit = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class InviteeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    profession = serializers.CharField()
    speciality = serializers.CharField(allow_blank=True)
    unit = serializers.CharField(allow_blank=True)


class OpenInvitationSerializer(InviteeSerializer):
    person = serializers.UUIDField(source="person_id", help_text="The id the new person will have.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class OpenInvitationsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    results = OpenInvitationSerializer(many=True)


class InvitationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TokenSerializer(serializers.Serializer):  # type: ignore[type-arg]
    token = serializers.CharField(max_length=128)


class PlaceSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    name = serializers.CharField()


class OfferedSsoSerializer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField()
    is_required = serializers.BooleanField()


class LookedInvitationSerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospital = PlaceSerializer()
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    profession = serializers.CharField()
    speciality = serializers.CharField(allow_blank=True)
    unit = serializers.CharField(allow_blank=True)
    person = serializers.UUIDField(help_text="The id the new person will have.")
    root = Base64UrlField(source="hospital.root_public_key")  # type: ignore[assignment]
    sso = OfferedSsoSerializer(allow_null=True, help_text="The hospital's own sign-in service, to go to before joining.")


class NewLinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    token = serializers.RegexField(r"^[A-Za-z0-9_-]{43}$", help_text="32 random bytes, made by the client.")
    sealed = Base64UrlField(most=1024, required=False, default=None, help_text="Of an archive; a person's new device is compared first.")
    archive = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Registrars: link a device of this archive.")
    minutes = serializers.IntegerField(required=False, min_value=1, max_value=LONGEST_LINK_MINUTES, default=10)


class LinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    expires_at = serializers.DateTimeField()


class LookedLinkSerializer(serializers.Serializer):  # type: ignore[type-arg]
    is_compared = serializers.BooleanField(help_text="The device has to be compared on the old one: claim the link.")
    sealed = Base64UrlField(allow_null=True)
    person = serializers.UUIDField(allow_null=True)


class LookedSetupSerializer(serializers.Serializer):  # type: ignore[type-arg]
    hospital = PlaceSerializer()
    person = serializers.UUIDField(help_text="The id the first registrar will have.")


class EnrolmentOptionsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    token = serializers.CharField(max_length=128)
    purpose = serializers.ChoiceField(choices=["join", "link", "recover", "setup"])


class DeviceDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    label = serializers.CharField(max_length=60, allow_blank=True)  # type: ignore[assignment]
    public_key = Base64UrlField(length=32)


class WrapDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kind = serializers.ChoiceField(choices=SeedWrap.Kind.choices)
    wrap = Base64UrlField(length=60)
    share = Base64UrlField(length=32)


class OfferedKeysSerializer(serializers.Serializer):  # type: ignore[type-arg]
    kem = Base64UrlField(length=1216)
    sign = Base64UrlField(length=32)
    profile = Base64UrlField(most=2048)


class DeviceEnrolmentSerializer(serializers.Serializer):  # type: ignore[type-arg]
    credential = serializers.DictField(help_text="The new credential's toJSON(), without prf results.")
    device = DeviceDraftSerializer()
    statement = SignedSerializer(help_text="Kind device, signed by the user key.")
    wraps = WrapDraftSerializer(many=True, max_length=3)  # type: ignore[call-arg]
    pin = Base64UrlField(length=64, required=False, default=None, help_text="The person's own word about the root, for a later device.")


class EnrolmentSerializer(DeviceEnrolmentSerializer):
    token = serializers.CharField(max_length=128)
    purpose = serializers.ChoiceField(choices=["join", "link", "recover"])
    keys = OfferedKeysSerializer(required=False, help_text="Join only.")


class ArchiveDraftSerializer(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.UUIDField()
    profile = Base64UrlField(most=2048)
    statement = SignedSerializer(help_text="Kind archive, signed by the registrar.")


class SetupSerializer(DeviceEnrolmentSerializer):
    token = serializers.CharField(max_length=128)
    keys = OfferedKeysSerializer()
    root = SignedSerializer(help_text="Kind root, signed by the root key it names.")
    registrar = SignedSerializer(help_text="Kind registrar, signed by the root key.")
    member = SignedSerializer(help_text="Kind member, signed by the registrar's own user key.")
    archive = ArchiveDraftSerializer(required=False)


class InvitationsView(APIView):
    """``/invitations``"""

    permission_classes = [IsRegistrar]

    @extend_schema(responses=OpenInvitationsSerializer)
    def get(self, request: ActorRequest) -> Response:
        """Open invitations of the hospital; their links are known to nobody here."""
        return Response(OpenInvitationsSerializer({"results": inviting.read_open(actor=request.actor)}).data)

    @extend_schema(request=NewInvitationSerializer, responses={201: InvitationSerializer})
    def post(self, request: ActorRequest) -> Response:
        """Invite a person. The same Idempotency-Key gives the same token; it is stored nowhere, so this is no ``@idempotent``."""
        who = Profile(**parsed(NewInvitationSerializer, request.data))
        token, invitation = invitations.invite(actor=request.actor, key=idempotency_key(request), who=who)
        return Response(InvitationSerializer({"token": token, "expires_at": invitation.expires_at}).data, status=201)


class LookInvitationView(StrangersView):
    """``/invitations/look``"""

    @extend_schema(request=TokenSerializer, responses=LookedInvitationSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """What an invitation says; looking does not use it up."""
        invitation = invitations.look_invitation(parsed(TokenSerializer, request.data)["token"])
        shown = {"hospital": invitation.hospital, "person": invitation.person_id, **vars(invitations.profile_of(invitation))}
        shown["sso"] = access.sso_provider_of(invitation.hospital_id)
        return Response(LookedInvitationSerializer(shown).data)


class LinksView(APIView):
    """``/device-links``"""

    @extend_schema(request=NewLinkSerializer, responses={201: LinkSerializer})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Offer to make another device one of mine."""
        given = parsed(NewLinkSerializer, request.data)
        link = invitations.offer_link(
            actor=request.actor,
            token=given["token"],
            sealed=given["sealed"],
            lasts=timedelta(minutes=given["minutes"]),
            archive_id=given["archive"],
        )
        return Response(LinkSerializer(link).data, status=201)


class LookLinkView(StrangersView):
    """``/device-links/look``"""

    @extend_schema(request=TokenSerializer, responses=LookedLinkSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """The sealed seed of a link; looking does not use it up."""
        link = invitations.look_link(parsed(TokenSerializer, request.data)["token"])
        shown = {"sealed": None, "person": None} if link.is_compared else {"sealed": link.sealed, "person": link.person_id}
        return Response(LookedLinkSerializer({**shown, "is_compared": link.is_compared}).data)


class LookSetupView(StrangersView):
    """``/setup/look``"""

    @extend_schema(request=TokenSerializer, responses=LookedSetupSerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """Which hospital a set-up token is for."""
        setup = invitations.look_setup(parsed(TokenSerializer, request.data)["token"])
        return Response(LookedSetupSerializer({"hospital": setup.hospital, "person": setup.person_id}).data)


class EnrolmentOptionsView(StrangersView):
    """``/enrolment/options``"""

    @extend_schema(request=EnrolmentOptionsSerializer, responses=PublicKeySerializer)
    def post(self, request: AnyonesRequest) -> Response:
        """A challenge for making a passkey, good for five minutes, this token and one attempt."""
        given = parsed(EnrolmentOptionsSerializer, request.data)
        return Response({"publicKey": enrolling.options(session=request.session, **given)})


class EnrolmentView(StrangersView):
    """``/enrolment``"""

    @extend_schema(request=EnrolmentSerializer, responses={201: SessionSerializer})
    def post(self, request: AnyonesRequest) -> Response:
        """Join with an invitation, or make this device one of a person who has another."""
        given = parsed(EnrolmentSerializer, request.data)
        if given["purpose"] == "join":
            if "keys" not in given:
                raise Invalid("keys.missing", "Joining needs the public keys.")
            enrolling.join(session=request.session, token=given["token"], enrolment=_enrolment(given))
        else:
            is_recovery = given["purpose"] == "recover"
            enrolling.link(session=request.session, token=given["token"], enrolment=_enrolment(given), is_recovery=is_recovery)
        response = answer_signed_in(request)
        response.status_code = 201
        return response


class SetupView(StrangersView):
    """``/setup``"""

    @extend_schema(request=SetupSerializer, responses={201: SessionSerializer})
    def post(self, request: AnyonesRequest) -> Response:
        """The first registrar sets up the hospital, once."""
        given = parsed(SetupSerializer, request.data)
        archive = hospitals.Archive(**given["archive"]) if "archive" in given else None
        stated = {kind: given[kind] for kind in ("root", "registrar", "member")}
        hospitals.set_up(session=request.session, token=given["token"], enrolment=_enrolment(given), archive=archive, **stated)
        response = answer_signed_in(request)
        response.status_code = 201
        return response


def _enrolment(given: dict[str, Any]) -> Enrolment:
    device = given["device"]
    return Enrolment(
        credential=given["credential"],
        device_id=device["id"],
        label=device["label"],
        public_key=device["public_key"],
        statement=given["statement"],
        wraps=given["wraps"],
        offered=given.get("keys", {}),
        pin=given["pin"],
    )


def idempotency_key(request: Request) -> UUID:
    """Raises: Invalid: ``idempotency.key_missing``."""
    try:
        return UUID(request.headers["Idempotency-Key"])
    except (KeyError, ValueError):
        raise Invalid("idempotency.key_missing", "Send an Idempotency-Key header with a UUID made for this action.") from None

"""What a registrar decides about the hospital's own sign-in service.

Invariant: one provider per hospital at a time, asked at saving whether it is what it says; its client secret goes in and never comes out.
Another issuer or client is another provider: who was somebody at the former one is nobody at the new one until they have signed in there.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid
from identity import access, oidc, sealing
from identity.actors import Actor
from identity.models import SsoProvider, SsoSubject
from identity.services.sign_in import end_sign_ins

SETTINGS = ("name", "is_required", "is_passkey_fallback", "ends_membership", "asks_offline")


@dataclass(frozen=True)
class Draft:
    """As a registrar wrote it; ``client_secret`` empty: the one that is kept."""

    name: str
    issuer: str
    client_id: str
    client_secret: str
    is_required: bool
    is_passkey_fallback: bool
    ends_membership: bool
    asks_offline: bool


def configure(*, actor: Actor, draft: Draft) -> SsoProvider:
    """Make or change the hospital's provider. It is asked before anything is written, and outside the transaction.

    Raises:
        Invalid: ``sso.secret_missing``, and as ``oidc.discover``. Unavailable: ``sso.unreachable``.
        Conflict: ``sso.try_first``: required before this registrar has signed in there.
    """
    actor.require_registrar()
    oidc.discover(draft.issuer, is_fresh=True)
    with transaction.atomic():
        provider = _present(actor).select_for_update(of=["self"]).first()
        if provider is None or (provider.issuer, provider.client_id) != (draft.issuer, draft.client_id):
            provider = _replace(actor, draft, provider)
        _require_tried(actor, provider, draft)
        for name in SETTINGS:
            setattr(provider, name, getattr(draft, name))
        if draft.client_secret:
            provider.client_secret = sealing.seal(draft.client_secret, purpose=f"sso client {provider.id}")
        provider.failing_since = None
        provider.save()
        is_required = "yes" if draft.is_required else "no"
        record(event=Event("identity.configure_sso", actor.agent(), [actor.hospital_id], detail={"required": is_required}))
    return provider


@transaction.atomic
def read(*, actor: Actor) -> SsoProvider | None:
    actor.require_registrar()
    record(event=Event("identity.read_sso", actor.agent(), [actor.hospital_id]))
    return _present(actor).first()


@transaction.atomic
def end(*, actor: Actor) -> None:
    """Do without: everybody signs in by passkey again. Doing it twice is no error."""
    actor.require_registrar()
    for provider in _present(actor).select_for_update(of=["self"]):
        _end(provider)
    record(event=Event("identity.end_sso", actor.agent(), [actor.hospital_id]))


@transaction.atomic
def read_subjects(*, actor: Actor) -> list[SsoSubject]:
    """Who is connected, with what the provider calls the account; two queries."""
    actor.require_registrar()
    found = SsoSubject.objects.filter(provider__hospital=actor.hospital_id, provider__ended_at=None, ended_at=None)
    record(event=Event("identity.read_sso_accounts", actor.agent(), [actor.hospital_id]))
    return list(found.order_by("created_at", "id"))


@transaction.atomic
def unbind(*, actor: Actor, person_id: UUID) -> None:
    """Undo a connection, and what was signed in by it. The person signs in by passkey and may connect another account.

    Raises:
        NotFound: nobody of this hospital, or not connected.
    """
    actor.require_registrar()
    subject = access.sso_subject_at_own_hospital(actor, person_id)
    SsoSubject.objects.filter(pk=subject.pk).update(ended_at=timezone.now(), refresh_token=b"")
    end_sign_ins(sso_subject=subject)
    record(event=Event("identity.unbind_sso", actor.agent(), [actor.hospital_id], subjects={"person": subject.person.pseudonym}))


def _present(actor: Actor) -> "QuerySet[SsoProvider]":
    return SsoProvider.objects.select_related("hospital").filter(hospital=actor.hospital_id, ended_at=None)


def _replace(actor: Actor, draft: Draft, former: SsoProvider | None) -> SsoProvider:
    if not draft.client_secret:
        raise Invalid("sso.secret_missing", "Enter the client secret that belongs to this issuer and client id.")
    if former is not None:
        _end(former)
    fields = {"name": draft.name, "issuer": draft.issuer, "client_id": draft.client_id}
    return SsoProvider.objects.create(hospital_id=actor.hospital_id, client_secret=b"", **fields)


def _end(provider: SsoProvider) -> None:
    now = timezone.now()
    SsoProvider.objects.filter(pk=provider.pk).update(ended_at=now, client_secret=b"")
    SsoSubject.objects.filter(provider=provider, ended_at=None).update(ended_at=now, refresh_token=b"")


def _require_tried(actor: Actor, provider: SsoProvider, draft: Draft) -> None:
    """A provider that nobody has got in by must not be made the only door."""
    is_new = draft.is_required and not provider.is_required
    if is_new and not SsoSubject.objects.filter(provider=provider, person=actor.person_id, ended_at=None).exists():
        raise Conflict("sso.try_first", "Connect your own account first: then it is certain that it works.")

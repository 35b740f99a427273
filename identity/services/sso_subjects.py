"""Whose account at the hospital's provider is whose, and what a sign-in may rest on.

Invariant: an account is bound by having signed in there, to one person, by that person; a person whom the provider refuses signs in by
nothing until the provider vouches again. Where a hospital requires its provider, a passkey alone opens only what a sign-in at the provider
began on this very device, and no longer than that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.errors import Conflict, Unauthenticated, Unavailable
from identity import access, oidc
from identity.actors import Actor
from identity.models import SignIn, SsoProvider, SsoSubject

CHECK_EVERY: Final = timedelta(minutes=3)


@dataclass(frozen=True)
class Basis:
    """What proves a sign-in beside the device's key; ``until``: it ends then at the latest."""

    method: str = "passkey"
    subject: SsoSubject | None = None
    session_digest: bytes | None = None
    until: datetime | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


def basis_of_passkey(*, person_id: UUID, hospital_id: UUID, device_id: UUID | None, former: Actor | None) -> Basis:
    """What a verified passkey of this person is worth at this hospital. ``former``: whom the cookie named until now.

    Raises:
        Unauthenticated: ``sso.refused``, ``sso.required``.
    """
    provider = access.sso_provider_of(hospital_id)
    subject = open_subject(person_id)
    if provider is None or subject is None:
        return Basis()
    require_vouched(subject)
    if begun := _begun_there(subject, device_id, former):
        digest = bytes(begun.sso_session_digest) if begun.sso_session_digest else None
        return Basis(subject=subject, session_digest=digest, until=begun.expires_at)
    if subject.state == SsoSubject.State.LOGGED_OUT:
        raise _required(provider)
    if not provider.is_required:
        return Basis()
    if provider.is_passkey_fallback and not _answers(provider):
        return Basis(detail={"sso": "unreachable"})
    raise _required(provider)


def require_vouched(subject: SsoSubject | None) -> None:
    """Raises: Unauthenticated: ``sso.refused``."""
    if subject is not None and subject.state == SsoSubject.State.REFUSED:
        raise Unauthenticated("sso.refused", "Your hospital's sign-in service no longer vouches for your account. Ask your IT department.")


def open_subject(person_id: UUID) -> SsoSubject | None:
    """The person's account at the provider their hospital has now."""
    return SsoSubject.objects.filter(person=person_id, ended_at=None, provider__ended_at=None).first()


def bind(*, provider: SsoProvider, person_id: UUID, subject: str, label: str, refresh_token: bytes) -> SsoSubject:
    """Within the caller's transaction, for whoever has just signed in there.

    Raises:
        Conflict: ``sso.subject_taken``, ``sso.other_account``: the person is bound to another account.
    """
    own = SsoSubject.objects.filter(provider=provider, person=person_id, ended_at=None).first()
    if own is not None and own.subject != subject:
        raise Conflict("sso.other_account", "You are connected with another account. A registrar can undo that.")
    if own is not None:
        vouch(own, refresh_token=refresh_token, label=label)
        return own
    fields = {"label": label, "refresh_token": refresh_token, "check_at": timezone.now() + CHECK_EVERY}
    try:
        with transaction.atomic():
            return SsoSubject.objects.create(provider=provider, person_id=person_id, subject=subject, **fields)
    except IntegrityError as error:
        raise Conflict("sso.subject_taken", "This account is connected with somebody else.") from error


def vouch(subject: SsoSubject, *, refresh_token: bytes, label: str) -> None:
    """The provider has just signed the person in: whatever it said before is over."""
    now = timezone.now()
    fields = {"state": SsoSubject.State.GOOD, "proved_at": now, "check_at": now + CHECK_EVERY, "label": label or subject.label}
    SsoSubject.objects.filter(pk=subject.pk).update(**fields, refresh_token=refresh_token)


def _begun_there(subject: SsoSubject, device_id: UUID | None, former: Actor | None) -> SignIn | None:
    """The sign-in that this device had until now, if it goes back to the provider: unlocking does not begin a new day."""
    if former is None or former.device_id != device_id:
        return None
    return SignIn.objects.filter(pk=former.sign_in_id, sso_subject=subject, ended_at=None, expires_at__gt=timezone.now()).first()


def _answers(provider: SsoProvider) -> bool:
    try:
        oidc.discover(provider.issuer, is_fresh=True)
    except Unavailable:
        return False
    return True


def _required(provider: SsoProvider) -> Unauthenticated:
    return Unauthenticated("sso.required", "Your hospital wants you to sign in at its own sign-in service.", name=provider.name)

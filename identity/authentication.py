"""How a request shows who sends it.

Invariant: deny by default. A view that says nothing is for active members; an unsafe method needs the CSRF token whoever sends it, signed
in or not.
"""

from datetime import timedelta
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from audit.events import Agent, Event
from audit.services import record_refused
from backend.errors import Forbidden, Unauthenticated
from backend.flooding import count_to_record
from identity.actors import Actor, Lapse, resolve
from identity.models import SignIn


class ActorRequest(Request):
    """What a view for members gets."""

    actor: Actor


class AnyonesRequest(Request):
    """What a view for strangers gets: perhaps somebody is signed in."""

    actor: Actor | None


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SEEN_EVERY: Final = timedelta(minutes=5)


class SignedInAuthentication(BaseAuthentication):
    """The session cookie names the sign-in; ``request.actor`` is the actor, ``None`` for strangers.

    Raises:
        Unauthenticated: ``session.ended``, ``device.revoked`` or ``membership.ended`` for a cookie that once was good.
        Forbidden: ``csrf.failed``.
    """

    def authenticate(self, request: Request) -> tuple[Actor, None] | None:
        request.actor = None  # type: ignore[attr-defined]
        _require_csrf(request)
        actor, lapse, former = resolve(request.session.session_key)
        if lapse is not None and former is not None:
            self.lapsed(lapse, former)
        if actor is None:
            return None
        request.actor = actor  # type: ignore[attr-defined]
        _note_seen(actor)
        return actor, None

    def lapsed(self, lapse: Lapse, former: Agent) -> None:
        """Somebody comes back with what was once good: the hospital sees who (the generic refusal has no actor)."""
        record_come_back(lapse, former)
        code = str(lapse)
        raise Unauthenticated(code, "This sign-in is no longer good. Sign in again.")

    def authenticate_header(self, request: Request) -> str:
        return "Session"  # makes DRF answer 401, not 403, to strangers


def record_come_back(lapse: Lapse, former: Agent) -> None:
    """Over HTTP or the socket."""
    hospitals = [former.hospital] if former.hospital else []
    if count := count_to_record(lapse, former.device):
        detail: dict[str, str | int | list[str]] = {"code": lapse, "count": count}
        record_refused(Event("identity.come_back", former, hospitals, outcome="refused", detail=detail))


class AnyoneAuthentication(SignedInAuthentication):
    """For signing in and joining: a lapsed cookie is a stranger's, not an obstacle."""

    def lapsed(self, lapse: Lapse, former: Agent) -> None:
        return None


class IsActor(BasePermission):
    """Active members on a device that is not revoked."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = getattr(request, "actor", None)
        if actor is not None and actor.is_pending:
            raise Forbidden("membership.pending", "A registrar has yet to approve you.")
        return actor is not None


class IsMember(BasePermission):
    """Active members, and those who joined and wait: for what concerns the own account alone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return getattr(request, "actor", None) is not None


class IsLogReader(IsActor):
    """Registrars and auditors of the hospital."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        cast(ActorRequest, request).actor.require_log_reader()
        return True


class IsRegistrar(IsActor):
    """Registrars of the hospital."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        cast(ActorRequest, request).actor.require_registrar()
        return True


class _CsrfCheck(CSRFCheck):
    def _reject(self, request: HttpRequest, reason: str) -> str:  # type: ignore[override]
        return reason


def _note_seen(actor: Actor) -> None:
    """For the list of the own sign-ins; now and then, so that reading stays reading."""
    now = timezone.now()
    if actor.seen_at is None or now - actor.seen_at > SEEN_EVERY:
        SignIn.objects.filter(pk=actor.sign_in_id).update(last_seen_at=now)


def _require_csrf(request: Request) -> None:
    """DRF exempts its views from Django's middleware, so the check is made here; SameSite=Strict is the other wall."""
    if request.method in SAFE_METHODS:
        return
    check = _CsrfCheck(lambda request: None)  # type: ignore[arg-type, return-value]
    check.process_request(request._request)
    if check.process_view(request._request, lambda request: HttpResponse(), (), {}):
        raise Forbidden("csrf.failed", "The CSRF token is missing or wrong. Load the page again.")

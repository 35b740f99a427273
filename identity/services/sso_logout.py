"""Back-Channel Logout 1.0: the provider says that somebody is out.

Invariant: a logout token counts once, and only with a signature of a provider that some hospital has configured and for that hospital's
client; what it names ends at once, sign-ins and sockets, and whoever was logged out comes back by way of the provider.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from audit.events import CLOCK, Event
from audit.services import record
from backend.errors import Invalid, Unauthenticated
from identity import access, oidc
from identity.models import SsoLogout, SsoProvider, SsoSubject
from identity.services.sign_in import end_sign_ins
from identity.services.sso_proofs import client_of, digest_of_session

# A token is refused once it has expired, and clocks differ.
REMEMBERED_FOR: Final = timedelta(seconds=oidc.LEEWAY)


def log_out(token: str) -> None:
    """Several hospitals may share one client of one provider; it speaks to all of them.

    Raises:
        Invalid: ``sso.token_refused``, also for a token that was taken before. Unavailable: ``sso.unreachable``.
    """
    try:
        issuer, audiences = oidc.unverified_origin(token)
        providers = access.sso_providers_of_client(issuer, audiences)
        if not providers:
            raise _refused()
        said = oidc.read_logout_token(token, oidc.discover(issuer), client_of(providers[0]))
    except Unauthenticated as error:
        raise _refused() from error
    with transaction.atomic():
        _take_once(issuer, said)
        for provider in providers:
            _log_out_at(provider, said)


def _take_once(issuer: str, said: oidc.Logout) -> None:
    digest = hashlib.sha256(f"{issuer}\0{said.id}".encode()).digest()
    try:
        with transaction.atomic():
            SsoLogout.objects.create(digest=digest, expires_at=datetime.fromtimestamp(said.expires_at, UTC) + REMEMBERED_FOR)
    except IntegrityError as error:
        raise _refused() from error


def _log_out_at(provider: SsoProvider, said: oidc.Logout) -> None:
    """A session ends what began with it; a subject alone ends all of that person's sign-ins."""
    session = digest_of_session(said.provider_session)
    whose = {"subject": said.subject} if said.subject else {"sign_ins__sso_session_digest": session}
    concerned = SsoSubject.objects.filter(provider=provider, ended_at=None, **whose).values("pk")
    # Subjects before sign-ins, as everywhere: whoever signs in meanwhile waits.
    for subject in SsoSubject.objects.select_related("person").select_for_update(of=["self"]).filter(pk__in=concerned):
        if subject.state == SsoSubject.State.GOOD:
            SsoSubject.objects.filter(pk=subject.pk).update(state=SsoSubject.State.LOGGED_OUT)
        end_sign_ins(**({"sso_subject": subject, "sso_session_digest": session} if session else {"person": subject.person_id}))
        detail: dict[str, str | int | list[str]] = {"of": "session" if session else "account"}
        subjects = {"person": subject.person.pseudonym}
        record(event=Event("identity.log_out_by_sso", CLOCK, [provider.hospital_id], subjects=subjects, detail=detail))


def _refused() -> Invalid:
    return Invalid("sso.token_refused", "This logout token is not valid here, or was taken before.")

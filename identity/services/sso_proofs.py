"""Signing in at the hospital's provider: the way there and back.

Invariant: what goes out (state, nonce, PKCE verifier) and what comes of it (the proof) lie in the server-side session of the browser that
asked, are good once and for minutes, and name the provider and the purpose they were made for; so an answer that is replayed, was made for
another browser (login CSRF) or comes from another provider (mix-up) finds nothing. A proof shows a person and no device: it signs nobody in
before the device has signed its challenge.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from audit.events import Agent, Event
from audit.openings import snapshot_of
from audit.services import record, record_refused
from backend.errors import DomainError, NotFound, Unauthenticated
from backend.flooding import count_to_record
from identity import access, oidc, outbound, sealing
from identity.actors import Actor
from identity.models import Person, SsoProvider, SsoSubject
from identity.services import sso_subjects
from identity.services.invitations import invitation_of
from identity.services.sso_subjects import Basis
from identity.tokens import token_hash
from wardline_client.protocol import decode, encode

Purpose = Literal["sign-in", "join", "bind"]
ANSWERED_WITHIN: Final = 900  # seconds: passwords and second factors take their time
PROVED_FOR: Final = 600
LASTS: Final = timedelta(hours=12)  # of a sign-in, from the proof on
ACTIONS: Final = {"sign-in": "identity.sign_in", "join": "identity.join", "bind": "identity.bind_sso"}
_ASKED: Final = "sso_asked"
_PROOF: Final = "sso_proof"


class Returned(NamedTuple):
    """What the provider sent the browser back with (RFC 6749, 4.1.2; RFC 9207)."""

    state: str
    code: str
    error: str
    issuer: str


@dataclass(frozen=True)
class Proof:
    """Who signed in at the provider. ``refresh_token`` is sealed; ``challenge`` is for the device to sign."""

    provider: SsoProvider
    subject: str
    label: str
    authenticated_at: int
    session_digest: bytes | None
    refresh_token: bytes
    challenge: bytes


def redirect_uri() -> str:
    """Exactly this, in the provider's configuration too."""
    return f"{settings.PUBLIC_URL}/"


def client_of(provider: SsoProvider) -> oidc.Client:
    """Raises: Unavailable: ``sso.unreachable``, when ``SECRET_KEY`` changed and the client's secret has to be entered again."""
    try:
        secret = sealing.unseal(bytes(provider.client_secret), purpose=f"sso client {provider.id}")
    except sealing.Unreadable as error:
        raise outbound.unreachable() from error
    return oidc.Client(provider.issuer, provider.client_id, secret)


def seal_refresh(provider: SsoProvider, subject: str, token: str) -> bytes:
    return sealing.seal(token, purpose=f"sso refresh {provider.id} {subject}") if token else b""


def start(*, session: SessionBase, purpose: Purpose, device_id: UUID | None, token: str, actor: Actor | None) -> str:
    """The address to send the browser to.

    Raises:
        NotFound: ``sso.none``. Unauthenticated: ``session.ended``, to bind without being signed in. Invalid, Unavailable: as
        ``oidc.discover``. NotFound, Gone: the invitation.
    """
    provider = _provider_for(purpose, device_id, token, actor)
    metadata = oidc.discover(provider.issuer)
    asked = {"provider": str(provider.id), "purpose": purpose, "at": int(time.time()), "token": encode(token_hash(token))}
    asked |= {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    asked |= {"person": str(actor.person_id) if actor and purpose == "bind" else ""}
    session[_ASKED] = asked
    session.pop(_PROOF, None)
    return oidc.authorization_address(
        metadata,
        client_id=provider.client_id,
        redirect_uri=redirect_uri(),
        scope="openid profile" + (" offline_access" if provider.asks_offline else ""),
        state=str(asked["state"]),
        nonce=str(asked["nonce"]),
        code_challenge=oidc.challenge_of(str(asked["verifier"])),
        code_challenge_method="S256",
        max_age=str(_within(provider)),
    )


def finish(*, session: SessionBase, returned: Returned, actor: Actor | None) -> tuple[Purpose, Proof]:
    """Take what the browser came back with. For ``bind`` the account is connected now; otherwise the proof waits in the session.

    Raises:
        Unauthenticated: ``sso.unknown_attempt``, ``sso.wrong_issuer``, ``sso.refused``, ``sso.token_refused``, ``sso.not_bound``.
        Conflict: ``sso.subject_taken``, ``sso.other_account``. Invalid: ``sso.client_refused``. Unavailable: ``sso.unreachable``.
    """
    asked = session.pop(_ASKED, None)
    if asked is None or not hmac.compare_digest(str(asked["state"]), returned.state) or time.time() - asked["at"] > ANSWERED_WITHIN:
        raise Unauthenticated("sso.unknown_attempt", "Start again: this attempt took too long or was made in another browser.")
    provider = access.open_sso_provider(UUID(asked["provider"]))
    purpose: Purpose = asked["purpose"]
    try:
        proof = _prove(provider, asked, returned)
        with transaction.atomic():
            agent = _settle(purpose, proof, asked, actor)
            record(event=Event("identity.prove_sso", agent, [provider.hospital_id], detail={"purpose": purpose}))
    except DomainError as error:
        _note_refusal(provider, purpose, error.code)
        raise
    if purpose != "bind":
        session[_PROOF] = _kept(proof, purpose, asked["token"])
    return purpose, proof


def take(session: SessionBase, *, purpose: Purpose, token: str = "") -> Proof | None:
    """The proof that waits in the session, once; ``None`` if there is none for this."""
    kept = session.pop(_PROOF, None)
    if kept is None or kept["purpose"] != purpose or kept["token"] != encode(token_hash(token)) or time.time() - kept["at"] > PROVED_FOR:
        return None
    digest = decode(kept["session_digest"]) or None
    return Proof(
        provider=access.open_sso_provider(UUID(kept["provider"])),
        subject=kept["subject"],
        label=kept["label"],
        authenticated_at=kept["authenticated_at"],
        session_digest=digest,
        refresh_token=decode(kept["refresh_token"]),
        challenge=decode(kept["challenge"]),
    )


def _provider_for(purpose: Purpose, device_id: UUID | None, token: str, actor: Actor | None) -> SsoProvider:
    provider = None
    if purpose == "join":
        provider = access.sso_provider_of(invitation_of(token).hospital_id)
    elif purpose == "sign-in" and device_id is not None:
        provider = access.sso_provider_of_device(device_id)
    elif purpose == "bind":
        if actor is None:
            raise Unauthenticated("session.ended", "Sign in first.")
        provider = access.sso_provider_of(actor.hospital_id)
    if provider is None:
        raise NotFound("sso.none", "This hospital has no sign-in service of its own.")
    return provider


def _prove(provider: SsoProvider, asked: dict[str, Any], returned: Returned) -> Proof:
    metadata = oidc.discover(provider.issuer)
    # RFC 9207, 2.4: compared before anything is sent anywhere. A provider that names itself always does.
    if returned.issuer != provider.issuer and (returned.issuer or metadata.names_itself):
        raise Unauthenticated("sso.wrong_issuer", "The answer came from another sign-in service. Start again.")
    if returned.error or not returned.code:
        raise Unauthenticated("sso.refused", "The hospital's sign-in service did not let you in.")
    client = client_of(provider)
    try:
        tokens = oidc.exchange(metadata, client, code=returned.code, verifier=asked["verifier"], redirect_uri=redirect_uri())
    except oidc.GrantRefused as error:
        raise Unauthenticated("sso.refused", "The hospital's sign-in service did not let you in.") from error
    found = oidc.read_id_token(tokens.id_token, metadata, client, nonce=asked["nonce"], within=_within(provider))
    return Proof(
        provider=provider,
        subject=found.subject,
        label=found.label,
        authenticated_at=found.authenticated_at,
        session_digest=digest_of_session(found.provider_session),
        refresh_token=seal_refresh(provider, found.subject, tokens.refresh_token),
        challenge=secrets.token_bytes(32),
    )


def _settle(purpose: Purpose, proof: Proof, asked: dict[str, Any], actor: Actor | None) -> Agent | None:
    """What the proof changes at once, and whose it is."""
    known = SsoSubject.objects.select_related("person").filter(provider=proof.provider, subject=proof.subject, ended_at=None).first()
    if purpose == "join":
        if known is not None:
            raise Unauthenticated("sso.subject_taken", "This account is connected with somebody else.")
        return None
    if purpose == "bind":
        if actor is None or str(actor.person_id) != asked["person"] or actor.hospital_id != proof.provider.hospital_id:
            raise Unauthenticated("sso.unknown_attempt", "Start again: somebody else is signed in now.")
        _bind(proof, actor.person_id)
        record(event=Event("identity.bind_sso", actor.agent(), [actor.hospital_id]))
        return actor.agent()
    if known is None:
        raise Unauthenticated("sso.not_bound", "This account is not connected yet. Sign in with your passkey and connect it under Me.")
    sso_subjects.vouch(known, refresh_token=proof.refresh_token, label=proof.label)
    return agent_of(known.person, proof.provider.hospital_id)


def _bind(proof: Proof, person_id: UUID) -> SsoSubject:
    fields = {"subject": proof.subject, "label": proof.label, "refresh_token": proof.refresh_token}
    return sso_subjects.bind(provider=proof.provider, person_id=person_id, **fields)  # type: ignore[arg-type]


def basis_of(proof: Proof, subject: SsoSubject) -> Basis:
    """A day begins when the person proved themselves there, not when the phone came back."""
    until = datetime.fromtimestamp(proof.authenticated_at, UTC) + LASTS
    return Basis("oidc", subject, proof.session_digest, until)


def joined_by(proof: Proof, person_id: UUID) -> Basis:
    """Connect who joins, in the transaction that uses the invitation. Raises as ``sso_subjects.bind``."""
    return basis_of(proof, _bind(proof, person_id))


def agent_of(person: Person, hospital_id: UUID) -> Agent:
    return Agent(person.pseudonym, hospital_id, None, None, person.profession, "oidc", snapshot_of(person.pseudonym))


def digest_of_session(provider_session: str) -> bytes | None:
    return hashlib.sha256(provider_session.encode()).digest() if provider_session else None


def _kept(proof: Proof, purpose: Purpose, token: str) -> dict[str, Any]:
    return {
        "provider": str(proof.provider.id),
        "purpose": purpose,
        "token": token,
        "subject": proof.subject,
        "label": proof.label,
        "authenticated_at": proof.authenticated_at,
        "session_digest": encode(proof.session_digest or b""),
        "refresh_token": encode(proof.refresh_token),
        "challenge": encode(proof.challenge),
        "at": int(time.time()),
    }


def _within(provider: SsoProvider) -> int:
    """Seconds since the person proved themselves there, at most: as long as a phone may lie untouched. A browser that is still signed in at
    the provider since the morning must not be the way around the idle lock.
    """
    return int(provider.hospital.idle_lock_after.total_seconds())


def _note_refusal(provider: SsoProvider, purpose: Purpose, code: str) -> None:
    if count := count_to_record(code, purpose, provider.id):
        detail: dict[str, str | int | list[str]] = {"code": code, "by": "oidc", "count": count}
        record_refused(Event(ACTIONS[purpose], None, [provider.hospital_id], outcome="refused", detail=detail))

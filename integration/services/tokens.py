"""Signing a client in (SMART Backend Services, ``client_credentials``).

Invariant: an assertion buys one token, once: the primary key decides which of two copies came first. A token is random, known to its client
alone, good for five minutes and for what the registrar allowed. What is over is deleted by the next sign-in: there is nothing to sweep.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record, record_refused
from backend.errors import Invalid, Unauthenticated
from backend.flooding import count_to_record
from identity.tokens import new_token, token_hash
from integration import assertions, scopes
from integration.access import client_named
from integration.actors import agent_of
from integration.models import AccessToken, Client, TakenAssertion

LIFE: Final = timedelta(minutes=5)


class Issued(NamedTuple):
    token: str
    scope: str


def issue_token(*, assertion: str, scope: str) -> Issued:
    """A token for the client that signed ``assertion``, with what of ``scope`` it may.

    Raises:
        Unauthenticated: ``client.refused``; of a client that has proved itself ``assertion.*``.
        Invalid: ``client.no_such_scope``: nothing of what is asked is this client's. Unavailable: ``client.keys_unreachable``.
    """
    claim = assertions.claimed(assertion)
    client = client_named(claim.client_id)
    if client is None:
        raise assertions.refused()
    try:
        proof = assertions.proof_of(assertions.verified(assertion, claim, client), client)
        return _issue(client, proof, scope)
    except (Unauthenticated, Invalid) as error:
        _tell_refused(client, error.code)
        raise


@transaction.atomic
def _issue(proved: Client, proof: assertions.Proof, scope: str) -> Issued:
    # Locked: a revocation or another key comes before or after, never in between.
    client = Client.objects.select_for_update().filter(pk=proved.pk, revoked_at=None, keys_changed_at=proved.keys_changed_at).first()
    if client is None:
        raise assertions.refused()
    _take(client, proof)
    granted = sorted(scopes.taken_apart(scope) & set(client.scopes))
    if not granted:
        raise Invalid("client.no_such_scope", "None of the scopes asked for is this client's. A registrar decides what it may.")
    token, now = new_token(), timezone.now()
    AccessToken.objects.filter(client=client, expires_at__lt=now).delete()
    AccessToken.objects.create(digest=token_hash(token), client=client, scopes=granted, expires_at=now + LIFE)
    client.last_used_at = now
    client.save(update_fields=["last_used_at"])
    detail: dict[str, str | int | list[str]] = {"scopes": granted}
    agent = agent_of(client.pk, client.hospital_id)
    record(event=Event("integration.issue_token", agent, [client.hospital_id], subjects={"client": client.pk}, detail=detail))
    return Issued(token, scopes.put_together(granted))


def _take(client: Client, proof: assertions.Proof) -> None:
    digest = hashlib.sha256(f"{client.pk}\0{proof.jti}".encode()).digest()
    kept_until = datetime.fromtimestamp(proof.expires_at, UTC) + timedelta(seconds=2 * assertions.LEEWAY)
    TakenAssertion.objects.filter(client=client, expires_at__lt=timezone.now()).delete()
    try:
        with transaction.atomic():
            TakenAssertion.objects.create(digest=digest, client=client, expires_at=kept_until)
    except IntegrityError as error:
        raise Unauthenticated("assertion.replayed", "This assertion was used before. Sign a new one, with a jti of its own.") from error


def _tell_refused(client: Client, code: str) -> None:
    """The hospital sees what is tried in its client's name, a repetition by count; who it was is not proved."""
    if count := count_to_record("integration", client.pk, code):
        detail: dict[str, str | int | list[str]] = {"code": code, "count": count}
        hospital = [client.hospital_id]
        record_refused(Event("integration.refuse_token", None, hospital, outcome="refused", subjects={"client": client.pk}, detail=detail))

"""A hospital's software, let in and put out by its registrars.

Invariant: a client may what a registrar of its hospital chose, from the closed list, and not a minute longer: a change of its keys or
scopes, and its revocation, end every token it holds in the same transaction.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Invalid
from identity.actors import Actor
from integration import access, keys
from integration.models import AccessToken, Client, Webhook


@dataclass(frozen=True)
class Draft:
    """As a registrar wrote it; of ``jwks`` and ``jwks_url`` one."""

    name: str
    scopes: list[str]
    jwks: dict[str, Any] | None = None
    jwks_url: str = ""


@transaction.atomic
def read_clients(*, actor: Actor) -> list[Client]:
    """The hospital's clients, the revoked ones last. One query and the audit event."""
    actor.require_registrar()
    record(event=Event("integration.read_clients", actor.agent(), [actor.hospital_id]))
    return sorted(access.own_clients(actor).order_by("created_at", "id"), key=lambda client: client.revoked_at is not None)


def save_client(*, actor: Actor, client_id: UUID, draft: Draft) -> tuple[Client, bool]:
    """Let a client of the registrar's hospital in, or change what it may and how it proves itself: its former keys and all its tokens are
    good for nothing from here on. An address of keys is asked before anything is written, and outside the transaction.

    Returns:
        The client, and whether it is new.
    Raises:
        NotFound: another hospital's, or revoked. Invalid: ``client.one_kind_of_keys``; and as ``keys.checked``, ``keys.published``.
    """
    actor.require_registrar()
    told = {"name": draft.name, "scopes": sorted(set(draft.scopes)), **_keys_of(draft)}
    with transaction.atomic():
        client, is_new = Client.objects.get_or_create(pk=client_id, defaults={"hospital_id": actor.hospital_id, **told})
        if not is_new:
            client = _change(access.own_client(actor, client_id), told)
        _record(actor, "integration.add_client" if is_new else "integration.change_client", client)
    return client, is_new


def _change(client: Client, told: dict[str, Any]) -> Client:
    if any(getattr(client, name) != told[name] for name in ("keys", "keys_url")):
        client.keys_changed_at = timezone.now()
    for name, value in told.items():
        setattr(client, name, value)
    client.save()
    AccessToken.objects.filter(client=client).delete()
    return client


@transaction.atomic
def revoke_client(*, actor: Actor, client_id: UUID) -> Client:
    """Put it out for good, with the tokens it holds and its Subscriptions. Raises: NotFound: not the hospital's, or revoked before."""
    actor.require_registrar()
    client = access.own_client(actor, client_id)
    client.revoked_at = timezone.now()
    client.save(update_fields=["revoked_at"])
    AccessToken.objects.filter(client=client).delete()
    Webhook.objects.filter(client=client, ended_at=None).update(ended_at=client.revoked_at)
    _record(actor, "integration.revoke_client", client)
    return client


def _keys_of(draft: Draft) -> dict[str, Any]:
    if (draft.jwks is None) == (not draft.jwks_url):
        raise Invalid("client.one_kind_of_keys", "Give the client's public keys, or the address where it publishes them.")
    if draft.jwks is not None:
        return {"keys": keys.checked(draft.jwks), "keys_url": ""}
    keys.published(draft.jwks_url)
    return {"keys": None, "keys_url": draft.jwks_url}


def _record(actor: Actor, action: str, client: Client) -> None:
    detail: dict[str, str | int | list[str]] = {"scopes": client.scopes}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"client": client.pk}, detail=detail))

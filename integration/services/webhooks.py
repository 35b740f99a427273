"""A hospital's webhooks, set up by its registrars.

Invariant: what a webhook tells is of its own hospital, whoever set it up; a change of its address or secret holds from the next call on,
and what it was owed before stays owed, in order.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid
from identity import outbound
from identity.actors import Actor
from integration import access
from integration.models import Webhook
from integration.services.calling import call

MOST = 20


@dataclass(frozen=True)
class Draft:
    """``topic`` is for good: another one is another webhook."""

    topic: str
    name: str
    endpoint: str


class Tried(NamedTuple):
    """What the receiver answered (an HTTP status; 0: nothing) and after how many milliseconds."""

    status: int
    milliseconds: int


@transaction.atomic
def read_webhooks(*, actor: Actor) -> list[Webhook]:
    """The hospital's webhooks, the ended ones last. One query and the audit event."""
    actor.require_registrar()
    record(event=Event("integration.read_webhooks", actor.agent(), [actor.hospital_id]))
    found = access.own_webhooks(actor).order_by("created_at", "id")
    return sorted(found, key=lambda webhook: webhook.ended_at is not None)


@transaction.atomic
def save_webhook(*, actor: Actor, webhook_id: UUID, draft: Draft) -> tuple[Webhook, bool]:
    """Set up a webhook under an id made by the caller, or change its name and address; a halted one goes on.

    Returns:
        The webhook, and whether it is new.
    Raises:
        NotFound: another hospital's, or ended. Invalid: ``webhook.address_refused``.
        Conflict: ``webhook.other_topic``, ``webhook.too_many``.
    """
    actor.require_registrar()
    require_address(draft.endpoint)
    told = {"name": draft.name, "endpoint": draft.endpoint}
    new = {"hospital_id": actor.hospital_id, "topic": draft.topic}
    webhook, is_new = Webhook.objects.get_or_create(pk=webhook_id, defaults=new | told)
    if is_new:
        if access.own_webhooks(actor).filter(ended_at=None).count() > MOST:
            raise Conflict("webhook.too_many", f"A hospital has at most {MOST} webhooks. End one that is not needed any more.")
    else:
        webhook = access.own_webhook(actor, webhook_id)
        if webhook.topic != draft.topic:
            raise Conflict("webhook.other_topic", "What a webhook tells stays as it is. Set up another one.")
        _change(webhook, **told, **_going_on())
    _record(actor, "integration.add_webhook" if is_new else "integration.change_webhook", webhook)
    return webhook, is_new


@transaction.atomic
def renew_secret(*, actor: Actor, webhook_id: UUID, generation: int) -> Webhook:
    """Another secret, the next one, from the next call on; the former signs nothing any more.

    Raises:
        NotFound. Conflict: ``webhook.other_generation`` (``generation``, the present one).
    """
    actor.require_registrar()
    webhook = access.own_webhook(actor, webhook_id)
    if generation != webhook.generation + 1:
        raise Conflict("webhook.other_generation", "The secret was made anew before. Make the next one.", generation=webhook.generation)
    _change(webhook, generation=generation, **_going_on())
    _record(actor, "integration.renew_webhook_secret", webhook)
    return webhook


@transaction.atomic
def end_webhook(*, actor: Actor, webhook_id: UUID) -> Webhook:
    """It is called no more; what it is owed lapses. Raises: NotFound: not the hospital's, or ended before."""
    actor.require_registrar()
    webhook = access.own_webhook(actor, webhook_id)
    _change(webhook, ended_at=timezone.now())
    _record(actor, "integration.end_webhook", webhook)
    return webhook


def try_webhook(*, actor: Actor, webhook_id: UUID) -> Tried:
    """Call it once now with a ``ping``, signed as everything is, outside any transaction; nothing owed is touched. Raises: NotFound."""
    actor.require_registrar()
    with transaction.atomic():
        webhook = access.own_webhook(actor, webhook_id)
        _record(actor, "integration.try_webhook", webhook)
    began = time.monotonic()
    told = {"type": "ping", "timestamp": timezone.now().isoformat(), "data": {}}
    status = call(webhook, notice=f"ping_{webhook.pk}_{time.time_ns()}", told=told)
    return Tried(status, round((time.monotonic() - began) * 1000))


def require_address(endpoint: str) -> None:
    """Raises: Invalid: ``webhook.address_refused``."""
    try:
        outbound.checked(endpoint)
    except Invalid as error:
        raise Invalid("webhook.address_refused", "The address must be https and on a network that this service may reach.") from error


def _going_on() -> dict[str, object]:
    return {"halted_at": None, "failing_since": None, "attempts": 0, "not_before": timezone.now()}


def _change(webhook: Webhook, **columns: object) -> None:
    for name, value in columns.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=list(columns))


def _record(actor: Actor, action: str, webhook: Webhook) -> None:
    detail: dict[str, str | int | list[str]] = {"topic": webhook.topic}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"webhook": webhook.pk}, detail=detail))

"""A client's Subscriptions.

Invariant: a client has its own alone, and they end with it.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, NotFound
from integration import access
from integration.actors import ClientActor
from integration.models import Topic, Webhook
from integration.resources import Resource
from integration.services.webhooks import require_address
from integration.signatures import secret_of
from integration.subscriptions import subscription, with_secret

MOST = 20


@transaction.atomic
def subscribe(*, actor: ClientActor, endpoint: str, reason: str) -> Resource:
    """Tell this address of every Task of the hospital that is new or changed, from now on; the answer has the secret, once.

    Raises:
        Forbidden: ``client.scope_missing``. Invalid: ``webhook.address_refused``. Conflict: ``subscription.too_many``.
    """
    actor.require_scope("Subscription", "c")
    require_address(endpoint)
    access.lock_client(actor)
    if access.own_subscriptions(actor).count() >= MOST:
        raise Conflict("subscription.too_many", f"A client has at most {MOST} subscriptions. Delete one that is not needed any more.")
    made = Webhook.objects.create(
        hospital_id=actor.hospital_id, client_id=actor.client_id, topic=Topic.TASKS, name="", reason=reason, endpoint=endpoint
    )
    _record(actor, "integration.subscribe", made)
    return with_secret(subscription(made), secret_of(made.pk, made.generation))


@transaction.atomic
def unsubscribe(*, actor: ClientActor, subscription_id: str) -> None:
    """It is called no more. Raises: Forbidden: ``client.scope_missing``. NotFound: not the client's, or ended before."""
    actor.require_scope("Subscription", "d")
    try:
        found = access.own_subscriptions(actor).select_for_update().filter(pk=UUID(subscription_id)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound
    found.ended_at = timezone.now()
    found.save(update_fields=["ended_at"])
    _record(actor, "integration.unsubscribe", found)


def _record(actor: ClientActor, action: str, webhook: Webhook) -> None:
    subjects = {"webhook": webhook.pk}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects=subjects, detail={"topic": webhook.topic}))

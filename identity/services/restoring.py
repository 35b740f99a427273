"""How an attempt to get a key back ends, whatever ends it.

Invariant: what officers handed on goes with the attempt, and its link opens nothing any more; each end is in the hospital's log with why.
"""

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import SYSTEM, Agent, Event
from audit.services import record
from backend.errors import Conflict, Gone
from backend.realtime import ring_after_commit
from identity.models import DeviceLink, Restoration, RestorationApproval
from identity.services.named_officers import named_of
from wardline_client.protocol.deposits import parse_ask

NEEDED: Final = 2  # of three
ACTIONS: Final = {
    "refused": "identity.refuse_restoration",
    "cancelled": "identity.cancel_restoration",
    "expired": "identity.expire_restoration",
    "superseded": "identity.supersede_restoration",
    "left": "identity.supersede_restoration",
}


def end_restorations(found: QuerySet[Restoration], *, reason: str, agent: Agent) -> list[Restoration]:
    """End those of ``found`` that are open, with an event each; in the caller's transaction."""
    # Link first, as where a device answers or uses it.
    list(
        DeviceLink.objects.select_for_update()
        .filter(restoration__in=found.filter(ended_at=None))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    ending = list(found.filter(ended_at=None).select_related("person").select_for_update(of=["self"]).order_by("id"))
    for one in ending:
        end_restoration(one, reason=reason)
        record(event=Event(ACTIONS[reason], agent, [one.hospital_id], subjects={"person": one.person.pseudonym}))
    return ending


def end_restoration(one: Restoration, *, reason: str) -> None:
    """The rows alone, of an attempt the caller has locked."""
    one.ended_at, one.end_reason = timezone.now(), reason
    one.save(update_fields=["ended_at", "end_reason"])
    RestorationApproval.objects.filter(restoration=one).delete()
    DeviceLink.objects.filter(pk=one.link_id, used_at=None).update(used_at=one.ended_at)
    tell(one)


def tell(one: Restoration) -> None:
    """The person's devices show it, at every step; so do the officers' and those of who started it."""
    named = named_of(one.hospital_id)
    ring_after_commit([one.person_id, one.started_by_id, *(named.people if named else [])], {"t": "restorations"})


@transaction.atomic
def expire_restorations() -> int:
    """What nobody brought to an end in time; returns how many. A late run delays the entry: the service goes by ``expires_at``."""
    due = Restoration.objects.filter(expires_at__lte=timezone.now())
    return len(end_restorations(due, reason="expired", agent=SYSTEM))


def take_approved(link: DeviceLink, device_id: UUID, public_key: bytes) -> Restoration | None:
    """The attempt whose link this is, locked, if two officers said yes to this very device; ``None`` for another kind of link.

    Raises:
        Gone: ``restoration.over``. Conflict: ``restoration.not_approved``, ``link.claimed``.
    """
    found = Restoration.objects.select_for_update(of=["self"]).select_related("person").filter(link=link).first()
    if found is None:
        return None
    require_open(found)
    if found.ask is None or RestorationApproval.objects.filter(restoration=found).count() < NEEDED:
        raise Conflict("restoration.not_approved", "Two officers have to agree first.")
    ask = parse_ask(bytes(found.ask))
    if (ask.device, ask.sign) != (device_id, public_key):
        raise Conflict("link.claimed", "Another device was approved.")
    return found


def require_open(one: Restoration) -> None:
    """Raises: Gone: ``restoration.over`` with ``reason``."""
    if one.ended_at is not None or one.expires_at <= timezone.now():
        raise Gone("restoration.over", "This recovery is over. Ask the registrar for another link.", reason=one.end_reason or "expired")


def finish(one: Restoration) -> None:
    end_restoration(one, reason="finished")

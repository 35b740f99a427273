"""The only lookups of clients, and of what they may see, by id.

Invariant: every query starts at the actor's hospital, a person's or a client's: another hospital's things do not exist.
"""

from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from audit.models import Export, Log
from backend.errors import Invalid, NotFound
from beds.access import candidates_of, hospitals_on_board
from beds.access import requests_of as requests_of
from beds.models import Alarm, Bed, Candidate, Capacity, FigureReport, Transition
from identity.actors import Actor
from identity.models import DutyRole, Holder, Hospital, Unit
from integration.actors import ClientActor
from integration.models import Client, Feed, FeedWard, Webhook
from integration.senders import Sender


def own_clients(actor: Actor) -> QuerySet[Client]:
    return Client.objects.filter(hospital=actor.hospital_id)


def own_client(actor: Actor, client_id: UUID) -> Client:
    """A client of the actor's hospital that is not revoked, locked. Raises: NotFound."""
    found = own_clients(actor).select_for_update().filter(pk=client_id, revoked_at=None).first()
    if found is None:
        raise NotFound
    return found


def own_webhooks(actor: Actor) -> QuerySet[Webhook]:
    """Those that registrars set up."""
    return Webhook.objects.filter(hospital=actor.hospital_id, client=None)


def own_subscriptions(actor: ClientActor) -> QuerySet[Webhook]:
    """The client's own, not another one's of its hospital."""
    return Webhook.objects.filter(client=actor.client_id, ended_at=None)


def own_webhook(actor: Actor, webhook_id: UUID) -> Webhook:
    """One of the actor's hospital that is not ended, locked. Raises: NotFound."""
    found = own_webhooks(actor).select_for_update().filter(pk=webhook_id, ended_at=None).first()
    if found is None:
        raise NotFound
    return found


def lock_client(actor: ClientActor) -> None:
    """Who counts and adds, one after the other. Raises: NotFound: revoked meanwhile."""
    if not Client.objects.select_for_update(no_key=True).filter(pk=actor.client_id, revoked_at=None).exists():
        raise NotFound


def alarms_at(hospital_id: UUID) -> QuerySet[Alarm]:
    """What the clock called the hospital's duty roles to; not the asking itself."""
    return Alarm.objects.filter(role__hospital=hospital_id, position__gte=1)


def askings_at(hospital_id: UUID) -> QuerySet[Alarm]:
    """Hospitals that were asked by this one, and this one by others; not those that wait for their turn."""
    return Alarm.objects.filter(Q(candidate__hospital=hospital_id) | Q(candidate__request__origin=hospital_id), position=0)


def moves_at(hospital_id: UUID) -> QuerySet[Transition]:
    """Steps of the Tasks that the hospital may see."""
    return Transition.objects.filter(Q(candidate__hospital=hospital_id) | Q(candidate__request__origin=hospital_id))


def client_named(client_id: UUID) -> Client | None:
    """Who says to be this client, before it has proved it; ``None``: there is none, or it is revoked."""
    return Client.objects.filter(pk=client_id, revoked_at=None).first()


def hospital_of(actor: ClientActor) -> QuerySet[Hospital]:
    return Hospital.objects.filter(pk=actor.hospital_id)


def units_of(actor: ClientActor) -> QuerySet[Unit]:
    return Unit.objects.filter(hospital=actor.hospital_id, closed_at=None).prefetch_related("capacities")


def roles_of(actor: ClientActor) -> QuerySet[DutyRole]:
    """Open duty roles, with who holds each now."""
    return _with_turn(DutyRole.objects.filter(hospital=actor.hospital_id, closed_at=None))


def partner_roles_of(actor: ClientActor) -> QuerySet[DutyRole]:
    """Those that the hospital may ask; whether somebody holds one, not who: as its physicians see them."""
    partners = hospitals_on_board(actor.hospital_id).exclude(pk=actor.hospital_id)
    return _with_turn(DutyRole.objects.filter(hospital__in=partners, closed_at=None))


def _with_turn(roles: QuerySet[DutyRole]) -> QuerySet[DutyRole]:
    now = Holder.objects.filter(role=OuterRef("pk"))
    turn = {"since": "started_at", "until": Coalesce("until", "ended_at")}
    person = {"person": "person", "name": "person__name", "title": "person__title"}
    shown = {
        f"turn_{name}": Subquery(now.values(**{f"turn_{name}": F(value) if isinstance(value, str) else value}))
        for name, value in (turn | person).items()
    }
    return roles.select_related("hospital").annotate(**shown)


def beds_of(actor: ClientActor) -> QuerySet[Bed]:
    return Bed.objects.filter(unit__hospital=actor.hospital_id, unit__closed_at=None).select_related("unit")


def reports_of(actor: ClientActor) -> QuerySet[FigureReport]:
    """Every version of the figures of open units; not what was brought along from before they were opened here."""
    kept = FigureReport.objects.filter(capacity__unit__hospital=actor.hospital_id, capacity__unit__closed_at=None)
    return kept.exclude(version=None).select_related("capacity__unit")


def figures_of(actor: ClientActor) -> QuerySet[Capacity]:
    """Figures of open units."""
    return Capacity.objects.filter(unit__hospital=actor.hospital_id, unit__closed_at=None).select_related("unit")


def figure_to_report(actor: ClientActor, unit_id: UUID, category: str) -> Capacity:
    """Raises: Invalid: ``fhir.no_such_figure``: of another hospital, closed, or never opened: one answer."""
    found = figures_of(actor).filter(unit=unit_id, category=category).first()
    if found is None:
        raise Invalid("fhir.no_such_figure", "Your hospital reports no beds of this category for this unit.")
    return found


def feed_of(sender: Sender) -> Feed | None:
    """The one live feed that this sender proves to be; none, or more than one: nobody's."""
    named = Feed.objects.filter(application=sender.application, facility=sender.facility, ended_at=None).select_related("hospital")
    proved = [feed for feed in named if sender.proves(feed)]
    return proved[0] if len(proved) == 1 else None


def ward_named(feed: Feed, point_of_care: str) -> FeedWard | None:
    return FeedWard.objects.filter(feed=feed, point_of_care=point_of_care).first()


def bed_labelled(feed: Feed, unit_id: UUID, label: str) -> Bed | None:
    """Of the feed's hospital, whatever its map says."""
    return Bed.objects.filter(unit=unit_id, unit__hospital=feed.hospital_id, unit__closed_at=None, label=label).first()


def log_of(actor: ClientActor) -> Log | None:
    """Of the hospital; there is none before anything has happened in it."""
    return Log.objects.filter(hospital=actor.hospital_id).first()


def export_of(actor: ClientActor, export_id: UUID) -> Export:
    """One that this client asked for, as long as it is there. Raises: NotFound."""
    own = Export.objects.filter(hospital=actor.hospital_id, asked_by=actor.client_id).exclude(state=Export.State.GONE)
    found = own.filter(pk=export_id).first()
    if found is None:
        raise NotFound
    return found


def tasks_of(actor: ClientActor) -> QuerySet[Candidate]:
    """Candidates of the hospital's own requests, and those at which it was asked itself."""
    return candidates_of(actor).select_related("request")

"""Feeds set up and ended, by the operator.

Invariant: every change is in the hospital's log, in its own transaction; what may move beds can be read from there. A map names units of
the feed's own hospital only.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import NamedTuple
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.db import transaction
from django.utils import timezone

from audit.events import SYSTEM, Event
from audit.services import record
from backend.errors import Invalid, NotFound
from identity.models import Hospital, Unit
from integration.feeds import LABEL
from integration.models import Feed, FeedWard

NOT_KEPT = "-"


class Ward(NamedTuple):
    """``unit`` is a unit's name, or ``NOT_KEPT``."""

    point_of_care: str
    unit: str
    label: str = LABEL


@transaction.atomic
def add_feed(*, slug: str, application: str, facility: str, certificates: Iterable[bytes] = (), networks: Iterable[str] = ()) -> Feed:
    """Let a sender tell about a hospital's beds; it has no map yet. ``certificates`` are PEM.

    Raises:
        NotFound: no such hospital. Invalid: ``feed.unproved``, ``feed.certificate_unreadable``, ``feed.network_unreadable``.
    """
    hospital = Hospital.objects.filter(slug=slug).first()
    if hospital is None:
        raise NotFound
    shown, places = [fingerprint(pem) for pem in certificates], [_network(network) for network in networks]
    if not shown and not places:
        raise Invalid("feed.unproved", "Give the sender's certificate, or the addresses it comes from, or both: a name can be anybody's.")
    feed = Feed.objects.create(hospital=hospital, application=application, facility=facility, certificates=shown, networks=places)
    _record("integration.add_feed", feed, certificates=len(shown), networks=len(places))
    return feed


@transaction.atomic
def map_feed(*, feed_id: UUID, wards: Iterable[Ward]) -> int:
    """Set a feed's whole map. Returns how many points of care it has now.

    Raises:
        NotFound: no such feed. Invalid: ``feed.no_such_unit``, ``feed.label_without_bed``, ``feed.ward_twice``.
    """
    feed = _live(feed_id)
    told = list(wards)
    units = dict(Unit.objects.filter(hospital=feed.hospital_id, closed_at=None).values_list("name", "pk"))
    if unknown := next((ward.unit for ward in told if ward.unit != NOT_KEPT and ward.unit not in units), None):
        raise Invalid("feed.no_such_unit", "The hospital has no open unit of this name.", unit=unknown)
    if any(LABEL not in ward.label for ward in told):
        raise Invalid("feed.label_without_bed", "A label has {bed} in it, and may have {room}.")
    if len({ward.point_of_care for ward in told}) != len(told):
        raise Invalid("feed.ward_twice", "A point of care stands once.")
    FeedWard.objects.filter(feed=feed).delete()
    FeedWard.objects.bulk_create(
        FeedWard(feed=feed, point_of_care=ward.point_of_care, unit_id=units.get(ward.unit), label=ward.label) for ward in told
    )
    _record("integration.map_feed", feed, wards=len(told))
    return len(told)


@transaction.atomic
def end_feed(*, feed_id: UUID) -> None:
    """From its next message on it is nobody's. Raises: NotFound: no such feed, or ended before."""
    feed = _live(feed_id)
    feed.ended_at = timezone.now()
    feed.save(update_fields=["ended_at"])
    _record("integration.end_feed", feed)


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate, in hex. Raises: Invalid: ``feed.certificate_unreadable``."""
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
    except ValueError as error:
        raise Invalid("feed.certificate_unreadable", "This is no certificate in PEM.") from error


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise Invalid("feed.network_unreadable", "Give addresses or networks such as 10.20.0.0/16.") from error


def _live(feed_id: UUID) -> Feed:
    found = Feed.objects.select_for_update().filter(pk=feed_id, ended_at=None).first()
    if found is None:
        raise NotFound
    return found


def _record(action: str, feed: Feed, **detail: int) -> None:
    record(event=Event(action, SYSTEM, [feed.hospital_id], subjects={"feed": feed.pk}, detail=detail))

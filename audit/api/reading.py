"""What an auditor looks at on a screen.

Invariant: the own hospital's log alone, and every look is an event with how much was seen, in the transaction that saw it. The same number
of queries however long the log and whatever is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from audit.api.access import log_of_reader
from audit.events import Event
from audit.exports.balp import purpose_of
from audit.exports.shown import Cut, page_of, shown
from audit.exports.wanted import Wanted
from audit.models import Review
from audit.services import record
from backend.errors import Invalid
from identity.actors import Actor
from identity.models import Hospital, Membership

SIGN_IN = ("identity.sign_in", "identity.come_back")
BREAK_GLASS = ("messaging.break_glass", "messaging.end_break_glass")
# What lets somebody of another hospital know something of a case.
DISCLOSING = ("messaging.", "beds.")
_UNREVIEWED = """
    SELECT count(*) FROM audit_index WHERE action = 'messaging.break_glass' AND hospitals @> ARRAY[%(hospital)s::uuid] AND NOT EXISTS (
        SELECT FROM audit_review seen
        WHERE seen.hospital = %(hospital)s AND seen.scope = 'break_glass' AND seen.subject = ANY (audit_index.subjects))"""
LONGEST = 62  # days of activity at once


@dataclass(frozen=True, slots=True)
class Found:
    """``following``: the cursor of the next page, ``None`` at the end."""

    events: list[dict[str, Any]]
    following: int | None


@transaction.atomic
def read_events(*, actor: Actor, wanted: Wanted, cut: Cut, action: str) -> Found:
    """A page of the own log; ``action`` is what the log calls this look (``audit.search``, ``audit.read_timeline``...).

    Raises:
        Forbidden: ``auditor.required``. NotFound: nothing has happened yet.
    """
    log = log_of_reader(actor)
    rows, has_more = page_of(log.pk, wanted, cut)
    _tell(actor, action, rows=len(rows), filters=len(wanted.plain()))
    return Found([shown(row) for row in rows], rows[-1].place if has_more else None)


def disclosures(*, actor: Actor, case: Iterable[UUID], cut: Cut) -> Found:
    """Who outside of the own hospital learned of a case, when and to what purpose (GDPR Art. 15, 45 CFR 164.528), oldest first."""
    wanted = Wanted(subjects=tuple(case), actions=DISCLOSING, outcomes=("success",))
    found = read_events(actor=actor, wanted=wanted, cut=cut, action="audit.read_disclosures")
    own = str(actor.hospital_id)
    told = [event | _disclosure(event, own) for event in found.events]
    return Found([event for event in told if event["recipients"]], found.following)


def break_glass(*, actor: Actor, cut: Cut) -> tuple[Found, int]:
    """Emergency accesses, each begin and end with whether the access was reviewed; and how many of all were not."""
    found = read_events(actor=actor, wanted=Wanted(actions=BREAK_GLASS), cut=cut, action="audit.read_break_glass")
    seen = Review.objects.filter(hospital=actor.hospital_id, scope="break_glass", subject__isnull=False)
    reviewed = {str(subject) for subject in seen.values_list("subject", flat=True)}
    told = [event | {"is_reviewed": event["subjects"].get("emergency") in reviewed} for event in found.events]
    with connection.cursor() as cursor:
        cursor.execute(_UNREVIEWED, {"hospital": actor.hospital_id})
        (unreviewed,) = cursor.fetchone()
    return Found(told, found.following), unreviewed


@transaction.atomic
def activity(*, actor: Actor, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Events, refusals and people per hour of the hospital's own day; hours without any are left out.

    Raises:
        Invalid: ``activity.window``: no span, or more than 62 days.
    """
    actor.require_log_reader()
    if not since < until or (until - since).days > LONGEST:
        raise Invalid("activity.window", f"Ask for a span of up to {LONGEST} days.")
    zone = ZoneInfo(Hospital.objects.values_list("time_zone", flat=True).get(pk=actor.hospital_id))
    query = """
        SELECT date_trunc('hour', at, %(zone)s), count(*), count(*) FILTER (WHERE outcome <> 'success'), count(DISTINCT agent)
        FROM audit_index WHERE at >= %(since)s AND at < %(until)s AND hospitals @> ARRAY[%(hospital)s::uuid] GROUP BY 1 ORDER BY 1"""
    with connection.cursor() as cursor:
        cursor.execute(query, {"zone": zone.key, "since": since, "until": until, "hospital": actor.hospital_id})
        hours = [
            {"hour": hour.astimezone(zone), "events": events, "refused": refused, "people": people}
            for hour, events, refused, people in cursor.fetchall()
        ]
    _tell(actor, "audit.read_activity", rows=len(hours))
    return hours


@transaction.atomic
def roster(*, actor: Actor) -> list[Membership]:
    """Everybody who is or was a member, with the times of it and the terms as auditor."""
    actor.require_log_reader()
    members = Membership.objects.filter(hospital=actor.hospital_id).select_related("person").prefetch_related("auditor_terms")
    found = list(members.order_by("created_at", "id"))
    _tell(actor, "audit.read_roster", rows=len(found))
    return found


def _disclosure(event: dict[str, Any], own: str) -> dict[str, Any]:
    """Somebody else's reader, or everybody else whom the own sender reached."""
    reader = event["agent"]["hospital"]
    is_told = event["action"] not in BREAK_GLASS  # that one of ours opened it gives nobody else anything
    recipients = [reader] if reader not in (None, own) else [hospital for hospital in event["hospitals"] if hospital != own and is_told]
    return {"recipients": recipients, "purpose": purpose_of(event)[1]}


def _tell(actor: Actor, action: str, **numbers: int) -> None:
    record(event=Event(action, actor.agent(), [actor.hospital_id], detail=numbers))

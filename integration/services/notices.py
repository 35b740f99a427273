"""Owing and sending what webhooks tell: looks at columns, run again and again by the worker.

Invariant: nobody who raises an alarm does anything for a webhook: what is owed follows from the alarms themselves, so a worker that was
away owes late and never forgets. Of one webhook one call is under way at a time, the oldest; no network inside a transaction: a call is
claimed by moving the webhook's time ahead, so a worker that dies leaves it to the next one, which calls again with the same id.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.events import CLOCK, Event
from audit.services import record
from beds.models import Alarm
from integration import access
from integration.models import Notice, Webhook
from integration.services.calling import call

OVERLAP: Final = timedelta(minutes=2)  # longer than any transaction that raises an alarm may take to commit
LEASE: Final = timedelta(minutes=1)
GIVE_UP: Final = timedelta(hours=24)
GONE: Final = 410
CALLERS: Final = 8
ROUNDS: Final = 50


class Claim(NamedTuple):
    """A notice whose turn it is; ``until`` is the lease, by which a later answer knows that it is late."""

    webhook: Webhook
    notice: Notice
    until: datetime


def owe_notices() -> int:
    """Number what happened since the last look; how much that was."""
    live = Webhook.objects.filter(ended_at=None, halted_at=None).order_by("id").values_list("id", flat=True)
    return sum(_owe(webhook_id) for webhook_id in live)


@transaction.atomic
def _owe(webhook_id: UUID) -> int:
    # One look at a time; who comes second has nothing to add.
    webhook = Webhook.objects.select_for_update(skip_locked=True).filter(pk=webhook_id, ended_at=None, halted_at=None).first()
    if webhook is None:
        return 0
    now, known = timezone.now(), Notice.objects.filter(webhook=webhook).values("source")
    since = max(webhook.looked_until - OVERLAP, webhook.created_at)
    found = access.alarms_at(webhook.hospital_id).filter(raised_at__gte=since).exclude(pk__in=known).order_by("id")
    sources = list(found.values_list("id", flat=True))
    Notice.objects.bulk_create(Notice(webhook=webhook, number=webhook.owed + n, source=source) for n, source in enumerate(sources, 1))
    if sources or now - webhook.looked_until > OVERLAP / 2:
        Webhook.objects.filter(pk=webhook.pk).update(owed=webhook.owed + len(sources), looked_until=now)
    return len(sources)


def send_notices() -> int:
    """Call every webhook whose turn it is, each again while it takes what it is told; how many calls were made."""
    calls, going = 0, None
    for _ in range(ROUNDS):
        claims = _claim(going)
        if not claims:
            break
        with ThreadPoolExecutor(CALLERS) as callers:
            statuses = list(callers.map(_call, claims, [_told(claim.notice) for claim in claims]))
        # Who did not answer does not hold up the others any longer.
        going = [claim.webhook.pk for claim, status in zip(claims, statuses, strict=True) if _settle(claim, status)]
        calls += len(claims)
    return calls


@transaction.atomic
def _claim(going: list[UUID] | None) -> list[Claim]:
    """The oldest notice of each webhook that is due; ``going``: of these alone."""
    waiting = Notice.objects.filter(taken_at=None).values("webhook")
    due = Webhook.objects.filter(pk__in=waiting, ended_at=None, halted_at=None, not_before__lte=timezone.now())
    due = due if going is None else due.filter(pk__in=going)
    claims = []
    for webhook in due.select_for_update(skip_locked=True):
        notice = Notice.objects.filter(webhook=webhook, taken_at=None).order_by("number").first()
        if notice is None:
            continue
        until = timezone.now() + LEASE
        Webhook.objects.filter(pk=webhook.pk).update(not_before=until, attempts=F("attempts") + 1)
        webhook.attempts += 1
        claims.append(Claim(webhook, notice, until))
    return claims


class Told(NamedTuple):
    kind: str
    data: dict[str, object]
    at: datetime


def _told(notice: Notice) -> Told:
    """Ids and codes: no name, no content. The role's id is what a pager system maps to a group; ``link`` opens the case on a phone."""
    alarm = Alarm.objects.select_related("candidate__request").get(pk=notice.source)
    candidate = alarm.candidate
    told: dict[str, object] = {
        "number": notice.number,
        "role": str(alarm.role_id),
        "request": str(candidate.request_id),
        "candidate": str(candidate.pk),
        "urgency": candidate.request.urgency,
        "step": alarm.position,
        "whom": alarm.whom,
        "how": alarm.how,
        "link": f"{settings.PUBLIC_URL}/#/incoming/{candidate.pk}",
    }
    return Told("alarm.raised", told, alarm.raised_at)


def _call(claim: Claim, told: Told) -> int:
    notice = f"{claim.webhook.pk}.{claim.notice.number}"
    return call(claim.webhook, notice=notice, kind=told.kind, data=told.data, at=told.at)


@transaction.atomic
def _settle(claim: Claim, status: int) -> bool:
    """Whether the receiver took it. An answer that comes after the lease is over changes nothing: another worker has the turn."""
    mine = Webhook.objects.select_for_update().filter(pk=claim.webhook.pk, not_before=claim.until, ended_at=None)
    webhook = mine.first()
    if webhook is None:
        return False
    now, is_taken = timezone.now(), 200 <= status < 300
    webhook.last_status = status
    if is_taken:
        Notice.objects.filter(pk=claim.notice.pk).update(taken_at=now)
        webhook.not_before, webhook.attempts, webhook.failing_since, webhook.last_taken_at = now, 0, None, now
        _record("integration.notify", webhook, number=claim.notice.number)
    else:
        webhook.failing_since = webhook.failing_since or now
        webhook.not_before = now + backoff(webhook.attempts)
        if status == GONE or now - webhook.failing_since > GIVE_UP:
            webhook.halted_at = now
            _record("integration.halt_webhook", webhook, status=status)
    webhook.save()
    return is_taken


def backoff(attempts: int) -> timedelta:
    """5 s, 10 s, 20 s ... at most a quarter of an hour."""
    return min(timedelta(seconds=5 * 2 ** min(attempts - 1, 10)), timedelta(minutes=15))


def _record(action: str, webhook: Webhook, **detail: int) -> None:
    codes: dict[str, str | int | list[str]] = {"topic": webhook.topic, **detail}
    record(event=Event(action, CLOCK, [webhook.hospital_id], subjects={"webhook": webhook.pk}, detail=codes))

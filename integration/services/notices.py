"""Owing and sending what webhooks tell: looks at columns, run again and again by the worker.

Invariant: nobody who raises an alarm or takes a step does anything for a webhook: what is owed follows from their own rows, so a worker
that was away owes late and never forgets. Of one webhook one call is under way at a time, the oldest; no network inside a transaction: a
call is claimed by moving the webhook's time ahead, so a worker that dies leaves it to the next one, which calls again with the same id.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit.events import CLOCK, Event
from audit.services import record
from beds.models import Alarm, Transition
from integration import access, notifications
from integration.models import Happened, Notice, Topic, Webhook
from integration.notifications import FHIR_JSON
from integration.services.calling import call

OVERLAP: Final = timedelta(minutes=2)  # longer than any transaction that raises an alarm may take to commit
LEASE: Final = timedelta(minutes=1)
GIVE_UP: Final = timedelta(hours=24)
GONE: Final = 410
CALLERS: Final = 8
ROUNDS: Final = 50


class Claim(NamedTuple):
    """Whose turn it is, ``None``: the first call; ``until`` is the lease, by which a later answer knows that it is late."""

    webhook: Webhook
    notice: Notice | None
    until: datetime

    @property
    def number(self) -> int:
        return self.notice.number if self.notice else 0


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
    now = timezone.now()
    since = max(webhook.looked_until - OVERLAP, webhook.created_at)
    found = sorted(_TOPICS[Topic(webhook.topic)](webhook, since))
    numbered = enumerate(found, webhook.owed + 1)
    Notice.objects.bulk_create(
        Notice(webhook=webhook, number=number, happened=happened, source=source) for number, (_, happened, source) in numbered
    )
    if found or now - webhook.looked_until > OVERLAP / 2:
        Webhook.objects.filter(pk=webhook.pk).update(owed=webhook.owed + len(found), looked_until=now)
    return len(found)


# When, what, and the number of its row.
Source = tuple[datetime, Happened, int]


def _alarms(webhook: Webhook, since: datetime) -> list[Source]:
    new = access.alarms_at(webhook.hospital_id).filter(raised_at__gte=since).exclude(pk__in=_known(webhook, Happened.ALARM))
    return [(at, Happened.ALARM, source) for at, source in new.values_list("raised_at", "pk")]


def _tasks(webhook: Webhook, since: datetime) -> list[Source]:
    """An asking makes a Task; every step changes it."""
    asked = access.askings_at(webhook.hospital_id).filter(raised_at__gte=since).exclude(pk__in=_known(webhook, Happened.ALARM))
    moved = access.moves_at(webhook.hospital_id).filter(created_at__gte=since).exclude(pk__in=_known(webhook, Happened.MOVE))
    found: list[Source] = [(at, Happened.ALARM, source) for at, source in asked.values_list("raised_at", "pk")]
    return found + [(at, Happened.MOVE, source) for at, source in moved.values_list("created_at", "pk")]


def _known(webhook: Webhook, happened: Happened) -> QuerySet[Notice, int]:
    return Notice.objects.filter(webhook=webhook, happened=happened).values_list("source", flat=True)


_TOPICS: Final = {Topic.ALARMS: _alarms, Topic.TASKS: _tasks}


def send_notices() -> int:
    """Call every webhook whose turn it is, each again while it takes what it is told; how many calls were made."""
    calls, going = 0, None
    for _ in range(ROUNDS):
        claims = _claim(going)
        if not claims:
            break
        with ThreadPoolExecutor(CALLERS) as callers:
            statuses = list(callers.map(_call, claims, [_told(claim) for claim in claims]))
        # Who did not answer does not hold up the others any longer.
        going = [claim.webhook.pk for claim, status in zip(claims, statuses, strict=True) if _settle(claim, status)]
        calls += len(claims)
    return calls


@transaction.atomic
def _claim(going: list[UUID] | None) -> list[Claim]:
    """The oldest notice of each webhook that is due; ``going``: of these alone."""
    waiting = Notice.objects.filter(taken_at=None).values("webhook")
    due = Webhook.objects.filter(Q(pk__in=waiting) | _UNCONFIRMED, ended_at=None, halted_at=None, not_before__lte=timezone.now())
    due = due if going is None else due.filter(pk__in=going)
    claims = []
    for webhook in due.select_for_update(skip_locked=True):
        is_first = webhook.client_id is not None and webhook.confirmed_at is None
        notice = None if is_first else Notice.objects.filter(webhook=webhook, taken_at=None).order_by("number").first()
        if notice is None and not is_first:
            continue
        until = timezone.now() + LEASE
        Webhook.objects.filter(pk=webhook.pk).update(not_before=until, attempts=F("attempts") + 1)
        webhook.attempts += 1
        claims.append(Claim(webhook, notice, until))
    return claims


_UNCONFIRMED: Final = Q(client__isnull=False, confirmed_at=None)


def _told(claim: Claim) -> tuple[Mapping[str, object], str]:
    """What is sent, and its media type."""
    webhook, notice, now = claim.webhook, claim.notice, timezone.now()
    if notice is None:
        return notifications.handshake(webhook, at=now), FHIR_JSON
    if notice.happened == Happened.MOVE:
        step = Transition.objects.get(pk=notice.source)
        task, happened_at = step.candidate_id, step.created_at
    else:
        alarm = Alarm.objects.select_related("candidate__request").get(pk=notice.source)
        if webhook.topic == Topic.ALARMS:
            return notifications.alarm_raised(notice.number, alarm), "application/json"
        task, happened_at = alarm.candidate_id, alarm.raised_at
    told = notifications.task_changed(webhook, number=notice.number, task=str(task), happened_at=happened_at, at=now)
    return told, FHIR_JSON


def _call(claim: Claim, told: tuple[Mapping[str, object], str]) -> int:
    return call(claim.webhook, notice=f"{claim.webhook.pk}.{claim.number}", told=told[0], kind=told[1])


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
        if claim.notice is None:
            webhook.confirmed_at = now
        else:
            Notice.objects.filter(pk=claim.notice.pk).update(taken_at=now)
        webhook.not_before, webhook.attempts, webhook.failing_since, webhook.last_taken_at = now, 0, None, now
        _record("integration.notify", webhook, number=claim.number)
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

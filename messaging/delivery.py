"""Owing and sending pushes: two looks at columns, run again and again by the worker.

Invariant: a message that a person's devices have not stored a moment after it was sent is owed one push per device of
theirs, once. No network inside a transaction: a push is claimed by moving its time ahead, so a worker that dies
leaves it to the next one. Quiet hours hold back what can wait, from who is not on duty; never what is urgent.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from pywebpush import WebPushException, webpush

from identity.services.shift_change import claim_gap_pushes
from messaging.models import PendingPush, PushSubscription, PushSweep
from messaging.pushes import MERGE, PAYLOAD, end_subscription, is_allowed, owe_push, vapid

GRACE: Final = timedelta(seconds=1)  # a connected device has it by then
OVERLAP: Final = timedelta(minutes=2)  # longer than any transaction that stores a message may take to commit
LEASE: Final = timedelta(minutes=2)
MAX_ATTEMPTS: Final = 10
BATCH: Final = 100
SENDERS: Final = 8
TTL: Final = int(timedelta(hours=12).total_seconds())
GONE: Final = frozenset({404, 410})

_OWE = f"""
    WITH owed AS (
        SELECT s.id AS subscription_id, p.person_id, f.conversation_id, max(f.sequence) AS sequence,
            bool_or(f.priority <> 'normal') AS is_urgent
        FROM messaging_message f
        JOIN messaging_member mem ON mem.conversation_id = f.conversation_id AND mem.removed_at IS NULL
        LEFT JOIN identity_holder u ON mem.kind = 'role' AND u.role_id = mem.principal
        CROSS JOIN LATERAL (SELECT CASE WHEN mem.kind = 'role' THEN u.person_id ELSE mem.principal END AS person_id) p
        JOIN identity_membership ms ON ms.person_id = p.person_id AND ms.state = 'active'
        JOIN identity_device d ON d.person_id = p.person_id AND d.revoked_at IS NULL
        JOIN messaging_pushsubscription s ON s.device_id = d.id AND s.ended_at IS NULL
        LEFT JOIN messaging_receipt r ON r.conversation_id = f.conversation_id AND r.person_id = p.person_id
        WHERE f.created_at > %(after)s AND f.created_at <= %(until)s AND f.person_id <> p.person_id
            AND f.sequence > GREATEST(COALESCE(r.delivered_sequence, 0), COALESCE(r.pushed_sequence, 0))
        GROUP BY 1, 2, 3
    ), noted AS (
        INSERT INTO messaging_receipt AS r (conversation_id, person_id, delivered_sequence, pushed_sequence, updated_at)
        SELECT conversation_id, person_id, 0, max(sequence), now() FROM owed GROUP BY 1, 2
        ON CONFLICT (conversation_id, person_id) DO UPDATE SET pushed_sequence = GREATEST(r.pushed_sequence, excluded.pushed_sequence)
    )
    INSERT INTO messaging_pendingpush AS p (subscription_id, urgency, attempts, not_before, owed_at)
    SELECT subscription_id, CASE WHEN bool_or(is_urgent) THEN 'high' ELSE 'normal' END, 0, now(), clock_timestamp() FROM owed GROUP BY 1
    {MERGE}
"""  # noqa: S608 -- put together from constants

# Asked when a push is claimed, not when it is owed: what becomes urgent meanwhile goes at once, and so does what is owed to somebody who
# has come on duty or has changed the hours.
_IS_QUIET = """EXISTS (
            SELECT FROM identity_person q
            JOIN identity_membership m ON m.person_id = q.id AND m.state = 'active'
            JOIN identity_hospital h ON h.id = m.hospital_id
            CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE h.time_zone)::time AS local) here
            WHERE q.id = d.person_id AND CASE
                WHEN q.quiet_from < q.quiet_until THEN here.local >= q.quiet_from AND here.local < q.quiet_until
                ELSE here.local >= q.quiet_from OR here.local < q.quiet_until END
                AND NOT EXISTS (SELECT FROM identity_holder u WHERE u.person_id = q.id)
        )"""
_CLAIM = f"""
    UPDATE messaging_pendingpush p SET not_before = now() + %(lease)s * interval '1 second', attempts = p.attempts + 1
    FROM messaging_pushsubscription s
    WHERE s.id = p.subscription_id AND p.id IN (
        SELECT due.id FROM messaging_pendingpush due
        JOIN messaging_pushsubscription t ON t.id = due.subscription_id AND t.ended_at IS NULL
        JOIN identity_device d ON d.id = t.device_id AND d.revoked_at IS NULL
        JOIN identity_membership ms ON ms.person_id = d.person_id AND ms.state = 'active'
        LEFT JOIN identity_ssosubject ss ON ss.person_id = d.person_id AND ss.ended_at IS NULL
        WHERE due.not_before <= now() AND ss.state IS DISTINCT FROM 'refused' AND (due.urgency = 'high' OR NOT {_IS_QUIET})
        ORDER BY due.urgency, due.not_before LIMIT %(batch)s FOR UPDATE OF due SKIP LOCKED
    )
    RETURNING p.id, p.attempts, p.owed_at, now(), p.urgency, s.id, s.endpoint, s.p256dh, s.auth
"""  # noqa: S608 -- put together from constants


class Claim(NamedTuple):
    id: int
    attempts: int
    owed_at: datetime
    claimed_at: datetime
    urgency: str
    subscription_id: int
    endpoint: str
    p256dh: str
    auth: str


class Answer(NamedTuple):
    """What the push service said; ``status`` 0 when it did not."""

    claim: Claim
    status: int


def owe_pushes() -> None:
    """Note who has not stored what was sent since the last look."""
    with transaction.atomic():
        PushSweep.objects.get_or_create(pk=1, defaults={"looked_until": timezone.now() - OVERLAP})
        # One look at a time; who comes second has nothing to add.
        sweep = PushSweep.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if sweep is None:
            return
        until = timezone.now() - GRACE
        with connection.cursor() as cursor:
            cursor.execute(_OWE, {"after": sweep.looked_until - OVERLAP, "until": until})
        sweep.looked_until = max(until, sweep.looked_until)
        sweep.save(update_fields=["looked_until"])


def owe_gap_pushes() -> None:
    """Wake the registrars for duty roles that nobody will hold; each warning once. The push says no more than any other."""
    with transaction.atomic():
        for people, is_urgent in claim_gap_pushes():
            owe_push(people, is_urgent=is_urgent)


def send_pushes() -> int:
    """Send what is due; how many were tried."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"lease": LEASE.total_seconds(), "batch": BATCH})
        claims = [Claim(*row) for row in cursor.fetchall()]
    if claims:
        key = vapid()
        with ThreadPoolExecutor(SENDERS) as senders:
            answers = list(senders.map(lambda claim: Answer(claim, _send(claim, key)), claims))
        for answer in answers:
            _settle(answer)
    return len(claims)


class _Direct(requests.Session):
    """No redirect and no proxy from the environment: the host that was allowed is the host that is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, *args: object, **kwargs: object) -> requests.Response:
        return super().request(*args, **{**kwargs, "allow_redirects": False})  # type: ignore[arg-type]


def _send(claim: Claim, key: object) -> int:
    if not is_allowed(claim.endpoint):
        return 410  # it was allowed once; the deployment's list has changed
    keys = {"p256dh": claim.p256dh, "auth": claim.auth}
    contact = {"sub": f"mailto:operator@{urlsplit(settings.PUBLIC_URL).hostname}"}
    # One topic: an undelivered push is replaced by the next, which says the same.
    headers: dict[str, str | int | float] = {"Urgency": claim.urgency, "Topic": "sync"}
    try:
        with _Direct() as session:
            to = {"endpoint": claim.endpoint, "keys": keys}
            answer = webpush(to, PAYLOAD, key, contact, ttl=TTL, headers=headers, timeout=10, requests_session=session)
        return answer.status_code
    except WebPushException as error:
        return 0 if error.response is None else error.response.status_code
    except requests.RequestException:
        return 0


def _settle(answer: Answer) -> None:
    claim, status = answer
    pending = PendingPush.objects.filter(pk=claim.id)
    if status in GONE:
        end_subscription(claim.subscription_id)
        pending.delete()
    elif 200 <= status < 300:
        PushSubscription.objects.filter(pk=claim.subscription_id).update(taken_at=claim.claimed_at)
        # Something came meanwhile, perhaps after the service passed the push on: that one is owed still.
        pending.filter(owed_at=claim.owed_at).delete()
        pending.update(not_before=timezone.now(), attempts=0)
    elif claim.attempts >= MAX_ATTEMPTS:
        pending.delete()
    else:
        pending.update(not_before=timezone.now() + backoff(claim.attempts))


def backoff(attempts: int) -> timedelta:
    """5 s, 10 s, 20 s ... at most a quarter of an hour."""
    return min(timedelta(seconds=5 * 2 ** (attempts - 1)), timedelta(minutes=15))

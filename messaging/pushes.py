"""Web Push: a device that is not connected is told to look, and nothing more.

Invariant: a push carries one constant (``PAYLOAD``), encrypted to the browser (RFC 8291): no content, no name, no id.
Who is owed one follows from columns (what was sent, delivered, pushed), so the sending of a message does nothing for
it, and a worker that was away owes late and never forgets. A push goes to allowed hosts only and follows no redirect:
an endpoint is an address a client chose, and the server fetches it.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error as BinasciiError
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from py_vapid import Vapid02

from audit.events import CLOCK, Agent, Event
from audit.services import record
from backend.errors import Forbidden, Invalid, Unavailable
from identity.actors import Actor
from identity.models import Membership
from messaging.models import PendingPush, PushSubscription
from wardline_client.protocol.encoding import encode

PAYLOAD: Final = '{"t":"sync"}'
HOST: Final = re.compile(r"[a-z0-9.:-]+", re.ASCII).fullmatch
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

MERGE: Final = """ON CONFLICT (subscription_id) DO UPDATE SET owed_at = excluded.owed_at,
        urgency = CASE WHEN 'high' IN (p.urgency, excluded.urgency) THEN 'high' ELSE 'normal' END,
        not_before = CASE WHEN excluded.urgency = 'high' THEN excluded.not_before ELSE p.not_before END"""
_OWE_PEOPLE: Final = f"""
    INSERT INTO messaging_pendingpush AS p (subscription_id, urgency, attempts, not_before, owed_at)
    SELECT s.id, %(urgency)s, 0, now(), clock_timestamp() FROM messaging_pushsubscription s
    JOIN identity_device d ON d.id = s.device_id AND d.revoked_at IS NULL
    JOIN identity_membership ms ON ms.person_id = d.person_id AND ms.state = 'active'
    WHERE d.person_id = ANY (%(people)s::uuid[]) AND s.ended_at IS NULL
    {MERGE}
"""  # noqa: S608 -- put together from constants


@transaction.atomic
def subscribe(*, actor: Actor, endpoint: str, p256dh: str, auth: str) -> bool:
    """Let pushes reach the actor's device; ``False`` when this endpoint was known and now belongs to this device.

    Raises:
        Forbidden: ``push.host_not_allowed``.
        Invalid: ``push.keys``: not keys of RFC 8291.
    """
    if not is_allowed(endpoint):
        raise Forbidden("push.host_not_allowed", "Pushes go to the browser vendors' services that this deployment lists.")
    _require_keys(p256dh, auth)
    # A browser keeps its endpoint when another person signs in on it: the endpoint follows the device that asked last.
    given = {"device_id": actor.device_id, "p256dh": p256dh, "auth": auth, "ended_at": None}
    _, is_new = PushSubscription.objects.update_or_create(endpoint=endpoint, defaults=given)
    record(
        event=Event(
            action="messaging.subscribe_push", agent=actor.agent(), hospitals=[actor.hospital_id], subjects={"device": actor.device_id}
        )
    )
    return is_new


def is_allowed(endpoint: str) -> bool:
    """An https address on a host of ``settings.PUSH_HOSTS`` (``*.`` stands for subdomains); plain http and other
    ports for listed loopback only.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    # A host of any other letters may be read as another one by whoever connects: a backslash ends it for some.
    if (
        parts.username is not None
        or parts.password is not None
        or not HOST(host)
        or not any(fnmatchcase(host, allowed) for allowed in settings.PUSH_HOSTS)
    ):
        return False
    return host in LOOPBACK or (parts.scheme == "https" and port in (None, 443))


def vapid() -> Vapid02:
    """The key that tells push services who sends (RFC 8292). Raises ``Unavailable``: ``push.not_configured``."""
    path = Path(settings.VAPID_KEY_FILE)
    # The library would make a missing key and go on: every subscription made for the old one would be dead without a word.
    if not path.is_file():
        raise Unavailable("push.not_configured", "This deployment has no key for Web Push.")
    return Vapid02.from_file(str(path))


def application_server_key() -> str:
    """base64url of the public key's uncompressed point."""
    return encode(vapid().public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def owe_push(people: Collection[UUID], *, is_urgent: bool) -> None:
    """In the caller's transaction: the phones of ``people`` are told to look. One statement; a phone that is owed one
    already is owed it still once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OWE_PEOPLE, {"people": list(people), "urgency": "high" if is_urgent else "normal"})


def end_subscription(subscription_id: int) -> None:
    """The push service said it is gone."""
    with transaction.atomic():
        if PushSubscription.objects.filter(pk=subscription_id, ended_at=None).update(ended_at=timezone.now()):
            device = PushSubscription.objects.select_related("device").get(pk=subscription_id).device
            hospitals = Membership.objects.filter(person=device.person_id).order_by("-created_at").values_list("hospital", flat=True)[:1]
            record(event=Event("messaging.end_push", CLOCK, list(hospitals), subjects={"device": device.pk}))


def end_pushes_of(person_id: UUID, agent: Agent) -> None:
    """In the transaction in which somebody leaves, whose event says it: what is owed is owed no more, and nothing will be."""
    PendingPush.objects.filter(subscription__device__person=person_id).delete()
    PushSubscription.objects.filter(device__person=person_id, ended_at=None).update(ended_at=timezone.now())


def _require_keys(p256dh: str, auth: str) -> None:
    try:
        point, secret = (urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in (p256dh, auth))
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except (BinasciiError, ValueError):
        raise Invalid("push.keys", "These are not the keys of a push subscription.") from None
    if len(point) != 65 or len(secret) != 16:
        raise Invalid("push.keys", "These are not the keys of a push subscription.")

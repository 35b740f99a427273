"""Away with what nothing can come of any more.

Invariant: only what has ended long ago and what nobody is told of any more. Who signed in, invited and linked stays in the audit log; what
goes are the tokens' hashes, an invited person's name, who was called what at a hospital's provider and the stored answers of retries. Each
statement deletes rows that no request takes.
"""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.models import FirstAnswer
from identity.models import DeviceLink, Invitation, SignIn, SsoLogout, SsoSubject

# A used or expired link still says so for a while ("used already", "expired"), and a lapsed cookie why it lapsed.
TOLD_FOR: Final = timedelta(days=30)
# A client gives a write up long before: what comes later under the same key is another write.
RETRIED_FOR: Final = timedelta(days=7)


@transaction.atomic
def tidy_up(now: datetime | None = None) -> dict[str, int]:
    """How many rows of each kind went. Doing it twice deletes nothing more."""
    now = now or timezone.now()
    told = now - TOLD_FOR
    over = Q(expires_at__lt=told) | Q(used_at__lt=told)
    due = {
        "links": DeviceLink.objects.filter(over),
        "invitations": Invitation.objects.filter(over),
        "logouts": SsoLogout.objects.filter(expires_at__lt=now),
        "accounts": SsoSubject.objects.filter(ended_at__lt=told),
        "sign_ins": SignIn.objects.filter(Q(expires_at__lt=told) | Q(ended_at__lt=told)),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "answers": FirstAnswer.objects.filter(created_at__lt=now - RETRIED_FOR),
    }
    return {kind: rows.delete()[0] for kind, rows in due.items()}

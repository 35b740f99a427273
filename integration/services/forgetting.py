"""Away with what ADT messages left and nothing can come of any more.

Invariant: a message is forgotten only when it would be refused for its age, so none counts twice; of a bed, what stands is kept for good.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from beds.services import forget_facts
from integration.hl7v2.notices import BEHIND_AT_MOST
from integration.models import FeedProblem, TakenMessage


@transaction.atomic
def forget_messages(now: datetime | None = None) -> None:
    """Doing it twice deletes nothing more."""
    before = (now or timezone.now()) - 2 * BEHIND_AT_MOST
    TakenMessage.objects.filter(taken_at__lt=before).delete()
    FeedProblem.objects.filter(last_at__lt=before).delete()
    forget_facts(before=before)

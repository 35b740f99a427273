"""Evidence of review.

Invariant: a review is written once and never changed; a second thought is a second review. Codes alone, so that nothing of a patient can be
in it.
"""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.events import Event
from audit.models import Review
from audit.services import record
from backend.errors import Conflict, Invalid
from identity.actors import Actor

SHOWN = 200


@transaction.atomic
def add_review(
    *,
    actor: Actor,
    review_id: UUID,
    since: datetime,
    until: datetime,
    scope: str,
    finding: str,
    action: str,
    subject: UUID | None = None,
    place: int | None = None,
) -> Review:
    """Say what was looked at, found and done.

    Raises:
        Forbidden: ``auditor.required``. Invalid: ``review.span``. Conflict: ``review.known``.
    """
    actor.require_log_reader()
    if not since < until:
        raise Invalid("review.span", "The span that was reviewed must end after its beginning.")
    what = {"scope": scope, "finding": finding, "action": action}
    about = {"since": since, "until": until, "subject": subject, "place": place}
    try:
        with transaction.atomic():
            made = Review.objects.create(id=review_id, hospital=actor.hospital_id, reviewer=actor.pseudonym, **about, **what)
    except IntegrityError as error:
        raise Conflict("review.known", "There is a review of this id. A review is not changed: write another one.") from error
    made.refresh_from_db()
    # The row is for the screen and under no checkpoint; the leaf says the same and is.
    said: dict[str, str | int | list[str]] = {**what, "since": since.isoformat(), "until": until.isoformat()}
    said |= {"place": place} if place is not None else {}
    subjects = {"review": review_id} | ({"subject": subject} if subject else {})
    record(event=Event("audit.review", actor.agent(), [actor.hospital_id], subjects=subjects, detail=said))
    return made


@transaction.atomic
def read_reviews(*, actor: Actor) -> list[Review]:
    """The newest two hundred of the own hospital, newest first."""
    actor.require_log_reader()
    found = list(Review.objects.filter(hospital=actor.hospital_id).order_by("-reviewed_at")[:SHOWN])
    record(event=Event("audit.list_reviews", actor.agent(), [actor.hospital_id], detail={"rows": len(found)}))
    return found

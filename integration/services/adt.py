"""ADT messages taken.

Invariant: a message counts once and whole: its beds, its control id and its audit event are one transaction, and "accepted" is said after
that has committed. Refused, it has changed no bed; the same control id may then come again, when the cause is mended. Where the database is
away nothing is said at all, so the sender keeps the message and sends it again.
"""

import logging
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from audit.events import Agent, Event
from audit.services import record
from backend.errors import Conflict
from backend.flooding import count_to_record
from beds.services import Told, tell_beds
from beds.vocabulary import Source
from integration import access
from integration.hl7v2.answers import answer_to
from integration.hl7v2.headers import Header, check_envelope, has_control_id, header_of
from integration.hl7v2.notices import LEAVING, Notice, Place, notice_of
from integration.hl7v2.refusals import Refused
from integration.models import Feed, FeedProblem, TakenMessage
from integration.senders import Peer, Sender

METHOD = "adt"
# The same message on another connection waits here until the first one's transaction has ended.
_TAKE = """
    INSERT INTO integration_takenmessage (feed_id, control_id, digest, taken_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"""

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """``text`` to send, or nothing where the sender wants none; ``is_proved``: a feed is on the line."""

    text: bytes | None
    is_proved: bool


def answer_message(*, peer: Peer, block: bytes) -> Answer:
    """Take one message and give the answer.

    Raises:
        OperationalError, InterfaceError: the database is away, or chose us to give way: nothing was changed; say nothing.
    """
    try:
        header = header_of(block)
    except Refused as refused:
        return Answer(answer_to(None, refused, timezone.now()), is_proved=False)
    try:
        _take(peer, header)
    except Refused as refused:
        return _refuse(peer, header, refused)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        # Unanswered, it would come again and again and hold up all that is behind it.
        log.exception("an ADT message failed")
        return _refuse(peer, header, Refused("service.failed"))
    return Answer(answer_to(header, None, timezone.now()), is_proved=True)


def answer_too_large(*, peer: Peer, block: bytes) -> Answer:
    """The answer to a message of which only the beginning was kept. Raises as ``answer_message``."""
    refused = Refused("message.too_large")
    try:
        header = header_of(block)
    except Refused:
        return Answer(answer_to(None, refused, timezone.now()), is_proved=False)
    return _refuse(peer, header, refused)


def _refuse(peer: Peer, header: Header, refused: Refused) -> Answer:
    is_proved = _remember(peer, header, refused)
    return Answer(answer_to(header, refused, timezone.now()), is_proved)


@transaction.atomic
def _take(peer: Peer, header: Header) -> None:
    feed = access.feed_of(Sender(peer, header.application, header.facility))
    if feed is None:
        raise Refused("sender.unknown", "MSH-3")
    check_envelope(header)
    notice = notice_of(header, ZoneInfo(feed.hospital.time_zone), timezone.now())
    if not _is_first(feed, header.control_id, notice):
        return
    agent = _agent(feed)
    told = [Told(bed, fact) for place, fact in notice.says if (bed := _bed_at(feed, place, is_left=fact.kind in LEAVING))]
    try:
        changed = tell_beds(source=Source.ADT, agent=agent, hospital_id=feed.hospital_id, told=told)
    except Conflict as error:
        raise Refused(error.code, notice.says[0][0].field) from error
    detail: dict[str, str | int | list[str]] = {"event": notice.event, "beds": changed}
    record(event=Event("integration.take_message", agent, [feed.hospital_id], subjects={"feed": feed.pk}, detail=detail))


def _is_first(feed: Feed, control_id: str, notice: Notice) -> bool:
    """Raises: Refused: ``control_id.reused``."""
    digest = notice.digest()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [feed.pk, control_id, digest, timezone.now()])
        if cursor.rowcount:
            return True
    if bytes(TakenMessage.objects.get(feed=feed, control_id=control_id).digest) != digest:
        raise Refused("control_id.reused", "MSH-10")
    return False


def _bed_at(feed: Feed, place: Place, *, is_left: bool) -> UUID | None:
    """``None``: no bed that is kept here. Raises: Refused: ``location.*``, ``bed.unknown``."""
    ward = access.ward_named(feed, place.point_of_care)
    if ward is None:
        raise Refused("location.unknown", place.field)
    if ward.unit_id is None:
        return None
    if not place.bed:
        if is_left:
            return None
        raise Refused("location.no_bed", place.field)
    bed = access.bed_labelled(feed, ward.unit_id, ward.label.replace("{room}", place.room).replace("{bed}", place.bed))
    if bed is None:
        raise Refused("bed.unknown", place.field)
    return bed.pk


@transaction.atomic
def _remember(peer: Peer, header: Header, refused: Refused) -> bool:
    """For whoever looks after the feed, and in the hospital's log; a stranger's in the operator's. A repetition by count."""
    feed = access.feed_of(Sender(peer, header.application, header.facility))
    if feed:
        _count(feed, header, refused)
    if count := count_to_record("adt", feed.pk if feed else peer.address, refused.code, refused.place):
        detail: dict[str, str | int | list[str]] = {"code": refused.code, "place": refused.place, "count": count}
        if feed:
            event = Event("integration.refuse_message", _agent(feed), [feed.hospital_id], "refused", {"feed": feed.pk}, detail)
        else:
            event = Event("integration.refuse_message", None, outcome="refused", detail=detail)
        record(event=event)
    return feed is not None


def _count(feed: Feed, header: Header, refused: Refused) -> None:
    fresh = {"control_id": header.control_id if has_control_id(header) else "", "last_at": timezone.now()}
    known, is_new = FeedProblem.objects.get_or_create(feed=feed, code=refused.code, place=refused.place, defaults=fresh)
    if not is_new:
        FeedProblem.objects.filter(pk=known.pk).update(count=F("count") + 1, **fresh)


def _agent(feed: Feed) -> Agent:
    """The feed as the device it came from; there is no person."""
    return Agent(hospital=feed.hospital_id, device=feed.pk, method=METHOD)

"""ADT feeds as IT sees them: set up, looked after, forgotten."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from beds.models import BedFact
from beds.occupancy import Fact, Kind
from beds.services import Told, forget_facts, tell_beds
from beds.vocabulary import Source
from integration.models import Feed, FeedProblem, TakenMessage
from integration.senders import Peer
from integration.services.adt import answer_message
from integration.services.feed_setup import Ward
from integration.services.forgetting import forget_messages
from tests.cast import Night
from tests.integration.adt import Sending


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture
def adt(night: Night) -> Sending:
    return Sending(night.uni)


def tell(message: str, address: str = "127.0.0.1") -> str:
    answer = answer_message(peer=Peer(address), block=message.encode())
    assert answer.text
    return answer.text.split(b"\r")[1].decode()


def status(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("mllp_status", *words, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def of(adt: Sending) -> dict[str, Any]:
    return next(feed for feed in json.loads(status("--json")[1]) if feed["id"] == str(adt.feed.pk))


def test_it_sees_what_came_and_what_was_refused_and_by_which_number(adt: Sending) -> None:
    assert of(adt) | {"last_at": None, "taken": 0, "problems": [], "wards": 2} == of(adt)
    Feed.objects.exclude(pk=adt.feed.pk).filter(ended_at=None).update(ended_at=timezone.now())
    assert status()[0] == 1, "nothing has come yet"
    tell(adt.says("A01", "5-01"))
    assert status()[0] == 0
    tell(adt.says("A01", "INT9^1^1", id="4711"))

    code, text = status()
    assert code == 1
    assert "1 messages in 24 hours" in text
    assert "! location.unknown PV1-3: 1 times" in text
    assert "MSH-10 4711" in text
    assert "INT9" not in text

    FeedProblem.objects.filter(feed=adt.feed).update(last_at=timezone.now() - timedelta(hours=25))
    assert status()[0] == 0


def test_where_there_are_more_feeds_there_are_no_more_statements(
    night: Night, adt: Sending, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        status("--json")
    Sending(night.kreis)
    with django_assert_num_queries(2):
        status("--json")


def test_a_feed_without_proof_cannot_be(night: Night) -> None:
    with pytest.raises(CommandError, match=r"feed\.unproved"):
        call_command("mllp_feed", "add", night.uni.slug, application="KIS")
    with pytest.raises(IntegrityError, match="feed_is_proved"), transaction.atomic():
        Feed.objects.create(hospital_id=night.uni.id, application="KIS")


@pytest.mark.parametrize(
    ("given", "code"),
    [({"network": ["10.0.0.1/8"]}, "feed.network_unreadable"), ({"network": ["everywhere"]}, "feed.network_unreadable")],
)
def test_what_cannot_be_read_is_refused(night: Night, given: dict[str, Any], code: str) -> None:
    with pytest.raises(CommandError, match=code):
        call_command("mllp_feed", "add", night.uni.slug, application="KIS", **given)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("INT5;No such unit", "feed.no_such_unit"),
        ("INT5;-;room", "feed.label_without_bed"),
        ("INT5;-\nINT5;-", "feed.ward_twice"),
        ("INT5", "Each line"),
    ],
)
def test_a_map_is_taken_whole_or_not(adt: Sending, monkeypatch: pytest.MonkeyPatch, lines: str, problem: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))

    with pytest.raises(CommandError, match=problem):
        call_command("mllp_feed", "map", str(adt.feed.pk))

    assert adt.feed.wards.count() == 2


def test_no_map_reaches_another_hospitals_unit(night: Night, adt: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"INT5;{Sending(night.kreis).unit.name}"))

    with pytest.raises(CommandError, match=r"feed\.no_such_unit"):
        call_command("mllp_feed", "map", str(adt.feed.pk))


def test_from_another_address_it_is_nobody(adt: Sending) -> None:
    assert tell(adt.says("A01", "5-01"), "10.9.9.9").endswith("sender.unknown")
    assert tell(adt.says("A01", "5-01")).startswith("MSA|AA")


def test_certificate_and_address_have_to_fit_both(adt: Sending) -> None:
    Feed.objects.filter(pk=adt.feed.pk).update(certificates=["ab" * 32])

    assert tell(adt.says("A01", "5-01")).endswith("sender.unknown")


def test_a_message_of_long_ago_is_forgotten_and_cannot_come_again(adt: Sending, night: Night) -> None:
    message = adt.says("A01", "5-01", at=datetime.now(UTC) - timedelta(days=29))
    tell(message)
    tell(adt.says("A03", "5-01"))
    later = timezone.now() + timedelta(days=45)

    forget_messages(timezone.now() + timedelta(days=29))
    assert TakenMessage.objects.filter(feed=adt.feed).count() == 2
    forget_messages(later + timedelta(days=30))
    assert not TakenMessage.objects.filter(feed=adt.feed).exists()
    night.clock.advance(days=75)
    try:
        assert tell(message).endswith("time.behind")
    finally:
        night.clock.advance(days=-75)


def test_of_a_bed_what_stands_is_never_forgotten(adt: Sending, night: Night) -> None:
    """A patient who lies there for a year, and the mistake of last month."""
    bed, now = adt.bed("5-01"), timezone.now()
    for days, kind, status in (
        (400, Kind.ADMITTED, "O"),
        (390, Kind.ADMITTED, "O"),
        (389, Kind.ADMISSION_UNDONE, ""),
        (1, Kind.STATUS, "I"),
    ):
        at = now - timedelta(days=days)
        told = [Told(bed.pk, Fact(kind, at, at, at, status))]
        tell_beds(source=Source.ADT, agent=night.brandt.actor().agent(), hospital_id=night.uni.id, told=told)

    for _ in range(2):
        forget_facts(before=now - timedelta(days=60))
        kept = BedFact.objects.filter(bed=bed).order_by("at").values_list("kind", "status")
        assert list(kept) == [("admitted", "O"), ("status", "I")]


def test_the_same_event_under_another_number_counts_once(adt: Sending) -> None:
    """Or the second cancel would take the bed from the patient before."""
    first, again = (adt.says("A01", "5-01") for _ in range(2))
    cancel = adt.says("A11", "5-01")
    for message in (first, again, cancel, cancel.replace(cancel.split("|")[9], uuid4().hex)):
        assert tell(message).startswith("MSA|AA")

    assert adt.status("5-01") == "O"


def test_a_failure_of_ours_is_answered_and_told(adt: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("ZORNIGEL")

    monkeypatch.setattr("integration.services.adt.tell_beds", fail)

    assert tell(adt.says("A01", "5-01")).endswith("service.failed")
    assert not TakenMessage.objects.filter(feed=adt.feed).exists()


def test_two_wards_of_one_unit(adt: Sending) -> None:
    adt.map(Ward("INT5", adt.unit.name), Ward("INT5A", adt.unit.name, "5-0{bed}"))

    assert tell(adt.says("A02", "INT5A^^2", "5-01")).startswith("MSA|AA")
    assert adt.status("5-01", "5-02") == "UO"

"""ADT messages over MLLP, by real connections to the real listener: what each event does to a bed, and how it is answered."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hl7apy.parser import parse_message, parse_segment

from audit.models import Recorded as Leaf
from beds.models import Bed, BedFact
from identity.models import Unit
from integration.hl7v2.refusals import REASONS
from integration.models import FeedProblem, TakenMessage
from integration.services.feed_setup import Ward, end_feed
from tests.beds import asking
from tests.cast import Night
from tests.integration.adt import PLANTED, Answer, Line, Listener, Sending, hl7_time
from tests.messaging.server import Server
from tests.messaging.test_socket import of, read_until
from tests.messaging.test_watching import watching


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture
def adt(night: Night) -> Sending:
    return Sending(night.uni)


@pytest.fixture
def line(listener: Listener) -> Iterator[Line]:
    with Line(listener.port) as opened:
        yield opened


def test_a_program_nobody_here_wrote_admits_a_patient_and_the_board_shows_it(
    listener: Listener, server: Server, night: Night, adt: Sending, tmp_path: Path
) -> None:
    message = tmp_path / "a01.hl7"
    message.write_bytes(b"\x0b" + adt.says("A01", "5-01").encode() + b"\x1c\r")
    sender = [Path(sys.executable).parent / "mllp_send", "--file", message, "--port", str(listener.port), "127.0.0.1"]

    with watching(server, night.adler) as board:
        subprocess.run(sender, check=True, timeout=30, stdout=subprocess.DEVNULL)
        assert read_until(board, of("board"), within=1)["hospital"] == str(night.uni.id)

    figure = adt.on_the_board(night.adler)
    assert (figure["staffed"], figure["occupied"], figure["source"]) == (4, 1, "adt")


def test_each_event_does_what_the_design_says(line: Line, adt: Sending) -> None:
    beds = ("5-01", "5-02", "5-03")
    for event, changed, expected in (
        (("A01", "5-01"), {}, "OUU"),
        (("A02", "5-02", "5-01"), {}, "UOU"),
        (("A08", "5-02"), {}, "UOU"),
        (("A12", "5-01", "5-02"), {}, "OUU"),
        (("A02", "5-03", "5-01"), {}, "UUO"),
        (("A03", "5-03"), {}, "UUH"),
        (("A13", "5-03"), {}, "UUO"),
        (("A01", "5-01"), {}, "OUO"),
        (("A11", "5-01"), {}, "UUO"),
        (("A20", "5-02"), {"status": "C"}, "UCO"),
        (("A20", "5-02"), {"status": "U"}, "UUO"),
    ):
        assert line.sends(adt.says(*event, **changed)) == "AA"
        assert adt.status(*beds) == expected, event


def test_each_accepted_message_is_an_event_of_the_hospitals_log(night: Night, line: Line, adt: Sending) -> None:
    line.sends(adt.says("A01", "5-01"))
    line.sends(adt.says("A08", "5-01"))

    mine = [event for event in night.audit_of(night.uni) if event.agent["device"] == str(adt.feed.pk)]
    assert [(event.action, event.detail.get("event"), event.detail.get("beds")) for event in mine] == [
        ("beds.report_bed", None, None),
        ("integration.take_message", "A01", 1),
        ("integration.take_message", "A08", 0),
    ]
    assert {event.agent["method"] for event in mine} == {"adt"}
    assert {event.agent["person"] for event in mine} == {None}


def test_the_same_message_again_is_acknowledged_and_counts_once(night: Night, line: Line, listener: Listener, adt: Sending) -> None:
    first = adt.says("A01", "5-01")
    line.sends(first)
    line.sends(adt.says("A03", "5-01"))
    events = len(night.audit_of(night.uni))

    assert line.sends(first) == "AA"
    with Line(listener.port) as another:
        assert another.sends(first) == "AA"

    assert adt.status("5-01") == "H"
    assert len(night.audit_of(night.uni)) == events
    assert TakenMessage.objects.filter(feed=adt.feed).count() == 2


def test_at_once_on_many_connections_it_counts_once(night: Night, listener: Listener, adt: Sending) -> None:
    message = adt.says("A01", "5-01")

    def send() -> Answer:
        with Line(listener.port) as mine:
            return mine.sends(message)

    assert night.at_once(*[send] * 8) == ["AA"] * 8
    assert BedFact.objects.filter(bed=adt.bed("5-01"), kind="admitted").count() == 1


def test_a_control_id_of_another_message_is_refused(line: Line, adt: Sending) -> None:
    line.sends(adt.says("A01", "5-01", id="7"))

    assert line.sends(adt.says("A01", "5-02", id="7")) == ("AE", "control_id.reused")
    assert adt.status("5-01", "5-02") == "OU"


def test_out_of_order_the_newest_event_counts(line: Line, adt: Sending) -> None:
    admitted, discharged, admitted_again = (adt.says(event, "5-01") for event in ("A01", "A03", "A01"))

    assert [line.sends(message) for message in (admitted_again, discharged, admitted)] == ["AA"] * 3

    assert adt.status("5-01") == "O"


def test_a_cancel_that_comes_first_waits_for_what_it_cancels(line: Line, adt: Sending) -> None:
    there, admitted, cancelled = adt.says("A01", "5-02"), adt.says("A02", "5-01", "5-02"), adt.says("A12", "5-02", "5-01")

    for message in (there, cancelled, admitted):
        line.sends(message)

    assert adt.status("5-01", "5-02") == "UO"


def test_an_admission_by_mistake_gives_the_bed_back_to_who_lies_in_it(line: Line, adt: Sending) -> None:
    for event in ("A01", "A01", "A11"):
        line.sends(adt.says(event, "5-01"))

    assert adt.status("5-01") == "O"


def test_a_cancel_names_the_time_of_what_it_cancels(line: Line, adt: Sending) -> None:
    """Of two admissions the first; to the minute is enough. And one that nobody made cancels nobody else's."""
    first, second = datetime.now(UTC) - timedelta(minutes=50), datetime.now(UTC) - timedelta(minutes=40)
    line.sends(adt.says("A20", "5-01", status="K", at=first - timedelta(minutes=1)))
    line.sends(adt.says("A01", "5-01", at=first))
    line.sends(adt.says("A01", "5-01", at=second))
    for nobodys in (first - timedelta(minutes=5), second + timedelta(minutes=5)):
        line.sends(adt.says("A11", "5-01", at=second + timedelta(minutes=9), EVN_6=hl7_time(nobodys)))
    assert adt.status("5-01") == "O"

    line.sends(adt.says("A11", "5-01", at=second + timedelta(minutes=10), EVN_6=first.strftime("%Y%m%d%H%M%z")))
    assert adt.status("5-01") == "O"
    line.sends(adt.says("A11", "5-01", at=second + timedelta(minutes=11), EVN_6=hl7_time(second)))
    assert adt.status("5-01") == "K"


def test_an_event_written_down_late_counts_from_when_it_was(line: Line, adt: Sending) -> None:
    then = adt.tick() - timedelta(minutes=30)
    line.sends(adt.says("A01", "5-01"))

    line.sends(adt.says("A03", "5-01", EVN_6=hl7_time(then)))

    assert adt.status("5-01") == "O"


@pytest.mark.parametrize(
    ("written", "is_newer"),
    [("%Y%m%d%H%M%S+0000", True), ("%Y%m%d%H%M%S-0100", True), ("%Y%m%d%H%M%S+0200", False), ("%Y%m%d%H%M%S", False)],
)
def test_times_have_zones(line: Line, adt: Sending, written: str, is_newer: bool) -> None:
    """One without is the hospital's, here Berlin's, an hour or two before the same figures in UTC."""
    now = datetime.now(UTC) - timedelta(hours=4)
    line.sends(adt.says("A01", "5-01", at=now))
    later = now + timedelta(minutes=10)

    line.sends(adt.says("A03", "5-01", EVN_2=later.strftime(written), MSH_7=later.strftime("%Y%m%d%H%M%S")))

    assert adt.status("5-01") == ("H" if is_newer else "O")


def test_the_offset_of_the_header_is_that_of_the_message(line: Line, adt: Sending) -> None:
    now = datetime.now(UTC) - timedelta(hours=4)
    line.sends(adt.says("A01", "5-01", at=now))
    later = (now + timedelta(minutes=10)).strftime("%Y%m%d%H%M%S")

    line.sends(adt.says("A03", "5-01", EVN_2=later, MSH_7=later + "+0000"))

    assert adt.status("5-01") == "H"


def test_into_the_same_bed_nothing_is_left(line: Line, adt: Sending) -> None:
    line.sends(adt.says("A01", "5-01"))

    assert line.sends(adt.says("A02", "5-01", "5-01")) == "AA"
    assert adt.status("5-01") == "O"
    assert not BedFact.objects.filter(bed=adt.bed("5-01"), kind="left").exists()


def test_what_is_not_kept_here_changes_no_bed_and_frees_ours(line: Line, adt: Sending) -> None:
    assert line.sends(adt.says("A01", "CHIR^3^1")) == "AA"
    line.sends(adt.says("A01", "5-01"))
    assert line.sends(adt.says("A02", "CHIR^3^1", "5-01")) == "AA"
    assert adt.status("5-01") == "U"
    # From the ward's corridor, where nobody counts beds.
    assert line.sends(adt.says("A02", "5-02", "INT5^^")) == "AA"
    assert adt.status("5-02") == "O"


def test_a_promised_bed_is_occupied_all_the_same_and_the_promise_stands(night: Night, line: Line, adt: Sending) -> None:
    asked = asking.Ward(night).asks("uni").at("uni", "acknowledge")
    asked.take("uni", "hold", capacity=str(adt.capacity.pk), bed=str(adt.bed("5-01").pk))

    assert line.sends(adt.says("A01", "5-01")) == "AA"

    assert adt.status("5-01") == "O"
    assert asked.at("uni", "confirm").states() == {"uni": "confirmed"}


def test_a_label_is_made_of_room_and_bed(line: Line, adt: Sending) -> None:
    adt.map(Ward("IPS", adt.unit.name, "{room}-{bed}"))

    assert line.sends(adt.says("A01", "IPS^5^03")) == "AA"
    assert adt.status("5-03") == "O"


# ---- what is refused

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "message.not_adt": ("AR", {"MSH_9": "ORU^R01"}),
    "event.unsupported": ("AR", {"MSH_9": "ADT^A17"}),
    "processing.unsupported": ("AR", {"MSH_11": "T"}),
    "version.unsupported": ("AR", {"MSH_12": "2.8"}),
    "character_set.unsupported": ("AR", {"MSH_18": "UNICODE UTF-16"}),
    "acknowledgement.unsupported": ("AR", {"MSH_15": "AL", "MSH_16": "AL"}),
    "control_id.missing": ("AR", {"MSH_10": ""}),
    "sender.unknown": ("AR", {"MSH_4": "SOMEWHERE"}),
    "time.missing": ("AE", {"EVN_2": "20261129"}),
    "time.unreadable": ("AE", {"EVN_2": "yesterday"}),
    "time.ahead": ("AE", {"EVN_2": hl7_time(datetime.now(UTC) + timedelta(hours=1))}),
    "time.behind": ("AE", {"EVN_2": "20200101120000"}),
    "location.missing": ("AE", {"PV1_3": '""'}),
    "location.unknown": ("AE", {"PV1_3": "INT7^1^1"}),
    "location.no_bed": ("AE", {"PV1_3": "INT5^5"}),
    "bed.unknown": ("AE", {"PV1_3": "INT5^5^5-99"}),
    "text.unreadable": ("AE", {"PV1_3": "INT5^Süd^5-01"}),
    "segment.missing": ("AE", {"PV1_0": "ZV1"}),
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_is_refused_with_its_reason_and_changes_nothing(night: Night, line: Line, adt: Sending, code: str) -> None:
    letters, changed = WRONG[code]

    answer = line.sends(adt.says("A01", "5-01", **changed))

    assert answer == (letters, code)
    assert REASONS[code].answer == letters
    assert adt.status("5-01") == "U"
    assert not BedFact.objects.filter(bed__unit=adt.unit).exists()
    assert not TakenMessage.objects.filter(feed=adt.feed).exists()
    if code != "sender.unknown":
        assert FeedProblem.objects.get(feed=adt.feed).code == code
        refused = [event for event in night.audit_of(night.uni) if event.action == "integration.refuse_message"]
        assert refused[-1].detail["code"] == code


def test_neither_the_record_nor_what_happened_may_be_of_tomorrow(line: Line, adt: Sending) -> None:
    tomorrow = hl7_time(datetime.now(UTC) + timedelta(days=1))
    for changed in ({"EVN_2": tomorrow, "EVN_6": hl7_time(adt.tick())}, {"EVN_6": tomorrow}):
        assert line.sends(adt.says("A01", "5-01", **changed)) == ("AE", "time.ahead")


def test_half_a_transfer_is_none(line: Line, adt: Sending) -> None:
    line.sends(adt.says("A01", "5-01"))

    assert line.sends(adt.says("A02", "INT5^5^5-99", "5-01")) == ("AE", "bed.unknown")
    assert adt.status("5-01") == "O"


def test_a_status_that_is_none_and_a_unit_that_is_counted(line: Line, adt: Sending) -> None:
    assert line.sends(adt.says("A20", "5-01", status="X")) == ("AE", "status.unknown")
    adt.capacity.is_by_bed = False
    adt.capacity.save(update_fields=["is_by_bed"])
    assert line.sends(adt.says("A01", "5-01")) == ("AE", "bed.not_counted")


def test_once_the_cause_is_mended_the_same_message_is_taken(line: Line, adt: Sending) -> None:
    message = adt.says("A01", "IPS^5^5-01")
    assert line.sends(message) == ("AE", "location.unknown")
    assert line.sends(message) == ("AE", "location.unknown")
    problem = FeedProblem.objects.get(feed=adt.feed)
    assert (problem.place, problem.count, problem.control_id) == ("PV1-3", 2, message.split("|")[9])

    adt.map(Ward("IPS", adt.unit.name))

    assert line.sends(message) == "AA"
    assert adt.status("5-01") == "O"


def test_another_hospitals_beds_are_out_of_reach(night: Night, line: Line, adt: Sending) -> None:
    """Whatever it calls itself, and whatever its map says."""
    theirs = Sending(night.kreis, networks=["10.9.8.7/32"])
    foreign = theirs.says("A01", "5-01")
    assert line.sends(foreign) == ("AR", "sender.unknown")

    adt.feed.wards.update(unit=Unit.objects.get(pk=theirs.unit.pk))
    assert line.sends(adt.says("A01", "5-01")) == ("AE", "bed.unknown")
    assert theirs.status("5-01") == "U"


def test_a_name_that_fits_two_feeds_is_nobodys(night: Night, line: Line, adt: Sending) -> None:
    twin = Sending(night.kreis)
    type(twin.feed).objects.filter(pk=twin.feed.pk).update(facility=adt.facility)

    assert line.sends(adt.says("A01", "5-01")) == ("AR", "sender.unknown")


def test_a_feed_that_was_ended_is_refused_on_the_open_connection(line: Line, adt: Sending) -> None:
    assert line.sends(adt.says("A01", "5-01")) == "AA"

    end_feed(feed_id=adt.feed.pk)

    assert line.sends(adt.says("A03", "5-01")) == ("AR", "sender.unknown")
    assert adt.status("5-01") == "O"


# ---- how it may be written


@pytest.mark.parametrize(
    ("charset", "codec"), [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/15", "iso8859-15"), ("UNICODE UTF-8~8859/1", "utf-8")]
)
def test_character_sets(line: Line, adt: Sending, charset: str, codec: str) -> None:
    adt.map(Ward("SÜD", adt.unit.name))

    assert line.sends(adt.says("A01", "SÜD^5^5-01", MSH_18=charset).encode(codec)) == "AA"
    assert adt.status("5-01") == "O"


def test_what_nobody_reads_may_be_in_any_character_set(line: Line, adt: Sending) -> None:
    raw = adt.says("A01", "5-01").encode().replace(PLANTED[0].encode(), b"M\xfcller\xff\x00")

    assert line.sends(raw) == "AA"


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_versions_and_what_a_validator_says_to_our_answers(line: Line, adt: Sending, version: str) -> None:
    taken = line.sends(adt.says("A01", "5-01", MSH_12=version))
    refused = line.sends(adt.says("A01", "INT5^5^5-99", MSH_12=version))

    assert (taken, refused.msa[0], refused.msa[2]) == ("AA", "AE", "bed.unknown")
    for answer in (taken, refused):
        if version == "2.3":  # the validator does not know what an answer is there, only its segments
            assert all(parse_segment(segment, version).validate() for segment in answer.text.split("\r") if segment)
        else:
            assert parse_message(answer.text, find_groups=False).validate()
    assert ("ERR" in refused.lines) == version.startswith(("2.5", "2.6"))


@pytest.mark.parametrize("ends", ["\r", "\n", "\r\n"])
def test_line_ends_and_other_separators(line: Line, adt: Sending, ends: str) -> None:
    message = adt.says("A01", "5-01").replace("\r", ends)
    swapped = message.translate(str.maketrans("|^~\\&", "#!*/%"))

    assert line.sends(swapped) == "AA"
    assert adt.status("5-01") == "O"


def test_enhanced_mode_has_one_answer_about_the_receipt_or_none(line: Line, adt: Sending) -> None:
    assert line.sends(adt.says("A01", "5-01", MSH_15="AL", MSH_16="NE")) == "CA"
    assert line.sends(adt.says("A01", "INT5^5^5-99", MSH_15="AL", MSH_16="NE")) == ("CE", "bed.unknown")
    assert line.sends(adt.says("A03", "5-01", MSH_15="NE", MSH_16="AL")) == "AA"
    line.writes(b"\x0b" + adt.says("A01", "5-01", MSH_15="NE", MSH_16="NE").encode() + b"\x1c\r")
    assert line.sends(adt.says("A08", "5-01")) == "AA"
    assert adt.status("5-01") == "O"


def test_nothing_of_a_patient_is_kept_anywhere(listener: Listener, line: Line, adt: Sending) -> None:
    """Not in a table, the log, an answer, nor the process's own log; not even where a sender writes it into a place."""
    said = [
        line.sends(adt.says("A01", "5-01", PV1_19=PLANTED[0])),
        line.sends(adt.says("A01", f"{PLANTED[0]}^{PLANTED[1]}^{PLANTED[2]}")),
        line.sends(adt.says("A01", f"INT5^1^{PLANTED[0]}")),
        line.sends(adt.says("A01", "5-01", EVN_2=PLANTED[0])),
        line.sends(adt.says("A20", "5-01", status=PLANTED[0])),
    ]
    assert [answer.msa[0] for answer in said] == ["AA", "AE", "AE", "AE", "AE"]

    kept = " ".join(answer.text for answer in said) + listener.log()
    kept += " ".join(bytes(leaf).decode() for leaf in Leaf.objects.values_list("leaf", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{table}\" t")
            kept += cursor.fetchone()[0]
    assert [word for word in PLANTED if word in kept] == []
    assert Bed.objects.filter(unit=adt.unit, status="O").count() == 1

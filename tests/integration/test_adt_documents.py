"""docs/integration.md is true: its messages are taken as it says, its answers are ours, its catalogue is complete."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integration.hl7v2.refusals import REASONS
from integration.models import Feed
from integration.services.feed_setup import Ward
from tests.cast import Night
from tests.integration.adt import Line, Listener, Sending

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "integration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```hl7\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


def plain(answer: str) -> list[str]:
    """Without the time and number of this one."""
    return re.sub(r"\d{14}\+0000|[0-9a-f]{32}", "*", answer).split()


def test_the_messages_do_what_is_said_of_them(listener: Listener, night: Night) -> None:
    adt = Sending(night.uni)
    Feed.objects.filter(pk=adt.feed.pk).update(facility="UNI")
    adt.map(Ward("INT5", adt.unit.name, "{room}-{bed}"), Ward("CHIR", "-"))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y%m%d")
    *taken, refused, answer = [block.replace("20261129", yesterday) for block in BLOCKS]

    try:
        with Line(listener.port) as line:
            for message, beds in zip(taken, ("OU", "UO", "OU", "HU", "UU"), strict=True):
                assert line.sends(message) == "AA"
                assert adt.status("5-01", "5-02") == beds
            assert plain(line.sends(refused).text) == plain(answer)
    finally:
        Feed.objects.filter(pk=adt.feed.pk).update(facility=adt.facility)


def test_the_catalogue_has_every_code_with_its_answer_and_no_other() -> None:
    catalogue = TEXT[TEXT.index("### What is refused") :]
    rows = re.findall(r"^\| (A[ER]) \| (.*?) \|", catalogue, re.MULTILINE)

    assert {code: letters for letters, codes in rows for code in re.findall(r"`([a-z_.]+)`", codes)} == {
        code: reason.answer for code, reason in REASONS.items()
    }

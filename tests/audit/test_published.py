"""What was published, and the folder it is noted in: missing, lost, half-written, in the way.

Whatever happens to it, nothing is signed that may contradict what was published, the other logs go on, and a person is told.
"""

import logging

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.checkpoints import sign_checkpoint, sign_checkpoints
from audit.published import ForkRefused, Unreadable, last_published
from audit.sequencer import integrate
from audit.status import status
from audit.verification import verify_logs
from tests.audit.conftest import Hospital

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(state):
    return state / "published-checkpoints"


@pytest.fixture
def grown(hospital):
    """A log with three signed leaves and two more."""
    hospital.writes(3)
    hospital.publishes()
    hospital.writes(2)
    integrate(hospital.id)
    return hospital


@pytest.fixture
def note(grown, folder):
    return folder / f"{grown.log.id}.note"


def problems(hospital):
    return {code for code, log in status().problems if log == hospital.log.id}


def signed(hospital):
    return max(hospital.log.checkpoints.values_list("size", flat=True))


def test_the_first_signature_makes_the_folder(hospital, folder):
    assert not folder.exists()
    hospital.writes(1)
    hospital.publishes()
    assert last_published(hospital.log.id)[0] == 1


def test_a_note_half_written_is_never_taken_for_another_size(grown, note):
    whole = note.read_bytes()
    known, refused = last_published(grown.log.id), 0
    for end in range(len(whole)):
        note.write_bytes(whole[:end])
        try:
            assert last_published(grown.log.id) == known
        except Unreadable:
            refused += 1
    assert refused > len(whole) / 2


@pytest.mark.parametrize("left", [b"", b"\n", b"wardline.test\n3\n", b"\x00" * 300, b"\xff"])
def test_behind_a_note_that_cannot_be_read_nothing_is_signed_and_the_others_are(grown, note, caplog, left):
    other = Hospital()
    other.writes(1)
    integrate(other.id)
    note.write_bytes(left)

    with pytest.raises(ForkRefused, match="cannot be read"):
        sign_checkpoints()

    assert signed(grown) == 3
    assert other.log.checkpoints.filter(size=1).exists()
    assert {record.message for record in caplog.records if record.levelno == logging.CRITICAL} == {"audit.fork_refused"}
    assert "published_unreadable" in problems(grown)
    ((_, _, findings),) = verify_logs(grown.log.id)
    assert [finding.code for finding in findings] == ["published_unreadable"]


def test_the_draft_of_a_signer_that_lost_its_power_is_in_nobodys_way(grown, note):
    note.with_suffix(".draft").write_text("wardline.test/audit\n99")
    sign_checkpoint(grown.log.id)
    assert (signed(grown), last_published(grown.log.id)[0]) == (5, 5)


def test_a_folder_that_cannot_be_written_stops_signing_and_nothing_else(grown, folder, caplog):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way, as a full or read-only disk would be")

    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        sign_checkpoints()

    assert signed(grown) == 3, "no checkpoint that is noted nowhere"
    assert {record.message for record in caplog.records if record.levelno == logging.CRITICAL} == {"audit.cannot_publish"}
    assert "published_unreadable" in problems(grown)
    grown.writes(1)
    assert integrate(grown.id) == 1


def test_a_lost_folder_is_told_and_in_production_nothing_is_signed(grown, note, settings):
    note.unlink()
    assert problems(grown) == {"published_lost"}
    settings.MODE = "production"
    with pytest.raises(ForkRefused, match="3 leaves were signed"):
        sign_checkpoint(grown.log.id)
    settings.MODE = "demo"
    sign_checkpoint(grown.log.id)
    assert problems(grown) == set()


@pytest.mark.parametrize("was", ["lost", "unreadable", "ahead"])
def test_a_person_decides_and_the_log_says_so(grown, note, settings, was):
    settings.MODE = "production"
    text = note.read_text()
    match was:
        case "lost":
            note.unlink()
        case "unreadable":
            note.write_text("")
        case "ahead":
            note.write_text(text.replace("\n3\n", "\n9\n"))
    with pytest.raises(ForkRefused):
        sign_checkpoint(grown.log.id)

    call_command("audit_republish", str(grown.log.id))

    assert note.read_text() == text
    assert note.with_suffix(".overruled").exists() is (was != "lost")
    integrate(grown.id)
    sign_checkpoint(grown.log.id)
    assert signed(grown) == 6
    *_, told = grown.leaves()
    assert (told["action"], told["detail"]) == ("audit.republish", {"size": 3})


def test_without_its_event_nobody_decides(grown, note, monkeypatch):
    note.write_text("")
    monkeypatch.setattr("audit.checkpoints.record", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("audit_republish", str(grown.log.id))
    assert note.read_text() == ""


def test_of_a_log_that_is_none(hospital):
    with pytest.raises(CommandError, match="There is no log"):
        call_command("audit_republish", str(hospital.id))

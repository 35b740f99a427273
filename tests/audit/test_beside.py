"""FHIR and CSV held against the signed bundle: a line that is not a leaf, or says something else, shows."""

import pytest

from identity.models import Person
from tests.audit.bundles import policy_of
from tests.audit.exporting import auditor, content, made
from tests.cast import Night, Someone
from wardline_verify.bundle import Report, Verdict, judge


class Files:
    """One log as bundle and as another file, which a test may change."""

    def __init__(self, night: Night, format: str, reader: Someone) -> None:
        night.adler.get("duty")
        night.adler.get("audit/events")
        self.night, self.reader = night, reader
        self.bundle = content(reader, made(reader)).splitlines(keepends=True)
        self.lines = content(reader, made(reader, format)).splitlines(keepends=True)
        # The second export is longer by what the first one left in the log.
        self.lines = self.lines[: len(self.bundle) - 2 + (format == "csv")]

    def judged(self) -> Report:
        return judge(self.bundle, policy=policy_of(self.night.kreis.id), saved=None, events=self.lines)


@pytest.fixture(params=["fhir", "csv"])
def files(night: Night, request: pytest.FixtureRequest) -> Files:
    return Files(night, request.param, auditor(night, night.egger))


def codes(report: Report) -> set[str]:
    return {text for _, text, _ in report.findings}


def test_what_belongs_together(files: Files) -> None:
    report = files.judged()
    assert (report.verdict, report.lines) == (Verdict.INTACT, len(files.bundle) - 2)
    assert report.checked == ["signature", "root", "events"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("identity.read_duty", "identity.read_diary"), ("Adler", "Conrad"), ("refused", "success"), ("duty", "duty"), ("T", "T")],
    ids=["action", "name", "outcome", "nothing", "nothing-else"],
)
def test_a_word_changed(files: Files, old: str, new: str) -> None:
    changed = [line.replace(old.encode(), new.encode()) for line in files.lines]
    if old == "refused":
        changed = [line.replace(b'"outcome":"4"', b'"outcome":"0"') for line in changed]
    files.lines = changed
    assert files.judged().verdict is (Verdict.INTACT if old == new else Verdict.TAMPERED)


def test_the_same_instant_in_another_zone_is_the_same_and_another_instant_is_not(files: Files) -> None:
    files.lines = [line.replace(b"+01:00", b"+02:00") for line in files.lines]
    assert codes(files.judged()) == {"other_line"}


def test_a_line_twice_or_out_of_order(files: Files) -> None:
    files.lines[2:2] = [files.lines[1]]
    assert codes(files.judged()) == {"other_line"}


def test_a_line_from_beyond_the_bundle(files: Files) -> None:
    del files.bundle[-2]
    assert "other_line" in codes(files.judged())


def test_fewer_lines_are_no_lie(files: Files) -> None:
    """A filtered export has fewer; the bundle has all."""
    del files.lines[2]
    report = files.judged()
    assert (report.verdict, report.lines) == (Verdict.INTACT, len(files.bundle) - 3)


def test_what_the_bundle_withholds_is_not_proved(files: Files) -> None:
    reader, person = files.reader, str(files.night.adler.id)
    files.bundle = content(reader, made(reader, filter={"person": person})).splitlines(keepends=True)
    report = files.judged()
    assert codes(report) == {"withheld", "unproved_line"}
    assert report.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("text", [b"", b"{}\n", b"[1]\n", b"index\n1\n", b'{"entity":[]}\n', b"\xff\n", b'{"entity":[{"detail":[]}]}\n'])
def test_what_is_no_export(night: Night, text: bytes) -> None:
    reader = auditor(night, night.egger)
    bundle = content(reader, made(reader)).splitlines(keepends=True)
    report = judge(bundle, policy=policy_of(night.kreis.id), saved=None, events=[text] if text else [])
    assert report.verdict is (Verdict.UNUSABLE if text else Verdict.INTACT)


def test_a_quoted_line_end_and_a_neutralised_name(night: Night) -> None:
    Person.objects.filter(pk=night.adler.id).update(name='=1+1,\r\n"x";-2')
    files = Files(night, "csv", auditor(night, night.egger))

    report = files.judged()

    assert any(b"\"'=1+1," in line for line in files.lines)
    assert any(b";'-2" in line for line in files.lines)
    assert report.verdict is Verdict.INTACT
    files.lines = [line.replace(b";'-2", b";-2") for line in files.lines]
    assert files.judged().verdict is Verdict.TAMPERED, "the mark is part of what the file says"

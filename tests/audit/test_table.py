"""The CSV: RFC 4180 to the letter, and no formula."""

import csv
import io
import json
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.events import Agent, Event
from audit.exports.rows import Row
from audit.exports.table import COLUMNS, head, lines, neutral
from audit.leaves import leaf_of
from audit.merkle import leaf_hash
from audit.openings import Opening
from tests.audit.exporting import auditor, content, made
from tests.cast import Night

ZONE = ZoneInfo("Europe/Berlin")


def row(name: str, **detail: str) -> Row:
    leaf = leaf_of(Event("beds.confirm", Agent(person=uuid4()), [uuid4()], detail=detail)).content
    value = json.dumps({"name": name, "title": "", "profession": "nurse"})
    return Row(4, leaf, leaf_hash(leaf), {"agent": Opening("agent", bytes(32), value)})


def read(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


@pytest.mark.parametrize(
    ("name", "marked"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\r'=1"),
        ("\n=1", "\n'=1"),
        (" \u00a0=1", " \u00a0'=1"),
        ("\ufeff\u200b=1", "\ufeff\u200b'=1"),
        ("\x00=1", "\x00'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20A1", "'\uff20A1"),
        ("\ufe661", "'\ufe661"),
        ("\u22121", "'\u22121"),
        ("A;=1", "A;'=1"),
        ("A; =1", "A; '=1"),
        ("A\t=1", "A\t'=1"),
        ("A\r\n=1", "A\r\n'=1"),
        ('A;"=1', "A;\"'=1"),
        ("==1", "'==1"),
        ("'=1", "'=1"),
    ],
)
def test_what_a_spreadsheet_would_run_is_a_text(name: str, marked: str) -> None:
    (shown,) = read(head() + lines([row(name)], ZONE))
    assert shown["name"] == marked


@given(name=st.text(st.sampled_from("=+-@;, \t\r\n\"'A\ufeff\uff1d"), max_size=8), cut=st.sampled_from(";\t"))
def test_wherever_the_line_is_cut_no_piece_begins_a_formula(name: str, cut: str) -> None:
    """By a reader that knows no quotes, drops what cannot be seen and takes any likeness: the worst that could open the file."""
    text = lines([row(name)], ZONE).decode().replace('"', "")
    pieces = [piece.strip(" \r\n\t\ufeff") for line in text.splitlines() for piece in line.split(cut)]
    assert not [piece for piece in pieces if piece.startswith(tuple("=+-@\uff1d"))]
    (shown,) = read(head() + lines([row(name)], ZONE))
    assert shown["name"].replace("'", "") == name.replace("'", "")


@pytest.mark.parametrize("name", ["Müller", 'Anna "Ann", née Berg', "two\r\nlines", "a=b", "1-2", ""])
def test_everything_else_stays_as_it_is(name: str) -> None:
    (shown,) = read(head() + lines([row(name)], ZONE))
    assert (shown["name"], neutral(name)) == (name, name)


def test_lines_end_as_the_standard_has_it() -> None:
    text = head() + lines([row("a"), row("b")], ZONE)
    assert text.count(b"\r\n") == 3
    assert text.endswith(b"\r\n")
    assert text.split(b"\r\n")[0].decode().split(",") == COLUMNS


def test_detail_and_place_are_there(night: Night) -> None:
    egger = auditor(night, night.egger)
    night.adler.get("board")
    rows = read(content(egger, made(egger, "csv")))

    assert [int(each["index"]) for each in rows] == list(range(len(rows)))
    board = next(each for each in rows if each["action"] == "beds.read_board")
    assert (board["name"], board["person"], board["outcome"]) == ("Adler", str(night.adler.pseudonym), "success")
    assert board["recorded"].endswith("+01:00")
    appointed = next(each for each in rows if each["action"] == "identity.appoint_auditor")
    assert appointed["detail"] == "reason=data_protection_officer"

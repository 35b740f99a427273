"""A hospital's list of new colleagues: CSV as spreadsheets write it, read line by line.

Invariant: what is wrong is said with its line, its column and a stable code, and nothing of a wrong line is used. It imports no model:
whom the hospital knows already is for the caller.
"""

import csv
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from backend.errors import Invalid
from identity.vocabulary import Profession, Speciality
from wardline_client.protocol import Profile

MAX_LINES: Final = 500
MAX_BYTES: Final = 256 * 1024
_COLUMNS: Final = {
    "name": "name",
    "title": "title",
    "titel": "title",
    "profession": "profession",
    "beruf": "profession",
    "speciality": "speciality",
    "specialty": "speciality",
    "fachrichtung": "speciality",
    "fachgebiet": "speciality",
    "unit": "unit",
    "ward": "unit",
    "station": "unit",
    "abteilung": "unit",
}
_LONGEST: Final = {"name": 120, "title": 60, "unit": 120}
# What people write, and the words of our own screens; the codes themselves always do.
_PROFESSIONS: Final = {
    "arzt": Profession.PHYSICIAN,
    "ärztin": Profession.PHYSICIAN,
    "ärztin/arzt": Profession.PHYSICIAN,
    "arzt/ärztin": Profession.PHYSICIAN,
    "doctor": Profession.PHYSICIAN,
    "nursing": Profession.NURSE,
    "pflege": Profession.NURSE,
    "pflegefachkraft": Profession.NURSE,
    "pflegefachfrau": Profession.NURSE,
    "pflegefachmann": Profession.NURSE,
    "koordination": Profession.COORDINATOR,
    "bettenkoordination": Profession.COORDINATOR,
    "bed coordination": Profession.COORDINATOR,
    "registratur": Profession.REGISTRAR,
}
_SPECIALITIES: Final = {
    "anästhesie": Speciality.ANAESTHESIA,
    "anästhesiologie": Speciality.ANAESTHESIA,
    "innere medizin": Speciality.INTERNAL_MEDICINE,
    "internal medicine": Speciality.INTERNAL_MEDICINE,
    "kardiologie": Speciality.CARDIOLOGY,
    "pneumologie": Speciality.PNEUMOLOGY,
    "nephrologie": Speciality.NEPHROLOGY,
    "gastroenterologie": Speciality.GASTROENTEROLOGY,
    "onkologie": Speciality.ONCOLOGY,
    "neurologie": Speciality.NEUROLOGY,
    "neurochirurgie": Speciality.NEUROSURGERY,
    "chirurgie": Speciality.SURGERY,
    "unfallchirurgie": Speciality.TRAUMA,
    "herzchirurgie": Speciality.CARDIAC_SURGERY,
    "cardiac surgery": Speciality.CARDIAC_SURGERY,
    "gefässchirurgie": Speciality.VASCULAR_SURGERY,  # As ß folds.
    "vascular surgery": Speciality.VASCULAR_SURGERY,
    "verbrennungen": Speciality.BURNS,
    "kinderheilkunde": Speciality.PAEDIATRICS,
    "pädiatrie": Speciality.PAEDIATRICS,
    "neonatologie": Speciality.NEONATOLOGY,
    "geburtshilfe": Speciality.OBSTETRICS,
    "psychiatrie": Speciality.PSYCHIATRY,
}


class Finding(NamedTuple):
    """``line`` counts from 1, the header being one; ``column`` is the English name."""

    line: int
    column: str
    code: str


class Row(NamedTuple):
    line: int
    who: Profile


class Sheet(NamedTuple):
    rows: list[Row]
    errors: list[Finding]


def read(content: bytes) -> Sheet:
    """Comma or semicolon, with or without a byte-order mark, header names German or English.

    Raises:
        Invalid: ``sheet.not_utf8``, ``sheet.malformed``, ``sheet.columns`` (``missing``, ``unknown``), ``sheet.too_long``, ``sheet.empty``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("sheet.not_utf8", "Save the table as CSV in UTF-8.") from error
    lines = list(_lines(text))
    if not lines:
        raise Invalid("sheet.empty", "There is no line in this table.")
    columns = _columns(lines[0][1])
    if len(lines) - 1 > MAX_LINES:
        raise Invalid("sheet.too_long", "Invite at most 500 people at once.", most=MAX_LINES)
    if len(lines) == 1:
        raise Invalid("sheet.empty", "There is no line in this table.")
    sheet = Sheet([], [])
    for line, cells in lines[1:]:
        who, errors = _person(line, columns, cells)
        sheet.errors.extend(errors)
        if not errors:
            sheet.rows.append(Row(line, who))
    return sheet


def fold(name: str) -> str:
    """Two spellings of one name."""
    return " ".join(name.casefold().split())


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that say something, each with the number it begins at."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    rows = csv.reader(text.splitlines(keepends=True), delimiter=";" if first.count(";") >= first.count(",") else ",", strict=True)
    begins = 1
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield begins, [cell.strip() for cell in cells]
            begins = rows.line_num + 1
    except csv.Error as error:
        raise Invalid("sheet.malformed", "This is not a table.", line=rows.line_num) from error


def _columns(header: list[str]) -> list[str]:
    names = [_COLUMNS.get(cell.casefold(), "") for cell in header]
    unknown = [cell for cell, name in zip(header, names, strict=True) if not name and cell]
    missing = [name for name in ("name", "profession") if name not in names]
    twice = len([name for name in names if name]) != len({name for name in names if name})
    if unknown or missing or twice:
        raise Invalid("sheet.columns", "The header has to name the columns.", missing=missing, unknown=len(unknown))
    return names


def _person(line: int, columns: list[str], cells: list[str]) -> tuple[Profile, list[Finding]]:
    given = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
    errors = [Finding(line, "", "too_many_cells")] if any(cells[len(columns) :]) else []
    errors += [Finding(line, name, "missing") for name in ("name", "profession") if not given.get(name)]
    errors += [Finding(line, name, "too_long") for name, most in _LONGEST.items() if len(given.get(name, "")) > most]
    errors += [Finding(line, name, "malformed") for name, cell in given.items() if not cell.isprintable()]
    profession = _code(given.get("profession", ""), Profession.values, _PROFESSIONS)
    speciality = _code(given.get("speciality", ""), Speciality.values, _SPECIALITIES)
    if given.get("profession") and not profession:
        errors.append(Finding(line, "profession", "unknown"))
    if given.get("speciality") and not speciality:
        errors.append(Finding(line, "speciality", "unknown"))
    if profession == Profession.PHYSICIAN and not given.get("speciality"):
        errors.append(Finding(line, "speciality", "missing"))
    texts = {name: given.get(name, "") for name in _LONGEST}
    return Profile(profession=profession, speciality=speciality, **texts), errors


def _code(said: str, codes: list[str], words: Mapping[str, str]) -> str:
    folded = said.casefold()
    return folded if folded in codes else str(words.get(folded, ""))

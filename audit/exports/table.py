"""Events as CSV (RFC 4180: CRLF, quotes doubled), for a spreadsheet.

Invariant: nothing that a person wrote begins a formula, not even where the spreadsheet cuts the line at another character than the comma
(in German it is the semicolon) or passes over what cannot be seen.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from audit.exports.fhir import recorded
from audit.exports.rows import Row

COLUMNS = [
    "index",
    "recorded",
    "action",
    "outcome",
    "person",
    "title",
    "name",
    "profession",
    "method",
    "hospital",
    "duty_role",
    "device",
    "hospitals",
    "subjects",
    "detail",
    "recipients",
    "ciphertext_sha256",
    "leaf_hash",
]
# At the beginning, or after what somebody's spreadsheet takes for a cell's end: unseen characters and quotes, then what begins a formula,
# or its full-width or small likeness.
FORMULA = re.compile(
    r'((?:^|[;\t\r\n])[\s"\x00-\x1f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*)'
    r"(?=[=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)


def head() -> bytes:
    return _lines([COLUMNS])


def lines(rows: Iterable[Row], zone: ZoneInfo) -> bytes:
    return _lines(_cells(row, zone) for row in rows)


def neutral(value: object) -> str:
    """``=1+1`` is a text in the log and must stay one in the spreadsheet: ``'=1+1``."""
    return FORMULA.sub(r"\1'", str(value))


def _lines(rows: Iterable[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([neutral(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def _cells(row: Row, zone: ZoneInfo) -> list[Any]:
    event: dict[str, Any] = json.loads(row.content or b"")
    agent = event["agent"]
    known = json.loads(row.openings["agent"].value) if "agent" in row.openings else {}
    who = [agent["person"] or "", known.get("title", ""), known.get("name", ""), known.get("profession") or agent["profession"]]
    where = [agent["method"], agent["hospital"] or "", agent["role"] or "", agent["device"] or ""]
    what = [" ".join(event["hospitals"]), _pairs(event["subjects"]), _pairs(event["detail"]), *_sent(row, event), row.digest.hex()]
    return [row.place, recorded(event["at"], zone), event["action"], event["outcome"], *who, *where, *what]


def _sent(row: Row, event: dict[str, Any]) -> list[str]:
    to = json.loads(row.openings["recipients"].value) if "recipients" in row.openings else []
    return [" ".join(f"{each['kind']}:{each['principal']}@{each['hospital']}" for each in to), event["digest"] or ""]


def _pairs(members: dict[str, Any]) -> str:
    return "; ".join(f"{name}={' '.join(value) if isinstance(value, list) else value}" for name, value in sorted(members.items()))

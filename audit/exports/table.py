"""Events as CSV (RFC 4180: CRLF, quotes doubled), for a spreadsheet.

Invariant: no cell begins with a character that a spreadsheet takes for a formula.
"""

import csv
import io
import json
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
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def head() -> bytes:
    return _lines([COLUMNS])


def lines(rows: Iterable[Row], zone: ZoneInfo) -> bytes:
    return _lines(_cells(row, zone) for row in rows)


def neutral(value: object) -> str:
    """``=1+1`` is a text in the log and must stay one in the spreadsheet."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


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

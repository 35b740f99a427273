"""The answer to a message (ACK).

Invariant: an answer holds what the sender declared of itself (MSH-3 to 6, 10 to 12) and our code and sentence, nothing else of the message.
No Django.
"""

from datetime import datetime
from typing import Final
from uuid import uuid4

from integration.hl7v2.headers import LONGEST_CONTROL_ID, Header
from integration.hl7v2.refusals import Refused

US: Final = "WARDLINE"
_WITH_ERR: Final = ("2.5", "2.6")  # before, ERR was another segment; MSA-3 says it there


def answer_to(header: Header | None, refused: Refused | None, now: datetime) -> bytes | None:
    """``None``: the sender wants none (enhanced mode). ``header`` is missing where it could not be read."""
    if header is None:
        return _joined(["MSH", "^~\\&", US, "", "", "", _time(now), "", "ACK", uuid4().hex, "P", "2.5"], _msa("AR", "", refused), [])
    if not _is_wanted(header, refused):
        return None
    letters = refused.reason.answer if refused else "AA"
    if header.is_enhanced:
        letters = "C" + letters[1]
    separator, encoding = header.raw[1], header.raw[2]
    msh = ["MSH", encoding, *_swapped(header), _time(now), "", _type(header), uuid4().hex, _echo(header, 11, "P"), _echo(header, 12, "2.5")]
    err = _err(header, refused) if refused and header.version.startswith(_WITH_ERR) else []
    return _joined(msh, _msa(letters, _control_id(header), refused), err, separator)


def _is_wanted(header: Header, refused: Refused | None) -> bool:
    wanted = header.accept if header.is_enhanced else header.application_answer
    return not ((wanted == "ER" and not refused) or (wanted == "SU" and refused) or (header.is_enhanced and wanted in ("", "NE")))


def _swapped(header: Header) -> list[str]:
    return [_echo(header, 5, US), _echo(header, 6), _echo(header, 3), _echo(header, 4)]


def _echo(header: Header, number: int, default: str = "") -> str:
    found = header.raw[number] if number < len(header.raw) else ""
    return found if found and found.isascii() and found.isprintable() and len(found) <= LONGEST_CONTROL_ID else default


def _control_id(header: Header) -> str:
    return _echo(header, 10)


def _type(header: Header) -> str:
    """Of 2.3 the word alone; from 2.3.1 on with event and structure."""
    is_event = header.event.isascii() and header.event.isalnum() and len(header.event) == 3
    return header.segments.separators[1].join(["ACK", header.event, "ACK"]) if is_event and header.version != "2.3" else "ACK"


def _msa(letters: str, control_id: str, refused: Refused | None) -> list[str]:
    """MSA-3 is withdrawn from 2.7 on and read by everybody before."""
    return ["MSA", letters, control_id, *([refused.code] if refused else [])]


def _err(header: Header, refused: Refused) -> list[str]:
    component = header.segments.separators[1]
    segment, _, number = refused.place.partition("-")
    where = component.join([segment, "1", number] if number else [segment] if segment else [])
    table = component.join([str(refused.reason.number), "", "HL70357"])
    sentence = "".join(" " if sign in header.raw[1] + header.raw[2] else sign for sign in refused.reason.sentence)
    # 2: where, 3: the table's code, 4: severity, 5: ours, 8: a sentence.
    return ["ERR", "", where, table, "E", component.join([refused.code, "", "L"]), "", "", sentence]


def _time(now: datetime) -> str:
    return now.strftime("%Y%m%d%H%M%S%z")


def _joined(msh: list[str], msa: list[str], err: list[str], separator: str = "|") -> bytes:
    lines = [separator.join(line) for line in (msh, msa, err) if line]
    return ("\r".join(lines) + "\r").encode("ascii", "replace")

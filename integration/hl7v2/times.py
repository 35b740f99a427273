"""Times of HL7 (TS and DTM).

Invariant: a time is a moment with the width it was given in; one without an offset of its own is read in the zone that the caller names. No
Django.
"""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final, NamedTuple

from integration.hl7v2.refusals import Refused

_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d))?(?:(\d\d)(?:\.(\d{1,6})\d*)?)?([+-]\d{4})?")
_OFFSET_AT_MOST: Final = 14 * 60  # minutes


class Moment(NamedTuple):
    at: datetime
    width: timedelta

    @property
    def until(self) -> datetime:
        return self.at + self.width


def offset_of(text: str) -> tzinfo | None:
    """The offset that the time names, if it does."""
    sign, digits = text[-5:-4], text[-4:]
    if sign not in ("+", "-") or not digits.isdecimal():
        return None
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if sign == "-" else minutes)) if minutes <= _OFFSET_AT_MOST else None


def moment_of(text: str, zone: tzinfo, place: str) -> Moment:
    """Raises: Refused: ``time.missing``: nothing, or only a day. ``time.unreadable``."""
    if not text:
        raise Refused("time.missing", place)
    found = _TIME.fullmatch(text)
    if found is None or (found[8] and offset_of(text) is None):
        raise Refused("time.unreadable", place)
    year, month, day, hour, minute, second, fraction, _ = found.groups()
    if hour is None:
        raise Refused("time.missing", place)
    parts = (int(part) for part in (year, month, day, hour, minute, second or "0", (fraction or "").ljust(6, "0")))
    try:
        at = datetime(*parts, tzinfo=offset_of(text) or zone).astimezone(timezone.utc)  # type: ignore[misc,arg-type]  # noqa: UP017
    except (ValueError, OverflowError) as error:
        raise Refused("time.unreadable", place) from error
    width = timedelta(minutes=1) if second is None else timedelta(seconds=10 ** -len(fraction or ""))
    return Moment(at, width)

"""What an ADT message says about beds.

Invariant: EVN, PV1-3, PV1-6 and NPU are read, nothing else; the result names places and times and nobody. No Django.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from beds.occupancy import STATUS_OF, UNDOING, Fact, Kind
from integration.hl7v2.headers import Header
from integration.hl7v2.refusals import Refused
from integration.hl7v2.segments import field_of
from integration.hl7v2.times import Moment, moment_of, offset_of

AHEAD_AT_MOST: Final = timedelta(minutes=15)
# Control ids are kept for longer than this, so that no message can come again after it was forgotten.
BEHIND_AT_MOST: Final = timedelta(days=30)
STATUSES: Final = frozenset("CHIKOU")
# What each event says of the place in PV1-3 and of the one in PV1-6 (2.5, chapter 3).
_SAYS: Final = {
    "A01": {3: Kind.ADMITTED},
    "A02": {6: Kind.LEFT, 3: Kind.CAME},
    "A03": {3: Kind.DISCHARGED},
    "A08": {},
    "A11": {3: Kind.ADMISSION_UNDONE},
    # PV1-3 is where the patient was before the transfer and is again (3.3.12); PV1-6 the bed that is not taken after all.
    "A12": {3: Kind.BACK, 6: Kind.TRANSFER_UNDONE},
    "A13": {3: Kind.BACK},
}
_IS_A_WAY_BACK: Final = frozenset({"A11", "A12", "A13"})
# Of these it is enough to know that no bed of ours is meant.
LEAVING: Final = frozenset({Kind.LEFT, Kind.TRANSFER_UNDONE})


class Place(NamedTuple):
    """PL: the point of care, the room and the bed. ``field`` is where in the message it stood."""

    field: str
    point_of_care: str
    room: str
    bed: str

    def is_same(self, other: "Place") -> bool:
        return self[1:] == other[1:]


@dataclass(frozen=True, slots=True)
class Notice:
    event: str
    says: list[tuple[Place, Fact]] = field(default_factory=list)

    def digest(self) -> bytes:
        """SHA-256 of what was read: the same control id with another one is another message."""
        told = [self.event, *(f"{tuple(place)} {fact}" for place, fact in self.says)]
        return hashlib.sha256("\n".join(told).encode()).digest()


def notice_of(header: Header, zone: tzinfo, now: datetime) -> Notice:
    """``zone`` is the hospital's, for times without an offset. Raises: Refused."""
    evn = header.segments.one("EVN")
    zone = offset_of(header.text(7)) or zone
    told = _time(header, evn, 2, zone)
    if told.at < now - BEHIND_AT_MOST:
        raise Refused("time.behind", "EVN-2")
    sent = _sent(header, zone, told)
    # Many senders fill EVN-6 on every message; where it repeats EVN-2 it says nothing.
    occurred = _time(header, evn, 6, zone) if field_of(evn, 6, "EVN") else told
    if max(told.at, occurred.at) > now + AHEAD_AT_MOST:
        raise Refused("time.ahead", "EVN-2" if told.at >= occurred.at else "EVN-6")
    if header.event == "A20":
        return Notice("A20", [_of_npu(header, npu, occurred, told, sent) for npu in _npus(header)])
    return Notice(header.event, _of_pv1(header, occurred, told, sent))


def _time(header: Header, evn: list[str], number: int, zone: tzinfo) -> Moment:
    return moment_of(header.segments.components(field_of(evn, number, "EVN"))[0], zone, f"EVN-{number}")


def _sent(header: Header, zone: tzinfo, told: Moment) -> datetime:
    """MSH-7 orders only what EVN leaves open."""
    try:
        return moment_of(header.text(7), zone, "MSH-7").at
    except Refused:
        return told.at


def _of_pv1(header: Header, occurred: Moment, told: Moment, sent: datetime) -> list[tuple[Place, Fact]]:
    kinds = _SAYS[header.event]
    if not kinds:
        return []
    pv1 = header.segments.one("PV1")
    places = {number: _place(header, pv1, number, "PV1") for number in kinds}
    if len(places) == 2 and places[3].is_same(places[6]):
        del places[6]  # from a bed into the same bed: it is not left
    is_back = header.event in _IS_A_WAY_BACK
    return [(place, _fact(kinds[number], occurred, told, sent, is_back=is_back)) for number, place in places.items()]


def _fact(kind: Kind, occurred: Moment, told: Moment, sent: datetime, *, is_back: bool) -> Fact:
    """A cancel is as of when it was told; its EVN-6 is the time of what it cancels (2.5, 3.4.1.6)."""
    if not is_back:
        return Fact(kind, occurred.at, told.at, sent, STATUS_OF[kind])
    names_it = kind in UNDOING and occurred.at != told.at
    bounds = (occurred.at, occurred.until) if names_it else (None, None)
    return Fact(kind, told.at, told.at, sent, STATUS_OF.get(kind, ""), *bounds)


def _npus(header: Header) -> list[list[str]]:
    found = header.segments.all("NPU")
    if not found:
        raise Refused("segment.missing", "NPU")
    return found


def _of_npu(header: Header, npu: list[str], occurred: Moment, told: Moment, sent: datetime) -> tuple[Place, Fact]:
    status = header.segments.components(field_of(npu, 2, "NPU"))[0]
    if status not in STATUSES:
        raise Refused("status.unknown", "NPU-2")
    return _place(header, npu, 1, "NPU"), Fact(Kind.STATUS, occurred.at, told.at, sent, status)


def _place(header: Header, fields: list[str], number: int, name: str) -> Place:
    parts = [*header.segments.components(field_of(fields, number, name)), "", "", ""]
    place = Place(f"{name}-{number}", *parts[:3])
    if not place.point_of_care:
        raise Refused("location.missing", place.field)
    return place

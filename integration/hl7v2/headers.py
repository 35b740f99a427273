"""Who sends what, and what kind of answer is wanted (MSH).

Invariant: a header is read before anybody knows the sender, and decides nothing but how the answer is written. No Django.
"""

from dataclasses import dataclass
from typing import Final

from integration.hl7v2.refusals import Refused
from integration.hl7v2.segments import CODECS, UNREADABLE, Segments, field_of

LONGEST_CONTROL_ID: Final = 199
VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"})
EVENTS: Final = frozenset({"A01", "A02", "A03", "A08", "A11", "A12", "A13", "A20"})
_CONDITIONS: Final = frozenset({"", "AL", "NE", "ER", "SU"})


@dataclass(frozen=True, slots=True)
class Header:
    """``raw`` has MSH as it came, for the answer; the rest is plain text."""

    segments: Segments
    raw: list[str]
    application: str
    facility: str
    sent: str
    control_id: str
    event: str

    @property
    def version(self) -> str:
        return self._component(12)

    @property
    def accept(self) -> str:
        """MSH-15: when the receipt itself is acknowledged (enhanced mode)."""
        return self._component(15)

    @property
    def application_answer(self) -> str:
        """MSH-16: when the outcome is."""
        return self._component(16)

    @property
    def is_enhanced(self) -> bool:
        """The answer is CA, CE or CR. With an accept acknowledgement of NE and an application's wanted, it is the original mode's."""
        return (self.accept not in ("", "NE") or self.application_answer == "NE") and self.application_answer in ("", "NE")

    def _component(self, number: int, place: int = 0) -> str:
        parts = self.segments.components(field_of(self.raw, number, "MSH"))
        return parts[place] if place < len(parts) else ""


def header_of(block: bytes) -> Header:
    """Raises: Refused: ``message.unreadable``."""
    segments = Segments(block)
    raw = segments.all("MSH")[0]
    named = (raw[18] if len(raw) > 18 else "").split(segments.separators[2] or "\0", 1)[0].strip()
    if codec := CODECS.get(named):
        segments.codec = codec
        raw = segments.all("MSH")[0]

    def plain(number: int, place: int = 0) -> str:
        field = raw[number] if number < len(raw) else ""
        parts = segments.components(field)
        return parts[place] if place < len(parts) else ""

    event = plain(9, 1) or _event_of_evn(segments)
    return Header(segments, raw, plain(3), plain(4), plain(7), plain(10), event)


def _event_of_evn(segments: Segments) -> str:
    """Before 2.3.1 MSH-9 need not name it."""
    found = segments.all("EVN")
    return found[0][1].strip() if found and len(found[0]) > 1 else ""


def check_envelope(header: Header) -> None:
    """Raises: Refused: what in MSH this listener does not take."""
    raw, segments = header.raw, header.segments
    named = (raw[18] if len(raw) > 18 else "").split(segments.separators[2] or "\0", 1)[0].strip()
    type_ = segments.components(field_of(raw, 9, "MSH"))[0]
    processing = segments.components(field_of(raw, 11, "MSH"))[0]
    both = header.accept not in ("", "NE") and header.application_answer not in ("", "NE")
    for is_wrong, code, place in (
        (not has_control_id(header), "control_id.missing", 10),
        (named not in CODECS, "character_set.unsupported", 18),
        (header.version not in VERSIONS, "version.unsupported", 12),
        (type_ != "ADT", "message.not_adt", 9),
        (header.event not in EVENTS, "event.unsupported", 9),
        (processing != "P", "processing.unsupported", 11),
        (both or {header.accept, header.application_answer} - _CONDITIONS, "acknowledgement.unsupported", 15),
    ):
        if is_wrong:
            raise Refused(code, f"MSH-{place}")


def has_control_id(header: Header) -> bool:
    return 0 < len(header.control_id) <= LONGEST_CONTROL_ID and UNREADABLE not in header.control_id

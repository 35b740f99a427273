"""Who sends what, and what kind of answer is wanted (MSH).

Invariant: a header is read before anybody knows the sender, and decides nothing but how the answer is written. No Django.
"""

from dataclasses import dataclass
from typing import Final

from integration.hl7v2.refusals import Refused
from integration.hl7v2.segments import CODECS, UNREADABLE, Segments

LONGEST_CONTROL_ID: Final = 199
VERSIONS: Final = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"})
EVENTS: Final = frozenset({"A01", "A02", "A03", "A08", "A11", "A12", "A13", "A20"})
_CONDITIONS: Final = frozenset({"", "AL", "NE", "ER", "SU"})


@dataclass(frozen=True, slots=True)
class Header:
    """``raw`` has the fields of MSH as they came, the n-th at n, for the answer."""

    segments: Segments
    raw: list[str]

    def text(self, number: int, component: int = 1) -> str:
        """Plain; empty where there is none."""
        parts = self.segments.components(self.raw[number] if number < len(self.raw) else "")
        return parts[component - 1] if component <= len(parts) else ""

    @property
    def application(self) -> str:
        return self.text(3)

    @property
    def facility(self) -> str:
        return self.text(4)

    @property
    def control_id(self) -> str:
        return self.text(10)

    @property
    def version(self) -> str:
        return self.text(12)

    @property
    def event(self) -> str:
        """Of EVN where MSH-9 does not name it, as it need not before 2.3.1."""
        evn = self.segments.all("EVN")
        return self.text(9, 2) or (evn[0][1].strip() if evn and len(evn[0]) > 1 else "")

    @property
    def accept(self) -> str:
        """MSH-15: when the receipt itself is acknowledged (enhanced mode)."""
        return self.text(15)

    @property
    def application_answer(self) -> str:
        """MSH-16: when the outcome is."""
        return self.text(16)

    @property
    def is_enhanced(self) -> bool:
        """The answer is CA, CE or CR. With an accept acknowledgement of NE and an application's wanted, it is the original mode's."""
        return (self.accept not in ("", "NE") or self.application_answer == "NE") and self.application_answer in ("", "NE")

    @property
    def character_set(self) -> str:
        """MSH-18, its first repetition."""
        return self.text(18)


def header_of(block: bytes) -> Header:
    """Raises: Refused: ``message.unreadable``."""
    segments = Segments(block)
    # In ASCII first: what follows may be in the character set that this names.
    segments.codec = CODECS.get(Header(segments, segments.all("MSH")[0]).character_set, segments.codec)
    return Header(segments, segments.all("MSH")[0])


def check_envelope(header: Header) -> None:
    """Raises: Refused: what in MSH this listener does not take."""
    both = header.accept not in ("", "NE") and header.application_answer not in ("", "NE")
    for is_wrong, code, place in (
        (not has_control_id(header), "control_id.missing", 10),
        (header.character_set not in CODECS, "character_set.unsupported", 18),
        (header.version not in VERSIONS, "version.unsupported", 12),
        (header.text(9) != "ADT", "message.not_adt", 9),
        (header.event not in EVENTS, "event.unsupported", 9),
        (header.text(11) != "P", "processing.unsupported", 11),
        (both or {header.accept, header.application_answer} - _CONDITIONS, "acknowledgement.unsupported", 15),
    ):
        if is_wrong:
            raise Refused(code, f"MSH-{place}")


def has_control_id(header: Header) -> bool:
    return 0 < len(header.control_id) <= LONGEST_CONTROL_ID and UNREADABLE not in header.control_id

"""A message taken apart, as far as somebody asks.

Invariant: a segment is decoded only when it is asked for by name, so that what is about the patient (PID, NK1, OBX ...) is never more than
bytes between two line ends. Whatever the bytes, the outcome is a value or a ``Refused``. No Django.
"""

import re
from typing import Final

from integration.hl7v2.refusals import Refused

_LINES: Final = re.compile(rb"[\r\n]+")
# MSH-18, first repetition. A sender that names none means ASCII (2.5, chapter 2, MSH-18).
CODECS: Final = {
    "": "ascii",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
}
UNREADABLE: Final = "\ufffd"
NULL: Final = '""'  # "delete what you have": for us as good as nothing given


class Segments:
    """``separators``: field, component, repetition, escape, subcomponent, as MSH-1 and MSH-2 declare them; those not declared are empty.

    Raises: Refused: ``message.unreadable``.
    """

    def __init__(self, block: bytes) -> None:
        self._lines = _LINES.split(block.strip(b"\r\n"))
        head = self._lines[0]
        if head[:3] != b"MSH" or len(head) < 8:
            raise Refused("message.unreadable")
        declared = head[3:4] + head[4:].split(head[3:4], 1)[0]
        if not declared.isascii() or len(set(declared)) != len(declared) or not 3 <= len(declared) <= 6 or re.search(rb"[\s\w]", declared):
            raise Refused("message.unreadable", "MSH-2")
        self.separators = [*declared.decode("ascii"), "", "", ""][:5]
        self.codec = "ascii"

    def all(self, name: str) -> list[list[str]]:
        """The fields of each segment of this name; of MSH, too, the n-th field is at n."""
        start = name.encode("ascii") + self.separators[0].encode("ascii")
        return [self._fields(name, line) for line in self._lines if line.startswith(start)]

    def one(self, name: str) -> list[str]:
        """Raises: Refused: ``segment.missing``: none, or several."""
        found = self.all(name)
        if len(found) != 1:
            raise Refused("segment.missing", name)
        return found[0]

    def _fields(self, name: str, line: bytes) -> list[str]:
        found: list[str] = []
        for raw in line.split(self.separators[0].encode("ascii")):
            try:
                # Only a field that is asked for counts (``field_of``): a remark in another character set harms nobody.
                found.append(UNREADABLE if b"\0" in raw else raw.decode(self.codec))
            except UnicodeDecodeError:
                found.append(UNREADABLE)
        return [found[0], self.separators[0], *found[1:]] if name == "MSH" else found

    def components(self, field: str) -> list[str]:
        """Of the first repetition, each without subcomponents, unescaped."""
        _, component, repetition, _, subcomponent = self.separators
        first = field.split(repetition, 1)[0] if repetition else field
        parts = [part.split(subcomponent, 1)[0] if subcomponent else part for part in first.split(component)]
        return [self._plain(part) for part in parts]

    def _plain(self, text: str) -> str:
        field, component, repetition, escape, subcomponent = self.separators
        text = "" if text == NULL else text.strip()
        if escape:
            names = {"F": field, "S": component, "R": repetition, "E": escape, "T": subcomponent}
            sign = re.escape(escape)
            text = re.sub(f"{sign}([FSRET]){sign}", lambda found: names[found[1]], text)
        return text


def field_of(fields: list[str], number: int, name: str) -> str:
    """Empty where the segment ends before. Raises: Refused: ``text.unreadable``."""
    found = fields[number] if number < len(fields) else ""
    if UNREADABLE in found:
        raise Refused("text.unreadable", f"{name}-{number}")
    return found

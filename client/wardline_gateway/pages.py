"""A case as PDF/A-2b.

Invariant: everything in the ``Case`` is on a page, the unproved and the unreadable marked where they stand and again at the end. Fonts are
embedded; a character the font lacks is written as its code point, so no glyph is missing and nothing vanishes. Pictures are in it as they
were sent, byte for byte where PDF/A allows it.
"""

import io
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import font_source_sans_pro
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from PIL import Image as Picture

from wardline_client.protocol.bodies import Ack, Identity, Image, System, Text
from wardline_gateway.cases import Case, Entry, Step, Thread, Who
from wardline_gateway.kept import Filing
from wardline_gateway.words import Words

_FONTS: Final = Path(font_source_sans_pro.__file__).parent / "files"
_FONT: Final = "Source Sans Pro"
_FACES: Final = {"": "SourceSansPro-Regular.ttf", "B": "SourceSansPro-Bold.ttf"}
UNVERIFIED: Final = frozenset({"signature", "statement", "header", "encoding"})


@cache
def _known_characters() -> frozenset[int]:
    """In both faces."""
    faces = []
    for name in _FACES.values():
        with TTFont(_FONTS / name, lazy=True) as font:
            faces.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*faces)


def printable(text: str) -> str:
    """As it can be set: what the font lacks becomes ``[U+4E2D]``, control characters as well."""
    known = _known_characters()
    shown = (character if character == "\n" or ord(character) in known else f"[U+{ord(character):04X}]" for character in text)
    return "".join(shown)


def is_unverified(problem: str) -> bool:
    """Whether it is the signature or who stands behind it that is not proved; otherwise the message does not open."""
    return problem.partition(".")[0] in UNVERIFIED


def render(case: Case, filing: Filing, *, words: Words, zone: ZoneInfo, at: datetime, replaces: int | None) -> bytes:
    return _Document(case, filing, words, zone, at, replaces).render()


class _Paper(FPDF):
    """With a line at the foot of every page that says what it belongs to."""

    foot = ""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FONT, "", 8)
        self.cell(0, 4, f"{self.foot} {self.page_no()}", align="R")


class _Document:
    def __init__(self, case: Case, filing: Filing, words: Words, zone: ZoneInfo, at: datetime, replaces: int | None) -> None:
        self.case, self.filing, self.words, self.zone, self.at, self.replaces = case, filing, words, zone, at, replaces
        self.pdf = _Paper(enforce_compliance="PDF/A-2B")
        for style, name in _FACES.items():
            self.pdf.add_font(_FONT, style, _FONTS / name)
        self.pdf.foot = f"Wardline · {case.id} · {words('version')} {filing.version} · {words('page')}"
        self.pdf.set_margin(18)
        self.pdf.set_auto_page_break(True, 18)
        self.pdf.set_title(f"{words('title')} {case.id}")
        self.pdf.set_lang("de-DE" if words.language == "de" else "en-GB")
        self.pdf.set_creator("wardline-gateway")
        self.pdf.set_creation_date(at)

    def render(self) -> bytes:
        self.pdf.add_page()
        self._front()
        for thread in self.case.threads:
            self._thread(thread)
        self.pdf.add_page()
        self._checks()
        return bytes(self.pdf.output())

    def _line(self, text: str, *, size: float = 10, bold: bool = False, space: float = 0) -> None:
        self.pdf.set_font(_FONT, "B" if bold else "", size)
        if space:
            self.pdf.ln(space)
        self.pdf.multi_cell(0, size * 0.5, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")

    def _facts(self, facts: Iterable[tuple[str, str]]) -> None:
        for name, value in facts:
            if value:
                self._line(f"{self.words(name)}: {value}")

    def _front(self) -> None:
        case, words = self.case, self.words
        self._line(words("title"), size=18, bold=True)
        version = f"{self.filing.version}" + (f" ({words('replaces')} {self.replaces})" if self.replaces else "")
        self._facts([("case", str(case.id)), ("version", version), ("filed_for", case.own.name), ("filed_at", self._time(self.at))])
        self.pdf.ln(3)
        self._facts(
            [
                ("origin", case.origin.name or str(case.origin.id)),
                ("requester", self._name(case.requester) if case.requester else self._of_software(case.software)),
                ("category", words(case.need["category"])),
                ("urgency", words(case.need["urgency"])),
                ("capabilities", ", ".join(case.need["capabilities"])),
                *((name, words.of(name, case.need[name] or "")) for name in ("age_band", "sex", "transport_mode")),
                ("created_at", self._time(case.created_at)),
                ("closed_at", self._time(case.closed_at) if case.closed_at else ""),
            ]
        )
        if case.identity:
            self._line(f"{words('patient')}: {self._patient(case.identity)}", size=12, bold=True, space=3)
        if case.problems:
            self._line(f"{words('not_verified')} / {words('not_readable')}: {len(case.problems)}", bold=True, space=3)

    def _thread(self, thread: Thread) -> None:
        words = self.words
        self._line(
            f"{words('asked')}: {thread.hospital.name or thread.hospital.id} - {self._name(thread.role)}", size=14, bold=True, space=6
        )
        self._line(f"{words('state')}: {words.of('state', thread.state)}" + (f" ({words(thread.reason)})" if thread.reason else ""))
        self._line(words("course"), size=12, bold=True, space=3)
        for step in thread.steps:
            self._line(self._step(step))
        self._promise(thread)
        self._line(words("conversation"), size=12, bold=True, space=3)
        if not thread.entries:
            self._line(words("nothing_said"))
        for entry in thread.entries:
            self._entry(entry)
        if thread.missing:
            self._line(f"{words('missing')}: {', '.join(map(str, thread.missing))}", bold=True, space=2)

    def _of_software(self, name: str) -> str:
        return f"{name} ({self.words('software')})"

    def _step(self, step: Step) -> str:
        machine = self._of_software(step.software) if step.software else self.words("clock")
        by = self._acting(step.by, step.role) if step.by else machine
        return f"{self._time(step.at)}  {self.words(step.action)} - {by}" + (f" ({self.words(step.reason)})" if step.reason else "")

    def _promise(self, thread: Thread) -> None:
        if thread.receipt_problem:
            self._line(f"{self.words('promise')}: {self.words('not_verified')} ({thread.receipt_problem})", bold=True, space=3)
        if thread.receipt is None:
            return
        offer, acceptance = thread.receipt.offer, thread.receipt.acceptance
        self._line(self.words("promise"), size=12, bold=True, space=3)
        actors = [step.by for step in thread.steps] + [entry.by for entry in thread.entries]
        names = {by.id: by for by in actors if by}
        for word, signed in (("offered", offer), ("accepted", acceptance)):
            self._line(f"{self._time(signed.at)}  {self.words(word)} {self._name(names.get(signed.by, Who(signed.by)))}")
        self._facts([("held_for", str(offer.minutes)), ("receipt", thread.receipt_digest.hex())])

    def _entry(self, entry: Entry) -> None:
        words = self.words
        priority = f" [{words(entry.priority)}]" if entry.priority != "normal" else ""
        self._line(f"{entry.sequence}. {self._acting(entry.by, entry.role)}{priority}", bold=True, space=2)
        times = [(words("sent"), entry.at), (words("received"), entry.received_at)]
        self._line(" · ".join(f"{word} {self._time(at)}" for word, at in times if at), size=8)
        if entry.problem:
            word = "not_verified" if is_unverified(entry.problem) else "not_readable"
            self._line(f"{words(word)} ({entry.problem})", bold=True)
            self._line(words(f"{word}_why"))
        else:
            self._body(entry)
        for given in entry.acknowledged:
            self._line(f"{words('acknowledged')} {self._acting(given.by, given.role)}, {self._time(given.at)}", size=8)

    def _body(self, entry: Entry) -> None:
        match entry.body:
            case Text(text):
                self._line(text, size=11)
            case Image() as image:
                self._image(entry, image)
            case Identity() as identity:
                self._line(f"{self.words('patient')}: {self._patient(identity)}", size=11)
            case Ack(of):
                self._line(f"{self.words('ack')} {of}")
            case System(event, _):
                self._line(f"{self.words('system')}: {event}")
            case _:
                self._line(self.words("unknown"))

    def _image(self, entry: Entry, image: Image) -> None:
        self._line(f"{self.words('image')}, {image.width} x {image.height} {self.words('pixels')}. {image.caption}".strip(), size=11)
        try:
            if entry.image is None:
                raise ValueError(entry.image_problem)
            self.pdf.image(_drawable(entry.image), w=min(self.pdf.epw, image.width / 4), keep_aspect_ratio=True, h=_height(self.pdf, image))
            self.pdf.ln(2)
        except (OSError, ValueError, Picture.DecompressionBombError):
            self._line(
                f"{self.words('not_readable')}: {self.words('image_missing')} ({entry.image_problem or 'image.unreadable'})", bold=True
            )

    def _checks(self) -> None:
        case, words = self.case, self.words
        self._line(words("checks"), size=14, bold=True)
        self._facts(
            [
                ("checked_signatures", str(sum(entry.proof is not None for _, entry in case.entries))),
                ("checked_epochs", str(sum(len(thread.epochs) for thread in case.threads))),
                ("checked_receipts", str(sum(thread.receipt is not None for thread in case.threads))),
            ]
        )
        self._line(words("checked_how"), space=2)
        self._line(words("heads"), size=12, bold=True, space=3)
        for head in case.heads:
            self._line(f"{head.hospital.name or head.hospital.id}: {head.size} {words('head')} {head.root.hex()}", size=8)
            if head.trouble:
                self._line(f"{words('head_trouble')} ({head.trouble})", bold=True)
        self._line(words("unchecked"), size=14, bold=True, space=6)
        for thread, entry in case.problems:
            problem = entry.problem or entry.image_problem or ""
            word = "not_verified" if is_unverified(problem) else "not_readable"
            self._line(f"{words(word)}: {thread.hospital.name}, {entry.sequence} ({problem}), {entry.id}")
        if not case.problems:
            self._line(words("all_verified"))
        self._line(words("unchecked_what"), space=2)

    def _acting(self, by: Who, role: Who | None) -> str:
        where = ", ".join(part for part in (self._name(role) if role else "", by.hospital) if part)
        return self._name(by) + (f" ({where})" if where else "")

    def _name(self, who: Who) -> str:
        return " ".join(part for part in (who.title, who.name) if part) if who.name else f"[{self.words('unnamed')}: {who.id}]"

    def _patient(self, identity: Identity) -> str:
        born = f"{self.words('born')} {identity.birth_date}"
        return ", ".join(
            part for part in (identity.family, identity.given, born, self.words.of("sex", identity.sex), identity.note) if part
        )

    def _time(self, at: datetime) -> str:
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S %z")


def _height(pdf: FPDF, image: Image) -> float:
    """Never higher than a page."""
    width = min(pdf.epw, image.width / 4)
    return min(width * image.height / image.width, pdf.eph - 12)


def _drawable(data: bytes) -> io.BytesIO:
    """The picture as it was sent; another colour space than grey and RGB is converted, since the document has the profile of sRGB alone.

    Raises:
        OSError, Picture.DecompressionBombError: no picture.
    """
    with Picture.open(io.BytesIO(data)) as picture:
        picture.load()
        if picture.mode in ("L", "RGB"):
            return io.BytesIO(data)
        out = io.BytesIO()
        picture.convert("RGB").save(out, "PNG")
        return out

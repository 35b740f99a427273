"""A hospital's ADT sender, and the real listener for it to talk to.

``Listener.started()`` runs ``manage.py mllp`` on the test database. ``Sending(place)`` is a feed of that hospital, proved by its address,
with one unit of single beds: ``adt.says("A01", "5-01")`` is a message, ``Line(port).sends(message)`` gives the answer.
"""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from beds.models import Bed, Capacity
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Hospital, Unit
from integration.services.feed_setup import Ward, add_feed, map_feed
from tests.cast import Caller, Place
from tests.messaging.server import ROOT, database_url

START, END = b"\x0b", b"\x1c\r"
# Whoever finds one of these outside the message has found a leak.
PLANTED = ("ZORNIGEL", "19380214", "Rosskastanienweg")
PID = f"PID|1||4711^^^KIS||{PLANTED[0]}^Wilma||{PLANTED[1]}|F|||{PLANTED[2]} 5^^Beispielstadt"
_numbers = itertools.count(1)


class Listener:
    def __init__(self, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port, self.process, self._log = port, process, log

    @classmethod
    @contextmanager
    def started(cls, folder: Path, **environment: str) -> Iterator["Listener"]:
        log = folder / f"mllp-{uuid4().hex}.log"
        given = os.environ | {"DATABASE_URL": database_url(), "MLLP_PORT": "0", "DATABASE_POOL": "4"} | environment
        with log.open("wb") as stream:
            process = subprocess.Popen([sys.executable, "manage.py", "mllp"], cwd=ROOT, env=given, stderr=stream)
        try:
            yield cls(_port_of(process, log), process, log)
        finally:
            process.kill()
            process.wait(20)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def resident_megabytes(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6

    def stops(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def _port_of(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := re.search(r"on port (\d+)", log.read_text(encoding="utf-8")):
            return int(found[1])
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    raise AssertionError("the listener does not listen")


class Line:
    """A connection: what is written and what comes back, byte by byte where a test wants it."""

    def __init__(self, port: int, wrap: Any = None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket = wrap(plain) if wrap else plain
        self._received = b""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def sends(self, message: str | bytes) -> "Answer":
        self.writes(START + encoded(message) + END)
        return self.reads()

    def writes(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def reads(self) -> "Answer":
        while END not in self._received:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self._received += more
        block, self._received = self._received.split(END, 1)
        assert block[:1] == START
        return Answer(block[1:].decode("ascii"))

    def is_closed(self) -> bool:
        """By the other side, without another answer."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class Answer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = {line[:3]: line.split(line[3:4]) for line in text.split("\r") if line}
        self.msa = text.split("\r")[1][4:].split(text[3])

    def __eq__(self, other: object) -> bool:
        """``answer == "AA"``, ``answer == ("AE", "bed.unknown")``."""
        return other in (self.msa[0], (self.msa[0], *self.msa[2:]))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return self.text.replace("\r", "\n")


class Sending:
    def __init__(self, place: Place, beds: int = 4, *, application: str = "KIS", **proof: Any) -> None:
        self.place, self.application, self.facility = place, application, f"{place.slug}-{uuid4().hex[:6]}"
        self.unit = Unit.objects.create(hospital_id=place.id, name=f"ITS {uuid4().hex[:6]}")
        labels = [f"5-{number:02}" for number in range(1, beds + 1)]
        self.capacity = open_capacity(unit_id=self.unit.pk, category="imc", figures=Figures(beds, 0, 0), beds=labels)
        slug = Hospital.objects.get(pk=place.id).slug
        proof = proof or {"networks": ["127.0.0.1/32"]}
        self.feed = add_feed(slug=slug, application=application, facility=self.facility, **proof)
        self.map(Ward("INT5", self.unit.name), Ward("CHIR", "-"))
        # No two messages of a test are of one second, unless it says so.
        self._clock = datetime.now(UTC) - timedelta(hours=2)

    def map(self, *wards: Ward) -> None:
        map_feed(feed_id=self.feed.pk, wards=wards)

    def tick(self, seconds: float = 1) -> datetime:
        self._clock += timedelta(seconds=seconds)
        return self._clock

    def says(self, event: str, bed: str = "", former: str = "", **changed: Any) -> str:
        """``bed`` and ``former``: a bed's label, or a whole PL. Fields are changed by name: ``MSH_18="8859/1"``."""
        at = changed.pop("at", None) or self.tick()
        pv1 = ["PV1", "1", "I", location(bed), "", "", location(former)]
        if event == "A20":
            segments = [["NPU", location(bed), changed.pop("status")]]
        else:
            segments = [PID.split("|"), pv1, ["NK1", "1", f"{PLANTED[0]}^Otto"]]
        msh = ["MSH", "^~\\&", self.application, self.facility, "WARDLINE", "", hl7_time(at), "", f"ADT^{event}"]
        lines = [
            [*msh, changed.pop("id", None) or f"M{next(_numbers)}-{uuid4().hex[:8]}", "P", "2.5"],
            ["EVN", event, hl7_time(at)],
            *segments,
        ]
        for name, value in changed.items():
            segment, number = name.split("_")
            for line in lines:
                if line[0] == segment:
                    place = int(number) - (segment == "MSH")
                    line.extend([""] * (place + 1 - len(line)))
                    line[place] = value
        return "\r".join("|".join(line) for line in lines) + "\r"

    def bed(self, label: str) -> Bed:
        return Bed.objects.get(unit=self.unit, label=label)

    def status(self, *labels: str) -> str:
        return "".join(self.bed(label).status for label in labels)

    def on_the_board(self, reader: Caller) -> dict[str, Any]:
        hospitals = reader.get("board").json()["hospitals"]
        return next(unit for hospital in hospitals for unit in hospital["units"] if unit["capacity"] == str(self.capacity.pk))

    def occupied(self) -> int:
        return Capacity.objects.get(pk=self.capacity.pk).occupied


def location(bed: str) -> str:
    return bed if "^" in bed or not bed else f"INT5^5^{bed}"


def hl7_time(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S.%f")[:-2] + at.strftime("%z")


def encoded(message: str | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.encode()

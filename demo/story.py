"""``make story``: the night story in the terminal, through the public API, with real encryption, checked offline at
the end.

Invariant: nothing is simulated but the people: every line is a call the web client makes too, and a step that does
not do what it says stops the story.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from backend.embedded import StartError
from demo import seed, witness
from demo.cast import ICU
from demo.run import port_of_environment
from demo.service import ROOT, STATE, running_or_own
from demo.steps import Stop, say
from demo.world import World
from wardline_client.account import Account
from wardline_client.conversations import Received
from wardline_client.http import ApiError
from wardline_client.protocol import root_fingerprint
from wardline_client.protocol.bodies import Identity, Image, Text

PHOTOGRAPH = ROOT / "tests" / "e2e" / "photos" / "camera.jpg"
RECEIPT = STATE / "demo" / "receipt.json"
EXPORT = STATE / "demo" / "audit-wiesenbrueck.ndjson"
ASKED = ("hohenfeld", "altenrode", "tannwald")
Json = dict[str, Any]


@contextmanager
def told(who: str, what: str) -> Iterator[None]:
    """One line of the story, with how long its part of the machinery took."""
    started = time.monotonic()
    yield
    say(f"  {time.monotonic() - started:6.2f} s  {who:<8} {what}")


def expect(is_so: bool, otherwise: str) -> None:
    """Raise ``Stop`` unless it is as the story says."""
    if not is_so:
        raise Stop(f"The story went wrong: {otherwise}")


class Night:
    """Dr. Adler asks three hospitals, Dr. Brandt has the bed, Dr. Yılmaz takes over in the morning."""

    def __init__(self, world: World, address: str) -> None:
        self.world, self.address = world, address
        self.role, self.university = world.role("wiesenbrueck", ICU), world.role("hohenfeld", ICU)
        self.candidate = self.conversation = self.request = UUID(int=0)

    def play(self) -> None:
        self.sign_in()
        self.ask()
        self.answer()
        self.photograph()
        self.promise()
        self.journey()
        self.morning()

    def sign_in(self) -> None:
        with told("Adler", "signs in with her passkey and is on duty"):
            self.adler = self.world.account(self.address, "adler")
            self.adler.take_duty(self.role)
        with told("Brandt", "signs in and is on duty at the university hospital"):
            self.brandt = self.world.account(self.address, "brandt")
            self.brandt.take_duty(self.university)

    def ask(self) -> None:
        with told("Adler", "looks at the board: free high-care beds, and how old each figure is"):
            board = self.adler.beds.board(category="icu-high")
            expect(len(board) == 5, "the board does not show five hospitals")
        with told("Adler", "asks three hospitals at once: stat, ventilated, two lines without a name"):
            made = self.adler.request_bed(
                asked_roles=[self.world.role(slug, ICU) for slug in ASKED],
                category="icu-high",
                urgency="stat",
                age_band="adult",
                sex="",
                transport_mode="ground",
                capabilities=["invasive-vent"],
                question="62 J., ARDS, seit 2 h beatmet, FiO2 0,8.\nHaben Sie ein Bett?",
                role=self.role,
            )
        self.request = UUID(made["id"])
        asked = next(row for row in made["candidates"] if row["hospital"] == self.world.hospitals["hohenfeld"]["id"])
        self.candidate, self.conversation = UUID(asked["id"]), UUID(asked["conversation"])

    def answer(self) -> None:
        with told("Brandt", "reads it on the duty role's key, and acknowledges"):
            first = self.read(self.brandt)[0]
            expect(isinstance(first.body, Text) and "ARDS" in first.body.text, "the question did not arrive")
            self.brandt.conversations.acknowledge(self.conversation, first.id, self.university)
            self.act(self.brandt, "acknowledge", self.university)
        with told("Brandt", "asks for the ventilation chart"):
            self.act(self.brandt, "request-info", self.university)
            self.brandt.send_text(self.conversation, "Bitte das Beatmungsprotokoll.", priority="urgent", role=self.university)

    def photograph(self) -> None:
        with told("Adler", "photographs the record: metadata removed, encrypted in chunks, sent"):
            asked = self.read(self.adler)[-1].body
            expect(isinstance(asked, Text) and "Beatmungsprotokoll" in asked.text, "the question for the chart did not arrive")
            self.adler.send_photograph(self.conversation, PHOTOGRAPH.read_bytes(), caption="Beatmung", role=self.role)
            self.act(self.adler, "answer-info", self.role)
        with told("Brandt", "opens it; the opening is in the audit log before the first byte leaves"):
            picture = self.read(self.brandt)[-1].body
            expect(isinstance(picture, Image), "the photograph did not arrive")
            if isinstance(picture, Image):
                opened = self.brandt.open_photograph(picture)
                expect(len(opened) == picture.size and b"Exif" not in opened[:4096], "the photograph is not the one sent, or has metadata")

    def promise(self) -> None:
        with told("Brandt", "reports his unit's figure: one bed can be staffed"):
            unit = self.staff_one_bed()
        with told("Brandt", "offers it, held for 30 minutes: his device signs the offer"):
            self.brandt.beds.promises.hold(*self.seen_by(self.brandt), unit=unit, role=self.university)
        with told("Adler", "checks who signed, and confirms: her device signs, the others are withdrawn"):
            self.adler.beds.promises.confirm(*self.seen_by(self.adler), role=self.role)
            states = sorted(row["state"] for row in self.adler.beds.get(self.request)["candidates"])
            expect(states == ["confirmed", "withdrawn", "withdrawn"], f"the candidates are {states}")
        with told("both", "hold the same signed receipt, byte for byte"):
            receipts = {who.beds.promises.receipt(self.candidate)[0] for who in (self.adler, self.brandt)}
            expect(len(receipts) == 1, "the two hospitals hold different receipts")
            RECEIPT.write_bytes(receipts.pop())
        with told("Adler", "tells that hospital alone who the patient is"):
            identity = Identity("Muster", "Erika", "1964-08-12", "female", "Tochter informiert")
            self.adler.send_identity(self.conversation, identity, role=self.role)
            expect(isinstance(self.read(self.brandt)[-1].body, Identity), "the identity did not arrive")

    def journey(self) -> None:
        with told("Adler", "transport, departure: one tap each"):
            self.act(self.adler, "arrange-transport", self.role)
            self.act(self.adler, "depart", self.role)

    def morning(self) -> None:
        with told("Yılmaz", "takes over the duty role at seven and reads the whole case"):
            day = self.world.account(self.address, "yilmaz")
            day.take_duty(self.university)
            read = self.read(day)
            expect(len(read) == 4 and all(entry.problem is None for entry in read), "the day shift cannot read the whole case")
        with told("Brandt", "is off duty, and the server no longer gives him the case"):
            try:
                self.brandt.api.get(f"conversations/{self.conversation}/messages", after=0)
            except ApiError as error:
                expect(error.status == 404, f"the refusal was {error}")
            else:
                expect(False, "the night shift still reads the case")
        with told("Yılmaz", "says that the patient has arrived"):
            self.act(day, "arrive", self.university)

    def read(self, who: Account) -> list[Received]:
        received = who.open(self.conversation)
        expect(bool(received), "nothing new arrived")
        expect(all(entry.problem is None for entry in received), f"unreadable: {[entry.problem for entry in received]}")
        return received

    def act(self, who: Account, action: str, role: UUID) -> None:
        who.beds.act(self.candidate, action, role=role)

    def seen_by(self, who: Account) -> tuple[Json, Json]:
        """The request and its candidate as that side's phone reads them now."""
        request = who.beds.get(self.request)
        return request, next(row for row in request["candidates"] if row["id"] == str(self.candidate))

    def staff_one_bed(self) -> Json:
        """However many nights were played before this one, there is one bed."""
        own = self.world.hospitals["hohenfeld"]["id"]
        units = next(row["units"] for row in self.brandt.beds.board(category="icu-high") if row["hospital"] == own)
        unit: Json = units[0]
        figures = {name: unit[name] for name in ("occupied", "blocked", "version")}
        staffed = unit["occupied"] + unit["blocked"] + unit["held"] + 1
        self.brandt.beds.update_capacity(UUID(unit["capacity"]), staffed=staffed, **figures)
        return unit


def verify(world: World, address: str) -> None:
    """Export the acute hospital's log as its registrar and let ``wardline-verify`` judge it: by the key, and with the witness's word."""
    log = _published_log(address, world.hospitals["wiesenbrueck"]["id"])
    with told("Sommer", "exports her hospital's audit log"):
        registrar = world.account(address, "registrar-wiesenbrueck")
        _wait_until_sequenced(address, log["id"])
        EXPORT.write_bytes(b"".join(registrar.api.stream("audit/export")))
    with told("auditor", f"wardline-verify {EXPORT.name}, offline"):
        log_verdict = _judged(EXPORT, "--policy", witness.policy_file(STATE))
    with told("auditor", f"wardline-verify receipt {RECEIPT.name}, by the fingerprint of one root"):
        root = root_fingerprint(registrar.session.keyring.root)
        receipt_verdict = _judged("receipt", RECEIPT, "--root", f"{registrar.session.keyring.hospital}={root}")
    for verdict, otherwise in ((log_verdict, "the audit log is not intact"), (receipt_verdict, "the receipt is not intact")):
        say()
        say("\n".join("  " + line for line in verdict.stdout.strip().splitlines()))
        expect(verdict.returncode == 0, otherwise)


def _judged(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("wardline-verify")
    return subprocess.run([program, *arguments, "--language", "en"], check=False, capture_output=True, text=True)  # noqa: S603


def _published_log(address: str, hospital: str) -> Json:
    """The log of a hospital as every stranger sees it, with the key to check it by."""
    rows: list[Json] = httpx.get(f"{address}/audit/logs/", trust_env=False).json()["results"]
    return next(row for row in rows if row["hospital"] == hospital)


def _wait_until_sequenced(address: str, log: str) -> None:
    """The sequencer runs every second; once two looks see one size, the story's last event is under a signed checkpoint."""
    sizes = [-1, 0]
    while sizes[-1] != sizes[-2]:
        time.sleep(2.5)
        sizes.append(int(httpx.get(f"{address}/audit/logs/{log}/checkpoint", trust_env=False).text.splitlines()[1]))


def main() -> int:
    try:
        with running_or_own(port_of_environment()) as (address, own):
            world = seed.seed(address)
            if own:
                own.start_witness()
            say(f"The night story, at {address}")
            Night(world, address).play()
            verify(world, address)
    except (Stop, StartError) as reason:
        say(str(reason))
        return 1
    except ApiError as error:
        say(f"The story went wrong: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Steps 1, 2, 4, 5 and 7 of the night story on two phones, and what must be true afterwards."""

import io
import json
import re
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page

from tests.e2e import scan
from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.story import BIRTH_DATE, BLURRED, MARKERS, PHOTOGRAPH, Night
from tests.e2e.watching import RedisTraffic, redis_traffic
from tests.push_service import PushService, push_service
from wardline_client.protocol import root_fingerprint
from wardline_client.protocol.bodies import Identity, Text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
MOST_TAPS = 6
# Of 255, mean over the pixels: a JPEG of quality 92 of a sharp photograph stays well below.
LEGIBLE_ERROR = 4


@dataclass
class Played:
    night: Night
    running: Running
    colleagues: Colleagues
    pushes: PushService
    traffic: RedisTraffic


@pytest.fixture(scope="module")
def played(running: Running, colleagues: Colleagues, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The night, played once; the tests look at what it left behind."""
    links = [running.link_of("Adler"), running.link_of("Brandt")]
    # From here on no private key of anybody lies where the service could read it.
    away = tmp_path_factory.mktemp("away") / "demo"
    (running.state / "demo").rename(away)
    phones = Phones(browser)
    with redis_traffic(running.redis_url) as traffic, push_service() as pushes:
        adler, brandt = phones.linked("adler", links[0]), phones.linked("brandt", links[1])
        _subscribe(brandt.page, pushes)
        night = Night(adler, brandt)
        night.play()
        yield Played(night, running, colleagues, pushes, traffic)
    phones.close()
    away.rename(running.state / "demo")


def test_the_request_takes_no_more_than_six_taps_from_home_to_sent(played: Played) -> None:
    assert played.night.taps <= MOST_TAPS


def test_the_offer_counts_down(played: Played) -> None:
    seconds = [60 * int(minutes) + int(rest) for minutes, rest in (shown.split(":") for shown in played.night.hold_clock)]

    assert 30 * 60 >= seconds[0] > seconds[1] > 29 * 60


def test_no_phone_had_a_fault_that_nobody_saw(played: Played) -> None:
    assert [phone.faults for phone in (played.night.adler, played.night.brandt)] == [[], []]


def test_the_opened_photograph_has_no_metadata_and_is_legible(played: Played) -> None:
    opened, original = _picture(played.night.opened), _picture(PHOTOGRAPH.read_bytes())

    assert original.getexif().get_ifd(0x8825), "the photograph of the test has no GPS: it would prove nothing"
    assert dict(opened.getexif()) == {}
    assert not [kind for kind in _segments(played.night.opened) if kind == 0xFE or 0xE1 <= kind <= 0xEF], (
        "EXIF, XMP, ICC, IPTC or a comment"
    )
    assert opened.size == original.size
    assert _error(opened, original, (0, 0, 1, 0.3)) < LEGIBLE_ERROR


def test_what_the_finger_wiped_is_gone(played: Played) -> None:
    left, top, right, bottom = BLURRED
    middle = (left + (right - left) * 0.4, top + (bottom - top) * 0.4, left + (right - left) * 0.6, top + (bottom - top) * 0.6)

    assert _error(_picture(played.night.opened), _picture(PHOTOGRAPH.read_bytes()), middle) > 2 * LEGIBLE_ERROR


def test_identity_went_to_the_confirmed_hospital_alone(played: Played) -> None:
    others = played.colleagues.archive("altenrode")

    bodies = [message.body for row in others.conversations.sync() for message in others.open(UUID(row["id"]))]

    texts = [body.text for body in bodies if isinstance(body, Text)]
    assert [text for text in texts if text in MARKERS.values()] == [MARKERS["note"]]  # of this night; other stories asked here too
    assert not [body for body in bodies if isinstance(body, Identity)]


def test_the_archive_of_the_hospital_has_the_conversation(played: Played) -> None:
    archive = played.colleagues.archive("hohenfeld")

    messages = archive.open(UUID(played.night.conversation))

    assert [message.problem for message in messages] == [None] * len(messages)
    texts = [message.body.text for message in messages if isinstance(message.body, Text)]
    assert texts == [MARKERS["note"], MARKERS["question"], MARKERS["answer"]]
    assert [message.body.family for message in messages if isinstance(message.body, Identity)] == [MARKERS["family"]]


def test_pushes_went_out_and_say_nothing(played: Played) -> None:
    _wait_until(lambda: bool(played.pushes.requests))

    assert set(played.pushes.opened()) == {'{"t":"sync"}'}


def test_no_marker_name_or_picture_is_anywhere_on_the_server(played: Played) -> None:
    _wait_until(lambda: bool(played.pushes.requests))
    pushed = [path.encode() + repr(headers).encode() + body for path, headers, body in played.pushes.requests]
    places = [
        scan.database(played.running.database_url),
        scan.redis_memory(played.running.redis_url),
        played.traffic.place(),
        scan.folder("blobs", played.running.state / "blobs"),
        scan.folder("logs", played.running.state / "logs"),
        scan.Place("pushes", b"\n".join([*pushed, *(text.encode() for text in played.pushes.opened())])),
    ]
    picture = played.night.opened
    forbidden = {name: text.encode() for name, text in MARKERS.items()} | {"birth date": BIRTH_DATE.encode()}
    # The compressed pixels, not the tables that any JPEG of this encoder has.
    forbidden |= {"picture": picture[len(picture) // 2 :][:48], "GPS": b"Lumia 820"}

    assert [place.name for place in places if len(place.content) < 20] == [], "a scan of nothing proves nothing"
    assert [hit for place in places for hit in scan.found(place, forbidden)] == []


def test_staff_names_are_in_no_log_push_or_redis(played: Played) -> None:
    """The directory is the server's to know (docs/threat-model.md); its logs are not to speak of anybody."""
    names = {"Adler": b"Johanna Adler", "Brandt": b"Thomas Brandt"}
    places = [played.traffic.place(), scan.redis_memory(played.running.redis_url), scan.folder("logs", played.running.state / "logs")]

    assert [hit for place in places for hit in scan.found(place, names)] == []


def test_the_scan_finds_a_marker_that_is_there(played: Played) -> None:
    staff = {"Adler": b"Johanna Adler"}

    assert scan.found(scan.database(played.running.database_url), staff) == ["Adler in database"]


def test_the_service_had_no_private_key_but_its_own(played: Played) -> None:
    """The folder of the scripted people was taken away before the story; what is left are the service's own three secrets."""
    secrets = {path.name for path in played.running.state.iterdir() if path.suffix in {".key", ".pem"}}

    assert secrets == {"audit.key", "vapid.pem", "secret.key"}
    assert not (played.running.state / "demo").exists()


@pytest.mark.parametrize("hospital", ["wiesenbrueck", "hohenfeld"])
def test_both_hospitals_can_prove_that_nothing_was_removed_or_changed(played: Played, hospital: str, tmp_path: Path) -> None:
    log = _published_log(played.running.address, str(played.colleagues.hospital(hospital)))
    _wait_until_sequenced(played.running.address, log["id"])
    bundle = tmp_path / "audit.ndjson"
    bundle.write_bytes(b"".join(played.colleagues.registrar(hospital).api.stream("audit/export")))

    program = Path(sys.executable).with_name("wardline-verify")
    verdict = subprocess.run([program, bundle, "--key", log["key"], "--json"], capture_output=True, text=True, check=False)

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert json.loads(verdict.stdout)["verdict"] == "intact"
    assert {"beds.confirm", "messaging.send", "messaging.open_image"} <= set(re.findall(r"\b(?:beds|messaging)\.\w+", _leaves(bundle)))


def test_both_hospitals_saved_the_same_receipt_and_it_is_judged_offline(played: Played, tmp_path: Path) -> None:
    mine, theirs = played.night.receipts
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(mine)
    registrar = played.colleagues.registrar("hohenfeld").session.keyring

    program = Path(sys.executable).with_name("wardline-verify")
    root = f"{registrar.hospital}={root_fingerprint(registrar.root)}"
    verdict = subprocess.run([program, "receipt", receipt, "--root", root, "--json"], capture_output=True, text=True, check=False)

    assert mine == theirs
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert not [marker for marker in MARKERS.values() if marker.encode() in mine]


def _leaves(bundle: Path) -> str:
    """The leaves' bytes as text; the bundle's format is in docs/audit-log.md."""
    lines = (json.loads(line) for line in bundle.read_text().splitlines())
    return "\n".join(b64decode(line["leaf"]).decode() for line in lines if "leaf" in line)


def _subscribe(page: Page, pushes: PushService) -> None:
    """What the browser does when pushes are enabled; Chromium without a vendor's service cannot, so the endpoint is ours."""
    answer = page.evaluate(
        """async (subscription) => {
          const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
          const headers = {"Content-Type": "application/json", "X-CSRFToken": csrf, "Idempotency-Key": crypto.randomUUID()};
          return (await fetch("/api/v1/push-subscriptions", {method: "POST", headers, body: JSON.stringify(subscription)})).status;
        }""",
        {"endpoint": f"{pushes.origin}/brandt", "keys": pushes.keys()},
    )
    assert answer == 201


def _picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _segments(jpeg: bytes) -> set[int]:
    """The markers of a JPEG's segments up to the start of the scan."""
    found, at = set(), 2
    while jpeg[at + 1] != 0xDA:
        found.add(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return found


def _error(one: Image.Image, other: Image.Image, share: tuple[float, float, float, float]) -> float:
    """Mean absolute difference per channel over a part of the picture, given in shares of its sides."""
    width, height = one.size
    box = (int(share[0] * width), int(share[1] * height), int(share[2] * width), int(share[3] * height))
    difference = ImageChops.difference(one.convert("RGB").crop(box), other.convert("RGB").crop(box))
    return sum(ImageStat.Stat(difference).mean) / 3


def _published_log(address: str, hospital: str) -> dict[str, str]:
    rows = httpx.get(f"{address}/audit/logs/", trust_env=False).json()["results"]
    return next(row for row in rows if row["hospital"] == hospital)


def _wait_until_sequenced(address: str, log: str) -> None:
    sizes = [-1, 0]
    while sizes[-1] != sizes[-2]:
        time.sleep(2.5)
        sizes.append(int(httpx.get(f"{address}/audit/logs/{log}/checkpoint", trust_env=False).text.splitlines()[1]))


def _wait_until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert is_so()

"""A request by FHIR to its end: answered on phones, followed by Subscription, filed by the gateway as the physicians saw it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.story import PHOTOGRAPH, Night
from tests.e2e.test_by_software import His, role_of
from tests.faults.stack import wait_until
from tests.gateway.running import Installed, resource
from tests.gateway.valid import is_document, is_pdfa, pictures_of, text_of
from tests.integration.receiver import Receiver, receiver
from tests.integration.software import subscription
from wardline_client.founding import make_archive_link
from wardline_client.protocol import decode

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HOUSE = "wiesenbrueck"
QUESTION, ANSWER, CAPTION = "Beatmet seit wann?", "Seit zwei Uhr, FiO2 80", "Röntgen Thorax"


@pytest.fixture
def gateway(running: Running, colleagues: Colleagues, tmp_path: Path) -> Iterator[Installed]:
    """Of the hospital that asks, enrolled with its registrar's link and running."""
    kept = colleagues.world["hospitals"][HOUSE]
    made = Installed(tmp_path, running.address, running.address)
    made.enrol(make_archive_link(colleagues.registrar(HOUSE).session, UUID(kept["archive"]), decode(kept["archive_seed"])))
    made.start()
    yield made
    made.end()


@pytest.fixture
def his(colleagues: Colleagues) -> Iterator[His]:
    software = His(colleagues, "Subscription.c")
    yield software
    software.http.close()


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def subscribed(his: His, listening: Receiver) -> str:
    """The secret, once the receiver has answered the first call."""
    body = subscription(listening.url) | {"criteria": f"{his.fhir}/SubscriptionTopic/tasks"}
    answer = his.http.post(f"{his.fhir}/Subscription", json=body)
    assert answer.status_code == 201, answer.text
    wait_for(listening, 1)
    return str(answer.json()["channel"]["extension"][0]["valueString"])


def wait_for(listening: Receiver, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(listening.taken) < count:
        assert time.monotonic() < deadline, listening.ids()
        time.sleep(0.2)


def told(listening: Receiver, secret: str) -> list[tuple[int, str]]:
    """Number and Task of each notification."""
    found = []
    for bundle in listening.opened(secret):
        said: dict[str, Any] = {each["name"]: each for each in bundle["entry"][0]["resource"]["parameter"]}
        event = {each["name"]: each for each in said.get("notification-event", {}).get("part", [])}
        if event:
            task = event["focus"]["valueReference"]["reference"].rpartition("/")[2]
            found.append((int(event["event-number"]["valueString"]), task))
    return found


def filed(gateway: Installed, request: str) -> Path:
    """The folder of this case: the demo's closed ones are filed as well."""
    wait_until(lambda: any(request in path.name for path in gateway.filed()), seconds=60, what="the case is filed")
    (found,) = (path for path in gateway.filed() if request in path.name)
    return found


def test_from_the_order_to_the_record(
    his: His, listening: Receiver, gateway: Installed, colleagues: Colleagues, phones: Phones, running: Running
) -> None:
    secret = subscribed(his, listening)
    adler, brandt = (phones.linked(key, colleagues.link(key)) for key in ("adler", "brandt"))
    night = Night(adler, brandt)
    request = his.asks(role_of(colleagues, "adler"), role_of(colleagues, "brandt"))

    brandt.page.get_by_test_id("incoming").wait_for()
    brandt.tap("acknowledge")
    night.say(brandt, QUESTION)
    adler.page.locator(f'[data-testid="case"][data-request="{request["id"]}"]').click()
    adler.tap("candidate-open")
    night.say(adler, ANSWER)
    adler.tap("camera")
    adler.page.get_by_test_id("image-file").set_input_files(PHOTOGRAPH)
    expect(adler.page.get_by_test_id("editor")).to_have_attribute("data-ready", "true")
    adler.page.get_by_test_id("caption").fill(CAPTION)
    adler.tap("send-image")
    expect(brandt.page.get_by_test_id("picture")).to_be_enabled()
    night.offer()
    adler.page.goto(f"{running.address}/#/request/{request['id']}")
    adler.tap("confirm")
    expect(adler.page.get_by_test_id("promised")).to_have_attribute("data-state", "confirmed")
    night.travel()

    task = his.task(request)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("completed", "arrived")
    # Asked, acknowledged, held, confirmed, transport arranged, departed, arrived.
    wait_for(listening, 1 + 7)
    assert told(listening, secret) == [(number, task["id"]) for number in range(1, 8)]

    folder = filed(gateway, request["id"])
    pdf = (folder / "document.pdf").read_bytes()
    reader = is_pdfa(pdf)
    text = text_of(reader)
    for said in (QUESTION, ANSWER, CAPTION, "Brandt", "Adler", "angekommen", request["id"]):
        assert said in text, said
    assert len(pictures_of(reader)) == 1
    is_document(resource(folder, "document-reference"), pdf)
    assert gateway.stop() == 0

"""07:00 with nobody else online: the next shift opens the app and reads the open case; the night shift's open phone no longer gets it.

The roster is written by the registrar, the shift a few seconds ahead of now instead of at seven; nobody touches anything when it begins.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Page, WebSocket, expect

from demo.cast import ICU
from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from wardline_client.account import Account

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
AT_NIGHT = "Birnenmusnotiz, seit Mitternacht beatmet"
IN_THE_MORNING = "Rhabarbergrütze: Laktat jetzt zwei Komma eins"
AHEAD = 25  # seconds until "07:00"


def frames_of(page: Page) -> list[str]:
    """What comes over the page's sockets, as it comes."""
    heard: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: heard.append(text if isinstance(text, str) else text.decode()))

    page.on("websocket", listen)
    return heard


def ask(adler: Account, role: UUID) -> UUID:
    """The conversation of the case."""
    need = {"category": "icu-high", "urgency": "asap", "age_band": "adult", "sex": "", "transport_mode": "ground"}
    request = adler.beds.request(asked_roles=[role], question=AT_NIGHT, **need)
    return UUID(request["candidates"][0]["conversation"])


def test_the_shift_changes_at_seven_with_nobody_else_online(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    role = UUID(colleagues.world["roles"][f"hohenfeld/{ICU}"])
    yilmaz_id = UUID(colleagues.world["people"]["yilmaz"]["person"])
    adler, links = colleagues.account("adler"), [colleagues.link("brandt"), colleagues.link("yilmaz")]
    night = phones.empty("brandt")
    heard = frames_of(night.page)
    night.page.goto(links[0])
    night.tap("link-button")
    night.page.get_by_test_id("duty-banner").first.wait_for()
    conversation = ask(adler, role)
    night.page.goto(f"{running.address}/#/c/{conversation}")
    expect(night.page.get_by_text(AT_NIGHT)).to_be_visible()
    night.see("shift-change-night")

    seven = datetime.now(UTC) + timedelta(seconds=AHEAD)
    colleagues.registrar("hohenfeld").registrar.plan_shift(role, yilmaz_id, seven, seven + timedelta(hours=12))
    expect(night.page.get_by_text(AT_NIGHT)).to_be_visible()  # planned is not changed
    time.sleep(max(0.0, (seven - datetime.now(UTC)).total_seconds()))
    adler.send_text(conversation, IN_THE_MORNING)

    day = phones.linked("yilmaz", links[1])
    day.page.get_by_test_id("duty-banner").first.wait_for()
    day.page.goto(f"{running.address}/#/c/{conversation}")
    expect(day.page.get_by_text(AT_NIGHT)).to_be_visible()
    expect(day.page.get_by_text(IN_THE_MORNING)).to_be_visible()
    day.see("shift-change-day")

    # The night's phone drops what it is no longer shown, and never had the rest.
    expect(night.page.get_by_text(AT_NIGHT)).to_have_count(0, timeout=20_000)
    assert night.page.get_by_text(IN_THE_MORNING).count() == 0
    late = [frame for frame in map(json.loads, heard) if frame["t"] == "message" and frame["conversation"] == str(conversation)]
    assert [frame["message"]["sequence"] for frame in late] == [1]
    assert begun_in_log(running, colleagues) >= 1


def begun_in_log(running: Running, colleagues: Colleagues) -> int:
    """How often the log of the hospital says that a planned turn of Dr. Yılmaz began; the clock tells it a moment later."""
    deadline = time.monotonic() + 20
    query = "SELECT count(*) FROM audit_event WHERE convert_from(leaf, 'UTF8')::jsonb ->> 'action' = 'identity.begin_duty'"
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        while not (found := connection.execute(query).fetchone()[0]) and time.monotonic() < deadline:
            time.sleep(0.5)
    return found

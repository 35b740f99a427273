"""Step 3 of the night story: nobody answers, the next on the chain is alarmed, the sender sees it; and what a chain is made of."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Locator, expect

from demo.cast import BACKGROUND, ICU
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
NOTE = "Pflaumenkuchennotiz, seit einer Stunde beatmet"


@pytest.fixture
def role(colleagues: Colleagues) -> UUID:
    """Hohenfeld's duty role, whose chain leads to the background consultant, Dr. Yılmaz."""
    return UUID(colleagues.world["roles"][f"hohenfeld/{ICU}"])


@pytest.fixture
def late(running: Running, colleagues: Colleagues) -> Iterator["Late"]:
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        yield Late(connection, colleagues)


class Late:
    """Time that passes faster than a test can wait: deadlines are columns."""

    def __init__(self, connection: psycopg.Connection, colleagues: Colleagues) -> None:
        self.connection, self.colleagues = connection, colleagues

    def unanswered(self, request: str, hospital: str) -> None:
        self.connection.execute(
            "UPDATE beds_candidate SET acknowledge_by = now() WHERE request_id = %s AND hospital_id = %s",
            [request, self.colleagues.hospital(hospital)],
        )

    def undelivered(self, request: str, hospital: str) -> None:
        self.connection.execute(
            """UPDATE beds_alarm SET raised_at = raised_at - interval '31 seconds' FROM beds_candidate c
            WHERE c.id = candidate_id AND c.request_id = %s AND c.hospital_id = %s AND reached_at IS NULL""",
            [request, self.colleagues.hospital(hospital)],
        )


def asks(adler: Phone) -> str:
    """An urgent request, not ``stat``: what takes the consultant's screen is the alarm."""
    adler.tap("new-request")
    adler.tap("category-icu-high")
    adler.page.get_by_test_id("urgency-asap").click()
    adler.page.get_by_test_id("note").fill(NOTE)
    adler.tap("send-request")
    expect(adler.page.get_by_test_id("candidate")).to_have_count(3)
    return adler.page.url.rsplit("/", 1)[1]


def row(adler: Phone, hospital: UUID) -> Locator:
    return adler.page.locator(f'[data-testid="candidate"][data-hospital="{hospital}"]')


def test_nobody_answers_and_the_next_is_alarmed(running: Running, colleagues: Colleagues, phones: Phones, role: UUID, late: Late) -> None:
    adler, yilmaz = phones.linked("adler", colleagues.link("adler")), phones.linked("yilmaz", colleagues.link("yilmaz"))
    request = asks(adler)
    asked = row(adler, colleagues.hospital("hohenfeld"))
    expect(asked.get_by_test_id("next-alarm")).to_contain_text(BACKGROUND)
    expect(yilmaz.page.get_by_test_id("stat-alarm")).to_have_count(0)

    late.unanswered(request, "hohenfeld")

    raised = asked.locator('[data-testid="alarm"][data-position="1"]')
    expect(raised).to_contain_text(f"alarmiert: {BACKGROUND}", timeout=20_000)
    expect(raised).to_have_attribute("data-outcome", "reached", timeout=20_000)
    assert "Yılmaz" not in adler.page.inner_text("body"), "a role, never a person"
    alarm = yilmaz.page.get_by_test_id("stat-alarm")
    expect(alarm.get_by_test_id("called-as")).to_contain_text(BACKGROUND)
    expect(alarm.get_by_test_id("incoming-note")).to_have_text(NOTE)
    yilmaz.see("escalation-called")

    late.undelivered(request, "altenrode")

    failed = row(adler, colleagues.hospital("altenrode")).locator('[data-testid="alarm"][data-outcome="no-device"]')
    expect(failed).to_contain_text(f"nicht erreichbar: {ICU}", timeout=20_000)
    expect(adler.page.get_by_test_id("notice")).to_contain_text("Altenrode")
    adler.see("escalation-sender")
    assert violations(adler.page) == violations(yilmaz.page) == []

    alarm.get_by_test_id("acknowledge").click()

    expect(asked).to_have_attribute("data-state", "acknowledged")


def test_a_registrar_changes_whom_the_clock_alarms(running: Running, colleagues: Colleagues, phones: Phones, role: UUID) -> None:
    registrar = colleagues.registrar("hohenfeld")
    before = registrar.api.get(f"roles/{role}/escalation")
    winter = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    winter.page.goto(f"{running.address}/#/registrar")
    winter.page.locator(f'[data-testid="chain-of"][data-role="{role}"]').click()
    steps = winter.page.get_by_test_id("chain-step")
    expect(steps).to_have_count(len(before["normal"]))

    steps.first.get_by_test_id("step-wait").select_option("120")
    winter.tap("add-step")
    steps.last.get_by_test_id("step-target").select_option("")
    steps.last.get_by_test_id("step-how").select_option("push")
    winter.see("escalation-chain")
    assert violations(winter.page) == []
    winter.tap("save-chain")
    expect(winter.page.get_by_test_id("chain-sheet")).to_have_count(0)

    after = registrar.api.get(f"roles/{role}/escalation")
    first, *others = before["normal"]
    added = {"wait": others[-1]["wait"], "target": None, "whom": "holder", "how": "push"}
    assert after["normal"] == [first | {"wait": 120}, *others, added]
    assert (after["important"], after["version"]) == (before["important"], before["version"] + 1)
    registrar.registrar.set_escalation(role, before["normal"], before["important"])


def test_quiet_hours_are_set_on_the_own_screen(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    winter = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    account = colleagues.registrar("hohenfeld")
    winter.page.goto(f"{running.address}/#/me")
    winter.page.get_by_test_id("quiet-on").check()
    expect(winter.page.get_by_test_id("notice")).to_be_visible()

    winter.page.get_by_test_id("quiet-until").fill("06:30")
    winter.page.get_by_test_id("quiet-until").blur()
    winter.page.get_by_test_id("quiet-hours").scroll_into_view_if_needed()
    expect(winter.page.get_by_test_id("quiet-until")).to_have_value("06:30")
    winter.see("escalation-quiet")
    winter.page.reload()
    winter.page.get_by_test_id("unlock-button").click()

    expect(winter.page.get_by_test_id("quiet-from")).to_have_value("22:00")
    expect(winter.page.get_by_test_id("quiet-until")).to_have_value("06:30")
    assert account.api.get("me") == {"quiet_from": "22:00", "quiet_until": "06:30", "time_zone": "Europe/Berlin"}
    winter.page.get_by_test_id("quiet-on").uncheck()
    expect(winter.page.get_by_test_id("quiet-from")).to_have_count(0)
    assert account.api.get("me")["quiet_from"] is None

"""Break-glass: Dr. Yılmaz, eligible and off duty, opens one case; both sides see it, and it ends."""

from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect

from demo.cast import ICU
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_escalation import NOTE, asks, row
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ANSWER = "Notfallantwort Rhabarbergrütze: bitte sofort losfahren"


def test_an_emergency_is_seen_by_both_sides_and_ends(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    adler, brandt = (phones.linked(key, colleagues.link(key)) for key in ("adler", "brandt"))
    yilmaz = phones.linked("yilmaz", colleagues.link("yilmaz"))
    asks(adler)
    conversation = opened_by(adler, colleagues.hospital("hohenfeld"))

    break_glass(running, colleagues, yilmaz)

    expect(yilmaz.page.get_by_test_id("text").first).to_have_text(NOTE)
    banner = yilmaz.page.get_by_test_id("emergency-banner")
    expect(banner.get_by_test_id("emergency-clock")).to_contain_text("29:")
    brandt.page.goto(f"{running.address}/#/c/{conversation}")
    for phone in (adler, brandt):
        expect(running_line(phone)).to_contain_text("Dr. med. Elif Yılmaz")
        expect(running_line(phone)).to_contain_text("Dienst antwortet nicht")

    yilmaz.page.get_by_test_id("message-input").fill(ANSWER)
    yilmaz.tap("send")
    for phone in (adler, brandt):
        said = phone.page.get_by_test_id("message").filter(has_text=ANSWER)
        expect(said.get_by_test_id("message-emergency")).to_be_visible()
        phone.see(f"emergency-seen-{phone.owner}")
    yilmaz.see("emergency-runs")
    assert violations(yilmaz.page) == []

    yilmaz.tap("emergency-end")
    expect(banner).to_have_count(0)
    yilmaz.page.goto(f"{running.address}/#/c/{conversation}")
    expect(yilmaz.page.get_by_test_id("withheld")).to_be_visible()
    expect(yilmaz.page.get_by_test_id("text")).to_have_count(0)
    expect(adler.page.get_by_test_id("emergency-line")).to_have_attribute("data-running", "false")
    yilmaz.see("emergency-withheld")
    adler.see("emergency-past")
    assert violations(yilmaz.page) == []


def break_glass(running: Running, colleagues: Colleagues, yilmaz: Phone) -> None:
    """From the duty screen: the role, the case, the reason."""
    role = UUID(colleagues.world["roles"][f"hohenfeld/{ICU}"])
    yilmaz.page.goto(f"{running.address}/#/duty")
    yilmaz.page.locator(f'[data-testid="duty-role"][data-role="{role}"]').get_by_test_id("duty-emergency").click()
    yilmaz.see("emergency-cases")
    yilmaz.tap("emergency-case")
    yilmaz.page.get_by_test_id("emergency-sheet").wait_for()
    yilmaz.see("emergency-sheet-de-dark")
    assert violations(yilmaz.page) == []
    yilmaz.tap("emergency-reason-no_answer")


def test_the_sheet_in_english_and_light(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    adler = phones.linked("adler", colleagues.link("adler"))
    asks(adler)
    yilmaz = phones.linked("yilmaz", colleagues.link("yilmaz"), locale="en-GB", scheme="light")
    yilmaz.page.goto(f"{running.address}/#/me")
    yilmaz.page.get_by_test_id("theme").get_by_text("Light", exact=True).click()
    yilmaz.page.goto(f"{running.address}/#/")
    yilmaz.page.get_by_test_id("case").first.click()

    yilmaz.tap("emergency-begin")
    yilmaz.page.get_by_test_id("emergency-sheet").wait_for()
    yilmaz.see("emergency-sheet-en-light")

    assert violations(yilmaz.page) == []


def opened_by(adler: Phone, hospital: UUID) -> str:
    row(adler, hospital).get_by_test_id("candidate-open").click()
    adler.page.get_by_test_id("conversation").wait_for()
    return adler.page.url.rsplit("/", 1)[1]


def running_line(phone: Phone) -> Locator:
    return phone.page.locator('[data-testid="emergency-line"][data-running="true"]')

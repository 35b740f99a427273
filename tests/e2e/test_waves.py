"""One hospital after the other on Adler's phone: choosing the order, seeing the next one asked, and asking by hand."""

from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ANSWERING = {"hohenfeld": "brandt", "altenrode": "keller", "tannwald": "novak", "seeburg": "weiss"}


def candidate(phone: Phone, hospital: str, state: str) -> Locator:
    return phone.page.locator(f'[data-testid="candidate"][data-hospital="{hospital}"][data-state="{state}"]')


def asked_of(colleagues: Colleagues, hospital: str) -> set[str]:
    """The requests that the hospital's own duty holder is shown."""
    slug = next(slug for slug in ANSWERING if str(colleagues.hospital(slug)) == hospital)
    return {row["id"] for row in colleagues.account(ANSWERING[slug]).beds.requests()}


def let_time_pass(running: Running, request: str) -> None:
    with psycopg.connect(running.database_url) as database:
        moved = database.execute("UPDATE beds_request SET next_wave_at = now() WHERE id = %s", [UUID(request)])
        assert moved.rowcount == 1


def test_the_next_hospital_is_asked_before_the_sender_s_eyes(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    adler = phones.linked("adler", colleagues.link("adler"))
    adler.tap("new-request")
    adler.page.get_by_test_id("urgency").get_by_text("STAT").click()
    expect(adler.page.get_by_test_id("send-request")).to_contain_text("3")
    adler.tap("ask-order-in-turn")
    rows = adler.page.get_by_test_id("wave-row")
    expect(rows).to_have_count(3)
    first, second, third = [str(row.get_attribute("data-hospital")) for row in rows.all()]
    adler.page.get_by_test_id("note").fill("Eine nach der anderen")
    adler.see("waves-new-request")
    adler.tap("send-request")

    expect(candidate(adler, first, "submitted")).to_be_visible()
    waves = adler.page.get_by_test_id("waiting-wave")
    expect(waves).to_have_count(2)
    expect(waves.first.get_by_test_id("wave-clock")).to_be_visible()
    request = adler.page.url.rsplit("/", 1)[1]
    adler.see("waves-waiting")
    assert violations(adler.page) == []
    assert request in asked_of(colleagues, first)
    assert request not in asked_of(colleagues, second)

    let_time_pass(running, request)

    expect(candidate(adler, second, "submitted")).to_be_visible(timeout=30_000)
    expect(waves).to_have_count(1)
    assert request in asked_of(colleagues, second)
    assert request not in asked_of(colleagues, third)
    adler.see("waves-second-asked")

    candidate(adler, third, "draft").click()
    expect(adler.page.get_by_test_id("awaited")).to_be_visible()
    expect(adler.page.get_by_test_id("text")).to_have_text(["Eine nach der anderen"])
    adler.see("waves-draft-conversation")
    adler.tap("back")
    adler.tap("ask-now")

    expect(candidate(adler, third, "submitted")).to_be_visible()
    expect(waves).to_have_count(0)
    assert request in asked_of(colleagues, third)
    candidate(adler, third, "submitted").get_by_test_id("candidate-open").click()
    expect(adler.page.get_by_test_id("text")).to_have_text(["Eine nach der anderen"])
    expect(adler.page.get_by_test_id("awaited").filter(has_text="gefragt")).to_have_count(0)


def test_two_are_put_together_and_nobody_is_bothered_by_default(colleagues: Colleagues, phones: Phones) -> None:
    adler = phones.linked("adler", colleagues.link("adler"), locale="en-GB")
    adler.tap("new-request")
    expect(adler.page.get_by_test_id("send-request")).to_contain_text("(3)")
    expect(adler.page.get_by_test_id("wave-groups")).to_have_count(0)
    adler.tap("ask-order-in-turn")
    groups = adler.page.get_by_test_id("wave-group")
    expect(groups).to_have_count(3)

    adler.page.get_by_test_id("wave-row").nth(2).get_by_test_id("wave-earlier").click()

    expect(groups).to_have_count(2)
    expect(groups.nth(1).get_by_test_id("wave-row")).to_have_count(2)
    expect(adler.page.get_by_test_id("send-request")).to_contain_text("1 now, 2 later")
    adler.see("waves-grouped-en")
    assert violations(adler.page) == []

"""A network that comes and goes: nothing is lost, nothing is sent twice, and the phone says so."""

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def texts(phone: Phone, text: str) -> Locator:
    return phone.page.get_by_test_id("text").filter(has_text=text)


def test_what_is_written_offline_waits_and_arrives_once(colleagues: Colleagues, phones: Phones) -> None:
    falk, adler = phones.linked("falk", colleagues.link("falk")), phones.linked("adler", colleagues.link("adler"))
    adler.tap("open-people")
    adler.page.get_by_test_id("people-search").fill("Falk")
    adler.page.get_by_test_id("person").first.click()
    adler.tap("start-conversation")
    adler.page.get_by_test_id("message-input").fill("Vor dem Aufzug")
    adler.tap("send")
    falk.page.get_by_test_id("conversation-row").first.click()
    expect(texts(falk, "Vor dem Aufzug")).to_be_visible()

    adler.context.set_offline(True)
    adler.page.get_by_test_id("message-input").fill("Im Aufzug geschrieben")
    adler.tap("send")
    expect(adler.page.get_by_test_id("connection")).to_have_attribute("data-state", "offline")
    expect(adler.page.locator('[data-testid="message"][data-state="waiting"]')).to_have_count(1)
    adler.page.wait_for_timeout(2000)
    adler.see("offline")
    assert texts(falk, "Im Aufzug geschrieben").count() == 0

    adler.context.set_offline(False)
    expect(texts(falk, "Im Aufzug geschrieben")).to_have_count(1)
    expect(adler.page.locator('[data-testid="message"][data-state="waiting"]')).to_have_count(0)
    expect(adler.page.get_by_test_id("connection")).to_have_attribute("data-state", "live")


def test_who_was_away_has_everything_when_back(colleagues: Colleagues, phones: Phones) -> None:
    falk, adler = phones.linked("falk", colleagues.link("falk")), colleagues.account("adler")
    conversation = adler.talk_to(colleagues.account("falk").person).id

    falk.context.set_offline(True)
    for number in range(20):
        adler.send_text(conversation, f"Nachricht {number:02}")
    falk.context.set_offline(False)

    falk.page.get_by_test_id("conversation-row").filter(has_text="Nachricht 19").click()
    expect(texts(falk, "Nachricht")).to_have_count(20)
    assert [each.strip() for each in texts(falk, "Nachricht").all_inner_texts()] == [f"Nachricht {number:02}" for number in range(20)]

"""A new phone with nothing but a synced passkey, where the hospital allows it; and ending a sign-in from elsewhere."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def as_bought(phone: Phone, running: Running) -> None:
    """Nothing of Wardline is left in the browser; the authenticator has what the maker's account synced."""
    phone.page.goto("about:blank")
    session = phone.context.new_cdp_session(phone.page)
    session.send("Storage.clearDataForOrigin", {"origin": running.address, "storageTypes": "all"})
    phone.context.clear_cookies()
    phone.page.goto(running.address)
    phone.page.get_by_test_id("welcome").wait_for()


def rule(registrar: Phone, is_enough: bool) -> None:
    box = registrar.page.get_by_test_id("passkey-rule")
    expect(box).to_be_enabled()
    box.set_checked(is_enough)
    expect(registrar.page.get_by_test_id("notice").first).to_be_visible()


def test_a_synced_passkey_makes_a_device_where_that_is_enough_and_nowhere_else(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    first = phones.linked("falk", colleagues.link("falk"))
    second = phones.linked("falk-2", colleagues.link("falk"), is_synced=True, locale="en-GB")
    as_bought(second, running)
    second.tap("welcome-passkey")
    expect(second.page.get_by_test_id("problem")).to_have_attribute("data-code", "passkey.not_enough")
    second.see("passkey-not-enough")

    registrar = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"))
    registrar.page.goto(f"{running.address}/#/registrar")
    rule(registrar, True)
    registrar.see("registrar-passkey-rule")
    second.tap("welcome-passkey")
    second.page.get_by_test_id("home").wait_for()

    first.page.goto(f"{running.address}/#/me")
    expect(first.page.get_by_test_id("by-passkey")).to_have_count(1)
    first.tap("open-sign-ins")
    # The newest on top: the phone that came a moment ago.
    newest = first.page.get_by_test_id("sign-in").first.get_by_test_id("end-sign-in")
    expect(newest).to_be_visible()
    first.see("sign-ins")
    newest.click()
    expect(second.page.get_by_test_id("unlock")).to_be_visible()

    rule(registrar, False)
    as_bought(second, running)
    second.tap("welcome-passkey")
    expect(second.page.get_by_test_id("problem")).to_have_attribute("data-code", "passkey.not_enough")

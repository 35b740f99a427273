"""A new colleague joins by invitation, a registrar compares the fingerprint and approves, and duty changes hands."""

import re

import pytest
from playwright.sync_api import Locator, expect

from demo.cast import ICU
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def join(phone: Phone, link: str) -> str:
    """Take up an invitation and keep the recovery code; gives the fingerprint the newcomer sees."""
    phone.page.goto(link)
    phone.tap("join-button")
    keep_code(phone, "join-recovery-code")
    return phone.page.get_by_test_id("fingerprint").inner_text()


def keep_code(phone: Phone, picture: str) -> str:
    """Write down the code that is shown, and type its last group back."""
    shown = phone.page.get_by_test_id("recovery-code").inner_text()
    phone.see(picture)
    phone.tap("recovery-written")
    phone.page.get_by_test_id("recovery-last").fill(re.split(r"[\s-]+", shown.strip())[-1])
    phone.tap("recovery-confirm")
    return shown


def test_a_newcomer_waits_until_the_registrar_has_compared_and_approved(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    link = running.link_of("Engel")
    newcomer = phones.empty("engel")
    fingerprint = join(newcomer, link)
    expect(newcomer.page.get_by_test_id("pending")).to_be_visible()
    newcomer.see("join-pending")

    registrar = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("pending-member").filter(has_text="Engel").click()
    expect(registrar.page.get_by_test_id("approve")).to_be_disabled()
    assert registrar.page.get_by_test_id("fingerprint").inner_text() == fingerprint
    registrar.see("registrar-approve")
    registrar.tap("compared")
    registrar.tap("approve")

    expect(newcomer.page.get_by_test_id("home").or_(newcomer.page.get_by_test_id("unlock"))).to_be_visible()
    if newcomer.page.get_by_test_id("unlock").is_visible():
        newcomer.tap("unlock-button")
    expect(newcomer.page.get_by_test_id("home")).to_be_visible()


def test_an_invitation_works_once(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    link = running.address + colleagues.registrar("seeburg").registrar.invite(name="Nina Probst", title="", profession="nurse")
    join(phones.empty("first"), link)

    second = phones.empty("second")
    second.page.goto(link)

    expect(second.page.get_by_role("alert")).to_be_visible()
    expect(second.page.get_by_test_id("join-button")).to_have_count(0)


def test_a_locked_phone_opens_with_its_passkey(colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.linked("adler", colleagues.link("adler"))

    phone.tap("lock")
    phone.page.get_by_test_id("unlock").wait_for()
    phone.see("unlock")
    phone.page.reload()
    phone.tap("unlock-button")

    expect(phone.page.get_by_test_id("home")).to_be_visible()


def test_duty_is_handed_over_and_taken_over_in_two_taps(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    brandt = phones.linked("brandt", colleagues.link("brandt"))
    yilmaz = phones.linked("yilmaz", colleagues.link("yilmaz"))
    for phone in (brandt, yilmaz):
        phone.page.goto(f"{running.address}/#/duty")
        expect(coordination(phone)).to_be_visible()
    if coordination(brandt).get_by_test_id("duty-hand-over").count() == 0:
        take(brandt)

    take(yilmaz)

    expect(coordination(brandt).get_by_test_id("duty-take")).to_be_visible()
    yilmaz.see("duty-taken")

    coordination(yilmaz).get_by_test_id("duty-hand-over").click()
    offered = yilmaz.page.get_by_test_id("hand-over-to")
    expect(offered).to_have_count(1)  # Vogt is a colleague, but not eligible for this role
    expect(offered).to_contain_text("Brandt")
    offered.click()
    expect(coordination(brandt).get_by_test_id("duty-hand-over")).to_be_visible()


def coordination(phone: Phone) -> Locator:
    """The role that answers for intensive care; the background's stands beside it."""
    return phone.page.get_by_test_id("duty-role").filter(has_text=ICU)


def take(phone: Phone) -> None:
    coordination(phone).get_by_test_id("duty-take").click()
    phone.tap("take-confirm")
    expect(coordination(phone).get_by_test_id("duty-hand-over")).to_be_visible()

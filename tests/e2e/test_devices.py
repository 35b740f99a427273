"""A second phone compared with the first, a lost phone locked out by its owner or the registrar, and the printed code."""

import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_joining import keep_code, let_in
from wardline_client.registrar import Registrar

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# Everything the page has kept, of every object store.
KEPT = """async () => {
  const { name } = (await indexedDB.databases()).find(({ name }) => name.startsWith("wardline"));
  const db = await new Promise((done) => { const asked = indexedDB.open(name); asked.onsuccess = () => done(asked.result); });
  const read = db.transaction([...db.objectStoreNames]);
  const counts = [...db.objectStoreNames].map((store) => new Promise((done) => {
    const asked = read.objectStore(store).count();
    asked.onsuccess = () => done(asked.result);
  }));
  const all = await Promise.all(counts);
  db.close();
  return all.reduce((sum, count) => sum + count, 0);
}"""


# What wakes a browser and what it keeps of the shell. "planted": so that an empty answer is not the answer of a browser that keeps nothing.
PLANT = "async () => { await navigator.serviceWorker.ready; await caches.open('planted'); }"
SHELL = "async () => [(await navigator.serviceWorker.getRegistrations()).length, await caches.keys()]"


def newest_device(phone: Phone, test_id: str, own: set[str]) -> str:
    """The device in the list that was not there before."""
    found = phone.page.get_by_test_id(test_id)
    expect(found.first).to_be_visible()
    (new,) = {row.get_attribute("data-device") for row in found.all()} - own
    assert new
    return new


def erased_within_a_second(lost: Phone, began: float) -> None:
    lost.page.get_by_test_id("welcome").wait_for()
    assert time.monotonic() - began < 1
    assert lost.page.evaluate(KEPT) == 0
    assert lost.page.evaluate(SHELL) == [0, []]


def offered(running: Running, first: Phone) -> str:
    """The address a phone shows for a further device."""
    first.page.goto(f"{running.address}/#/me")
    first.tap("new-device")
    expect(first.page.get_by_test_id("qr")).to_be_visible()
    return first.page.get_by_test_id("link-address").inner_text()


def answering(phones: Phones, owner: str, address: str, **options: Any) -> Phone:
    phone = phones.empty(owner, **options)
    phone.page.goto(address)
    phone.tap("link-button")
    return phone


def digits(phone: Phone) -> str:
    shown = phone.page.get_by_test_id("digits")
    expect(shown).to_be_visible()
    return "".join(character for character in shown.inner_text() if character.isdigit())


def test_a_second_phone_is_compared_with_the_first_and_locked_out_when_lost(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    first = phones.linked("adler", colleagues.link("adler"))
    before = {device["id"] for device in colleagues.account("adler").session.api.get("devices")["results"]}
    address = offered(running, first)
    first.see("second-device-link")
    second = answering(phones, "adler-2", address, locale="en-GB", scheme="light")
    assert digits(second) == digits(first)
    first.see("second-device-compare")
    second.see("second-device-digits")
    expect(second.page.get_by_test_id("link-passkey")).to_have_count(0)
    first.tap("digits-equal")
    second.page.get_by_test_id("link-passkey").wait_for()
    second.see("second-device-approved")
    second.tap("link-passkey")
    second.page.get_by_test_id("home").wait_for()
    assert second.page.evaluate(KEPT) > 0
    second.page.evaluate(PLANT)
    assert second.page.evaluate(SHELL)[0] == 1

    third = answering(phones, "too-late", address)
    expect(third.page.get_by_test_id("problem")).to_be_visible()

    first.page.reload()
    first.tap("unlock-button")
    lost = newest_device(first, "revoke-device", before)
    first.page.locator(f'[data-testid="revoke-device"][data-device="{lost}"]').click()
    first.see("lost-phone")
    first.tap("reason-lost")
    began = time.monotonic()

    erased_within_a_second(second, began)
    second.see("lost-phone-erased")
    expect(first.page.get_by_test_id("me")).to_be_visible()


def test_who_photographs_the_code_and_is_quicker_shows_other_digits_and_gets_nothing(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    first = phones.linked("adler", colleagues.link("adler"))
    address = offered(running, first)
    thief = answering(phones, "thief", address)
    digits(thief)
    rightful = answering(phones, "adler-2", address)
    expect(rightful.page.get_by_test_id("problem")).to_have_attribute("data-code", "link.claimed")
    rightful.see("second-device-claimed")

    first.tap("digits-differ")

    expect(thief.page.get_by_test_id("problem")).to_have_attribute("data-code", "link.refused")
    thief.see("second-device-refused")
    expect(thief.page.get_by_test_id("link-passkey")).to_have_count(0)
    assert thief.page.evaluate(KEPT) == 0


def test_a_registrar_locks_a_colleagues_lost_phone_out(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    before = {device["id"] for device in colleagues.account("falk").session.api.get("devices")["results"]}
    phone = phones.linked("falk", colleagues.link("falk"))
    registrar = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("member").filter(has_text="Falk").click()
    registrar.tap("member-devices-open")
    lost = newest_device(registrar, "member-revoke", before)
    registrar.see("registrar-devices")
    registrar.page.locator(f'[data-testid="member-revoke"][data-device="{lost}"]').click()
    phone.page.evaluate(PLANT)
    # Switched off when it is lost, and without its cookie when it is found.
    phone.page.goto("about:blank")
    phone.context.clear_cookies()
    registrar.tap("reason-stolen")
    expect(registrar.page.get_by_test_id("member-sheet")).to_be_visible()

    phone.page.goto(running.address)
    phone.page.get_by_test_id("welcome").wait_for()
    assert phone.page.evaluate(KEPT) == 0
    assert "planted" not in phone.page.evaluate(SHELL)[1]


def newcomer(running: Running, registrar: Registrar, phone: Phone, name: str) -> str:
    """Somebody joins and is approved; gives the printed code."""
    phone.page.goto(running.address + registrar.invite(name=name, profession="nurse"))
    phone.tap("join-button")
    code = keep_code(phone, "recovery-code-kept")
    (waiting,) = [each for each in registrar.pending() if each.profile.name == name]
    registrar.approve(waiting)
    let_in(phone)
    return code


def wrong(code: str) -> str:
    return ("1" if code[0] != "1" else "2") + code[1:]


def test_the_printed_code_opens_a_locked_phone_and_a_wrong_one_does_not(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.empty("nachtigall")
    code = newcomer(running, colleagues.registrar("seeburg").registrar, phone, "Nele Nachtigall")

    phone.page.reload()
    phone.tap("unlock-help")
    phone.page.get_by_test_id("recovery-input").fill(wrong(code))
    phone.tap("recover")
    expect(phone.page.get_by_test_id("problem")).to_have_attribute("data-code", "recovery.wrong")
    phone.page.get_by_test_id("recovery-input").fill(code.lower().replace("-", " "))
    phone.tap("recover")

    expect(phone.page.get_by_test_id("home")).to_be_visible()


def test_who_lost_every_phone_comes_back_by_the_registrar_and_the_printed_code(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    lost = phones.empty("storch")
    code = newcomer(running, colleagues.registrar("seeburg").registrar, lost, "Sina Storch")
    lost.context.set_offline(True)
    registrar = phones.linked("registrar", colleagues.link("registrar-seeburg"), locale="en-GB", scheme="light")
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("member").filter(has_text="Storch").click()
    registrar.tap("member-devices-open")
    registrar.tap("member-recovery")
    address = registrar.page.get_by_test_id("link-address").inner_text()
    registrar.see("registrar-recovery")

    phone = phones.empty("storch-new")
    phone.page.goto(address)
    phone.page.get_by_test_id("recover-input").fill(wrong(code))
    phone.tap("recover-button")
    expect(phone.page.get_by_test_id("problem")).to_have_attribute("data-code", "recovery.wrong")
    phone.see("recover")
    phone.page.get_by_test_id("recover-input").fill(code)
    phone.tap("recover-button")
    assert keep_code(phone, "recover-next-code") != code
    expect(phone.page.get_by_test_id("home")).to_be_visible()

    # The phone that was lost turns up again: it says what happened meanwhile.
    lost.context.set_offline(False)
    lost.page.goto(f"{running.address}/#/me")
    if lost.page.get_by_test_id("unlock").is_visible():
        lost.tap("unlock-button")
    expect(lost.page.get_by_test_id("recovered")).to_have_count(1)
    lost.see("recovered-device")


def test_an_untouched_phone_locks_and_shows_nothing(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    registrar = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.tap("idle-lock-5")
    expect(registrar.page.get_by_text("Geräte sperren sich nach 5 Minuten")).to_be_visible()
    registrar.see("registrar-idle-lock")

    phone = phones.empty("falk")
    phone.page.clock.install()
    phone.page.goto(colleagues.link("falk"))
    phone.tap("link-button")
    phone.page.get_by_test_id("home").wait_for()
    phone.page.clock.fast_forward("04:50")
    expect(phone.page.get_by_test_id("home")).to_be_visible()
    phone.page.clock.fast_forward("00:20")

    expect(phone.page.get_by_test_id("unlock")).to_be_visible()
    expect(phone.page.get_by_test_id("home")).to_have_count(0)
    phone.tap("unlock-button")
    expect(phone.page.get_by_test_id("home")).to_be_visible()
    registrar.tap("idle-lock-15")
    expect(registrar.page.get_by_text("Geräte sperren sich nach 15 Minuten")).to_be_visible()
    registrar.page.goto(f"{running.address}/#/")
    registrar.tap("lock")
    expect(registrar.page.get_by_test_id("unlock")).to_be_visible()
    # What was said to whoever was here is not said to who comes next; by itself it would go only after some seconds.
    assert registrar.page.get_by_test_id("notice").count() == 0

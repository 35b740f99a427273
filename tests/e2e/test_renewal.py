"""After a lost phone: a new key and a new code on the one that is left, compared with the registrar, in force without another sign-in."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_devices import answering, digits, newcomer, offered
from tests.e2e.test_joining import keep_code
from tests.e2e.test_screens import THEMES, violations
from wardline_client.account import Account
from wardline_client.protocol import decode, parse_epoch_header, parse_profile

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def person_named(account: Account, name: str) -> UUID:
    people = account.session.api.get("directory")["people"]
    return next(UUID(each["id"]) for each in people if parse_profile(decode(each["profile"])).name == name)


def second_phone(running: Running, phones: Phones, first: Phone) -> Phone:
    second = answering(phones, "eule-2", offered(running, first))
    digits(second)
    first.tap("digits-equal")
    second.tap("link-passkey")
    second.page.get_by_test_id("home").wait_for()
    return second


def loses(running: Running, first: Phone) -> None:
    first.page.goto(f"{running.address}/#/me")
    first.page.get_by_test_id("revoke-device").click()  # of two devices the other one
    first.tap("reason-lost")


def spoken(phone: Phone) -> list[str]:
    """The six groups that the two read to each other."""
    shown = phone.page.get_by_test_id("fingerprint")
    expect(shown).to_be_visible()
    return shown.inner_text().split()


def keys_of(account: Account, conversation: UUID, person: UUID) -> set[bytes]:
    """The ids of the keys of a person to which the conversation was sealed, one epoch after the other."""
    rows = account.api.get(f"conversations/{conversation}/epochs", after=0)["results"]
    return {dict(parse_epoch_header(decode(row["h"])).to)[person] for row in rows}


def soon(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def says(phone: Phone, text: str) -> None:
    expect(phone.page.get_by_test_id("message").filter(has_text=text)).to_be_visible()


def state(phone: Phone, expected: str) -> None:
    expect(phone.page.get_by_test_id("renewal-card")).to_have_attribute("data-state", expected)


def test_after_a_lost_phone_the_key_is_renewed_and_nothing_is_lost(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    hartmann = colleagues.registrar("seeburg")
    first = phones.empty("eule")
    former_code = newcomer(running, hartmann.registrar, first, "Eva Eule")
    second = second_phone(running, phones, first)
    hartmann.session.book.refresh()
    eule = person_named(hartmann, "Eva Eule")
    here = hartmann.talk_to(eule)
    hartmann.send_text(here.id, "Vor dem Verlust")

    loses(running, first)
    second.page.get_by_test_id("welcome").wait_for()
    state(first, "due")
    first.see("renewal-due")
    first.tap("renewal-begin")
    first.page.get_by_test_id("renewal-make").wait_for()
    first.see("renewal-begin")
    assert violations(first.page) == []
    first.tap("renewal-make")
    first.page.get_by_test_id("recovery-code").wait_for()
    assert keep_code(first, "renewal-code") != former_code
    fingerprint = spoken(first)
    first.see("renewal-waiting")
    assert violations(first.page) == []

    registrar = phones.linked("registrar", colleagues.link("registrar-seeburg"), locale="en-GB", scheme="light")
    registrar.page.goto(f"{running.address}/#/me")
    registrar.page.get_by_test_id("theme").get_by_text(THEMES["en"]["light"], exact=True).click()
    registrar.page.goto(f"{running.address}/#/registrar")
    waiting = registrar.page.locator('[data-testid="pending-member"][data-kind="renewal"]')
    expect(waiting).to_contain_text("Eva Eule")
    registrar.see("registrar-renewal-waits")
    waiting.click()
    assert spoken(registrar) == fingerprint
    expect(registrar.page.get_by_test_id("reject")).to_have_count(0)
    registrar.see("registrar-renewal")
    assert violations(registrar.page) == []
    registrar.tap("compared")
    registrar.tap("approve")
    expect(registrar.page.get_by_test_id("approve-sheet")).to_have_count(0)

    # Nobody has touched the phone.
    state(first, "done")
    first.see("renewal-done")
    first.tap("renewal-seen")
    first.page.goto(f"{running.address}/#/c/{here.id}")
    says(first, "Vor dem Verlust")
    first.page.get_by_test_id("message-input").fill("Wieder da")
    first.tap("send")
    says(first, "Wieder da")
    soon(lambda: len(keys_of(hartmann, here.id, eule)) == 2)
    hartmann.send_text(here.id, "Nach dem Verlust")
    says(first, "Nach dem Verlust")
    assert "Wieder da" in [getattr(message.body, "text", "") for message in hartmann.open(here.id)]

    first.page.reload()
    first.tap("unlock-button")
    says(first, "Vor dem Verlust")
    says(first, "Nach dem Verlust")
    third = answering(phones, "eule-3", offered(running, first), locale="en-GB", scheme="light")
    digits(third)
    first.tap("digits-equal")
    third.tap("link-passkey")
    third.page.get_by_test_id("home").wait_for()
    third.page.goto(f"{running.address}/#/c/{here.id}")
    says(third, "Vor dem Verlust")
    says(third, "Nach dem Verlust")
    expect(first.page.get_by_test_id("renewal-card")).to_have_count(0)

"""A duty role from its making to its end: who comes reads the open case, who goes gets nothing more, the case goes on."""

from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations
from wardline_client.account import Account
from wardline_client.http import Api, ApiError
from wardline_client.protocol import kid

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
NAME = "Verlegungsdienst"
BEFORE, AFTER, ANSWER = "Offener Fall Rhabarberkompott", "Nachtrag Stachelbeere", "Antwort Mirabelle"


def row(registrar: Phone, name: str = NAME) -> Locator:
    return registrar.page.get_by_test_id("role-row").filter(has_text=name)


def tick(registrar: Phone, *people: str) -> None:
    for person in people:
        registrar.page.get_by_test_id("role-search").fill(person)
        registrar.page.get_by_test_id("role-person").filter(has_text=person).click()
    registrar.page.get_by_test_id("role-search").fill("")


def make_role(registrar: Phone, name: str, *people: str) -> UUID:
    registrar.tap("role-new")
    registrar.page.get_by_test_id("role-name").fill(name)
    tick(registrar, *people)
    registrar.tap("role-save")
    expect(row(registrar, name)).to_have_attribute("data-generation", "1")
    return UUID(row(registrar, name).get_attribute("data-role"))


def takes_duty(phone: Phone, role: UUID) -> None:
    phone.tap("tab-duty")
    mine = phone.page.locator(f'[data-testid="duty-role"][data-role="{role}"]')
    mine.get_by_test_id("duty-take").click()
    phone.tap("take-confirm")
    expect(mine.get_by_test_id("duty-mine")).to_be_visible()


def opens(phone: Phone, conversation: UUID) -> None:
    phone.tap("tab-cases")
    phone.page.locator(f'[data-testid="conversation-row"][data-conversation="{conversation}"]').click()


def reads(phone: Phone, text: str) -> None:
    expect(phone.page.get_by_test_id("text").filter(has_text=text)).to_be_visible()


def sealed_to(account: Account, conversation: UUID, role: UUID) -> bytes:
    """The key of the role in the newest epoch."""
    account.conversations._refresh(account.conversations.get(conversation))
    return account.conversations.get(conversation).recipients[role]


def test_who_comes_reads_and_who_goes_does_not(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    registrar = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.tap("open-roles")
    expect(row(registrar, "Intensivkoordination")).to_have_attribute("data-state", "current")
    registrar.see("roles-list")
    assert violations(registrar.page) == []
    role = make_role(registrar, NAME, "Yılmaz")

    yilmaz = phones.linked("yilmaz", colleagues.link("yilmaz"))
    takes_duty(yilmaz, role)
    adler = colleagues.account("adler")
    adler.session.book.refresh()
    conversation = adler.talk_to(role).id
    adler.send_text(conversation, BEFORE)
    opens(yilmaz, conversation)
    reads(yilmaz, BEFORE)

    row(registrar).click()
    tick(registrar, "Vogt")
    registrar.see("roles-sheet")
    assert violations(registrar.page) == []
    registrar.tap("role-save")
    expect(row(registrar)).to_have_attribute("data-generation", "2")

    vogt = phones.linked("vogt", colleagues.link("vogt"), locale="en-GB", scheme="light")
    takes_duty(vogt, role)
    opens(vogt, conversation)
    # The registrar does not have the former seed: Yılmaz's phone handed it on.
    reads(vogt, BEFORE)
    expect(vogt.page.get_by_test_id("message").filter(has_text=BEFORE)).to_contain_text("Adler")
    second = sealed_to(adler, conversation, role)

    row(registrar).click()
    tick(registrar, "Yılmaz")
    expect(registrar.page.get_by_test_id("role-shrinks")).to_be_visible()
    registrar.tap("role-save")
    expect(row(registrar)).to_have_attribute("data-generation", "3")

    yilmaz.page.goto(f"{running.address}/#/duty")
    expect(yilmaz.page.locator(f'[data-testid="duty-role"][data-role="{role}"]')).to_have_count(0)
    # Vogt has the conversation on the screen: her phone makes the next epoch by itself.
    adler.session.book.refresh()
    third = adler.session.book.recipient(role)
    expect(vogt.page.get_by_test_id("composer")).to_be_visible()
    for _ in range(50):
        if sealed_to(adler, conversation, role) != second:
            break
        vogt.page.wait_for_timeout(100)
    assert (third.generation, sealed_to(adler, conversation, role)) == (3, kid(third.kem))
    adler.send_text(conversation, AFTER)
    reads(vogt, AFTER)
    vogt.page.get_by_test_id("message-input").fill(ANSWER)
    vogt.tap("send")
    reads(vogt, ANSWER)
    vogt.see("roles-goes-on")
    gets_nothing(colleagues.account("yilmaz"), conversation, role)


def gets_nothing(former: Account, conversation: UUID, role: UUID) -> None:
    for path in (f"conversations/{conversation}", f"conversations/{conversation}/messages", f"conversations/{conversation}/epochs"):
        with pytest.raises(ApiError) as refused:
            former.api.get(path)
        assert refused.value.status == 404
    with pytest.raises(ApiError) as refused:
        former.api.get(f"duty/{role}/seals")
    assert refused.value.status == 404


def test_whoever_leaves_is_shut_out_by_itself(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    office = colleagues.registrar("hohenfeld").registrar
    with Api(running.address) as api:
        leaver = Account.join(api, office.invite(name="Zacharias Ziehfort"))
        (waiting,) = [each for each in office.pending() if each.profile.name == "Zacharias Ziehfort"]
        office.approve(waiting)
    registrar = phones.linked("winter", colleagues.link("registrar-hohenfeld"), locale="en-GB", scheme="light")
    registrar.page.goto(f"{running.address}/#/me")
    registrar.tap("theme-light")
    registrar.page.goto(f"{running.address}/#/registrar/roles")
    make_role(registrar, "Transportdienst", "Ziehfort", "Brandt")

    office.end_membership(leaver.person)

    # Told by the socket, the registrar's phone makes new keys without a tap.
    expect(row(registrar, "Transportdienst")).to_have_attribute("data-generation", "2")
    expect(row(registrar, "Transportdienst")).to_have_attribute("data-state", "current")
    registrar.see("roles-renewed")
    row(registrar, "Transportdienst").click()
    registrar.see("roles-sheet-en")
    registrar.tap("role-close")
    registrar.tap("role-close-sure")
    expect(row(registrar, "Transportdienst")).to_have_count(0)

"""Neither a phone nor the printed code: two of three officers give the key back, after hearing the new phone's digits."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_devices import newcomer
from tests.e2e.test_joining import keep_code
from tests.e2e.test_renewal import person_named, says, spoken
from tests.e2e.test_screens import THEMES, violations
from wardline_client import deposits
from wardline_client.account import Account
from wardline_client.http import Api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAMES = ("Olga Otter", "Pia Pirol", "Quirin Qualle")


def officers_to_be(running: Running, hartmann: Account) -> list[Account]:
    office, found = hartmann.registrar, []
    for name in NAMES:
        account = Account.join(Api(running.address), running.address + office.invite(name=name, profession="physician"))
        office.approve(next(each for each in office.pending() if each.person == account.person))
        account.sign_in()
        found.append(account)
    return found


def named(running: Running, colleagues: Colleagues, phones: Phones, registrar: Phone) -> None:
    """Hartmann proposes, Weiß, data protection officer for now, confirms with the root's printed code."""
    weiss = colleagues.account("weiss").person
    colleagues.registrar("seeburg").api.post(f"members/{weiss}/auditor", {"reason": "data_protection_officer"})
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.tap("open-naming")
    expect(registrar.page.get_by_test_id("no-key-officers")).to_be_visible()
    registrar.see("recovery-nobody-named")
    registrar.tap("propose-officers")
    for place, name in enumerate(NAMES):
        chosen = registrar.page.get_by_test_id(f"officer-{place}")
        chosen.select_option(label=chosen.locator("option", has_text=name).inner_text())
    expect(registrar.page.get_by_test_id("propose-officers-now")).to_be_disabled()
    registrar.tap("key-officers-compared")
    registrar.see("recovery-propose")
    assert violations(registrar.page) == []
    registrar.tap("propose-officers-now")
    registrar.tap("officers-proposal")
    expect(registrar.page.get_by_test_id("needs-second")).to_be_visible()
    expect(registrar.page.get_by_test_id("confirm-officers")).to_have_count(0)

    second = phones.linked("weiß", colleagues.link("weiss"))
    second.page.goto(f"{running.address}/#/registrar/recovery")
    second.tap("officers-proposal")
    second.page.get_by_test_id("root-code").fill((running.state / "demo" / "root-tannwald.txt").read_text())
    second.tap("key-officers-compared")
    second.tap("confirm-officers")
    expect(second.page.get_by_test_id("problem")).to_have_attribute("data-code", "root.wrong_code")
    second.page.get_by_test_id("root-code").fill((running.state / "demo" / "root-seeburg.txt").read_text())
    second.see("recovery-confirm")
    assert violations(second.page) == []
    second.tap("confirm-officers")
    expect(second.page.get_by_test_id("key-officer")).to_have_count(3)
    second.see("recovery-named")
    colleagues.registrar("seeburg").api.post(f"members/{weiss}/auditor/end", {"reason": "done"})


def test_two_of_three_officers_give_a_colleague_the_key_back(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    hartmann = colleagues.registrar("seeburg")
    officers = officers_to_be(running, hartmann)
    former = phones.empty("igel")
    former_code = newcomer(running, hartmann.registrar, former, "Ida Igel")
    registrar = phones.linked("hartmann", colleagues.link("registrar-seeburg"), locale="en-GB", scheme="light")
    registrar.page.goto(f"{running.address}/#/me")
    registrar.page.get_by_test_id("theme").get_by_text(THEMES["en"]["light"], exact=True).click()
    named(running, colleagues, phones, registrar)
    hartmann.session.book.refresh()
    igel = person_named(hartmann, "Ida Igel")
    here = hartmann.talk_to(igel)
    hartmann.send_text(here.id, "Vor dem Verlust")

    # Nobody has touched the phone: the deposit makes itself, and says so.
    former.page.goto(f"{running.address}/#/recovery")
    deposit = former.page.get_by_test_id("deposit")
    expect(deposit).to_have_attribute("data-state", "kept")
    expect(former.page.get_by_test_id("deposit-officers").locator("li")).to_have_count(3)
    former.see("recovery-kept")
    assert violations(former.page) == []
    former.tap("deposit-decline")
    former.tap("deposit-decline-sure")
    expect(deposit).to_have_attribute("data-state", "declined")
    former.see("recovery-declined")
    former.tap("deposit-allow")
    expect(deposit).to_have_attribute("data-state", "kept")

    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("member").filter(has_text="Ida Igel").click()
    registrar.tap("member-devices-open")
    registrar.tap("member-restoration")
    expect(registrar.page.get_by_test_id("qr")).to_be_visible()
    registrar.see("recovery-started")
    address = registrar.page.get_by_test_id("link-address").inner_text()
    # The phone that is still there somewhere shows it, and could stop it.
    expect(former.page.get_by_test_id("restoration")).to_be_visible()
    former.see("recovery-mine")

    fresh = phones.empty("igel-neu", scheme="light")
    fresh.page.goto(address)
    fresh.see("recovery-begin")
    fresh.tap("restore-button")
    said = spoken(fresh)
    fresh.see("recovery-digits")
    assert violations(fresh.page) == []

    officer = phones.linked("otter", running.address + officers[0].make_device_link())
    officer.page.get_by_test_id("recovery-card").wait_for()
    officer.see("recovery-card")
    officer.tap("recovery-show")
    assert spoken(officer) == said
    expect(officer.page.get_by_test_id("restoration-approve")).to_be_disabled()
    officer.tap("restoration-compared")
    officer.see("recovery-compare")
    assert violations(officer.page) == []
    officer.tap("restoration-approve")
    expect(officer.page.get_by_test_id("restoration")).to_have_attribute("data-approvals", "1")
    expect(fresh.page.get_by_test_id("restore-approvals")).to_have_attribute("data-approvals", "1")
    expect(fresh.page.get_by_test_id("restore-passkey")).to_have_count(0)
    (attempt,) = [each for each in deposits.under_way(officers[1].session) if each.person == igel]
    assert attempt.fingerprint is not None
    assert attempt.fingerprint.split() == said
    deposits.approve(officers[1].session, attempt)

    fresh.page.get_by_test_id("restore-passkey").wait_for()
    fresh.see("recovery-agreed")
    fresh.tap("restore-passkey")
    fresh.page.get_by_test_id("recovery-code").wait_for()
    assert keep_code(fresh, "recovery-next-code") != former_code
    fresh.page.get_by_test_id("home").wait_for()
    fresh.page.goto(f"{running.address}/#/c/{here.id}")
    says(fresh, "Vor dem Verlust")
    fresh.page.goto(f"{running.address}/#/recovery")
    expect(fresh.page.get_by_test_id("use").first).to_have_attribute("data-state", "finished")
    fresh.see("recovery-use")
    expect(officer.page.get_by_test_id("restoration")).to_have_count(0)
    former.page.goto(f"{running.address}/#/me")
    expect(former.page.get_by_test_id("restored")).to_have_count(1)
    former.see("recovery-restored-device")
    for account in officers:
        account.api.close()

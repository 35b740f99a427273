"""The registrar's office on a screen: partners, who registers, a table of invitations."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from wardline_client.account import Account
from wardline_client.http import Api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TABLE = "name;titel;beruf;fachrichtung;station\nUlla Unger;Dr. med.;Ärztin;Kardiologie;ITS\n;;Pflege;;\nVeit Vogel;;Zauberer;;\n"


def test_a_partnership_ends_and_begins_again(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.linked("roth", colleagues.link("registrar-tannwald"))
    phone.page.goto(f"{running.address}/#/registrar")
    phone.tap("open-partners")
    row = phone.page.get_by_test_id("partner").filter(has_text="Seeburg")
    expect(row).to_have_attribute("data-state", "partners")
    phone.see("partners")
    row.click()
    phone.tap("partner-end")
    phone.see("partner-end")
    phone.tap("partner-end-sure")
    expect(row).to_have_attribute("data-state", "theirs")
    assert colleagues.hospital("seeburg") not in reachable(colleagues, "tannwald")

    row.click()
    shown = phone.page.get_by_test_id("partner-sheet").get_by_test_id("fingerprint").inner_text()
    expect(phone.page.get_by_test_id("partner-accept")).to_be_disabled()
    phone.tap("partner-compared")
    phone.tap("partner-accept")

    expect(row).to_have_attribute("data-state", "partners")
    other = phones.linked("hartmann", colleagues.link("registrar-seeburg"), locale="en-GB", scheme="light")
    other.page.goto(f"{running.address}/#/partners")
    expect(other.page.get_by_test_id("fingerprint").first).to_have_text(shown, use_inner_text=True)
    other.see("partners-english")


def reachable(colleagues: Colleagues, hospital: str) -> set[object]:
    registrar = colleagues.registrar(hospital)
    registrar.session.book.refresh()
    return {colleagues.hospital(row["slug"]) for row in registrar.session.book.listed["hospitals"]}


def test_two_people_make_a_registrar(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    """Weiß is proposed; nobody else is there who could be the second person, and the screen says what to do."""
    phone = phones.linked("hartmann", colleagues.link("registrar-seeburg"))
    phone.page.goto(f"{running.address}/#/officers")
    phone.see("officers")
    phone.tap("propose")
    chosen = phone.page.get_by_test_id("propose-whom")
    chosen.select_option(label=chosen.locator("option", has_text="Weiß").inner_text())
    phone.tap("officer-compared")
    phone.see("propose")
    phone.tap("propose-now")
    phone.page.get_by_test_id("proposal").filter(has_text="Weiß").click()

    expect(phone.page.get_by_test_id("needs-second")).to_be_visible()
    expect(phone.page.get_by_test_id("confirm-registrar")).to_have_count(0)
    phone.see("proposal")
    phone.tap("withdraw-proposal")
    expect(phone.page.get_by_test_id("proposal")).to_have_count(0)


def test_the_second_person_confirms_with_the_printed_code(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    """Hartmann proposed a colleague; Weiß, data protection officer for now, has the other half of the say."""
    office = colleagues.registrar("seeburg").registrar
    api = Api(running.address)
    candidate = Account.join(api, running.address + office.invite(name="Ada Amt", profession="nurse")).person
    api.close()
    office.approve(next(each for each in office.pending() if each.person == candidate))
    office.propose_registrar(candidate)
    weiss = colleagues.account("weiss").person
    colleagues.registrar("seeburg").api.post(f"members/{weiss}/auditor", {"reason": "data_protection_officer"})
    phone = phones.linked("weiß", colleagues.link("weiss"))
    phone.page.goto(f"{running.address}/#/officers")
    phone.page.get_by_test_id("proposal").filter(has_text="Ada Amt").click()

    expect(phone.page.get_by_test_id("fingerprint")).to_be_visible()
    phone.page.get_by_test_id("root-code").fill((running.state / "demo" / "root-tannwald.txt").read_text())
    expect(phone.page.get_by_test_id("confirm-registrar")).to_be_disabled()
    phone.tap("officer-compared")
    phone.tap("confirm-registrar")
    expect(phone.page.get_by_test_id("problem")).to_have_attribute("data-code", "root.wrong_code")
    phone.see("proposal-second")
    phone.page.get_by_test_id("root-code").fill((running.state / "demo" / "root-seeburg.txt").read_text())
    phone.tap("confirm-registrar")

    expect(phone.page.get_by_test_id("officer").filter(has_text="Ada Amt")).to_have_attribute("data-state", "active")
    colleagues.registrar("seeburg").api.post(f"members/{weiss}/auditor/end", {"reason": "done"})


def invite(phone: Phone, table: str, folder: Path) -> None:
    path = folder / "people.csv"
    path.write_text(table, encoding="utf-8-sig")
    with phone.page.expect_file_chooser() as chooser:
        phone.page.locator("label:has([data-testid=bulk-file])").click()
    chooser.value.set_files(path)


def test_a_table_is_checked_and_everybody_in_it_invited(running: Running, colleagues: Colleagues, phones: Phones, tmp_path: Path) -> None:
    phone = phones.linked("lindner", colleagues.link("registrar-altenrode"))
    phone.page.goto(f"{running.address}/#/bulk")
    invite(phone, TABLE, tmp_path)
    expect(phone.page.get_by_test_id("bulk-errors").locator("li")).to_have_count(2)
    expect(phone.page.get_by_test_id("bulk-invite")).to_be_disabled()
    phone.see("bulk-errors")

    invite(phone, "".join(TABLE.splitlines(keepends=True)[:2]), tmp_path)
    phone.tap("bulk-invite")

    expect(phone.page.get_by_test_id("bulk-card")).to_have_count(1)
    phone.see("bulk-cards")
    phone.page.goto(f"{running.address}/#/registrar")
    expect(phone.page.get_by_test_id("open-invitation").filter(has_text="Unger")).to_be_visible()
    phone.see("registrar-office")
    phone.page.get_by_test_id("open-invitation").filter(has_text="Unger").get_by_test_id("withdraw-invitation").click()
    expect(phone.page.get_by_test_id("open-invitation")).to_have_count(0)

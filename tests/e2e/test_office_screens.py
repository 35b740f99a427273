"""The registrar's office as a registrar goes through it, in both languages and both themes: accessible, each sheet opened once."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect

from demo.cast import ICU
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_office import TABLE
from tests.e2e.test_screens import THEMES, violations
from wardline_client.account import Account
from wardline_client.http import Api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PLACE = "hohenfeld"


def newcomer(running: Running, colleagues: Colleagues) -> UUID:
    """Somebody who joined and waits for the registrar."""
    invitation = colleagues.registrar(PLACE).registrar.invite(name=f"Nora {uuid4().hex[:6]}", title="Dr. med.", profession="nurse")
    api = Api(running.address)
    try:
        return Account.join(api, running.address + invitation).person
    finally:
        api.close()


class Walk:
    """What is looked at, one after another; ``broken`` has what axe finds there."""

    def __init__(self, phone: Phone, address: str, name: str) -> None:
        self.phone, self.address, self.name = phone, address, name
        self.broken: dict[str, list[str]] = {}

    def open(self, path: str) -> None:
        self.phone.page.goto(f"{self.address}/#/{path}")
        self.phone.page.get_by_role("heading", level=1).wait_for()

    def look(self, screen: str, shown: str) -> None:
        expect(self.phone.page.get_by_test_id(shown).first).to_be_visible()
        self.phone.page.wait_for_timeout(400)
        self.phone.see(f"office-{screen}-{self.name}")
        if found := violations(self.phone.page):
            self.broken[screen] = found

    def sheet(self, opener: str, screen: str, shown: str, also: Callable[[], None] = lambda: None) -> None:
        self.phone.tap(opener)
        self.look(screen, shown)
        also()
        self.phone.tap("sheet-close")


@pytest.mark.parametrize(("locale", "scheme"), [("de-DE", "dark"), ("en-GB", "light")])
def test_the_office_is_accessible(running: Running, colleagues: Colleagues, phones: Phones, locale: str, scheme: str) -> None:
    language = locale[:2]
    waiting = newcomer(running, colleagues)
    phone = phones.linked("winter", colleagues.link(f"registrar-{PLACE}"), locale=locale)
    walk = Walk(phone, running.address, f"{language}-{scheme}")
    phone.page.goto(f"{running.address}/#/me")
    phone.page.get_by_test_id("theme").get_by_text(THEMES[language][scheme], exact=True).click()
    invitations(walk, waiting)
    neighbours(walk)
    officers(walk)
    roles(walk)
    walk.open("registrar/sso")
    walk.look("sso", "sso-settings")
    software(walk)
    assert walk.broken == {}


def invitations(walk: Walk, waiting: UUID) -> None:
    page = walk.phone.page
    walk.open("registrar")
    walk.look("registrar", "member")
    page.locator(f'[data-testid="pending-member"][data-person="{waiting}"]').click()
    walk.look("approve", "approve-sheet")
    walk.phone.tap("reject")
    walk.phone.page.get_by_test_id("reject-sure").scroll_into_view_if_needed()
    walk.look("reject", "reject-sure")
    walk.phone.tap("reject-sure")
    walk.sheet("invite", "invite", "invite-make")
    walk.phone.tap("member")
    walk.look("member", "member-sheet")
    walk.phone.tap("sheet-close")
    walk.open("bulk")
    walk.look("bulk", "bulk-file")
    for screen, table in (("bulk-errors", TABLE), ("bulk-good", "".join(TABLE.splitlines(keepends=True)[:2]))):
        page.get_by_test_id("bulk-file").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": table.encode()})
        walk.look(screen, "bulk-found")
    walk.phone.tap("bulk-invite")
    walk.look("bulk-cards", "bulk-card")
    walk.open("registrar")
    page.get_by_test_id("open-invitations").scroll_into_view_if_needed()
    walk.look("open-invitations", "open-invitation")


def neighbours(walk: Walk) -> None:
    walk.open("partners")
    walk.look("partners", "partner")
    walk.phone.tap("partner")
    walk.look("partner", "partner-sheet")
    walk.phone.tap("partner-end")
    walk.look("partner-end", "partner-end-sure")
    walk.phone.tap("sheet-close")


def officers(walk: Walk) -> None:
    page = walk.phone.page
    walk.open("officers")
    walk.look("officers", "officer")
    walk.sheet("officer", "officer", "officer-sheet")
    walk.phone.tap("propose")
    page.get_by_test_id("propose-whom").select_option(index=1)
    walk.look("propose", "propose-sheet")
    walk.phone.tap("officer-compared")
    walk.phone.tap("propose-now")
    walk.phone.tap("proposal")
    walk.look("proposal", "needs-second")
    walk.phone.tap("withdraw-proposal")
    expect(page.get_by_test_id("proposal")).to_have_count(0)


def roles(walk: Walk) -> None:
    page = walk.phone.page
    walk.open("registrar/roles")
    walk.look("roles", "role-row")
    page.get_by_test_id("role-row").filter(has_text=ICU).click()
    walk.look("role", "role-sheet")
    walk.phone.tap("sheet-close")
    walk.open("registrar")
    expect(page.get_by_test_id("member").first).to_be_visible()
    page.wait_for_timeout(400)  # lists above it come in and push it down
    page.get_by_test_id("roster-of").first.click()
    walk.look("roster", "roster")


def software(walk: Walk) -> None:
    walk.open("registrar/software")
    walk.look("software", "no-clients")
    walk.sheet("client-new", "client", "client-may")
    walk.sheet("webhook-new", "webhook", "webhook-endpoint")

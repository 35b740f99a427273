"""A registrar plans on the screen: shifts that come back, one that stands above them, and a file with a wrong line."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from demo.cast import CHILDREN
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_registrar_plans_a_role(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    role = UUID(colleagues.world["roles"][f"hohenfeld/{CHILDREN}"])
    vogt, yilmaz = (colleagues.world["people"][key]["person"] for key in ("vogt", "yilmaz"))
    winter = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    winter.page.goto(f"{running.address}/#/registrar")
    winter.page.locator(f'[data-testid="roster-of"][data-role="{role}"]').click()
    winter.page.get_by_test_id("roster").wait_for()

    for person, begins, ends in ((vogt, "07:00", "19:00"), (yilmaz, "19:00", "07:00")):
        pattern(winter, person, begins, ends)
    winter.tap("week-after")
    expect(winter.page.get_by_test_id("roster-turn")).to_have_count(15)  # the night before Monday, and fourteen shifts
    expect(winter.page.get_by_test_id("roster-gap")).to_have_count(0)
    winter.see("roster-week")
    assert violations(winter.page) == []

    day = datetime.now(BERLIN).date() + timedelta(days=8)
    shift(winter, yilmaz, f"{day}T07:00", f"{day}T19:00")
    roster = colleagues.registrar("hohenfeld").registrar.read_roster(role, datetime.now(UTC), datetime.now(UTC) + timedelta(days=20))
    begins = datetime.fromisoformat(f"{day}T07:00").replace(tzinfo=BERLIN)
    assert [row["person"] for row in roster["turns"] if datetime.fromisoformat(row["since"]) == begins] == [yilmaz]

    file = f"Dienst;Person;Von;Bis\n{CHILDREN};Niemand;{day} 07:00;{day} 19:00\n"
    winter.tap("import-roster")
    winter.page.get_by_test_id("import-file").set_input_files({"name": "plan.csv", "mimeType": "text/csv", "buffer": file.encode()})
    expect(winter.page.get_by_test_id("import-problems")).to_contain_text("Zeile 2")
    expect(winter.page.get_by_test_id("import-apply")).to_be_disabled()
    winter.see("roster-import")
    assert violations(winter.page) == []


def pattern(phone: Phone, person: str, begins: str, ends: str) -> None:
    phone.tap("new-pattern")
    phone.page.get_by_test_id("shift-person").select_option(person)
    phone.page.get_by_test_id("pattern-begins").fill(begins)
    phone.page.get_by_test_id("pattern-ends").fill(ends)
    phone.see("roster-pattern")
    phone.tap("save-pattern")
    expect(phone.page.get_by_test_id("pattern-sheet")).to_have_count(0)


def shift(phone: Phone, person: str, begins: str, ends: str) -> None:
    phone.tap("new-shift")
    phone.page.get_by_test_id("shift-person").select_option(person)
    phone.page.get_by_test_id("shift-from").fill(begins)
    phone.page.get_by_test_id("shift-until").fill(ends)
    phone.see("roster-shift")
    phone.tap("save-shift")
    expect(phone.page.get_by_test_id("shift-sheet")).to_have_count(0)

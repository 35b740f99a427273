"""Templates, the warning about a need already asked for, and the statistics of what came of it, on phones."""

import csv
import io

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
MOST_TAPS = 6


def open_page(phone: Phone, running: Running, path: str, shown: str) -> None:
    phone.page.goto(f"{running.address}/#/{path}")
    expect(phone.page.get_by_test_id(shown).first).to_be_visible()


def ask(phone: Phone) -> int:
    """From Home to sent with a template: how many taps it took."""
    phone.tap("new-request")
    phone.page.get_by_test_id("template").filter(has_text="IMC").click()
    expect(phone.page.get_by_test_id("category-imc")).to_have_attribute("aria-pressed", "true")
    expect(phone.page.get_by_test_id("capability-telemetry")).to_have_attribute("aria-pressed", "true")
    phone.tap("send-request")
    expect(phone.page.get_by_test_id("candidate").first).to_be_visible()
    return 3


def test_a_template_fills_the_form_and_a_second_request_is_warned_of_and_not_blocked(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    falk = phones.linked("falk", colleagues.link("falk"))
    assert ask(falk) <= MOST_TAPS
    first = falk.page.url.rsplit("/", 1)[1]

    falk.page.goto(f"{running.address}/#/")
    falk.page.get_by_test_id("home").wait_for()
    falk.tap("new-request")
    falk.page.get_by_test_id("template").filter(has_text="Neonatologie").click()
    expect(falk.page.get_by_test_id("similar")).to_have_count(0)
    falk.page.get_by_test_id("template").filter(has_text="IMC").click()
    warning = falk.page.get_by_test_id("similar")
    expect(warning).to_have_attribute("data-request", first)
    expect(warning).to_contain_text("Schon")
    expect(falk.page.get_by_test_id("send-request")).to_be_enabled()
    falk.see("similar-de-dark")
    assert violations(falk.page) == []

    warning.click()
    expect(falk.page).to_have_url(f"{running.address}/#/request/{first}")


def test_templates_are_edited_on_a_phone(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"), locale="en-GB")
    open_page(phone, running, "registrar", "open-templates")
    phone.tap("open-templates")
    phone.tap("template-new")
    phone.page.get_by_test_id("template-speciality").select_option("psychiatry")
    phone.page.get_by_test_id("template-category").select_option("psych")
    phone.see("template-sheet-en-dark")
    assert violations(phone.page) == []
    phone.tap("template-save")
    row = phone.page.get_by_test_id("template-row").filter(has_text="Psychiatry")
    expect(row).to_be_visible()
    phone.see("templates-en-dark")
    row.click()
    phone.tap("template-delete")
    expect(row).to_have_count(0)


@pytest.mark.parametrize(("locale", "scheme", "theme"), [("de-DE", "dark", "Dunkel"), ("en-GB", "light", "Light")])
def test_statistics_show_what_came_of_the_requests(
    running: Running, colleagues: Colleagues, phones: Phones, locale: str, scheme: str, theme: str
) -> None:
    phone = phones.linked("falk", colleagues.link("falk"), locale=locale)
    if phone.page.get_by_test_id("case").count() == 0:
        phone.tap("new-request")
        phone.page.get_by_test_id("hospital-option").first.wait_for()
        phone.tap("send-request")
        expect(phone.page.get_by_test_id("candidate").first).to_be_visible()
    open_page(phone, running, "me", "open-statistics")
    phone.page.get_by_test_id("theme").get_by_text(theme, exact=True).click()
    phone.tap("open-statistics")

    for group, shown in (("hospital", "time-bar"), ("category", "time-bar"), ("urgency", "time-bar"), ("hour", "hour-strip")):
        phone.tap(f"group-{group}")
        expect(phone.page.locator(f"[data-testid=statistics-found][data-group={group}]").get_by_test_id(shown).first).to_be_visible()
        phone.see(f"statistics-{group}-{locale[:2]}-{scheme}")
        assert violations(phone.page) == []
    phone.tap("numbers-table")
    expect(phone.page.get_by_role("table")).to_be_visible()
    phone.page.get_by_role("table").scroll_into_view_if_needed()
    phone.see(f"statistics-table-{locale[:2]}-{scheme}")
    assert violations(phone.page) == []

    with phone.page.expect_download() as download:
        phone.tap("statistics-csv")
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"), newline="")))
    assert lines[0]["hour"] == "total"
    assert int(lines[0]["asked"]) == sum(int(line["asked"]) for line in lines[1:]) > 0

    phone.tap("side-asked")
    expect(phone.page.get_by_test_id("statistics-none")).to_be_visible()
    phone.see(f"statistics-none-{locale[:2]}-{scheme}")

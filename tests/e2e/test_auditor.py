"""The auditor's screens: the event of a request just made is found, the log is exported, and a stranger's verifier finds it intact."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import THEMES, violations
from wardline_verify.cli import main

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# What each place shows once it has its content.
PLACES = {
    "events": "audit-event",
    "timeline": "choose-request",
    "disclosures": "choose-request",
    "break-glass": "audit-none",
    "sign-in-failures": "audit-events",
    "activity": "activity-chart",
    "reviews": "review-add",
    "exports": "export-ask",
    "checkpoints": "checkpoint-key",
}


def ask(running: Running, phone: Phone) -> str:
    phone.tap("new-request")
    phone.page.get_by_test_id("hospital-option").first.wait_for()
    phone.tap("send-request")
    expect(phone.page.get_by_test_id("candidate").first).to_be_visible()
    return phone.page.url.rsplit("/", 1)[1]


def open_log(running: Running, phone: Phone, place: str, shown: str) -> None:
    phone.page.goto(f"{running.address}/#/audit/{place}")
    expect(phone.page.get_by_test_id(shown).first).to_be_visible()


def newest(page: Page) -> int:
    """The place in the log of the newest event that a search shows; -1: it shows none."""
    page.get_by_test_id("audit-search").click()
    expect(page.get_by_test_id("audit-events")).to_have_attribute("data-state", "there")
    event = page.get_by_test_id("audit-event")
    return int(event.first.get_attribute("data-place") or -1) if event.count() else -1


def find(page: Page, action: str, *, after: int) -> None:
    """Open the newest event of this action, once it is later than the place ``after``: what is written is sequenced within seconds."""
    page.get_by_test_id("search-action").select_option(action)
    deadline = time.monotonic() + 20
    while newest(page) <= after:
        assert time.monotonic() < deadline, f"no {action} after {after}"
        time.sleep(1)
    page.get_by_test_id("audit-event").first.click()


def test_a_registrar_finds_what_was_just_done_and_takes_away_a_log_that_verifies(
    running: Running, colleagues: Colleagues, phones: Phones, tmp_path: Path
) -> None:
    falk = phones.linked("falk", colleagues.link("falk"))
    desk = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"))
    desk.page.set_viewport_size(DESK)  # type: ignore[arg-type]
    desk.tap("tab-audit")
    expect(desk.page.get_by_test_id("audit-recorded")).to_have_count(1)
    before = newest(desk.page)
    asked = ask(running, falk)
    find(desk.page, "messaging.create_conversation", after=before)
    expect(desk.page.get_by_test_id("audit-to")).to_contain_text("Hintergrunddienst Intensiv · Kreisklinik Wiesenbrück")
    desk.page.keyboard.press("Escape")
    find(desk.page, "beds.request", after=before)
    expect(desk.page.locator("[data-testid=audit-subject][data-kind=request]")).to_have_text(asked)
    expect(desk.page.get_by_test_id("audit-event-sheet")).to_contain_text("Falk")
    desk.see("auditor-event-desk")
    desk.tap("follow-request")
    expect(desk.page.locator("[data-action='beds.request']").first).to_be_visible()
    expect(desk.page.get_by_test_id("audit-of")).to_contain_text(asked)

    desk.page.get_by_test_id("audit-to-disclosures").click()
    desk.page.locator(f"[data-testid=choose-request][data-request='{asked}']").click()
    expect(desk.page.get_by_test_id("audit-events")).to_contain_text("Altenrode")
    desk.see("auditor-disclosed-desk")

    desk.page.get_by_test_id("audit-to-reviews").click()
    desk.tap("review-add")
    desk.tap("review-finding-question")
    desk.tap("review-action-asked")
    desk.see("auditor-review-desk")
    desk.tap("review-save")
    expect(desk.page.locator("[data-testid=review][data-finding=question]").first).to_contain_text("Sommer")

    desk.page.get_by_test_id("audit-to-checkpoints").click()
    key = desk.page.get_by_test_id("checkpoint-key").inner_text()
    verdict = exported(desk, key, tmp_path)
    assert verdict["verdict"] == "intact"
    assert verdict["code"] == 0


def exported(desk: Phone, key: str, folder: Path) -> dict[str, Any]:
    """The whole log through the wizard, as ``wardline-verify`` judges it with the log's key."""
    desk.page.get_by_test_id("audit-to-exports").click()
    desk.tap("export-ask")
    row = desk.page.locator("[data-testid=export][data-state=ready]")
    expect(row).to_be_visible(timeout=30_000)
    desk.see("auditor-exported-desk")
    with desk.page.expect_download() as download:
        row.get_by_test_id("export-get").click()
    report = folder / "report.json"
    with report.open("w") as out, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        code = main([str(download.value.path()), "--key", key, "--json"])
    return {**json.loads(report.read_text()), "code": code}


def test_a_physician_has_no_way_in(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.linked("falk", colleagues.link("falk"))
    phone.page.goto(f"{running.address}/#/me")
    expect(phone.page.get_by_test_id("open-statistics")).to_be_visible()
    expect(phone.page.get_by_test_id("open-audit")).to_have_count(0)
    open_log(running, phone, "events", "auditors-only")


@pytest.mark.parametrize(
    ("locale", "scheme", "size"),
    [("de-DE", "dark", PHONE), ("en-GB", "light", PHONE), ("de-DE", "light", DESK), ("en-GB", "dark", DESK)],
)
def test_every_place_is_accessible(
    running: Running, colleagues: Colleagues, phones: Phones, locale: str, scheme: str, size: dict[str, int]
) -> None:
    phone = phones.linked("falk", colleagues.link("falk"))
    if phone.page.get_by_test_id("case").count() == 0:
        ask(running, phone)
    reader = phones.linked("sommer", colleagues.link("registrar-wiesenbrueck"), locale=locale)
    reader.page.goto(f"{running.address}/#/me")
    reader.page.get_by_test_id("theme").get_by_text(THEMES[locale[:2]][scheme], exact=True).click()
    name = f"{locale[:2]}-{scheme}-{size['width']}"
    if size == PHONE:
        reader.tap("open-audit")
        expect(reader.page.get_by_test_id("audit-recorded")).to_be_visible()
        reader.see(f"auditor-places-{name}")
        assert violations(reader.page) == []
    reader.page.set_viewport_size(size)  # type: ignore[arg-type]

    broken = {}
    for place, shown in PLACES.items():
        if place == "sign-in-failures":
            reader.page.goto(f"{running.address}/#/audit/{place}")
            expect(reader.page.get_by_test_id("audit-events")).to_have_attribute("data-state", "there")
        else:
            open_log(running, reader, place, shown)
        reader.page.wait_for_timeout(300)
        reader.see(f"auditor-{place}-{name}")
        broken[place] = violations(reader.page)
    assert {place: found for place, found in broken.items() if found} == {}

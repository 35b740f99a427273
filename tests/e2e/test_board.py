"""The board on two phones: a change is seen within a second, taken back, filtered, and shown with its age without a network."""

import re
import time
from uuid import UUID

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

# Milliseconds since the epoch at which the figure's text became what is awaited: by the page's own clock, one machine for both phones.
NOTE_WHEN = """([capacity, awaited]) => {
  const figure = document.querySelector(`[data-capacity="${capacity}"] [data-testid="available"] .free`);
  window.seenAt = null;
  const look = () => { if (figure.textContent.trim() === awaited && window.seenAt === null) window.seenAt = Date.now(); };
  new MutationObserver(look).observe(figure, { childList: true, characterData: true, subtree: true });
  look();
}"""
NOTE_TAP = """() => document.addEventListener("click", (event) => {
  if (event.target.closest('[data-testid="less"], [data-testid="more"]')) window.tappedAt = Date.now();
}, true)"""


def on_board(phones: Phones, colleagues: Colleagues, running: Running, who: str, **options: str) -> Phone:
    phone = phones.linked(who, colleagues.link(who), **options)
    phone.page.goto(f"{running.address}/#/board")
    phone.page.get_by_test_id("board-hospital").first.wait_for()
    return phone


def unit(phone: Phone, name: str, hospital: UUID) -> Locator:
    place = phone.page.locator(f'[data-testid="board-hospital"][data-hospital="{hospital}"]')
    return place.get_by_test_id("unit").filter(has=phone.page.get_by_text(name, exact=True))


def free(row: Locator) -> int:
    return int(row.get_by_test_id("available").locator(".free").inner_text())


def test_a_change_is_seen_on_the_other_phone_within_a_second_and_taken_back(
    running: Running, colleagues: Colleagues, phones: Phones
) -> None:
    uni = colleagues.hospital("hohenfeld")
    brandt, adler = (on_board(phones, colleagues, running, who) for who in ("brandt", "adler"))
    mine, theirs = unit(brandt, "IMC", uni), unit(adler, "IMC", uni)
    before = free(mine)
    age = theirs.get_by_test_id("age").inner_text()
    capacity = mine.get_attribute("data-capacity")
    brandt.page.evaluate(NOTE_TAP)
    mine.get_by_test_id("unit-open").click()

    delays = []
    for name, awaited in (("less", before - 1), ("more", before), ("less", before - 1)):
        adler.page.evaluate(NOTE_WHEN, [capacity, str(awaited)])
        mine.get_by_test_id(name).click()
        expect(theirs.get_by_test_id("available").locator(".free")).to_have_text(str(awaited))
        delays.append(adler.page.evaluate("window.seenAt") - brandt.page.evaluate("window.tappedAt"))
        time.sleep(1)
    print("seen after", delays, "ms")
    assert max(delays) < 1000

    brandt.tap("undo")
    expect(theirs.get_by_test_id("available").locator(".free")).to_have_text(str(before))
    expect(brandt.page.get_by_test_id("notice")).to_contain_text("zurückgenommen")
    assert theirs.get_by_test_id("age").inner_text().split(" · ")[1:] == age.split(" · ")[1:]
    mine.get_by_test_id("more").click()
    expect(mine.get_by_test_id("available").locator(".free")).to_have_text(str(before + 1))
    brandt.tap("undo")
    expect(mine.get_by_test_id("available").locator(".free")).to_have_text(str(before))


def test_the_role_is_shown_to_others_and_the_name_to_colleagues(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    uni = colleagues.hospital("hohenfeld")
    brandt, adler = (on_board(phones, colleagues, running, who) for who in ("brandt", "adler"))

    def roles(phone: Phone) -> Locator:
        place = phone.page.locator(f'[data-testid="board-hospital"][data-hospital="{uni}"]')
        return place.get_by_test_id("board-role").filter(has_text="Intensivkoordination:")

    expect(roles(brandt)).to_have_text(re.compile("Intensivkoordination: .*Brandt"))
    expect(roles(adler)).to_have_text("Intensivkoordination: Im Dienst")


def test_a_filter_is_remembered_after_a_reload(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    adler = on_board(phones, colleagues, running, "adler")
    page = adler.page
    everything = page.get_by_test_id("unit").count()

    page.get_by_test_id("filter-icu-high").click()
    adler.tap("board-filter")
    adler.tap("filter-cap-ecmo")
    page.get_by_test_id("filter-radius").get_by_text("50 km").click()
    adler.tap("filter-fresh")
    adler.tap("filter-done")
    expect(page.get_by_test_id("unit")).not_to_have_count(everything)
    found = page.get_by_test_id("unit").all_inner_texts()
    assert found
    assert all("ECMO" in text and "Intensiv, High Care" in text for text in found)

    page.reload()
    adler.tap("unlock-button")
    page.get_by_test_id("tab-board").wait_for()
    page.goto(f"{running.address}/#/board")
    expect(page.get_by_test_id("board-filter")).to_contain_text("3")
    expect(page.get_by_test_id("unit")).to_have_count(len(found))
    adler.tap("board-view")
    page.get_by_test_id("map-mark").first.wait_for()
    adler.tap("board-view")

    adler.tap("board-filter")
    adler.tap("filter-clear")
    adler.tap("filter-done")
    adler.tap("filter-all")
    expect(page.get_by_test_id("unit")).to_have_count(everything)


def test_without_a_network_the_last_board_is_shown_with_its_age(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    adler = on_board(phones, colleagues, running, "adler")
    shown = adler.page.get_by_test_id("unit").count()
    adler.page.goto(f"{running.address}/#/")

    adler.context.set_offline(True)
    adler.page.goto(f"{running.address}/#/board")

    expect(adler.page.get_by_test_id("board-as-of")).to_contain_text(re.compile(r"Stand \d\d:\d\d Uhr"))
    expect(adler.page.get_by_test_id("unit")).to_have_count(shown)
    adler.see("board-offline")
    adler.tap("board-view")
    adler.page.get_by_test_id("map-mark").first.wait_for()
    adler.tap("board-view")
    adler.context.set_offline(False)
    expect(adler.page.get_by_test_id("board-as-of")).to_have_count(0)


def test_bounds_are_said_before_anything_is_sent(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    keller = on_board(phones, colleagues, running, "keller", locale="en-GB")
    row = unit(keller, "IMC", colleagues.hospital("altenrode"))
    row.get_by_test_id("unit-open").click()
    row.get_by_test_id("figure-details").click()
    sheet = keller.page.get_by_test_id("figures")

    for _ in range(2):
        sheet.get_by_test_id("staffed").get_by_role("button", name="One less").click()

    expect(sheet.get_by_test_id("bounds")).to_contain_text("9 of 8")
    expect(sheet.get_by_test_id("figures-save")).to_be_disabled()
    sheet.get_by_test_id("staffed").get_by_role("button", name="One more").click()
    sheet.get_by_test_id("assessment").get_by_text("Limited").click()
    sheet.get_by_test_id("limit-staff").click()
    sheet.get_by_test_id("figures-save").click()
    expect(row.get_by_test_id("assessment")).to_have_text("Limited: Staff")
    row.get_by_test_id("open-history").click()
    keller.page.get_by_test_id("history-chart").wait_for()


def test_a_single_bed_is_the_count(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    brandt = on_board(phones, colleagues, running, "brandt")
    row = unit(brandt, "Kinderintensiv", colleagues.hospital("hohenfeld"))
    before = free(row)
    row.get_by_test_id("unit-open").click()
    row.get_by_test_id("open-beds").click()
    bed = brandt.page.locator('[data-testid="single-bed"][data-status="U"]').first
    label = bed.get_attribute("data-label")

    bed.get_by_test_id("bed-status").select_option("H")

    changed = brandt.page.locator(f'[data-testid="single-bed"][data-label="{label}"]')
    expect(changed).to_have_attribute("data-status", "H")
    expect(row.get_by_test_id("available").locator(".free")).to_have_text(str(before - 1))
    brandt.tap("undo")
    expect(changed).to_have_attribute("data-status", "U")
    expect(row.get_by_test_id("available").locator(".free")).to_have_text(str(before))


def test_what_the_feed_counts_is_counted_by_hand_for_a_reason_alone(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    brandt, adler = (on_board(phones, colleagues, running, who) for who in ("brandt", "adler"))
    row = unit(brandt, "ITS 3", colleagues.hospital("hohenfeld"))
    row.get_by_test_id("unit-open").click()
    expect(row.get_by_test_id("less")).to_have_count(0)
    row.get_by_test_id("figure-details").click()
    sheet = brandt.page.get_by_test_id("figures")
    expect(sheet.get_by_test_id("occupied")).to_have_count(0)

    sheet.get_by_test_id("override-feed-down").click()
    sheet.get_by_test_id("occupied").get_by_role("button", name="Eins weniger").click()
    sheet.get_by_test_id("figures-save").click()

    theirs = unit(adler, "ITS 3", colleagues.hospital("hohenfeld"))
    expect(theirs.get_by_test_id("override")).to_have_text("Von Hand: Schnittstelle ausgefallen")
    brandt.tap("undo")
    expect(theirs.get_by_test_id("override")).to_have_count(0)

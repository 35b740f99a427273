"""A new colleague joins by invitation, a registrar compares the fingerprint and approves, and duty changes hands."""

import io
import re

import psycopg
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from demo.cast import ICU
from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from wardline_client.protocol import encode

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def join(phone: Phone, link: str) -> str:
    """Take up an invitation and keep the recovery code; gives the fingerprint the newcomer sees."""
    phone.page.goto(link)
    phone.tap("join-button")
    keep_code(phone, "join-recovery-code")
    return phone.page.get_by_test_id("fingerprint").inner_text()


def keep_code(phone: Phone, picture: str) -> str:
    """Write down the code that is shown, and type its last group back."""
    shown = phone.page.get_by_test_id("recovery-code").inner_text()
    phone.see(picture)
    phone.tap("recovery-written")
    phone.page.get_by_test_id("recovery-last").fill(re.split(r"[\s-]+", shown.strip())[-1])
    phone.tap("recovery-confirm")
    return shown


def let_in(newcomer: Phone) -> None:
    """Whoever was approved is at Home by their page's next look: it asks every five seconds."""
    expect(newcomer.page.get_by_test_id("home")).to_be_visible(timeout=15_000)


def test_a_newcomer_waits_until_the_registrar_has_compared_and_approved(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    link = running.link_of("Engel")
    newcomer = phones.empty("engel")
    fingerprint = join(newcomer, link)
    expect(newcomer.page.get_by_test_id("pending")).to_be_visible()
    newcomer.see("join-pending")

    registrar = phones.linked("winter", colleagues.link("registrar-hohenfeld"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.page.get_by_test_id("pending-member").filter(has_text="Engel").click()
    expect(registrar.page.get_by_test_id("approve")).to_be_disabled()
    assert registrar.page.get_by_test_id("fingerprint").inner_text() == fingerprint
    registrar.see("registrar-approve")
    registrar.tap("compared")
    registrar.tap("approve")

    let_in(newcomer)


def read_code(phone: Phone) -> str:
    """What a camera would read off this phone's screen."""
    picture = Image.open(io.BytesIO(phone.page.screenshot()))
    [code] = zxingcpp.read_barcodes(picture)
    return str(code.text)


def invited_on_screen(running: Running, colleagues: Colleagues, phones: Phones, name: str) -> tuple[Phone, str]:
    """A registrar's phone that shows the invitation's code; the address it says."""
    registrar = phones.linked("registrar", colleagues.link("registrar-hohenfeld"))
    registrar.page.goto(f"{running.address}/#/registrar")
    registrar.tap("invite")
    registrar.page.get_by_test_id("invite-title").fill("Dr. med.")
    registrar.page.get_by_test_id("invite-name").fill(name)
    registrar.page.get_by_test_id("invite-speciality").select_option("cardiology")
    registrar.page.get_by_test_id("invite-unit").fill("ITS 2")
    registrar.tap("invite-make")
    registrar.page.get_by_test_id("qr").scroll_into_view_if_needed()
    registrar.see("invite-qr")
    return registrar, read_code(registrar)


def test_join_by_qr(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    """The newcomer's camera reads the registrar's screen; what was verified is what colleagues find."""
    registrar, read = invited_on_screen(running, colleagues, phones, "Carla Cordes")
    assert read == registrar.page.get_by_test_id("link-address").inner_text()
    newcomer = phones.empty("cordes")
    newcomer.page.goto(read)
    expect(newcomer.page.get_by_text("Kardiologie")).to_be_visible()
    fingerprint = join(newcomer, read)

    registrar.tap("sheet-close")
    registrar.page.get_by_test_id("pending-member").filter(has_text="Cordes").click()
    expect(registrar.page.get_by_test_id("verified")).to_contain_text("Kardiologie")
    expect(registrar.page.get_by_test_id("verified")).to_contain_text("ITS 2")
    assert registrar.page.get_by_test_id("fingerprint").inner_text() == fingerprint
    registrar.see("approve-speciality")
    registrar.tap("compared")
    registrar.tap("approve")
    let_in(newcomer)

    registrar.page.goto(f"{running.address}/#/people")
    registrar.page.get_by_test_id("people-search").fill("kardiologie")
    expect(registrar.page.get_by_test_id("person").filter(has_text="Carla Cordes")).to_be_visible()
    late = phones.empty("late")
    late.page.goto(read)
    expect(late.page.get_by_test_id("problem")).to_be_visible()
    expect(late.page.get_by_test_id("join-button")).to_have_count(0)


def test_a_code_that_expired_lets_nobody_in(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    _, read = invited_on_screen(running, colleagues, phones, "Emil Ewald")
    with psycopg.connect(running.database_url, autocommit=True) as database:
        database.execute("UPDATE identity_invitation SET expires_at = now() WHERE name = 'Emil Ewald'")

    newcomer = phones.empty("ewald")
    newcomer.page.goto(read)

    expect(newcomer.page.get_by_test_id("problem")).to_have_attribute("data-code", "invitation.expired")
    expect(newcomer.page.get_by_test_id("join-button")).to_have_count(0)


def test_a_code_with_another_root_is_refused_by_the_phone(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    """The code was tampered with, or the server shows another hospital than the registrar's: nobody joins either."""
    _, read = invited_on_screen(running, colleagues, phones, "Rosa Roth")
    start, _, root = read.rpartition(".")
    other = colleagues.registrar("seeburg").session.keyring.root
    assert encode(other) != root

    swapped = phones.empty("swapped")
    swapped.page.goto(f"{start}.{encode(other)}")
    expect(swapped.page.get_by_test_id("problem")).to_have_attribute("data-code", "statement.no_chain")
    expect(swapped.page.get_by_test_id("join-button")).to_have_count(0)
    swapped.see("join-other-root")

    lied_to = phones.empty("lied to")

    def lie(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"root": encode(other)})

    lied_to.page.route("**/api/v1/invitations/look", lie)
    lied_to.page.goto(read)
    expect(lied_to.page.get_by_test_id("problem")).to_have_attribute("data-code", "statement.no_chain")
    expect(lied_to.page.get_by_test_id("join-button")).to_have_count(0)


def test_an_invitation_works_once(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    link = running.address + colleagues.registrar("seeburg").registrar.invite(name="Nina Probst", title="", profession="nurse")
    join(phones.empty("first"), link)

    second = phones.empty("second")
    second.page.goto(link)

    expect(second.page.get_by_role("alert")).to_be_visible()
    expect(second.page.get_by_test_id("join-button")).to_have_count(0)


def test_a_locked_phone_opens_with_its_passkey(colleagues: Colleagues, phones: Phones) -> None:
    phone = phones.linked("adler", colleagues.link("adler"))

    phone.tap("lock")
    phone.page.get_by_test_id("unlock").wait_for()
    phone.see("unlock")
    phone.page.reload()
    phone.tap("unlock-button")

    expect(phone.page.get_by_test_id("home")).to_be_visible()


def test_duty_is_handed_over_and_taken_over_in_two_taps(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    brandt = phones.linked("brandt", colleagues.link("brandt"))
    yilmaz = phones.linked("yilmaz", colleagues.link("yilmaz"))
    for phone in (brandt, yilmaz):
        phone.page.goto(f"{running.address}/#/duty")
        expect(coordination(phone)).to_be_visible()
    if coordination(brandt).get_by_test_id("duty-hand-over").count() == 0:
        take(brandt)

    take(yilmaz)

    expect(coordination(brandt).get_by_test_id("duty-take")).to_be_visible()
    yilmaz.see("duty-taken")

    coordination(yilmaz).get_by_test_id("duty-hand-over").click()
    offered = yilmaz.page.get_by_test_id("hand-over-to")
    expect(offered).to_have_count(1)  # Vogt is a colleague, but not eligible for this role
    expect(offered).to_contain_text("Brandt")
    offered.click()
    expect(coordination(brandt).get_by_test_id("duty-hand-over")).to_be_visible()


def coordination(phone: Phone) -> Locator:
    """The role that answers for intensive care; the background's stands beside it."""
    return phone.page.get_by_test_id("duty-role").filter(has_text=ICU)


def take(phone: Phone) -> None:
    coordination(phone).get_by_test_id("duty-take").click()
    phone.tap("take-confirm")
    expect(coordination(phone).get_by_test_id("duty-hand-over")).to_be_visible()

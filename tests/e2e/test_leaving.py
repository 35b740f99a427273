"""Who leaves with the phone open in the hand: out within a second, and nothing stays on it."""

import time

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_devices import KEPT, erased_within_a_second
from tests.e2e.test_joining import keep_code

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_leaver_with_an_open_socket_is_out_and_the_phone_empty(running: Running, colleagues: Colleagues, phones: Phones) -> None:
    registrar = colleagues.registrar("seeburg").registrar
    phone = phones.empty("zugvogel")
    phone.page.goto(running.address + registrar.invite(name="Zoe Zugvogel", profession="nurse"))
    phone.tap("join-button")
    keep_code(phone, "recovery-code-kept")
    (waiting,) = [each for each in registrar.pending() if each.profile.name == "Zoe Zugvogel"]
    registrar.approve(waiting)
    # A phone that waits asks every five seconds.
    expect(phone.page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=20_000)
    assert phone.page.evaluate(KEPT) > 0

    registrar.end_membership(waiting.person)
    began = time.monotonic()

    erased_within_a_second(phone, began)
    phone.page.reload()
    phone.page.get_by_test_id("welcome").wait_for()

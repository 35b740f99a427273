"""The hospital's own sign-in service: a real provider, its login page, and phones that come back from it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.oidc.provider import SECRET, Provider

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PLACE = "seeburg"
NAME = "Klinik-Konto"


@pytest.fixture(scope="module")
def provider(running: Running, colleagues: Colleagues) -> Iterator[Provider]:
    made = Provider(["registrar", "newcomer"], redirect=f"{running.address}/", logout=f"{running.address}/api/v1/sso/logout")
    yield made
    colleagues.registrar(PLACE).session.api.delete("hospital/sso")
    made.stop()


def sign_in_there(phone: Phone, provider: Provider, account: str) -> None:
    """On the provider's own page."""
    phone.page.wait_for_url(f"{provider.issuer}/**")
    phone.page.locator("input[name=login]").fill(account)
    phone.page.locator("#sign-in").click()


def test_a_registrar_sets_it_up_connects_and_signs_in_with_it(
    running: Running, colleagues: Colleagues, phones: Phones, provider: Provider
) -> None:
    phone = phones.linked("registrar", colleagues.link(f"registrar-{PLACE}"))
    phone.page.goto(f"{running.address}/#/registrar")
    phone.tap("open-sso")
    for field, text in (("name", NAME), ("issuer", provider.issuer + "/"), ("client", "wardline"), ("secret", SECRET)):
        phone.page.get_by_test_id(f"sso-{field}").fill(text)
    phone.tap("sso-save")
    # Written down with a stroke too many: the service looks, and says so.
    expect(phone.page.get_by_test_id("problem")).to_have_attribute("data-code", "sso.issuer_mismatch")
    phone.page.get_by_test_id("sso-issuer").fill(provider.issuer)
    phone.tap("sso-save")
    expect(phone.page.get_by_test_id("sso-no-accounts")).to_be_visible()
    phone.see("sso-settings")

    # Reloaded, so that the phone knows of it: unlocking tells.
    phone.page.reload()
    phone.tap("unlock-button")
    phone.page.goto(f"{running.address}/#/me")
    phone.tap("sso-connect")
    sign_in_there(phone, provider, "registrar")
    expect(phone.page.get_by_test_id("notice")).to_contain_text("registrar@klinik.example")
    phone.tap("unlock-button")
    expect(phone.page.get_by_test_id("sso-connected")).to_contain_text("registrar@klinik.example")
    phone.see("sso-connected")

    # Signed out, and back in from the very page that was open.
    phone.page.goto(f"{running.address}/#/registrar/sso")
    expect(phone.page.get_by_test_id("sso-account")).to_have_attribute("data-state", "good")
    phone.context.clear_cookies()
    phone.page.reload()
    expect(phone.page.get_by_test_id("unlock-sso")).to_contain_text(NAME)
    phone.see("sso-unlock")
    phone.tap("unlock-sso")
    sign_in_there(phone, provider, "registrar")
    expect(phone.page.get_by_test_id("sso-settings")).to_be_visible()
    assert phone.page.url == f"{running.address}/#/registrar/sso"
    assert "code=" not in phone.page.evaluate("JSON.stringify([...performance.getEntriesByType('resource')].map((e) => e.name))")

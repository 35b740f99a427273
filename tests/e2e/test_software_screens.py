"""The hospital's software on the registrar's screen: a client signs in with the keys that were pasted, until it is revoked; a webhook is
set up, tried, given another secret and ended."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from playwright.sync_api import Locator, expect
from standardwebhooks import WebhookVerificationError

from tests.e2e.browser import Phone, Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.conftest import Running
from tests.e2e.test_screens import violations
from tests.integration.receiver import Receiver, receiver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PLACE = "tannwald"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def desk(running: Running, colleagues: Colleagues, phones: Phones) -> Phone:
    """A registrar's phone, at the list of the hospital's software."""
    phone = phones.linked("roth", colleagues.link(f"registrar-{PLACE}"))
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=running.address)
    phone.page.goto(f"{running.address}/#/registrar")
    phone.tap("open-software")
    expect(phone.page.get_by_test_id("clients")).to_be_attached()
    return phone


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as made:
        yield made


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def copied(phone: Phone, what: str) -> str:
    """What the button beside it puts into the clipboard, which is what stands there."""
    phone.page.get_by_test_id(f"copy-{what}").last.click()
    text: str = phone.page.evaluate("navigator.clipboard.readText()")
    expect(phone.page.get_by_test_id(what).last).to_have_text(text)
    return text


def paste(phone: Phone, key: ECKey, *, is_private: bool = False) -> None:
    phone.page.get_by_test_id("client-jwks").fill(json.dumps({"keys": [key.as_dict(private=is_private)]}))


def row_of(phone: Phone, kind: str, name: str) -> Locator:
    return phone.page.get_by_test_id(kind).filter(has_text=name)


def sign_in(http: httpx.Client, key: ECKey, client: str, address: str) -> httpx.Response:
    """As SMART Backend Services has it, with nothing but what the screen shows."""
    claims = {"iss": client, "sub": client, "aud": address, "exp": int(time.time()) + 200, "jti": uuid4().hex}
    signed = jwt.encode({"alg": "ES384", "kid": "kis-1"}, claims, key, algorithms=["ES384"])
    form: dict[str, Any] = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": signed}
    return http.post(address, data=form | {"scope": "system/*.cruds"})


def test_a_client_is_let_in_signs_in_and_is_revoked(running: Running, desk: Phone, http: httpx.Client) -> None:
    name, key = f"KIS {uuid4().hex[:6]}", ECKey.generate_key("P-384", {"kid": "kis-1"})
    sent: list[str] = []
    desk.page.on("request", lambda request: sent.append(request.post_data or ""))
    desk.tap("client-new")
    desk.page.get_by_test_id("client-name").fill(name)
    for code in ("beds", "house"):
        desk.page.get_by_test_id(f"may-{code}").get_by_role("checkbox").check()
    paste(desk, key, is_private=True)
    desk.tap("client-save")
    expect(desk.page.get_by_test_id("problem")).to_have_attribute("data-code", "client.key_private")
    expect(desk.page.get_by_test_id("client-jwks")).to_have_value("")
    desk.see("software-private")
    assert not any("jwks" in body for body in sent)
    assert violations(desk.page) == []

    paste(desk, key)
    desk.tap("client-save")
    client, address = copied(desk, "client-id"), copied(desk, "token-address")
    desk.see("software-added")
    assert violations(desk.page) == []
    desk.tap("client-done")
    expect(row_of(desk, "client", name)).to_have_attribute("data-state", "unused")

    granted = sign_in(http, key, client, address).json()
    assert set(granted["scope"].split()) == {"system/Location.rs", "system/Organization.rs"}
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    assert http.get(f"{running.address}/fhir/Location", headers=bearer).status_code == 200
    desk.tap("back")
    desk.tap("open-software")
    expect(row_of(desk, "client", name)).to_have_attribute("data-state", "used")
    desk.see("software-used")

    change_and_revoke(desk, name)
    assert http.get(f"{running.address}/fhir/Location", headers=bearer).status_code == 401
    assert sign_in(http, key, client, address).status_code == 401


def change_and_revoke(desk: Phone, name: str) -> None:
    """The keys stay as they are where nothing is pasted; an address that nobody answers at is refused."""
    row_of(desk, "client", name).get_by_test_id("client-open").click()
    expect(desk.page.get_by_test_id("client-keys-now")).to_contain_text("kis-1")
    desk.page.get_by_test_id("may-house").get_by_role("checkbox").uncheck()
    desk.tap("client-keys-jwks_url")
    desk.page.get_by_test_id("client-url").fill("http://127.0.0.1:9/jwks")
    desk.tap("client-save")
    expect(desk.page.get_by_test_id("problem")).to_have_attribute("data-code", "client.keys_unreachable")
    desk.tap("client-keys-jwks")
    desk.tap("client-save")
    expect(desk.page.get_by_test_id("client-sheet")).to_have_count(0)
    expect(row_of(desk, "client", name)).not_to_contain_text("eigenen Klinik")

    row_of(desk, "client", name).get_by_test_id("client-open").click()
    desk.tap("client-revoke")
    desk.page.get_by_test_id("client-revoke-sure").scroll_into_view_if_needed()
    desk.see("software-revoke")
    desk.tap("client-revoke-sure")
    expect(row_of(desk, "client", name)).to_have_attribute("data-state", "revoked")
    expect(row_of(desk, "client", name).get_by_role("button")).to_have_count(0)
    desk.see("software-revoked")


def test_a_webhook_is_set_up_tried_renewed_and_ended(desk: Phone, pager: Receiver) -> None:
    name = f"Pager {uuid4().hex[:6]}"
    desk.tap("webhook-new")
    desk.page.get_by_test_id("webhook-name").fill(name)
    desk.page.get_by_test_id("webhook-endpoint").fill("ftp://pager.example/")
    desk.tap("webhook-save")
    expect(desk.page.get_by_test_id("problem")).to_have_attribute("data-code", "webhook.address_refused")
    desk.page.get_by_test_id("webhook-endpoint").fill(pager.url)
    desk.tap("webhook-save")
    first = copied(desk, "webhook-secret")
    tries(desk, "taken", "204")
    desk.see("webhook-secret")
    assert violations(desk.page) == []
    assert [told["type"] for told in pager.opened(first)] == ["ping"]
    desk.tap("webhook-done")
    expect(row_of(desk, "webhook", name)).to_have_attribute("data-state", "quiet")

    # Opened again it has a state, and no secret any more.
    row_of(desk, "webhook", name).get_by_test_id("webhook-open").click()
    expect(desk.page.get_by_test_id("webhook-standing")).to_be_visible()
    expect(desk.page.get_by_text(first)).to_have_count(0)
    pager.answers.append(500)
    tries(desk, "refused", "500")
    desk.see("webhook-refused")
    assert violations(desk.page) == []
    pager.taken.clear()
    desk.tap("webhook-renew")
    desk.tap("webhook-renew-sure")
    second = copied(desk, "webhook-secret")
    tries(desk, "taken", "204")
    assert len(pager.opened(second)) == 1
    with pytest.raises(WebhookVerificationError):
        pager.opened(first)
    desk.tap("webhook-done")

    row_of(desk, "webhook", name).get_by_test_id("webhook-open").click()
    desk.tap("webhook-end")
    desk.tap("webhook-end-sure")
    expect(row_of(desk, "webhook", name)).to_have_attribute("data-state", "ended")
    desk.see("webhook-ended")


def tries(desk: Phone, state: str, status: str) -> None:
    desk.tap("webhook-try")
    expect(desk.page.get_by_test_id("webhook-tried")).to_have_attribute("data-state", state)
    expect(desk.page.get_by_test_id("webhook-tried")).to_have_text(re.compile(rf"Antwort {status} nach \d+ ms"))

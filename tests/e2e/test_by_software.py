"""A bed asked for by the hospital's own software, over real HTTP: answered on a phone, which begins the conversation."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from playwright.sync_api import expect

from tests.e2e.browser import Phones
from tests.e2e.colleagues import Colleagues
from tests.e2e.test_screens import violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class His:
    """Adler's hospital's software, let in by its registrar and signed in; ``more`` scopes besides those of the workflow."""

    def __init__(self, colleagues: Colleagues, *more: str) -> None:
        self.fhir = f"{colleagues.address}/fhir"
        key, id = ECKey.generate_key("P-384", {"kid": "1"}), str(uuid4())
        scopes = [f"system/{scope}" for scope in ("ServiceRequest.c", "ServiceRequest.r", "Task.r", "Task.s", "Task.u", *more)]
        draft = {"name": "KIS Wiesenbrück", "scopes": scopes, "jwks": {"keys": [key.as_dict(private=False)]}}
        colleagues.registrar("wiesenbrueck").session.api.put(f"integration-clients/{id}", draft)
        claims = {"iss": id, "sub": id, "aud": f"{self.fhir}/token", "exp": int(time.time()) + 200, "jti": uuid4().hex}
        signed = jwt.encode({"alg": "ES384", "kid": "1"}, claims, key, algorithms=["ES384"])
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": signed,
            "scope": " ".join(scopes),
        }
        self.http = httpx.Client(trust_env=False)
        token = self.http.post(f"{self.fhir}/token", data=form).json()["access_token"]
        self.http.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"})

    def asks(self, role: str, other: str) -> Any:
        masked = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
        order = {
            "resourceType": "ServiceRequest",
            "identifier": [{"system": "urn:x-order", "value": uuid4().hex}],
            "status": "active",
            "intent": "order",
            "priority": "stat",
            "code": {"coding": [{"system": f"{self.fhir}/CodeSystem/bed-category", "code": "icu-high"}]},
            "subject": {"extension": [masked]},
            "requester": {"reference": f"PractitionerRole/{role}"},
            "performer": [{"reference": f"PractitionerRole/{other}"}],
        }
        answer = self.http.post(f"{self.fhir}/ServiceRequest", json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def task(self, request: Any) -> Any:
        (entry,) = self.http.get(f"{self.fhir}/Task", params={"focus": request["id"]}).json()["entry"]
        return entry["resource"]


@pytest.fixture
def his(colleagues: Colleagues) -> Iterator[His]:
    software = His(colleagues)
    yield software
    software.http.close()


def role_of(colleagues: Colleagues, key: str) -> str:
    """The duty role they hold."""
    account = colleagues.account(key)
    rows = account.session.api.get("duty")["results"]
    return str(next(row["role"] for row in rows if row["holder"] == str(account.person)))


def test_a_phone_answers_what_software_asked_and_the_conversation_begins(his: His, colleagues: Colleagues, phones: Phones) -> None:
    brandt = phones.linked("brandt", colleagues.link("brandt"))
    request = his.asks(role_of(colleagues, "adler"), role_of(colleagues, "brandt"))

    expect(brandt.page.get_by_test_id("incoming")).to_contain_text("KIS Wiesenbrück (Software der Klinik)")
    assert brandt.page.get_by_test_id("incoming-note").count() == 0
    brandt.see("software-incoming")
    assert violations(brandt.page) == []
    brandt.tap("acknowledge")

    brandt.page.get_by_test_id("message-input").fill("Beatmet seit wann?")
    brandt.tap("send")
    expect(brandt.page.get_by_test_id("text")).to_have_text(["Beatmet seit wann?"])
    brandt.see("software-conversation")
    assert his.task(request)["status"] == "received"

    adler = phones.linked("adler", colleagues.link("adler"), locale="en-GB", scheme="light")
    adler.page.locator(f'[data-testid="case"][data-request="{request["id"]}"]').click()
    expect(adler.page.get_by_test_id("asked-by-software")).to_have_text("KIS Wiesenbrück (hospital software)")
    adler.see("software-request")
    adler.tap("candidate-open")
    expect(adler.page.get_by_test_id("text")).to_have_text(["Beatmet seit wann?"])
    adler.tap("back")
    adler.tap("steps")
    expect(adler.page.get_by_test_id("step-taken").first).to_be_visible()
    adler.page.keyboard.press("Escape")

    task = his.task(request)
    cancelled = {"coding": [{"system": f"{his.fhir}/CodeSystem/task-reason", "code": "improved"}]}
    moved = his.http.put(f"{his.fhir}/Task/{task['id']}", json=task | {"status": "cancelled", "statusReason": cancelled})
    assert moved.status_code == 200, moved.text
    adler.tap("steps")
    expect(adler.page.get_by_test_id("step-taken").last).to_contain_text("KIS Wiesenbrück (hospital software)")
    adler.see("software-steps")


def test_who_stands_for_it_begins_the_conversation_from_the_request(his: His, colleagues: Colleagues, phones: Phones) -> None:
    request = his.asks(role_of(colleagues, "adler"), role_of(colleagues, "novak"))
    adler = phones.linked("adler", colleagues.link("adler"))

    adler.page.locator(f'[data-testid="case"][data-request="{request["id"]}"]').click()
    adler.tap("candidate-open")
    adler.page.get_by_test_id("message-input").fill("Zwei Zeilen ohne Namen")
    adler.tap("send")

    novak = colleagues.account("novak")
    shown = novak.beds.get(request["id"])
    (message,) = novak.open(novak.beds.begin(shown, shown["candidates"][0], shown["candidates"][0]["role"]))
    assert (message.problem, message.body.text) == (None, "Zwei Zeilen ohne Namen")

"""Signing in at the hospital's own provider: a real one (``tests/oidc``), and what it takes."""

import pytest

from tests.cast import Night
from tests.identity.sso import Sso


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def sso(night: Night) -> Sso:
    return Sso(night)


def test_a_bound_person_signs_in_on_a_device_of_theirs(night, sso):
    phone = sso.phone_of(night.adler)

    answer = sso.signs_in(phone, sso.account_of(night.adler))

    assert answer.status_code == 200, answer.content
    session = answer.json()
    assert (session["person"], session["device"], session["state"]) == (str(night.adler.id), str(phone.device_id), "active")
    assert session["sso"] == {"name": "Klinik-Konto", "is_required": False, "label": f"{sso.account_of(night.adler)}@klinik.example"}
    assert phone.get("session/unlock").status_code == 200
    last = [event for event in night.audit_of(night.kreis) if event.action == "identity.sign_in"][-1]
    assert (last.agent["method"], last.agent["person"]) == ("oidc", str(night.adler.pseudonym))

"""Signing in: passkey, device, and what a thief of either, or of a recording, gets."""

import hashlib

import pytest

from audit.leaves import OPERATOR
from identity import throttles
from identity.models import Passkey, SignIn
from tests.cast import Someone
from tests.identity.browser import Browser, shown
from wardline_client.protocol import Revocation, decode, encode


@pytest.fixture
def phone(night) -> Browser:
    """Adler's second device, signed out."""
    phone = Browser().becomes(night.adler)
    assert phone.delete("session").status_code == 204
    return phone


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_opens_a_session_of_the_person_on_this_device(night, phone):
    answer = phone.signs_in()

    assert answer.status_code == 200
    session = answer.json()
    assert (session["person"], session["device"], session["state"]) == (str(night.adler.id), str(phone.device_id), "active")
    assert session["roles_on_duty"] == [str(night.kreis.role.id)]
    assert phone.get("duty").status_code == 200
    last = night.audit_of(night.kreis)[-2]
    assert (last.action, last.outcome, last.agent["person"]) == ("identity.sign_in", "success", str(night.adler.pseudonym))
    assert last.agent["device"] == str(phone.device_id)


def test_cookie_is_new_and_out_of_reach_of_scripts_and_other_sites(night, phone):
    body = phone.assertion()
    before = phone.cookie

    phone.post("session", body)

    morsel = phone.client.cookies["wardline"]
    assert morsel.value != before
    assert (morsel["httponly"], morsel["samesite"]) == (True, "Strict")
    # Whoever planted the former cookie holds nothing.
    planter = Browser()
    planter.client.cookies["wardline"] = before
    assert planter.get("duty").status_code == 401


def test_an_assertion_is_good_once(night, phone):
    body = phone.assertion()

    assert phone.post("session", body).status_code == 200
    assert code(phone.post("session", body)) == (401, "challenge.unknown")


def test_of_an_assertion_sent_twice_at_once_one_is_taken(night, phone):
    body = phone.assertion()
    phone.session_key = phone.cookie

    answers = night.at_once(*[phone.posting("session", body)] * 2)

    assert [answer.status_code for answer in answers].count(200) == 1
    challenge = hashlib.sha256(decode(_challenge(body))).digest()
    assert SignIn.objects.filter(challenge_digest=challenge).count() == 1


def test_the_database_alone_lets_a_challenge_in_once(night, phone):
    """As above, with the session store out of the way: it may be lost or lie, the unique index stays."""
    body = phone.assertion()
    phone.session_key = phone.cookie
    first, second = phone.new_client(), phone.new_client()
    kept = dict(second.session)

    assert phone._write("post", "session", body, None, {}, first).status_code == 200
    session = second.session
    session.update(kept)
    session.create()
    second.cookies["wardline"] = session.session_key
    Passkey.objects.filter(person=night.adler.id).update(sign_count=0)

    assert code(phone._write("post", "session", body, None, {}, second)) == (401, "challenge.unknown")


def _challenge(body) -> str:
    import json

    return json.loads(decode(body["credential"]["response"]["clientDataJSON"]))["challenge"]


def test_a_challenge_of_another_browser_is_none(night, phone):
    body = phone.assertion()
    thief = Browser()
    thief.post("session/options")

    assert code(thief.post("session", body)) == (401, "passkey.refused")
    assert code(thief.post("session", body)) == (401, "challenge.unknown")


def test_a_challenge_lasts_five_minutes(night, phone, monkeypatch):
    body = phone.assertion()
    import time

    real = time.time
    monkeypatch.setattr("identity.challenges.time.time", lambda: real() + 301)

    assert code(phone.post("session", body)) == (401, "challenge.unknown")


def spoil_device_signature(night, phone, body):
    body["signature"] = encode(night.conrad.device_key.sign("sign-in", hashlib.sha256(decode(_challenge(body))).digest()))


def spoil_device(night, phone, body):
    body["device"] = str(night.brandt.device_id)


def spoil_passkey(night, phone, body):
    signature = bytearray(decode(body["credential"]["response"]["signature"]))
    signature[-1] ^= 1
    body["credential"]["response"]["signature"] = encode(bytes(signature))


def spoil_credential(night, phone, body):
    body["credential"]["id"] = body["credential"]["rawId"] = encode(b"somebody's")


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (spoil_device_signature, "device.signature"),
        (spoil_device, "device.unknown"),
        (spoil_passkey, "passkey.refused"),
        (spoil_credential, "passkey.unknown"),
    ],
)
def test_passkey_and_device_are_both_needed(night, phone, spoil, refused):
    body = phone.assertion()
    spoil(night, phone, body)

    assert code(phone.post("session", body)) == (401, refused)
    assert phone.get("duty").status_code == 401
    if refused != "passkey.unknown":
        noted = [event for event in night.audit_of(night.kreis) if event.outcome == "refused"]
        assert (noted[0].action, noted[0].detail["code"]) == ("identity.sign_in", refused)


def test_a_passkey_without_finger_or_pin_is_refused(night, phone, monkeypatch):
    # Signed as it should be, only without user verification: a found phone that was left unlocked.
    monkeypatch.setattr("wardline_client.authenticator._USER_VERIFIED", 0)

    assert code(phone.signs_in()) == (401, "passkey.refused")


def test_another_site_gets_nothing(night, phone):
    phone.authenticator.origin = "http://localhost:9999"

    assert code(phone.signs_in()) == (401, "passkey.refused")


def test_a_cloned_authenticator_is_noticed(night, phone):
    assert phone.signs_in().status_code == 200
    phone.authenticator.credentials[0].sign_count = 0

    assert code(phone.signs_in()) == (401, "passkey.refused")


def test_a_revoked_device_does_not_sign_in(night, phone):
    statement = night.adler.states("device-revoked", phone.device_id, Revocation(night.adler.id, "stolen"))
    assert night.adler.post(f"devices/{phone.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert code(phone.signs_in()) == (401, "device.revoked")


def test_who_has_left_does_not_sign_in(night, phone):
    assert night.kreis.registrar.post(f"members/{night.adler.id}/end").status_code == 200

    assert code(phone.signs_in()) == (401, "membership.ended")


def test_ends_after_twelve_hours(night, phone):
    phone.signs_in()
    night.clock.advance(hours=11, minutes=59)
    assert phone.get("duty").status_code == 200

    night.clock.advance(minutes=2)

    assert code(phone.get("duty")) == (401, "session.ended")


def test_signing_out_ends_the_cookie_for_good(night, phone):
    phone.signs_in()
    cookie = phone.cookie

    assert phone.delete("session").status_code == 204

    phone.client.cookies["wardline"] = cookie
    assert code(phone.get("duty")) == (401, "session.ended")
    assert phone.get("session").json()["lapse"] == "session.ended"


def test_signing_in_again_ends_the_former_sign_in(night, phone):
    phone.signs_in()
    former = phone.cookie
    assert phone.signs_in().status_code == 200

    assert phone.get("duty").status_code == 200
    phone.client.cookies["wardline"] = former
    assert code(phone.get("duty")) == (401, "session.ended")


@pytest.mark.parametrize("token", ["", "d" * 32])
def test_without_the_csrf_token_nothing_is_done(night, phone, token):
    body = phone.assertion()

    answer = phone.post("session", body, X_CSRFToken=token)

    assert code(answer) == (403, "csrf.failed")
    assert phone.signs_in().status_code == 200


def test_what_fails_often_has_to_wait(night, phone, monkeypatch):
    monkeypatch.setattr(throttles.FailureThrottle, "limit", 2)
    refused = [phone.post("session", {}).status_code for _ in range(3)]
    answer = phone.post("session", phone_body := phone_assertion_of(phone))

    assert refused == [400, 400, 400]
    assert code(answer) == (429, "sign_in.too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= throttles.WINDOW
    # By address: the colleague at another one signs in.
    phone.client.defaults["REMOTE_ADDR"] = "10.200.0.1"
    assert phone.post("session", phone_body).status_code == 200


def test_who_knows_a_passkey_keeps_its_owner_out_from_nowhere(night, phone, monkeypatch):
    """Fails at every limit there is, naming the victim's passkey and device; the victim signs in from another address meanwhile."""
    monkeypatch.setattr(throttles.FailureThrottle, "limit", 3)
    attacker = Browser()
    refused = []
    for _ in range(6):
        attacker.post("session/options")
        spoilt = phone_assertion_of(phone)
        spoil_passkey(night, phone, spoilt)
        refused.append(attacker.post("session", spoilt).status_code)

    assert refused == [401, 401, 401, 401, 429, 429]
    assert phone.signs_in().status_code == 200


def test_refused_attempts_are_in_the_log_and_so_is_the_limit(night, phone, monkeypatch):
    monkeypatch.setattr(throttles.FailureThrottle, "limit", 0)
    body = phone_assertion_of(phone)
    spoil_passkey(night, phone, body)
    phone.post("session", body)

    assert code(phone.post("session", body)) == (429, "sign_in.too_many")

    noted = [event for event in night.audit_of(night.kreis) if event.outcome == "refused"]
    assert [(event.action, event.detail["code"]) for event in noted] == [("identity.sign_in", "passkey.refused")]
    assert "sign_in.too_many" in [event.detail.get("code") for event in night.audit_of(OPERATOR) if event.action == "api.refused"]


def phone_assertion_of(phone):
    address = phone.client.defaults["REMOTE_ADDR"]
    phone.client.defaults["REMOTE_ADDR"] = "10.200.0.1"
    body = phone.assertion()
    phone.client.defaults["REMOTE_ADDR"] = address
    return body


def test_an_address_written_by_the_client_is_not_believed(night, phone, monkeypatch):
    monkeypatch.setattr(throttles.FailureThrottle, "limit", 0)

    refused = [phone.post("session", {}, X_Forwarded_For=f"10.9.9.{last}").status_code for last in range(3)]

    assert refused == [400, 429, 429]


def test_a_stranger_is_nobody(night):
    answer = night.anonymous.get("session")

    assert answer.json()["state"] == "anonymous"
    assert "csrftoken" in answer.cookies
    assert code(night.anonymous.get("duty")) == (401, "not_authenticated")


def test_who_comes_back_after_leaving_is_in_the_log(night):
    former: Someone = night.former_colleague

    assert code(former.get("duty")) == (401, "membership.ended")

    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.outcome, event.detail["code"]) == ("identity.come_back", "refused", "membership.ended")
    assert event.agent["person"] == str(former.pseudonym)

"""A new device by a synced passkey alone: where the hospital allows it, for whom it is, and never unseen."""

import pytest

from identity.models import Hospital, Passkey
from tests.identity.browser import Browser, shown
from wardline_client.authenticator import SoftwareAuthenticator, prf_output
from wardline_client.protocol import Revocation, decode
from wardline_client.protocol.keys import unwrap_seed
from wardline_client.protocol.links import verify_pin


@pytest.fixture
def allowed(night) -> None:
    assert night.kreis.registrar.put("hospital/passkey-rule", {"is_enough": True}).status_code == 200


@pytest.fixture
def phone(night, monkeypatch) -> Browser:
    """Adler's phone, whose passkey its maker copies to her other devices."""
    # Backup eligible and backed up (WebAuthn section 6.1).
    monkeypatch.setattr("wardline_client.authenticator._USER_PRESENT", 0x01 | 0x08 | 0x10)
    return Browser().becomes(night.adler, night.kreis.root.public)


@pytest.fixture
def new(phone) -> Browser:
    """A new phone: nothing on it but the synced passkey."""
    browser = Browser()
    browser.authenticator = SoftwareAuthenticator.load(phone.authenticator.dump())
    return browser


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def adds(new, night, opened, keys=None):
    return new.post("passkeys/device", new.device_by_passkey(opened, night.kreis.id, keys or night.adler.keys))


def test_makes_a_device_that_the_others_are_told_of(night, allowed, phone, new, ear):
    asserted = new.asserted()
    answer = new.post("passkeys/open", {"credential": asserted | {"clientExtensionResults": {}}})
    opened = answer.json()
    (wrap,) = opened["wraps"]
    secret = prf_output(asserted)
    seed = unwrap_seed(kind="passkey", wrap=decode(wrap["wrap"]), secret=secret, share=decode(wrap["share"]), person=night.adler.id)
    verify_pin(night.adler.keys.sign.public, night.kreis.id, decode(opened["root"]), decode(opened["pin"]))

    added = adds(new, night, opened)

    assert (seed, opened["person"]) == (night.adler.keys.seed, str(night.adler.id))
    assert (added.status_code, added.json()["state"]) == (201, "active")
    listed = {row["id"]: row["is_by_passkey"] for row in phone.get("devices").json()["results"]}
    assert (listed[str(new.device_id)], listed[str(phone.device_id)]) == (True, False)
    assert len(ear.frames(">", night.adler.id)) >= 1
    told = [action for action in night.actions_of(night.kreis) if "passkey" in action]
    assert told == [f"identity.{step}" for step in ("change_passkey_rule", "open_by_passkey", "add_device_by_passkey")]
    assert new.delete("session").status_code == 204
    assert new.signs_in().status_code == 200


def test_is_forbidden_unless_the_hospital_allows_it(night, phone, new):
    assert not Hospital.objects.get(pk=night.kreis.id).is_passkey_enough

    assert code(new.opens_by_passkey()) == (403, "passkey.not_enough")

    event = next(event for event in night.audit_of(night.kreis) if event.outcome == "refused")
    assert (event.action, event.detail["code"]) == ("identity.open_by_passkey", "passkey.not_enough")


def test_a_rule_that_was_changed_in_between_holds(night, allowed, new):
    opened = new.opens_by_passkey().json()
    night.kreis.registrar.put("hospital/passkey-rule", {"is_enough": False})

    assert code(adds(new, night, opened)) == (403, "passkey.not_enough")


def test_a_passkey_that_lives_on_one_device_makes_no_other(night, allowed):
    phone = Browser().becomes(night.adler, night.kreis.root.public)
    new = Browser()
    new.authenticator = SoftwareAuthenticator.load(phone.authenticator.dump())

    assert code(new.opens_by_passkey()) == (403, "passkey.not_synced")


def test_without_finger_or_pin_nothing_opens(night, allowed, new, monkeypatch):
    monkeypatch.setattr("wardline_client.authenticator._USER_VERIFIED", 0)

    assert code(new.opens_by_passkey()) == (401, "passkey.refused")


def test_an_assertion_and_a_grant_are_good_once(night, allowed, new):
    opened = new.opens_by_passkey().json()
    assert adds(new, night, opened).status_code == 201

    assert code(adds(new, night, opened)) == (401, "challenge.unknown")


def test_of_a_grant_used_twice_at_once_one_is_taken(night, allowed, new):
    opened = new.opens_by_passkey().json()
    new.session_key = new.cookie
    body = new.device_by_passkey(opened, night.kreis.id, night.adler.keys)

    answers = night.at_once(*[new.posting("passkeys/device", body)] * 2)

    assert [answer.status_code for answer in answers].count(201) == 1


def test_a_grant_of_another_browser_is_none(night, allowed, new):
    opened = new.opens_by_passkey().json()
    thief = Browser()
    thief.authenticator = new.authenticator
    thief.post("session/options")

    assert code(adds(thief, night, opened)) == (401, "challenge.unknown")


def test_the_passkey_without_the_seed_vouches_for_nothing(night, allowed, new):
    opened = new.opens_by_passkey().json()

    assert code(adds(new, night, opened, keys=night.conrad.keys)) == (400, "statement.no_chain")


def test_the_device_proves_its_own_key(night, allowed, new):
    opened = new.opens_by_passkey().json()
    body = new.device_by_passkey(opened, night.kreis.id, night.adler.keys)
    body["signature"] = "A" * 86

    assert code(new.post("passkeys/device", body)) == (401, "device.signature")


def test_who_has_left_gets_nothing(night, allowed, new):
    opened = new.opens_by_passkey().json()
    assert night.kreis.registrar.post(f"members/{night.adler.id}/end").status_code == 200

    assert code(adds(new, night, opened)) == (401, "membership.ended")
    assert code(new.opens_by_passkey()) == (401, "membership.ended")


@pytest.mark.parametrize("reason", ["lost", "stolen"])
def test_a_lost_phones_passkey_makes_no_device(night, allowed, phone, new, reason):
    """Whoever has the phone may have its passkey."""
    opened = new.opens_by_passkey().json()
    statement = night.adler.states("device-revoked", phone.device_id, Revocation(night.adler.id, reason))
    assert night.adler.post(f"devices/{phone.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert code(adds(new, night, opened)) == (403, "passkey.no_copy")
    assert code(new.opens_by_passkey()) == (403, "passkey.no_copy")


def test_a_passkey_from_before_makes_no_device(night, allowed, phone, new):
    Passkey.objects.filter(person=night.adler.id).update(pin=None)

    assert code(new.opens_by_passkey()) == (403, "passkey.no_copy")


def test_a_registrar_sets_the_rule_of_the_own_hospital(night, allowed):
    assert night.kreis.registrar.get("hospital/passkey-rule").json() == {"is_enough": True}
    assert night.uni.registrar.get("hospital/passkey-rule").json() == {"is_enough": False}
    assert code(night.adler.put("hospital/passkey-rule", {"is_enough": True})) == (403, "registrar.required")

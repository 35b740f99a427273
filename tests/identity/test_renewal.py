"""A person's next keys: whole, by whom they are about, and only after a loss."""

import os

import pytest

from identity.models import KeyRenewal, Passkey, SignIn
from tests.identity.browser import Browser, shown, wrap
from tests.identity.renewing import Phone
from tests.identity.test_roles import code
from wardline_client.protocol import Revocation, encode
from wardline_client.protocol.keys import PrincipalKeys


@pytest.fixture
def phone(night) -> Phone:
    made = Phone(night.adler)
    made.loses(Browser().becomes(night.adler))
    return made


def spoilt_by_other_key(phone):
    return {"device": shown(Phone(phone.owner).stated())}


def spoilt_without_code(phone):
    return {"wraps": phone.draft()["wraps"][:1]}


def spoilt_by_strangers_passkey(phone):
    foreign = wrap("passkey", phone.keys.seed, os.urandom(32), phone.owner.id) | {"credential_id": encode(b"somebody else's")}
    return {"wraps": [*phone.draft()["wraps"], foreign]}


def spoilt_by_stating_anew(phone):
    return {"device": shown(phone.stated(is_anew=True))}


def spoilt_by_another_device_key(phone):
    return {"device": shown(phone.stated(key=os.urandom(32)))}


def spoilt_by_jumping(phone):
    return {"generation": 3}


def spoilt_by_ending_itself(phone):
    return {"ends": [shown(phone.owner.states("device-revoked", phone.owner.device_id, Revocation(phone.owner.id, "replaced")))]}


def spoilt_by_key_nobody_can_seal_to(phone):
    return {"kem": encode(b"\xff" * 1216)}


@pytest.mark.parametrize(
    ("spoilt", "answer"),
    [
        (spoilt_by_other_key, (400, "statement.unexpected")),
        (spoilt_by_stating_anew, (400, "statement.unexpected")),
        (spoilt_by_another_device_key, (400, "statement.unexpected")),
        (spoilt_without_code, (400, "wraps.recovery_missing")),
        (spoilt_by_strangers_passkey, (404, "passkey.unknown")),
        (spoilt_by_jumping, (409, "renewal.stale")),
        (spoilt_by_ending_itself, (409, "renewal.stale")),
        (spoilt_by_key_nobody_can_seal_to, (400, "keys.malformed")),
    ],
)
def test_a_draft_comes_whole_or_not_at_all(night, phone, spoilt, answer):
    assert code(night.adler.post("renewal", phone.draft() | spoilt(phone))) == answer
    assert not KeyRenewal.objects.filter(person=night.adler.id).exists()


def test_a_signature_over_anything_else_is_refused(night, phone):
    body = phone.draft()
    body["device"]["s"] = encode(os.urandom(64))

    assert code(night.adler.post("renewal", body)) == (400, "signature.invalid")


def test_a_device_that_stays_has_to_be_ended(night, phone):
    Browser().becomes(night.adler)

    assert code(night.adler.post("renewal", phone.draft())) == (409, "renewal.stale")


@pytest.mark.parametrize(
    ("spoilt", "answer"),
    [
        ({}, (201, None)),
        ({"reason": "lost"}, (400, "statement.unexpected")),
        ({"by": "registrar"}, (400, "statement.unexpected")),
        ({"key": "next"}, (400, "signature.invalid")),
    ],
)
def test_another_device_ends_by_the_present_key_and_as_replaced(night, phone, spoilt, answer):
    other, how = Browser().becomes(night.adler), dict(spoilt)
    if "key" in how:
        how["key"] = phone.keys.sign
    if "by" in how:
        how["by"] = night.kreis.registrar.id
    made = night.adler.post("renewal", phone.draft() | {"ends": [phone.ending(other, **how)]})

    assert (made.status_code, made.json().get("code")) == answer


def test_an_archive_has_nothing_to_renew(night):
    assert code(night.kreis.archive.post("renewal", Phone(night.kreis.archive).draft())) == (403, "actor.not_human")


def test_the_registrar_vouches_for_exactly_what_was_offered(night, phone):
    assert night.adler.post("renewal", phone.draft()).status_code == 201
    phone.keys = PrincipalKeys(os.urandom(32))
    registrar = night.kreis.registrar

    other = registrar.post(f"members/{night.adler.id}/renew", {"statement": shown(phone.vouched(registrar))})

    assert code(other) == (400, "statement.unexpected")


def test_the_others_are_shut_out_at_once_and_no_passkey_makes_a_device_by_the_former_key(night, phone, ear):
    other = Browser().becomes(night.adler)
    sign_in = SignIn.objects.get(device=other.device_id)
    Passkey.objects.filter(person=night.adler.id).update(pin=b"by the former key")
    assert night.adler.post("renewal", phone.draft() | {"ends": [phone.ending(other)]}).status_code == 201
    registrar = night.kreis.registrar

    assert registrar.post(f"members/{night.adler.id}/renew", {"statement": shown(phone.vouched(registrar))}).status_code == 200

    assert len(ear.frames("!", sign_in.id)) == 1
    assert set(Passkey.objects.filter(person=night.adler.id).values_list("pin", flat=True)) == {None}


def test_revoking_the_device_that_offered_takes_the_offer_back(night, phone):
    assert night.adler.post("renewal", phone.draft()).status_code == 201
    statement = night.adler.states("device-revoked", night.adler.device_id, Revocation(night.adler.id, "lost"))
    assert night.adler.post(f"devices/{night.adler.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert night.kreis.registrar.get("members/renewals").json()["results"] == []

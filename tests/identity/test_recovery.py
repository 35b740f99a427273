"""All devices lost: a registrar's link and the printed code make a new one."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from identity.models import DeviceLink, Membership, SeedWrap
from identity.tokens import token_hash
from tests.identity.browser import Browser, new_token, shown, wrap
from wardline_client.protocol import Revocation, decode
from wardline_client.protocol.keys import unwrap_seed


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def printed(night) -> bytes:
    """The secret of Adler's printed code."""
    secret = os.urandom(16)
    assert night.adler.post("session/wraps", wrap("recovery", night.adler.keys.seed, secret, night.adler.id)).status_code == 201
    return secret


@pytest.fixture
def offer(night, printed) -> str:
    """A link Adler's registrar made."""
    token = new_token()
    assert night.kreis.registrar.post(f"members/{night.adler.id}/recovery", {"token": token}).status_code == 201
    return token


def body_of(phone, night, token, purpose="recover"):
    return phone.enrolment(token=token, purpose=purpose, person=night.adler.id, hospital=night.kreis.id, keys=night.adler.keys)


def test_link_and_code_make_a_device_and_the_code_is_spent(night, printed, offer):
    phone = Browser()
    opened = phone.post("recoveries/open", {"token": offer}).json()
    (kept,) = opened["wraps"]
    seed = unwrap_seed(kind="recovery", wrap=decode(kept["wrap"]), secret=printed, share=decode(kept["share"]), person=night.adler.id)

    answer = phone.post("enrolment", body_of(phone, night, offer))

    assert seed == night.adler.keys.seed
    assert (answer.status_code, answer.json()["state"]) == (201, "active")
    listed = {row["id"]: row["is_recovered"] for row in night.adler.get("devices").json()["results"]}
    assert (listed[str(phone.device_id)], listed[str(night.adler.device_id)]) == (True, False)
    (new,) = SeedWrap.objects.filter(person=night.adler.id, kind="recovery", ended_at=None)
    assert bytes(new.wrap) != decode(kept["wrap"])
    told = [action for action in night.actions_of(night.kreis) if "recover" in action]
    assert told == ["identity.offer_recovery", "identity.open_recovery", "identity.recover"]


def test_the_others_of_the_person_are_told(night, offer, ear):
    phone = Browser()

    phone.post("enrolment", body_of(phone, night, offer))

    assert len(ear.frames(">", night.adler.id)) == 1


def test_is_good_once_and_for_an_hour(night, printed, offer):
    phone, late, second = Browser(), Browser(), Browser()
    body = body_of(late, night, offer)
    assert phone.post("enrolment", body_of(phone, night, offer)).status_code == 201

    # The challenge was given while the link was good: the link itself decides between two who use it.
    assert code(late.post("enrolment", body)) == (410, "link.used")
    assert code(second.post("recoveries/open", {"token": offer})) == (410, "link.used")

    another = new_token()
    night.kreis.registrar.post(f"members/{night.adler.id}/recovery", {"token": another})
    DeviceLink.objects.filter(used_at=None, is_recovery=True).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code(second.post("recoveries/open", {"token": another})) == (410, "link.expired")


def test_brings_the_next_code(night, offer):
    phone = Browser()
    body = body_of(phone, night, offer)
    body["wraps"] = [each for each in body["wraps"] if each["kind"] != "recovery"]

    assert code(phone.post("enrolment", body)) == (400, "wraps.recovery_missing")


def test_a_link_of_one_kind_is_none_of_the_other(night, offer):
    own = new_token()
    night.adler.post("device-links", {"token": own, "sealed": "c2VhbGVk"})
    phone = Browser()

    assert code(phone.post("recoveries/open", {"token": own})) == (404, "link.unknown")
    assert code(phone.post("device-links/look", {"token": offer})) == (404, "link.unknown")
    assert code(phone.post("enrolment/options", {"token": offer, "purpose": "link"})) == (404, "link.unknown")
    assert code(phone.post("enrolment/options", {"token": own, "purpose": "recover"})) == (404, "link.unknown")


def test_another_hospitals_registrar_and_those_without_a_code_get_none(night, printed):
    offering = {"token": new_token()}

    assert code(night.uni.registrar.post(f"members/{night.adler.id}/recovery", offering)) == (404, "not_found")
    assert code(night.kreis.registrar.post(f"members/{night.former_colleague.id}/recovery", offering)) == (404, "not_found")
    SeedWrap.objects.filter(person=night.adler.id, kind="recovery").update(ended_at=timezone.now())
    assert code(night.kreis.registrar.post(f"members/{night.adler.id}/recovery", offering)) == (409, "recovery.no_code")


def test_dies_with_the_office_of_who_made_it(night, offer):
    Membership.objects.filter(person=night.egger.id).update(is_registrar=True)
    phone = Browser()
    body = body_of(phone, night, offer)
    assert night.egger.post(f"members/{night.kreis.registrar.id}/end").status_code == 200

    assert code(phone.post("recoveries/open", {"token": offer})) == (401, "membership.ended")
    assert code(phone.post("enrolment", body)) == (401, "membership.ended")
    assert DeviceLink.objects.get(token_hash=token_hash(offer)).used_at is None


def test_dies_with_the_device_that_made_it(night, offer):
    registrar = night.kreis.registrar
    statement = registrar.states("device-revoked", registrar.device_id, Revocation(registrar.id, "lost"))
    phone = Browser()
    body = body_of(phone, night, offer)
    assert registrar.post(f"devices/{registrar.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert phone.post("recoveries/open", {"token": offer}).status_code in (401, 410)
    assert phone.post("enrolment", body).status_code in (401, 410)


def test_dies_with_the_membership(night, offer):
    phone = Browser()
    body = body_of(phone, night, offer)
    assert night.kreis.registrar.post(f"members/{night.adler.id}/end", {}).status_code == 200

    assert code(phone.post("recoveries/open", {"token": offer}))[0] in (401, 410)
    assert phone.post("enrolment", body).status_code in (401, 410)

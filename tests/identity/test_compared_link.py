"""A second device whose digits are compared on the first, and what whoever photographed the link gets."""

import os

import pytest

from identity.models import DeviceLink, LinkClaim
from tests.identity.browser import Browser, new_token, shown
from wardline_client.protocol import Revocation, decode, encode
from wardline_client.protocol.links import LinkClaim as Claim
from wardline_client.protocol.links import link_digits

OPENING, SEALED = encode(b"o" * 32), encode(b"the seed for this device")


@pytest.fixture
def token(night) -> str:
    """Of a link that Adler's phone shows."""
    token = new_token()
    assert night.adler.post("device-links", {"token": token}).status_code == 201
    return token


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def opens(night, token, who=None):
    return (who or night.adler).post("device-links/open", {"token": token, "opening": OPENING})


def decides(night, token, sealed, who=None):
    return (who or night.adler).post("device-links/decide", {"token": token, "sealed": sealed})


def body_of(tablet, night, token):
    return tablet.enrolment(token=token, purpose="link", person=night.adler.id, hospital=night.kreis.id, keys=night.adler.keys)


def approved(night, token) -> Browser:
    tablet = Browser()
    assert tablet.claims(token).status_code == 201
    assert (opens(night, token).status_code, decides(night, token, SEALED).status_code) == (200, 200)
    return tablet


def test_makes_a_device_once_the_old_one_has_approved(night, token):
    tablet = Browser()
    looked = tablet.post("device-links/look", {"token": token}).json()
    assert looked == {"is_compared": True, "sealed": None, "person": None}

    assert tablet.claims(token).json() == {"opening": None, "sealed": None, "person": None}
    read = night.adler.post("device-links/claimed", {"token": token}).json()["claim"]
    assert (read["device"], decode(read["public_key"])) == (str(tablet.device_id), tablet.device_key.public)
    opens(night, token)
    assert tablet.waits(token).json() == {"opening": OPENING, "sealed": None, "person": None}
    decides(night, token, SEALED)
    assert tablet.waits(token).json() == {"opening": OPENING, "sealed": SEALED, "person": str(night.adler.id)}
    answer = tablet.post("enrolment", body_of(tablet, night, token))

    assert (answer.status_code, answer.json()["state"]) == (201, "active")
    told = [action for action in night.actions_of(night.kreis) if "link" in action and "look" not in action]
    assert told == [f"identity.{step}" for step in ("offer_link", "claim_link", "open_link", "approve_link", "link_device")]


def test_who_photographed_the_link_and_is_quicker_gets_nothing_and_is_seen(night, token):
    thief, tablet = Browser(), Browser()
    thief.kem = night.brandt.keys.kem
    assert thief.claims(token).status_code == 201

    assert code(tablet.claims(token)) == (409, "link.claimed")
    theirs, ours = (link_digits(b"o" * 32, Claim(token, each.device_key.public, each.kem.public)) for each in (thief, tablet))
    assert theirs != ours
    opens(night, token)
    assert decides(night, token, None).status_code == 200
    assert code(thief.waits(token)) == (410, "link.refused")
    assert code(thief.post("enrolment/options", {"token": token, "purpose": "link"})) == (410, "link.used")


def test_who_comes_second_is_refused_also_in_the_very_same_moment(night, token):
    one, other = Browser(), Browser()
    bodies = [{"token": token, "device": device(each), "kem": encode(each.kem.public)} for each in (one, other)]
    for each in (one, other):
        each.session_key = None

    answers = night.at_once(*[each.posting("device-links/claim", body) for each, body in zip((one, other), bodies, strict=True)])

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert LinkClaim.objects.filter(link__person=night.adler.id).count() == 1


def device(browser) -> dict[str, str]:
    return {"id": str(browser.device_id), "label": "phone", "public_key": encode(browser.device_key.public)}


def test_an_answer_that_was_lost_may_be_sent_again(night, token):
    tablet = Browser()

    assert [tablet.claims(token).status_code for _ in range(2)] == [201, 201]
    assert night.actions_of(night.kreis).count("identity.claim_link") == 1


def test_nothing_is_enrolled_before_it_was_approved(night, token):
    tablet = Browser()
    tablet.claims(token)
    opens(night, token)

    assert code(tablet.post("enrolment/options", {"token": token, "purpose": "link"})) == (409, "link.not_approved")


def test_another_device_than_the_one_approved_is_not_enrolled(night, token):
    approved(night, token)
    thief = Browser()

    assert code(thief.post("enrolment", body_of(thief, night, token))) == (409, "link.claimed")
    assert code(thief.waits(token)) == (409, "link.claimed")


def test_the_opening_is_handed_out_for_a_claim_and_stays_the_same(night, token):
    assert code(opens(night, token)) == (409, "link.not_claimed")
    Browser().claims(token)
    assert opens(night, token).status_code == 200

    again = night.adler.post("device-links/open", {"token": token, "opening": encode(os.urandom(32))})

    assert code(again) == (409, "link.opened")


def test_nobody_approves_without_having_compared_and_nobody_twice(night, token):
    Browser().claims(token)
    assert code(decides(night, token, SEALED)) == (409, "link.not_opened")
    opens(night, token)
    assert decides(night, token, SEALED).status_code == 200

    assert code(decides(night, token, None)) == (409, "link.decided")


@pytest.mark.parametrize("who", ["conrad", "brandt", "outsider"])
def test_a_link_is_the_device_s_that_made_it(night, token, who):
    Browser().claims(token)
    other = night.person(who)

    assert other.post("device-links/claimed", {"token": token}).status_code == 404
    assert opens(night, token, other).status_code == 404
    assert decides(night, token, SEALED, other).status_code == 404
    assert LinkClaim.objects.get(link__person=night.adler.id).opening is None


def test_another_device_of_the_same_person_has_nothing_to_say(night, token):
    laptop = Browser().becomes(night.adler)
    Browser().claims(token)

    assert laptop.post("device-links/claimed", {"token": token}).status_code == 404
    assert laptop.post("device-links/decide", {"token": token, "sealed": None}).status_code == 404


def test_a_claim_expires_with_its_link(night, token):
    tablet = approved(night, token)
    body = body_of(tablet, night, token)
    night.clock.advance(minutes=10, seconds=1)

    assert code(tablet.waits(token)) == (410, "link.expired")
    assert code(tablet.post("enrolment", body)) == (410, "link.expired")
    assert code(opens(night, token)) == (410, "link.expired")


def test_a_claim_dies_with_the_device_that_made_the_link(night, token):
    tablet = approved(night, token)
    body = body_of(tablet, night, token)
    statement = night.adler.states("device-revoked", night.adler.device_id, Revocation(night.adler.id, "stolen"))
    assert night.adler.post(f"devices/{night.adler.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert tablet.waits(token).status_code == 410
    assert tablet.post("enrolment", body).status_code == 410


def test_a_hospital_takes_no_link_that_is_good_as_it_is(night, settings):
    settings.MODE = "production"

    assert code(night.adler.post("device-links", {"token": new_token(), "sealed": SEALED})) == (400, "link.not_compared")
    archive = {"token": new_token(), "sealed": SEALED, "archive": str(night.kreis.archive.id)}
    assert night.kreis.registrar.post("device-links", archive).status_code == 201
    compared = {"token": new_token(), "archive": str(night.kreis.archive.id)}
    assert code(night.kreis.registrar.post("device-links", compared)) == (400, "link.not_sealed")


def test_a_link_that_is_good_as_it_is_takes_no_claim(night):
    token = new_token()
    night.adler.post("device-links", {"token": token, "sealed": SEALED})

    assert code(Browser().claims(token)) == (409, "link.needs_no_claim")


def test_the_database_holds_no_seed_for_a_link_that_is_compared(night, token):
    assert bytes(DeviceLink.objects.get(person=night.adler.id).sealed) == b""

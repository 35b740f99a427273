"""A second device, by a one-time link from the first."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity.models import DeviceLink
from tests.identity.browser import Browser, new_token, shown
from wardline_client.protocol import Directory, Revocation, decode, encode, parse_statement


@pytest.fixture
def offer(night):
    """A link Adler made on her phone."""
    token = new_token()
    answer = night.adler.post("device-links", {"token": token, "sealed": encode(b"sealed seed")})
    assert answer.status_code == 201
    return token


@pytest.fixture
def tablet() -> Browser:
    return Browser()


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def body_of(tablet, night, token):
    return tablet.enrolment(token=token, purpose="link", person=night.adler.id, hospital=night.kreis.id, keys=night.adler.keys)


def test_makes_a_device_that_everybody_believes(night, offer, tablet):
    looked = tablet.post("device-links/look", {"token": offer}).json()
    assert (decode(looked["sealed"]), looked["person"]) == (b"sealed seed", str(night.adler.id))

    answer = tablet.post("enrolment", body_of(tablet, night, offer))

    assert (answer.status_code, answer.json()["state"]) == (201, "active")
    rows = night.brandt.get("statements").json()["results"]
    # Of a statement that is not this hospital's to read there is the bare hash.
    stated = [parse_statement(decode(row["h"]), decode(row["s"])) for row in rows if row["h"]]
    assert Directory({night.uni.id: night.uni.root.public}, stated).device(tablet.device_id).principal == night.adler.id
    assert "identity.link_device" in night.actions_of(night.kreis)


def test_is_good_once(night, offer, tablet):
    tablet.post("enrolment", body_of(tablet, night, offer))

    assert code(Browser().post("device-links/look", {"token": offer})) == (410, "link.used")
    assert code(Browser().post("enrolment/options", {"token": offer, "purpose": "link"})) == (410, "link.used")


def test_is_good_for_ten_minutes(night, offer, tablet):
    body = body_of(tablet, night, offer)
    night.clock.advance(minutes=10, seconds=1)

    assert code(tablet.post("device-links/look", {"token": offer})) == (410, "link.expired")
    assert code(tablet.post("enrolment", body)) == (410, "link.expired")


def test_the_database_has_no_token(night, offer):
    row = DeviceLink.objects.filter(person=night.adler.id).values().get()

    assert offer.encode() not in bytes(row["token_hash"])
    assert row["expires_at"] <= timezone.now() + timedelta(minutes=10)


def test_dies_with_the_device_that_made_it(night, offer, tablet):
    body = body_of(tablet, night, offer)
    statement = night.adler.states("device-revoked", night.adler.device_id, Revocation(night.adler.id, "stolen"))
    assert night.adler.post(f"devices/{night.adler.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert tablet.post("enrolment", body).status_code == 410


def test_dies_with_the_membership(night, offer, tablet):
    body = body_of(tablet, night, offer)
    night.kreis.registrar.post(f"members/{night.adler.id}/end")

    assert tablet.post("enrolment", body).status_code == 410


def test_needs_the_persons_own_key(night, offer, tablet):
    body = body_of(tablet, night, offer)
    body["statement"] = shown(tablet.device_statement(night.adler.id, night.kreis.id, night.conrad.keys))

    assert code(tablet.post("enrolment", body)) == (400, "statement.no_chain")
    assert tablet.get("duty").status_code == 401


def test_takes_no_device_of_somebody_else_over(night, offer, tablet):
    tablet.device_id = night.conrad.device_id
    body = body_of(tablet, night, offer)

    assert code(tablet.post("enrolment", body)) in {(400, "statement.no_chain"), (409, "statement.stale"), (409, "device.known")}
    assert night.conrad.get("duty").status_code == 200


def test_a_link_needs_somebody_in_service(night):
    body = {"token": new_token(), "sealed": encode(b"x")}
    refused = {name: night.person(name).post("device-links", body).status_code for name in REFUSED}

    assert refused == REFUSED


REFUSED = {"anonymous": 401, "former_colleague": 401, "revoked_device": 401, "pending": 403}


def test_an_archive_is_linked_by_its_registrar_alone(night, tablet):
    archive = night.kreis.archive
    body = {"token": new_token(), "sealed": encode(b"x"), "archive": str(archive.id)}

    assert code(night.adler.post("device-links", body)) == (403, "registrar.required")
    assert code(night.uni.registrar.post("device-links", body)) == (404, "not_found")
    assert code(night.kreis.registrar.post("device-links", body | {"archive": str(night.adler.id)})) == (404, "not_found")
    assert night.kreis.registrar.post("device-links", body).status_code == 201

    enrolment = tablet.enrolment(token=body["token"], purpose="link", person=archive.id, hospital=night.kreis.id, keys=archive.keys)
    assert tablet.post("enrolment", enrolment).status_code == 201
    assert tablet.get("session").json()["person"] == str(archive.id)

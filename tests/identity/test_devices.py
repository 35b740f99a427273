"""Devices: the list, the wrapped seeds that open on them, and losing one."""

import os
from uuid import uuid4

import pytest

from backend.models import FirstAnswer
from identity.models import SeedWrap, SignIn
from tests.identity.browser import Browser, shown, wrap
from wardline_client.protocol import Revocation, encode


@pytest.fixture
def tablet(night) -> Browser:
    """Adler's second device, signed in."""
    return Browser().becomes(night.adler)


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def revoking(actor, owner, device, reason="lost"):
    return {"statement": shown(actor.states("device-revoked", device, Revocation(owner.id, reason)))}


def test_lists_the_own_devices_alone(night, tablet):
    listed = {row["id"]: row["revoked_at"] is None for row in night.adler.get("devices").json()["results"]}

    assert listed == {
        str(night.adler.device_id): True,
        str(tablet.device_id): True,
        str(night.revoked_device.device_id): False,
    }


def test_a_lost_device_is_locked_out_at_once(night, tablet, ear):
    assert tablet.get("duty").status_code == 200

    answer = night.adler.post(f"devices/{tablet.device_id}/revoke", revoking(night.adler, night.adler, tablet.device_id))

    assert answer.status_code == 200
    # The once-valid cookie, replayed.
    assert code(tablet.get("duty")) == (401, "device.revoked")
    assert tablet.get("session").json()["lapse"] == "device.revoked"
    assert tablet.get("session/unlock").status_code == 401
    assert night.adler.get("duty").status_code == 200
    event = [event for event in night.audit_of(night.kreis) if event.action == "identity.revoke_device"][-1]
    assert (event.subjects["device"], event.detail["reason"]) == (str(tablet.device_id), "lost")


def test_a_lost_device_without_its_cookie_is_told(night, tablet):
    night.adler.post(f"devices/{tablet.device_id}/revoke", revoking(night.adler, night.adler, tablet.device_id))
    events = len(night.audit_of(night.kreis))

    def lapse_of(device):
        return Browser().get(f"session?device={device}").json()["lapse"]

    assert lapse_of(tablet.device_id) == "device.revoked"
    assert lapse_of(night.former_colleague.device_id) == "membership.ended"
    assert lapse_of(night.adler.device_id) is None
    assert lapse_of(uuid4()) is None
    assert len(night.audit_of(night.kreis)) == events


def test_its_sockets_are_closed(night, tablet, ear):

    sign_in = SignIn.objects.get(device=tablet.device_id)
    night.adler.post(f"devices/{tablet.device_id}/revoke", revoking(night.adler, night.adler, tablet.device_id))

    assert len(ear.frames("!", sign_in.id)) == 1


def test_a_registrar_revokes_a_members_device(night, ear):
    registrar = night.kreis.registrar
    answer = registrar.post(f"devices/{night.adler.device_id}/revoke", revoking(registrar, night.adler, night.adler.device_id))

    assert answer.status_code == 200
    assert code(night.adler.get("duty")) == (401, "device.revoked")
    assert [frame.text for frame in ear.frames(">", night.adler.id)] == ['{"t":"devices"}']


def test_a_registrar_sees_the_devices_of_the_own_hospitals_members_alone(night, tablet):
    registrar = night.kreis.registrar
    listed = {row["id"] for row in registrar.get(f"members/{night.adler.id}/devices").json()["results"]}
    event = night.audit_of(night.kreis)[-1]

    assert {str(night.adler.device_id), str(tablet.device_id)} <= listed
    assert (event.action, event.subjects) == ("identity.read_devices", {"person": str(night.adler.pseudonym)})
    assert registrar.get(f"members/{night.former_colleague.id}/devices").status_code == 200
    assert code(registrar.get(f"members/{night.brandt.id}/devices")) == (404, "not_found")


def test_nobody_else_does(night):
    for actor in (night.conrad, night.brandt, night.outsider, night.uni.registrar):
        answer = actor.post(f"devices/{night.adler.device_id}/revoke", revoking(actor, night.adler, night.adler.device_id))
        assert code(answer) == (404, "not_found")
    assert night.adler.get("duty").status_code == 200


def test_needs_the_actors_own_signature(night, tablet):
    forged = revoking(night.conrad, night.adler, tablet.device_id)

    assert code(night.adler.post(f"devices/{tablet.device_id}/revoke", forged)) == (400, "statement.unexpected")
    assert tablet.get("duty").status_code == 200


def test_names_the_owner_and_no_other(night, tablet):
    body = revoking(night.adler, night.conrad, tablet.device_id)

    assert code(night.adler.post(f"devices/{tablet.device_id}/revoke", body)) == (400, "statement.unexpected")


def test_of_two_at_once_one_revokes(night, tablet):
    url = f"devices/{tablet.device_id}/revoke"
    registrar = night.kreis.registrar
    own, theirs = revoking(night.adler, night.adler, tablet.device_id), revoking(registrar, night.adler, tablet.device_id)

    answers = night.at_once(night.adler.posting(url, own), registrar.posting(url, theirs))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [code(answer) for answer in answers if answer.status_code != 200] == [(409, "device.revoked")]


def test_unlocking_gives_what_this_device_can_open_and_is_audited(night, tablet):
    assert tablet.post("session/wraps", wrap("device", night.adler.keys.seed, os.urandom(32), night.adler.id)).status_code == 201
    assert tablet.post("session/wraps", wrap("recovery", night.adler.keys.seed, os.urandom(16), night.adler.id)).status_code == 201

    on_tablet = tablet.get("session/unlock").json()
    on_phone = night.adler.get("session/unlock").json()

    assert sorted(row["kind"] for row in on_tablet["wraps"]) == ["device", "passkey"]
    # The share of the tablet's own copy stays with the tablet.
    assert [row["kind"] for row in on_phone["wraps"]] == ["passkey"]
    assert on_phone["keys"] == [{"generation": 1, "history": None}]
    assert night.actions_of(night.kreis)[-2:] == ["identity.unlock", "identity.unlock"]


def test_the_printed_codes_share_is_given_to_who_asks_for_it_and_the_log_says_so(night):
    adler = night.adler
    assert adler.post("session/wraps", wrap("recovery", adler.keys.seed, os.urandom(16), adler.id)).status_code == 201

    given = adler.get("session/unlock?by=recovery").json()["wraps"]

    assert [row["kind"] for row in given] == ["recovery"]
    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.detail["by"]) == ("identity.unlock", "recovery")


def test_shares_do_not_stay_in_stored_answers(night, tablet):

    body = wrap("recovery", night.adler.keys.seed, os.urandom(16), night.adler.id)
    tablet.post("session/wraps", body)

    answers = list(FirstAnswer.objects.filter(person=night.adler.id).values_list("body", flat=True))
    assert answers
    assert body["share"] not in repr(answers)


def test_a_wrap_of_somebody_elses_passkey_is_refused(night, tablet):
    credential = tablet.authenticator.credentials[0].id

    body = wrap("passkey", night.conrad.keys.seed, os.urandom(32), night.conrad.id) | {"credential_id": encode(credential)}

    assert code(night.conrad.post("session/wraps", body)) == (404, "passkey.unknown")
    assert tablet.post("session/wraps", body).status_code == 201


def test_wraps_do_not_pile_up(night):
    body = wrap("recovery", night.adler.keys.seed, os.urandom(16), night.adler.id)
    made = [night.adler.post("session/wraps", body).status_code for _ in range(33)]

    assert made == [201] * 32 + [409]
    assert SeedWrap.objects.filter(person=night.adler.id).count() == 32


def test_strangers_and_the_gone_unlock_nothing(night):
    refused = {name: night.person(name).get("session/unlock").status_code for name in ("anonymous", "former_colleague", "revoked_device")}

    assert set(refused.values()) == {401}

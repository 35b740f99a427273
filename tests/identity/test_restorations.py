"""A member's key given back by two officers: who may, for which device, and how it ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity.models import Device, Membership, Restoration, RestorationApproval, SeedWrap
from identity.services.restoring import expire_restorations
from tests.identity.browser import Browser, new_token, shown
from tests.identity.restoring import Attempt, Trio, confirm, propose
from tests.identity.test_roles import code
from wardline_client.protocol import Revocation, encode
from wardline_client.protocol.hpke import KemKey


@pytest.fixture
def trio(night) -> Trio:
    return Trio(night).named().deposits()


@pytest.fixture
def attempt(trio) -> Attempt:
    return trio.started().asks()


def steps(night) -> list[str]:
    """What happened, without who looked and what the directory noted of it."""
    return [action for action in night.actions_of(night.kreis) if "restor" in action and "read" not in action and "look" not in action]


def test_a_registrar_a_device_and_two_officers_make_a_device(night, trio, attempt):
    assert attempt.approve(0).status_code == 200
    assert code(attempt.finish()) == (409, "restoration.not_approved")
    assert attempt.approve(2).status_code == 200
    waited = attempt.browser.post("restorations/wait", {"token": attempt.token, "device": str(attempt.browser.device_id)}).json()
    assert [row["place"] for row in waited["handed"]] == [0, 2]

    answer = attempt.finish()

    assert (answer.status_code, answer.json()["state"]) == (201, "active")
    device = Device.objects.get(pk=attempt.browser.device_id)
    assert (device.is_restored, device.is_recovered) == (True, False)
    assert steps(night) == [
        "identity.start_restoration",
        "identity.ask_restoration",
        "identity.approve_restoration",
        "identity.approve_restoration",
        "identity.collect_restoration",
        "identity.restore",
    ]
    assert not RestorationApproval.objects.filter(restoration=attempt.id).exists()
    assert [use["end_reason"] for use in night.adler.get("deposit").json()["uses"]] == ["finished"]
    assert code(attempt.browser.post("restorations/look", {"token": attempt.token})) == (410, "restoration.over")


def test_the_person_and_the_officers_are_rung_at_every_step(night, trio, ear):
    attempt = trio.started().asks()
    attempt.approve(0)
    attempt.approve(1)
    assert attempt.finish().status_code == 201

    rung = [frame for frame in ear.frames(">", night.adler.id) if "restorations" in str(frame)]
    assert len(rung) == 5
    assert all(str(trio.people[1].id) in frame.targets for frame in rung)


def test_a_lost_printed_code_ends_with_it_and_the_next_is_there(night, attempt):
    SeedWrap.objects.create(person_id=night.adler.id, kind="recovery", generation=1, wrap=b"w" * 60, share=b"s" * 32)
    attempt.approve(0)
    attempt.approve(1)
    body = attempt.body()
    without = body | {"wraps": [each for each in body["wraps"] if each["kind"] != "recovery"]}

    assert code(attempt.browser.post("enrolment", without)) == (400, "wraps.recovery_missing")
    assert attempt.finish().status_code == 201
    (kept,) = SeedWrap.objects.filter(person=night.adler.id, kind="recovery", ended_at=None)
    assert bytes(kept.wrap) != b"w" * 60


def test_only_a_registrar_starts_it_for_a_member_whose_key_is_deposited(night, trio):
    url, body = f"members/{night.adler.id}/restoration", {"token": new_token()}
    assert code(night.conrad.post(url, body)) == (403, "registrar.required")
    assert code(night.uni.registrar.post(url, body)) == (404, "not_found")
    registrar = trio.registrar
    assert code(registrar.post(f"members/{night.conrad.id}/restoration", body)) == (409, "restoration.no_deposit")
    assert code(registrar.post(f"members/{registrar.id}/restoration", body)) == (400, "restoration.oneself")
    assert code(registrar.post(f"members/{night.former_colleague.id}/restoration", body)) == (404, "not_found")
    assert registrar.post(url, body).status_code == 201
    assert code(registrar.post(url, {"token": new_token()})) == (409, "restoration.open")


def test_the_first_device_that_answers_is_the_only_one(night, trio, attempt):
    second = Browser()
    attempt.asks()
    other = attempt.drafted(device=second.device_id, kem=KemKey(bytes(32)).public)

    assert code(second.post("restorations/ask", {"token": attempt.token, "header": encode(other.h)})) == (409, "link.claimed")
    assert code(second.post("restorations/wait", {"token": attempt.token, "device": str(second.device_id)})) == (409, "link.claimed")
    attempt.approve(0)
    attempt.approve(1)
    attempt.browser, mine = second, attempt.browser
    assert code(attempt.finish()) == (409, "link.claimed")
    attempt.browser = mine
    assert attempt.finish().status_code == 201


def test_what_is_asked_is_the_links(night, trio):
    attempt = trio.started()
    url, other = "restorations/ask", attempt.drafted(person=night.conrad.id)
    assert code(attempt.browser.post(url, {"token": attempt.token, "header": encode(other.h)})) == (400, "restoration.unexpected")
    elsewhere = attempt.drafted(id=night.adler.id)
    assert code(attempt.browser.post(url, {"token": attempt.token, "header": encode(elsewhere.h)})) == (400, "restoration.unexpected")
    unusable = attempt.drafted(kem=b"\xff" * 1216)
    assert code(attempt.browser.post(url, {"token": attempt.token, "header": encode(unusable.h)})) == (400, "keys.malformed")
    own = new_token()
    night.adler.post("device-links", {"token": own})
    for token in (new_token(), own):
        assert code(attempt.browser.post("restorations/look", {"token": token})) == (404, "link.unknown")
    assert code(trio.people[0].post(f"restorations/{attempt.id}/approve", {"sealed": "AAAA", "signature": "A" * 86})) == (
        409,
        "restoration.not_asked",
    )


def test_the_link_opens_nothing_of_the_printed_code(night, attempt):
    assert code(attempt.browser.post("recoveries/open", {"token": attempt.token})) == (404, "link.unknown")


# officers


def test_nobody_else_approves(night, trio, attempt):
    body = attempt.approval(0)
    url = f"restorations/{attempt.id}/approve"
    for who in (night.conrad, night.adler, night.outsider, night.brandt, night.uni.registrar, trio.registrar):
        assert code(who.post(url, body)) == (404, "not_found")
    for who in (night.former_colleague, night.revoked_device, night.anonymous):
        assert who.post(url, body).status_code == 401
    assert night.conrad.get("restorations").json()["results"] == []
    for who in (night.adler, trio.registrar):
        assert attempt.shown_to(who)["sealed"] is None


def test_another_officers_share_is_signed_by_another_device(night, trio, attempt):
    assert code(trio.people[1].post(f"restorations/{attempt.id}/approve", attempt.approval(0))) == (400, "deposit.malformed")
    spoilt = attempt.approval(0) | {"signature": "A" * 86}
    assert code(trio.people[0].post(f"restorations/{attempt.id}/approve", spoilt)) == (400, "signature.invalid")


def test_an_officer_approves_once_and_a_third_is_not_needed(night, trio, attempt):
    assert attempt.approve(0).status_code == 200
    assert code(attempt.approve(0)) == (409, "restoration.approved")
    assert attempt.approve(1).status_code == 200
    assert code(attempt.approve(2)) == (409, "restoration.approved")


def test_of_two_approvals_of_one_officer_at_once_one_counts(night, trio, attempt):
    url = f"restorations/{attempt.id}/approve"

    answers = night.at_once(*(trio.people[0].posting(url, attempt.approval(0)) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert RestorationApproval.objects.filter(restoration=attempt.id).count() == 1


def test_an_approval_of_another_attempt_or_device_is_refused(night, trio, attempt):
    kept = attempt.approval(0)
    assert attempt.end(trio.registrar).status_code == 200
    following = trio.started().asks()

    assert code(trio.people[0].post(f"restorations/{attempt.id}/approve", kept)) == (404, "not_found")
    assert code(trio.people[0].post(f"restorations/{following.id}/approve", kept)) == (400, "signature.invalid")
    thiefs = following.approval(0, following.drafted(kem=KemKey(bytes(32)).public))
    assert code(trio.people[0].post(f"restorations/{following.id}/approve", thiefs)) == (400, "signature.invalid")


def test_who_started_it_does_not_approve_it(night, trio, attempt):
    officer = trio.people[0]
    Membership.objects.filter(person=officer.id).update(is_registrar=True)
    assert attempt.end(trio.registrar).status_code == 200
    trio.registrar = officer
    own = trio.started().asks()

    assert code(own.approve(0)) == (403, "restoration.started_by_you")
    assert (own.approve(1).status_code, own.approve(2).status_code) == (200, 200)


def test_an_officer_who_leaves_takes_her_approval_along(night, trio, attempt):
    attempt.approve(0)
    attempt.approve(1)
    body = attempt.body()
    assert trio.registrar.post(f"members/{trio.people[0].id}/end").status_code == 200

    assert code(attempt.browser.post("enrolment", body)) == (409, "restoration.not_approved")
    assert trio.people[0].post(f"restorations/{attempt.id}/approve", {}).status_code == 401


def test_a_device_of_an_officer_that_is_revoked_takes_its_approval_along(night, trio, attempt):
    officer = trio.people[0]
    attempt.approve(0)
    attempt.approve(1)
    body, kept = attempt.body(), attempt.approval(0)
    statement = officer.states("device-revoked", officer.device_id, Revocation(officer.id, "stolen"))
    assert officer.post(f"devices/{officer.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert code(attempt.browser.post("enrolment", body)) == (409, "restoration.not_approved")
    assert officer.post(f"restorations/{attempt.id}/approve", kept).status_code == 401


# how it ends


def test_it_ends_by_an_officer_the_person_a_registrar_or_time(night, trio):
    for who, action in ((trio.people[2], "refuse"), (night.adler, "refuse"), (trio.registrar, "cancel")):
        attempt = trio.started().asks()
        attempt.approve(0)
        attempt.approve(1)
        body = attempt.body()
        for stranger in (night.conrad, night.brandt, night.uni.registrar):
            assert code(attempt.end(stranger)) == (404, "not_found")
        assert attempt.end(who).status_code == 200
        assert steps(night)[-1] == f"identity.{action}_restoration"
        assert attempt.browser.post("enrolment", body).status_code == 410
        assert not RestorationApproval.objects.filter(restoration=attempt.id).exists()
        assert code(attempt.end(who)) == (404, "not_found")


def test_it_lasts_a_day(night, trio, attempt):
    attempt.approve(0)
    attempt.approve(1)
    body = attempt.body()
    kept = Restoration.objects.get(pk=attempt.id)
    assert timedelta(hours=23) < kept.expires_at - timezone.now() <= timedelta(hours=24)
    # The attempt's own time alone: the link's would refuse too.
    Restoration.objects.filter(pk=attempt.id).update(expires_at=timezone.now())

    waiting = {"token": attempt.token, "device": str(attempt.browser.device_id)}
    assert code(attempt.browser.post("restorations/wait", waiting)) == (410, "restoration.over")
    assert code(attempt.browser.post("enrolment", body)) == (410, "restoration.over")
    assert trio.people[2].get("restorations").json()["results"] == []
    assert expire_restorations() >= 1
    assert steps(night)[-1] == "identity.expire_restoration"


def test_it_ends_with_the_deposit_the_membership_and_the_officers(night, trio):
    attempt = trio.started().asks()
    assert night.adler.post("deposit/decline").status_code == 200
    assert code(attempt.browser.post("restorations/look", {"token": attempt.token})) == (410, "restoration.over")
    assert night.adler.post("deposit", trio.draft() | {"is_wanted_again": True}).status_code == 201

    attempt = trio.started().asks()
    proposal = propose(trio.registrar, []).json()["id"]
    assert confirm(trio.second, proposal, []).status_code == 200
    assert code(attempt.browser.post("restorations/look", {"token": attempt.token})) == (410, "restoration.over")


def test_it_ends_with_the_membership(night, trio, attempt):
    attempt.approve(0)
    attempt.approve(1)
    body = attempt.body()
    assert trio.registrar.post(f"members/{night.adler.id}/end").status_code == 200

    assert attempt.browser.post("enrolment", body).status_code == 410
    assert steps(night)[-1] == "identity.supersede_restoration"


def test_it_dies_with_the_office_of_who_started_it(night, trio, attempt):
    Membership.objects.filter(person=trio.people[0].id).update(is_registrar=True)
    attempt.approve(1)
    attempt.approve(2)
    body = attempt.body()
    assert trio.people[0].post(f"members/{trio.registrar.id}/end").status_code == 200

    assert code(attempt.browser.post("enrolment", body)) == (401, "membership.ended")


def test_of_a_refusal_and_the_finish_at_once_one_counts(night, trio, attempt):
    attempt.approve(0)
    attempt.approve(1)
    body = attempt.body()
    client = attempt.browser

    answers = night.at_once(lambda: client.post("enrolment", body), trio.people[2].posting(f"restorations/{attempt.id}/end"))

    assert [answer.status_code for answer in answers] in ([201, 404], [410, 200])
    assert Device.objects.filter(pk=client.device_id).exists() == (answers[0].status_code == 201)

"""Decline, withdraw, cancel: how a part of a request ends early, and that its bed is free at once."""

import pytest

from beds.models import Request


@pytest.mark.parametrize("reason", ["no-bed", "no-staff", "no-capability", "wrong-speciality", "diversion", "other"])
def test_a_hospital_declines_with_a_reason(ward, reason):
    asked = ward.asks("uni", "nord")

    answer = asked.take("uni", "decline", reason=reason)

    assert (answer.json()["state"], answer.json()["reason"]) == ("declined", reason)
    assert asked.states()["nord"] == "submitted"
    assert Request.objects.get(pk=asked.id).closed_at is None


@pytest.mark.parametrize("action", ["withdraw", "cancel"])
@pytest.mark.parametrize("before", [["hold"], ["hold", "confirm"], ["hold", "confirm", "arrange-transport"]])
def test_the_bed_is_free_at_once(ward, action, before):
    asked = ward.asks("uni").at("uni", "acknowledge", *before)
    assert ward.figure("uni")["held"] == 1

    asked.at("uni", action)

    assert ward.figure("uni")["held"] == 0


def test_the_request_closes_with_its_last_candidate(ward):
    asked = ward.asks("uni", "nord").at("uni", "decline")
    assert Request.objects.get(pk=asked.id).closed_at is None

    asked.at("nord", "decline")

    assert Request.objects.get(pk=asked.id).closed_at == asked.row("nord").changed_at


def test_two_last_candidates_ending_at_once_close_it_too(night, ward):
    asked = ward.asks("uni", "nord")
    callers = {"uni": night.brandt, "nord": night.north}

    night.at_once(*(callers[name].posting(asked.url(name, "decline"), {"reason": "no-bed"}) for name in callers))

    assert Request.objects.get(pk=asked.id).closed_at is not None


def test_cancel_ends_it_everywhere(night, ward):
    asked = ward.asks("uni", "nord", "mitte").at("uni", "acknowledge", "hold").at("nord", "decline")

    answer = night.adler.post(f"requests/{asked.id}/cancel", {"reason": "died"})

    assert answer.status_code == 200
    assert asked.states() == {"uni": "cancelled", "nord": "declined", "mitte": "cancelled"}
    assert answer.json()["closed_at"]
    assert ward.figure("uni")["held"] == 0
    assert asked.audited("mitte")[-1].action == "beds.cancel"


def test_a_closed_request_is_not_cancelled_again(night, ward):
    asked = ward.asks("uni").at("uni", "decline")

    answer = night.adler.post(f"requests/{asked.id}/cancel", {"reason": "other"})

    assert (answer.status_code, answer.json()["code"]) == (409, "request.closed")


def test_on_the_way_it_is_diverted_not_cancelled(night, ward):
    asked = ward.asks("uni").at("uni", "acknowledge", "hold", "confirm", "arrange-transport", "depart")

    answer = night.adler.post(f"requests/{asked.id}/cancel", {"reason": "other"})

    assert (answer.status_code, answer.json()["state"]) == (409, "in-transit")
    assert asked.states() == {"uni": "in-transit"}


def test_cancel_needs_its_reason(night, ward):
    asked = ward.asks("uni")

    answer = night.adler.post(f"requests/{asked.id}/cancel", {"reason": "Frau Muster ist wach"})

    assert (answer.status_code, answer.json()["code"]) == (400, "reason.unknown")
    assert asked.states() == {"uni": "submitted"}


@pytest.mark.parametrize(
    ("who", "status"),
    [("brandt", 403), ("conrad", 403), ("north", 404), ("outsider", 404), ("former_colleague", 401), ("revoked_device", 401)],
)
def test_only_the_origin_cancels(night, ward, who, status):
    asked = ward.asks("uni")

    answer = night.person(who).post(f"requests/{asked.id}/cancel", {"reason": "improved"})

    assert answer.status_code == status
    assert asked.states() == {"uni": "submitted"}

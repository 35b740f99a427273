"""What happens when nobody acts; and that nothing depends on the clock being on time."""

import threading

import pytest
from django.db import connection, connections

from beds.models import Candidate, Request
from beds.services import clocks, sweep
from beds.tasks import sweep_overdue_requests
from beds.transitions import ESCALATIONS_AT_MOST
from messaging.models import PendingPush, PushSubscription


@pytest.fixture
def unheard(ward):
    """Asked of uni and nord; uni's time has passed."""
    asked = ward.asks("uni", "nord")
    asked.overdue("uni")
    return asked


def test_an_unheard_request_is_raised_and_the_sender_sees_it(night, unheard):
    sweep_overdue_requests()

    seen = {row["id"]: row for row in night.adler.get(f"requests/{unheard.id}").json()["candidates"]}
    assert (seen[unheard["uni"]]["escalation"], seen[unheard["nord"]]["escalation"]) == (1, 0)
    [step] = seen[unheard["uni"]]["transitions"]
    assert (step["action"], step["source"], step["target"], step["person"]) == ("escalate", "submitted", "submitted", None)
    assert unheard.audited("uni")[-1].action == "beds.escalate"


def test_both_sides_phones_are_woken(night, unheard):
    people = {night.adler: "adler", night.brandt: "brandt", night.north: "north"}
    for person in people:
        PushSubscription.objects.create(device_id=person.device_id, endpoint=f"https://push.example/{person.device_id}", p256dh="", auth="")
    PendingPush.objects.all().delete()

    sweep()

    owed = PendingPush.objects.values_list("subscription__device_id", flat=True)
    assert {name for person, name in people.items() if person.device_id in owed} == {"adler", "brandt"}


def test_after_an_outage_it_is_raised_once_not_once_per_missed_wait(unheard):
    Candidate.objects.filter(pk=unheard["uni"]).update(acknowledge_by="2020-01-01T00:00Z")

    sweep()
    sweep()

    assert unheard.row("uni").escalation == 1


def test_an_acknowledgement_on_its_way_still_counts(unheard):
    sweep()

    assert unheard.at("uni", "acknowledge").states()["uni"] == "acknowledged"
    unheard.overdue("uni")
    sweep()
    assert unheard.row("uni").escalation == 1


def test_raised_often_enough_it_is_given_up(unheard):
    for _ in range(ESCALATIONS_AT_MOST + 1):
        unheard.overdue("uni")
        sweep()

    assert unheard.states() == {"uni": "no-response", "nord": "submitted"}
    assert unheard.history("uni") == ["escalate"] * ESCALATIONS_AT_MOST + ["give-up"]
    assert unheard.take("uni", "acknowledge").json()["state"] == "no-response"


def test_a_hold_that_ran_out_ends(ward):
    asked = ward.asks("uni").at("uni", "acknowledge", "hold")
    sweep()
    assert asked.states() == {"uni": "held"}

    asked.run_out("uni")
    sweep()

    assert asked.states() == {"uni": "expired"}
    assert asked.history("uni")[-1] == "expire"
    assert Request.objects.get(pk=asked.id).closed_at is not None


def test_a_confirmed_bed_never_runs_out(ward):
    asked = ward.asks("uni").at("uni", "acknowledge", "hold", "confirm")

    sweep()

    assert asked.states() == {"uni": "confirmed"}


def test_two_clocks_do_nothing_twice(night, ward):
    raised = [ward.asks("uni") for _ in range(3)]
    held = [ward.asks("nord").at("nord", "acknowledge", "hold") for _ in range(3)]
    for asked in raised:
        asked.overdue("uni")
    for asked in held:
        asked.run_out("nord")

    night.at_once(*[sweep] * 4)
    sweep()

    assert [asked.row("uni").escalation for asked in raised] == [1, 1, 1]
    assert [asked.history("uni") for asked in raised] == [["escalate"]] * 3
    assert [asked.history("nord")[-1:] for asked in held] == [["expire"]] * 3
    assert [len(asked.history("nord")) for asked in held] == [3, 3, 3]


def test_a_clock_does_not_wait_for_a_person(unheard):
    """Somebody is acting on the request this moment: the clock passes it by and looks again later."""
    swept = threading.Event()

    def run():
        try:
            sweep()
            swept.set()
        finally:
            connections.close_all()

    connection.set_autocommit(False)
    try:
        Request.objects.select_for_update().get(pk=unheard.id)
        clock = threading.Thread(target=run)
        clock.start()
        assert swept.wait(timeout=10)
        clock.join()
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert unheard.row("uni").escalation == 0


def test_a_request_that_cannot_be_moved_keeps_nobody_waiting(ward, unheard, monkeypatch, caplog):
    other, tell = ward.asks("uni"), clocks.tell
    other.overdue("uni")

    def failing(request, candidates, **who):
        if str(request.pk) == unheard.id:
            raise ValueError(str(request.pk))
        tell(request, candidates, **who)

    monkeypatch.setattr(clocks, "tell", failing)
    sweep()

    assert (unheard.row("uni").escalation, other.row("uni").escalation) == (0, 1)
    assert "beds.clock_failed" in caplog.text
    monkeypatch.undo()
    sweep()
    assert unheard.row("uni").escalation == 1

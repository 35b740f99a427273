"""Rosters: what registrars write, the turns that follow from it, and what somebody takes by hand in between."""

from datetime import time, timedelta
from itertools import pairwise
from types import SimpleNamespace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from backend.clock import database_now
from identity.access import people_behind
from identity.models import Duty, Hospital, Shift
from identity.services import shift_change
from tests.identity.test_turns import passes

HOUR = timedelta(hours=1)


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class Desk:
    """Kreis' registrar at the roster of the role that Adler and Conrad may hold."""

    def __init__(self, night):
        self.night, self.role, self.registrar = night, night.kreis.role, night.kreis.registrar
        self.url, self.now = f"rosters/{self.role.id}", database_now()

    def read(self, by=None, *, since=-2, until=40, url=None):
        ends = [(self.now + hours * HOUR).isoformat().replace("+00:00", "Z") for hours in (since, until)]
        return (by or self.registrar).get(f"{url or self.url}?since={ends[0]}&until={ends[1]}")

    @property
    def version(self):
        return str(self.read().json()["version"])

    def shift(self, person, begins, ends, *, id=None, by=None, version=None):
        body = {"person": person.id, "since": self.now + begins * HOUR, "until": self.now + ends * HOUR}
        return (by or self.registrar).put(f"{self.url}/shifts/{id or uuid4()}", body, If_Match=version or self.version)

    def pattern(self, person, begins, ends, *, by=None, version=None, weekdays=range(1, 8), first=None, every=1):
        days = {"weekdays": list(weekdays), "first": (first or self.now.date() - timedelta(days=2)).isoformat(), "every": every}
        body = {"person": person.id, "begins": begins, "ends": ends} | days
        return (by or self.registrar).put(f"{self.url}/patterns/{uuid4()}", body, If_Match=version or self.version)

    def turns(self):
        """(person, hours from now, hours until its end), of those to come and the running one."""
        return [
            (turn.person_id, round((turn.started_at - self.now) / HOUR, 1), turn.ended_at and round((turn.ended_at - self.now) / HOUR, 1))
            for turn in Duty.objects.filter(role=self.role.id).order_by("started_at")
            if turn.ended_at is None or turn.ended_at > database_now()
        ]

    def holder(self):
        return people_behind([self.role.id])[self.role.id]


@pytest.fixture
def desk(night):
    """Adler has held the role for thirty hours, by hand."""
    Duty.objects.filter(role=night.kreis.role.id).update(started_at=database_now() - 30 * HOUR)
    return Desk(night)


def test_a_shift_becomes_a_turn_and_the_running_one_ends_with_its_beginning(night, desk):
    answer = desk.shift(night.conrad, 3, 15)

    assert (answer.status_code, answer.json()) == (200, {"version": 1})
    assert desk.turns() == [(night.adler.id, -30, 3), (night.conrad.id, 3, 15)]
    assert desk.holder() == [night.adler.id]
    assert night.actions_of(night.kreis)[-1] == "identity.change_roster"


def test_at_its_beginning_it_holds_with_no_worker_and_nobody_online(night, desk):
    desk.shift(night.conrad, 3, 15)

    passes(desk.role, 3 * 3600 + 1)

    assert desk.holder() == [night.conrad.id]
    assert (night.adler.actor().roles, night.conrad.actor().roles) == (set(), {desk.role.id})


def test_patterns_tile_the_days_in_the_hospitals_time(night, desk):
    desk.pattern(night.conrad, "07:00", "19:00")
    desk.pattern(night.adler, "19:00", "07:00")

    planned = Duty.objects.filter(role=desk.role.id, planned_by=desk.registrar.id).order_by("started_at")

    assert 27 <= len(planned) <= 30
    assert all(former.ended_at == later.started_at for former, later in pairwise(planned))
    local = {turn.started_at.astimezone(ZoneInfo("Europe/Berlin")).time() for turn in planned[1:]}
    assert local == {time(7), time(19)}
    assert desk.read().json()["gaps"] == []


def test_a_single_shift_counts_before_the_pattern_and_without_it_the_pattern_again(night, desk):
    desk.pattern(night.adler, "00:00", "00:00")
    before, id = desk.turns(), uuid4()

    desk.shift(night.conrad, 30, 34, id=id)
    assert (night.conrad.id, 30, 34) in desk.turns()

    assert desk.registrar.delete(f"{desk.url}/shifts/{id}", If_Match=desk.version).status_code == 200
    assert desk.turns() == before


def test_laid_out_again_nothing_is_written(night, desk):
    desk.pattern(night.conrad, "07:00", "19:00")
    there = set(Duty.objects.filter(role=desk.role.id).values_list("pk", flat=True))

    shift_change.lay_out_rosters()

    assert set(Duty.objects.filter(role=desk.role.id).values_list("pk", flat=True)) == there


def test_who_takes_it_has_it_until_the_roster_goes_on(night, desk):
    desk.shift(night.adler, -1, 7)
    desk.shift(night.conrad, 7, 19)
    assert desk.turns()[0] == (night.adler.id, 0, 7)

    answer = night.conrad.post(f"duty/{desk.role.id}/take")

    assert answer.status_code == 200
    assert desk.turns() == [(night.conrad.id, 0, 7), (night.conrad.id, 7, 19)]
    assert answer.json()["until"] == (desk.now + 7 * HOUR).isoformat().replace("+00:00", "Z")


def test_a_cover_for_two_hours_gives_back_to_who_is_planned(night, desk):
    desk.shift(night.adler, -1, 7)

    night.conrad.post(f"duty/{desk.role.id}/take", {"until": desk.now + 2 * HOUR})

    assert desk.turns() == [(night.conrad.id, 0, 2), (night.adler.id, 2, 7)]


def test_without_a_roster_a_turn_lasts_beyond_what_was_said(night, desk):
    night.conrad.post(f"duty/{desk.role.id}/take", {"until": desk.now + 2 * HOUR})

    assert desk.turns() == [(night.conrad.id, 0, None)]


def test_who_is_planned_may_stay_longer(night, desk):
    desk.shift(night.adler, -1, 1)
    desk.shift(night.conrad, 1, 12)

    night.adler.post(f"duty/{desk.role.id}/take", {"until": desk.now + 3 * HOUR})

    assert desk.turns() == [(night.adler.id, 0, 3), (night.conrad.id, 3, 12)]


def test_handing_over_lasts_until_the_roster_goes_on(night, desk):
    desk.shift(night.adler, 7, 19)

    night.adler.post(f"duty/{desk.role.id}/hand-over", {"to": night.conrad.id})

    assert desk.turns() == [(night.conrad.id, 0, 7), (night.adler.id, 7, 19)]


def test_a_shift_written_over_the_running_hour_begins_now(night, desk):
    desk.shift(night.conrad, -1, 5)

    assert desk.holder() == [night.conrad.id]
    assert night.adler.actor().roles == set()


def test_who_leaves_falls_out_of_the_roster_at_once_and_it_is_a_gap(night, desk):
    desk.pattern(night.conrad, "00:00", "00:00")
    assert desk.holder() == [night.conrad.id]

    assert desk.registrar.post(f"members/{night.conrad.id}/end").status_code == 200

    assert not Duty.objects.filter(person=night.conrad.id, ended_at__gt=database_now()).exists()
    assert desk.holder() == []
    gap = desk.read().json()["gaps"][0]
    assert gap["until"] is None
    shift_change.lay_out_rosters()
    assert desk.holder() == []


def test_who_leaves_gives_back_to_who_is_planned(night, desk):
    desk.shift(night.adler, -1, 7)
    night.conrad.post(f"duty/{desk.role.id}/take")

    desk.registrar.post(f"members/{night.conrad.id}/end")

    assert desk.holder() == [night.adler.id]
    assert desk.turns() == [(night.adler.id, 0, 7)]


@pytest.mark.parametrize("who", ["egger", "brandt", "former_colleague", "pending", "outsider"])
def test_only_who_is_eligible_is_planned(night, desk, who):
    assert code(desk.shift(night.person(who), 3, 15)) == (409, "duty.not_eligible")
    assert code(desk.pattern(night.person(who), "07:00", "19:00")) == (409, "duty.not_eligible")


@pytest.mark.parametrize("who", ["adler", "conrad", "egger"])
def test_only_registrars_write(night, desk, who):
    assert code(desk.shift(night.conrad, 3, 15, by=night.person(who), version="0")) == (403, "registrar.required")
    assert code(desk.pattern(night.conrad, "07:00", "19:00", by=night.person(who), version="0")) == (403, "registrar.required")
    assert night.person(who).delete(f"{desk.url}/shifts/{uuid4()}", If_Match="0").status_code == 403


def test_another_hospitals_registrar_finds_nothing(night, desk):
    assert desk.shift(night.conrad, 3, 15, by=night.uni.registrar, version="0").status_code == 404
    assert desk.read(night.uni.registrar).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("adler", 200), ("conrad", 200), ("egger", 404), ("brandt", 404), ("outsider", 404)])
def test_who_may_hold_it_reads_it(night, desk, who, status):
    assert desk.read(night.person(who)).status_code == status


def test_what_somebody_else_changed_is_not_overwritten(night, desk):
    desk.shift(night.conrad, 3, 15)

    answer = desk.shift(night.adler, 15, 20, version="0")

    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (412, "roster.changed", 1)


@pytest.mark.race
def test_of_two_changes_at_once_one_is_told(night, desk):
    body = {"person": night.conrad.id, "since": desk.now + 3 * HOUR, "until": desk.now + 15 * HOUR}

    def put(id):
        return lambda: desk.registrar.put(f"{desk.url}/shifts/{id}", body, If_Match="0")

    answers = night.at_once(put(uuid4()), put(uuid4()))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert Shift.objects.filter(role=desk.role.id).count() == 1


@pytest.mark.parametrize(("begins", "ends", "expected"), [(5, 5, "shift"), (5, 4, "shift"), (1, 24 * 7 + 2, "shift"), (-5, -1, "past")])
def test_a_shift_ends_after_it_begins_and_not_in_the_past(night, desk, begins, ends, expected):
    assert code(desk.shift(night.conrad, begins, ends)) == (400, f"roster.{expected}")


def test_two_single_shifts_or_two_patterns_do_not_overlap(night, desk):
    desk.shift(night.conrad, 3, 15)
    assert code(desk.shift(night.adler, 14, 20)) == (409, "roster.overlap")
    desk.pattern(night.conrad, "07:00", "19:00", weekdays=[1, 2])
    assert code(desk.pattern(night.adler, "18:00", "07:00", weekdays=[2])) == (409, "roster.overlap")
    assert desk.pattern(night.adler, "19:00", "07:00", weekdays=[2]).status_code == 200


def test_patterns_of_alternating_weeks_do_not_overlap(night, desk):
    monday = desk.now.date() - timedelta(days=desk.now.isoweekday() - 1)
    assert desk.pattern(night.conrad, "07:00", "19:00", first=monday, every=2).status_code == 200
    assert desk.pattern(night.adler, "07:00", "19:00", first=monday + timedelta(days=7), every=2).status_code == 200
    assert code(desk.pattern(night.adler, "07:00", "19:00", first=monday + timedelta(days=7), every=3)) == (409, "roster.overlap")


def test_the_database_holds_single_shifts_apart(night, desk):
    desk.shift(night.conrad, 3, 15)
    ids = {"role_id": desk.role.id, "person_id": night.adler.id, "written_by_id": desk.registrar.id}

    with pytest.raises(IntegrityError, match="shift_one_person"), transaction.atomic():
        Shift.objects.create(starts_at=desk.now + 14 * HOUR, ends_at=desk.now + 16 * HOUR, **ids)


def test_an_id_of_another_role_is_not_there(night, desk):
    id = uuid4()
    desk.shift(night.conrad, 3, 15, id=id)
    theirs = Desk(night)
    theirs.role, theirs.registrar = night.uni.role, night.uni.registrar
    theirs.url = f"rosters/{night.uni.role.id}"

    assert theirs.shift(night.dorn, 3, 15, id=id).status_code == 404
    assert theirs.registrar.delete(f"{theirs.url}/shifts/{id}", If_Match="0").status_code == 404


def test_reading_takes_as_many_queries_for_a_full_roster_as_for_an_empty_one(night, desk):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert desk.read(until=600).status_code == 200
        return len(found)

    desk.shift(night.conrad, 1, 2)
    one = queries()
    desk.pattern(night.conrad, "07:00", "19:00")
    desk.pattern(night.adler, "19:00", "07:00")
    for hours in range(3, 20):
        desk.shift(night.conrad, hours, hours + 0.5)

    assert queries() == one


def test_duty_shows_the_week_and_its_gaps(night, desk):
    desk.shift(night.conrad, 3, 15)

    (row,) = night.conrad.get("duty").json()["results"]

    at = [(desk.now + hours * HOUR).isoformat().replace("+00:00", "Z") for hours in (3, 15)]
    assert row["holder"] == str(night.adler.id)
    assert row["until"] == at[0]
    assert row["turns"][1] == {"person": str(night.conrad.id), "since": at[0], "until": at[1]}
    assert row["gaps"] == [{"since": at[1], "until": None}]


# --- what the clock tells


def told(night):
    shift_change.tell()
    return [
        SimpleNamespace(action=event.action, **event.subjects)
        for event in night.audit_of(night.kreis)
        if event.action in ("identity.begin_duty", "identity.end_duty")
    ]


def test_the_log_learns_that_a_planned_turn_began_who_planned_it_and_who_had_it_before(night, desk, ear):
    desk.shift(night.conrad, 3, 15)
    assert told(night) == []
    ear.frames(">", night.adler.id)

    passes(desk.role, 3 * 3600 + 1)

    begun, ended = told(night)
    people = (begun.action, begun.holder, begun.former, begun.planned_by)
    assert (ended.action, ended.former) == ("identity.end_duty", begun.former)
    assert people == ("identity.begin_duty", *(str(each.pseudonym) for each in (night.conrad, night.adler, desk.registrar)))
    assert [frame.text for frame in ear.frames(">", night.adler.id)] == [
        '{"t":"duty"}',
        '{"t":"duty"}',
    ]  # that it began, that the former ended


def test_a_worker_that_was_away_tells_late_and_once(night, desk):
    desk.shift(night.conrad, 3, 15)

    passes(desk.role, 20 * 3600)

    assert [event.action for event in told(night)] == ["identity.begin_duty", "identity.end_duty", "identity.end_duty"]
    assert len(told(night)) == 3


def test_what_is_told_and_what_holds_do_not_depend_on_each_other(night, desk):
    desk.shift(night.conrad, 3, 15)
    passes(desk.role, 3 * 3600 + 1)

    assert night.conrad.get("session").json()["roles_on_duty"] == [str(desk.role.id)]


# --- gaps


def warnings(night):
    shift_change.warn_of_gaps()
    return [event.detail["hours_ahead"] for event in night.audit_of(night.kreis) if event.action == "identity.warn_gap"]


def test_a_gap_is_warned_of_a_day_ahead_and_two_hours_ahead_once_each(night, desk, ear):
    desk.shift(night.conrad, -1, 30)
    assert warnings(night) == []

    passes(desk.role, 10 * 3600)
    assert warnings(night) == [24]
    assert '{"t":"duty"}' in [frame.text for frame in ear.frames(">", desk.registrar.id)]
    assert warnings(night) == [24]


def test_one_that_is_near_is_told_once(night, desk):
    desk.shift(night.conrad, -1, 1)

    assert warnings(night) == [2]
    assert warnings(night) == [2]


def test_registrars_are_pushed_once_and_nobody_else(night, desk):
    desk.shift(night.conrad, -1, 1)
    shift_change.warn_of_gaps()

    with transaction.atomic():
        pushes = [push for push in shift_change.claim_gap_pushes() if desk.registrar.id in push.people]
    assert [(push.people, push.is_urgent) for push in pushes] == [([desk.registrar.id], True)]
    with transaction.atomic():
        assert not [push for push in shift_change.claim_gap_pushes() if desk.registrar.id in push.people]


def test_where_somebody_holds_on_there_is_no_gap(night, desk):
    assert warnings(night) == []


def test_the_hospitals_own_time_counts(night, desk):
    Hospital.objects.filter(pk=night.kreis.id).update(time_zone="Asia/Tokyo")

    desk.pattern(night.conrad, "07:00", "19:00")

    planned = Duty.objects.filter(role=desk.role.id, planned_by=desk.registrar.id, started_at__gt=database_now())
    assert {turn.started_at.astimezone(ZoneInfo("Asia/Tokyo")).time() for turn in planned} == {time(7)}

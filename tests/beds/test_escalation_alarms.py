"""Nobody acknowledges: who is called next, who may read and act then, what the sender sees."""

import threading

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from beds.models import Alarm, Candidate
from beds.services import sweep
from beds.transitions import ESCALATIONS_AT_MOST
from identity.models import DutyRole
from messaging.models import PendingPush, PushSubscription
from tests.beds.asking import Ward
from tests.beds.chains import alarms, background, consultant, due_in, relieve, shown, step, wait_passes, write
from tests.cast import Building


@pytest.fixture
def consulting(night):
    """uni: the asked role, then after a minute the background consultant."""
    someone = consultant(night)
    role = background(night, someone, consultant(night, "Zweiter"))
    assert write(night, step(60, role), step(120, role, whom="eligible")).status_code == 200
    role.holder = someone
    return role


@pytest.fixture
def asked(ward, consulting):
    ward.background = {"uni": [consulting]}
    return ward.asks("uni")


def messages_of(caller, asked):
    [given] = [one for one in asked.body["candidates"] if one["id"] == asked["uni"]]
    return caller.get(f"conversations/{given['conversation']['id']}/messages?after=0")


def test_the_next_on_the_chain_is_alarmed_and_the_sender_sees_it(night, asked, consulting):
    assert due_in(asked) in (59, 60)
    before = shown(night.adler, asked)
    assert before["next_alarm"] == {"role": str(consulting.id), "whom": "holder", "how": "alarm"}
    wait_passes(asked)

    sweep()

    seen = shown(night.adler, asked)
    assert [(row["position"], row["role"], row["how"], row["failure"]) for row in seen["alarms"]] == [
        (0, str(night.uni.role.id), "push", ""),
        (1, str(consulting.id), "alarm", ""),
    ]
    assert (seen["escalation"], seen["next_alarm"]["whom"], due_in(asked) in (119, 120)) == (1, "eligible", True)
    assert [row["action"] for row in seen["transitions"]] == ["escalate"]
    assert str(consulting.holder.id) not in night.adler.get(f"requests/{asked.id}").content.decode()


def test_each_alarm_is_in_both_hospitals_logs(night, asked, consulting):
    wait_passes(asked)
    before = night.actions_of(night.nord)

    sweep()

    for place in (night.kreis, night.uni):
        [event] = [one for one in night.audit_of(place) if one.action == "beds.escalate"]
        assert event.subjects == {
            "request": asked.id,
            "candidate": asked["uni"],
            "role": str(night.uni.role.id),
            "called": str(consulting.id),
        }
        assert event.detail == {"state": "submitted", "position": 1, "whom": "holder", "how": "alarm"}
    assert night.actions_of(night.nord) == before


def test_the_alarmed_role_reads_from_its_alarm_on_and_not_before(night, asked, consulting):
    assert messages_of(consulting.holder, asked).status_code == 404
    assert consulting.holder.get("sync").json()["conversations"] == []

    wait_passes(asked)
    sweep()

    answer = messages_of(consulting.holder, asked)
    assert (answer.status_code, len(answer.json()["results"])) == (200, 1)


def test_a_relieved_consultant_reads_and_acts_no_longer(night, asked, consulting):
    wait_passes(asked)
    sweep()
    former, successor = consulting.holder, consulting.eligible[1]
    assert messages_of(successor, asked).status_code == 404
    Ward.take_over(consulting, successor)

    assert messages_of(former, asked).status_code == 404
    assert asked.take("uni", "acknowledge", by=former).status_code == 403
    assert messages_of(successor, asked).status_code == 200
    assert asked.take("uni", "acknowledge", by=successor).status_code == 200


def test_before_its_alarm_a_role_of_the_chain_does_not_act(night, asked, consulting):
    answer = asked.take("uni", "acknowledge", by=consulting.holder)

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")
    assert shown(consulting.holder, asked)["actions"] == []


def test_who_was_alarmed_answers_in_that_role_and_the_asked_role_keeps_its_right(night, ward, asked, consulting):
    wait_passes(asked)
    sweep()
    assert shown(consulting.holder, asked)["actions"] == ["acknowledge", "decline"]

    acknowledged = asked.take("uni", "acknowledge", by=consulting.holder)
    held = asked.take("uni", "hold", by=night.brandt)

    assert (acknowledged.status_code, held.status_code) == (200, 200)
    assert [event.role for event in asked.audited("uni")[-2:]] == [consulting.id, night.uni.role.id]


def test_the_alarmed_role_promises_the_bed(night, asked, consulting):
    wait_passes(asked)
    sweep()

    for action in ("acknowledge", "hold"):
        answer = asked.take("uni", action, by=consulting.holder, role=str(consulting.id))
        assert answer.status_code == 200, answer.json()
    assert asked.take("uni", "confirm").status_code == 200
    assert night.adler.get(f"candidates/{asked['uni']}/receipt").status_code == 200


def test_a_role_named_must_have_been_alarmed_and_be_held(night, asked, consulting):
    wait_passes(asked)
    sweep()

    for caller, role in ((consulting.holder, night.uni.role), (night.brandt, consulting), (night.brandt, night.kreis.role)):
        answer = asked.take("uni", "acknowledge", by=caller, role=str(role.id))
        assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")


@pytest.mark.parametrize("who", ["outsider", "north", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_an_alarm_opens_nothing_for_those_outside(night, asked, who):
    wait_passes(asked)
    sweep()

    assert asked.take("uni", "acknowledge", by=night.person(who)).status_code in (401, 403, 404)
    assert night.person(who).get(f"requests/{asked.id}").status_code in (401, 403, 404)
    assert messages_of(night.person(who), asked).status_code in (401, 403, 404)


def test_an_acknowledgement_stops_the_chain(asked):
    asked.at("uni", "acknowledge")
    wait_passes(asked)

    sweep()

    assert [position for position, _, _ in alarms(asked)] == [0]
    assert asked.history("uni") == ["acknowledge"]


def test_the_phones_of_the_alarmed_and_of_the_sender_are_woken(night, asked, consulting):
    second = consulting.eligible[1]
    people = {night.adler: "adler", consulting.holder: "holder", second: "eligible", night.dorn: "colleague"}
    for person in people:
        PushSubscription.objects.create(device_id=person.device_id, endpoint=f"https://push.example/{person.device_id}", p256dh="", auth="")
    woken = []
    for _ in range(2):
        PendingPush.objects.all().delete()
        wait_passes(asked)
        sweep()
        owed = dict(PendingPush.objects.values_list("subscription__device_id", "urgency"))
        woken.append({name: owed[person.device_id] for person, name in people.items() if person.device_id in owed})

    assert woken == [{"adler": "high", "holder": "high"}, {"adler": "high", "holder": "high", "eligible": "high"}]


@pytest.mark.parametrize(("how", "urgency"), [("push", "normal"), ("alarm", "high")])
def test_of_a_routine_request_an_alarm_is_urgent_and_a_push_is_not(night, ward, how, urgency):
    role = background(night, someone := consultant(night))
    write(night, step(60, role, how=how))
    ward.background = {"uni": [role]}
    answer = night.adler.post("requests", body := ward.body("uni", urgency="routine"))
    assert answer.status_code == 201
    device = someone.device_id
    PushSubscription.objects.create(device_id=device, endpoint=f"https://push.example/{device}", p256dh="", auth="")
    Candidate.objects.filter(pk=body["candidates"][0]["id"]).update(acknowledge_by="2020-01-01T00:00Z")

    sweep()

    assert PendingPush.objects.get(subscription__device=device).urgency == urgency


def test_after_an_outage_of_an_hour_each_step_comes_once_in_order(night, asked, consulting):
    Candidate.objects.filter(pk=asked["uni"]).update(acknowledge_by="2020-01-01T00:00Z")
    Alarm.objects.filter(candidate=asked["uni"]).update(raised_at="2020-01-01T00:00Z", reached_at="2020-01-01T00:01Z")

    for _ in range(3):
        sweep()

    assert [position for position, _, _ in alarms(asked)] == [0, 1]
    assert due_in(asked) in (118, 119, 120), "the next wait is a whole one, from now"
    wait_passes(asked)
    sweep()
    assert [position for position, _, _ in alarms(asked)] == [0, 1, 2]


def test_at_the_end_of_the_chain_it_repeats_its_last_step_and_then_gives_up(night, asked, consulting):
    for _ in range(ESCALATIONS_AT_MOST + 1):
        assert (shown(night.adler, asked)["next_alarm"] is None) == (asked.row("uni").escalation == ESCALATIONS_AT_MOST)
        wait_passes(asked)
        sweep()

    assert [role for _, role, _ in alarms(asked)] == [night.uni.role.id, *[consulting.id] * ESCALATIONS_AT_MOST]
    assert asked.states() == {"uni": "no-response"}
    assert shown(night.adler, asked)["next_alarm"] is None


def test_a_chain_changed_meanwhile_holds_from_the_next_alarm_on(night, asked, consulting):
    other = background(night, someone := consultant(night, "Dritter"), name="Head of department")
    wait_passes(asked)
    sweep()
    write(night, step(60, consulting), step(300, other), version=1)

    wait_passes(asked)
    sweep()

    assert [role for _, role, _ in alarms(asked)] == [night.uni.role.id, consulting.id, other.id]
    # Not sealed to at the start: let in all the same, it sees the request and acts, and reads what is sealed from the next epoch on.
    assert messages_of(someone, asked).status_code == 200
    assert asked.take("uni", "acknowledge", by=someone).status_code == 200


def test_a_chain_that_was_cut_short_goes_on_from_its_last_step(night, asked, consulting):
    wait_passes(asked)
    sweep()
    write(night, version=1)

    wait_passes(asked)
    sweep()

    assert [role for _, role, _ in alarms(asked)] == [night.uni.role.id, consulting.id, night.uni.role.id]
    assert due_in(asked) > 120, "without a chain: the hospital's own time"


def test_a_role_closed_meanwhile_is_passed_over(night, asked, consulting):
    DutyRole.objects.filter(pk=consulting.id).update(closed_at="2026-01-01T00:00Z")
    assert shown(night.adler, asked)["next_alarm"]["role"] == str(night.uni.role.id)
    wait_passes(asked)

    sweep()

    assert [role for _, role, _ in alarms(asked)] == [night.uni.role.id] * 2


def test_a_phone_that_does_not_know_the_chain_is_told_to_seal_again(night, ward, consulting):
    body = ward.body("uni")

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.stale_recipients")
    assert str(consulting.id) in [principal for principal, _ in answer.json()["recipients"]]


def test_two_clocks_raise_once(night, asked, consulting):
    wait_passes(asked)

    night.at_once(*[sweep] * 4)

    assert [position for position, _, _ in alarms(asked)] == [0, 1]
    assert asked.history("uni") == ["escalate"]


def test_an_acknowledgement_in_the_same_instant_counts_whoever_is_first(night, ward, consulting):
    ward.background = {"uni": [consulting]}
    for _ in range(6):
        asked = ward.asks("uni")
        wait_passes(asked)

        answer, _ = night.at_once(night.brandt.posting(asked.url("uni", "acknowledge"), {}), sweep)

        assert answer.status_code == 200
        assert asked.states() == {"uni": "acknowledged"}
        assert asked.history("uni") in (["acknowledge"], ["escalate", "acknowledge"])
        assert len(alarms(asked)) == len(asked.history("uni"))


def test_a_clock_killed_before_its_commit_has_alarmed_nobody(night, asked, consulting, monkeypatch):
    wait_passes(asked)

    def killed(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("beds.services.alarms.owe_push", killed)
        dying = threading.Thread(target=lambda: _swallow(sweep))
        dying.start()
        dying.join()
    assert (alarms(asked), asked.history("uni")) == ([(0, night.uni.role.id, "")], [])
    assert messages_of(consulting.holder, asked).status_code == 404

    sweep()

    assert [position for position, _, _ in alarms(asked)] == [0, 1]


def _swallow(run):
    try:
        run()
    except SystemExit:
        connections.close_all()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"position": 0}, "alarm_position_once"),
        ({"position": 6}, "alarm_position_range"),
        ({"reached_at": "2026-01-01T00:00Z", "failed_at": "2026-01-01T00:00Z", "failure": "no-device"}, "alarm_one_outcome"),
        ({"failed_at": "2026-01-01T00:00Z"}, "alarm_failed_has_reason"),
        ({"failure": "no-device"}, "alarm_failed_has_reason"),
        ({"failed_at": "2026-01-01T00:00Z", "failure": "Frau Muster"}, "alarm_failure_known"),
    ],
)
def test_the_database_keeps_alarms_straight(night, ward, change, constraint):
    asked = ward.asks("uni")
    row = {"candidate_id": asked["uni"], "position": 1, "role_id": night.uni.role.id, "whom": "holder", "how": "push"} | change

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Alarm.objects.create(**row)


def test_a_chain_and_its_alarms_cost_no_query_each(night, ward, consulting):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            assert night.adler.get("requests").status_code == 200
        return len(caught)

    building = Building(night)
    more = [building.role(night.uni, [consulting.holder], name=f"Role {n}") for n in range(3)]
    building.save()
    ward.background = {"uni": [consulting]}
    ward.asks("uni")
    few = queries()
    assert write(night, *[step(60, role) for role in more], version=1).status_code == 200
    ward.background = {"uni": more}
    asked = ward.asks("uni")
    relieve(night.uni.role)
    for _ in more:
        wait_passes(asked)
        sweep()

    assert len(alarms(asked)) == 1 + len(more)
    assert queries() == few


def test_a_hospital_of_a_later_wave_is_alarmed_by_its_chain_from_its_wave_on(night, ward, consulting):
    ward.background = {"uni": [consulting]}
    asked = ward.asks("nord", "uni", waves=(1, 2))
    assert alarms(asked) == []
    assert messages_of(consulting.holder, asked).status_code == 404

    assert asked.take("uni", "submit").status_code == 200

    assert alarms(asked) == [(0, night.uni.role.id, "")]
    assert due_in(asked) in (59, 60), "the chain's first wait, from the start of the wave"
    wait_passes(asked)
    sweep()
    assert [position for position, _, _ in alarms(asked)] == [0, 1]
    assert messages_of(consulting.holder, asked).status_code == 200


def test_who_was_alarmed_hears_how_it_goes_on(night, asked, consulting, monkeypatch):
    wait_passes(asked)
    sweep()
    rung = []
    monkeypatch.setattr("beds.services.telling.ring_after_commit", lambda people, event: rung.append(set(people)))

    asked.at("uni", "acknowledge")

    assert rung[-1] == {night.adler.id, night.brandt.id, consulting.holder.id}

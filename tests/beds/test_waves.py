"""One hospital after the other: what is asked when, what holds a wave back, and that who is not asked yet cannot know."""

import json
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from beds.models import Candidate, Request
from beds.services import sweep
from beds.transitions import ACKNOWLEDGE_WITHIN, COMMITTED, ENGAGED, TERMINAL, State, is_next_wave_due
from identity.models import DutyRole, Partnership
from messaging.models import AwaitedMember, Member, PendingPush, PushSubscription
from tests.attacks.test_other_candidates import READABLE, read_by
from tests.beds.asking import DETAILS


@pytest.fixture
def asked(ward):
    """Uni at once, then nord, then mitte."""
    return ward.asks("uni", "nord", "mitte", waves=(1, 2, 3), wave_interval=600)


def late(asked, **ago):
    """The wait for the next wave has passed."""
    Request.objects.filter(pk=asked.id).update(next_wave_at=timezone.now() - timedelta(**(ago or {"seconds": 1})))


def seen(who, asked):
    return who.get(f"requests/{asked.id}").json()


def next_wave_in(asked):
    """Seconds until the next wave; ``None``: nobody waits."""
    then = Request.objects.get(pk=asked.id).next_wave_at
    return then and round((then - timezone.now()).total_seconds(), -1)


def test_the_first_wave_is_asked_and_the_others_wait(night, asked):
    request = seen(night.adler, asked)

    rows = {row["id"]: row for row in request["candidates"]}
    assert asked.states() == {"uni": "submitted", "nord": "draft", "mitte": "draft"}
    assert [row["wave"] for row in request["candidates"]] == [1, 2, 3]
    assert (request["wave_interval"], next_wave_in(asked)) == (600, 600)
    assert (rows[asked["nord"]]["asked_at"], rows[asked["nord"]]["acknowledge_by"]) == (None, None)
    assert rows[asked["nord"]]["actions"] == ["submit", "cancel"]
    assert rows[asked["uni"]]["asked_at"] == request["created_at"]


def test_without_waves_nothing_waits(night, ward):
    request = seen(night.adler, ward.asks("uni", "nord"))

    assert (request["wave_interval"], request["next_wave_at"]) == (None, None)
    assert {row["wave"] for row in request["candidates"]} == {1}


def test_the_interval_is_by_default_the_time_to_acknowledge(night, ward):
    asked = ward.asks("uni", "nord", waves=(1, 2), urgency="asap")

    assert (seen(night.adler, asked)["wave_interval"], next_wave_in(asked)) == (ACKNOWLEDGE_WITHIN["asap"], 900)


@pytest.mark.parametrize(
    ("waves", "code"), [((1, 3), "request.waves"), ((2, 3), "request.waves"), ((0, 1), "invalid"), ((1, 99), "invalid")]
)
def test_waves_are_numbered_from_one_without_a_gap(night, ward, waves, code):
    answer = night.adler.post("requests", ward.body("uni", "nord", waves=waves))

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("interval", [0, 29, 86401, -1, 1.5, "soon"])
def test_the_interval_has_bounds(night, ward, interval):
    assert night.adler.post("requests", ward.body("uni", "nord", waves=(1, 2), wave_interval=interval)).status_code == 400


# What the hospital that is to be asked later could look at: its duty holder, a colleague, its registrar, its archive.
OTHERS = ["north", "nord registrar", "nord archive"]


def person(night, name):
    return getattr(night.nord, name.split()[1]) if " " in name else night.person(name)


@pytest.mark.parametrize("who", OTHERS)
def test_nothing_that_the_next_hospital_can_read_shows_the_draft(night, ward, who):
    someone = person(night, who)
    asked = ward.asks("uni", "nord", waves=(1, 2)).at("uni", "acknowledge", "request-info", "answer-info")
    draft = asked.body["candidates"][1]

    text = read_by(someone, *READABLE)

    for hidden in (asked.id, draft["id"], draft["conversation"]["id"], asked["uni"]):
        assert hidden not in text
        assert hidden not in log_of(night.nord, night)


def log_of(place, night):
    """The hospital's whole log as text, but for what its own people tried."""
    return " ".join(str(event) for event in night.audit_of(place) if event.outcome == "success")


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize("action", ["submit", "acknowledge", "hold", "decline", "cancel", "withdraw", "confirm"])
def test_to_the_next_hospital_the_candidate_does_not_exist(night, asked, who, action):
    someone = person(night, who)

    answer = asked.take("nord", action, by=someone)
    invented = someone.post(f"candidates/{uuid4()}/{action}", DETAILS.get(action, {}))

    assert (answer.status_code, answer.content) == (invented.status_code, invented.content)
    assert someone.get(f"requests/{asked.id}").status_code == someone.get(f"requests/{uuid4()}").status_code == 404
    assert asked.states()["nord"] == "draft"


def test_the_draft_s_conversation_awaits_the_hospital(night, asked):
    conversation = asked.body["candidates"][1]["conversation"]["id"]

    members = set(Member.objects.filter(conversation=conversation).values_list("principal", flat=True))
    awaited = set(AwaitedMember.objects.filter(conversation=conversation).values_list("principal", flat=True))

    assert (members, awaited) == ({night.adler.id, night.kreis.archive.id}, {night.nord.role.id, night.nord.archive.id})
    assert night.adler.get(f"conversations/{conversation}/messages").json()["last_sequence"] == 1
    assert night.north.get(f"conversations/{conversation}").status_code == 404


def test_a_draft_that_was_cancelled_stays_unknown(night, asked):
    """Its state is that of a request that was asked and cancelled: what counts is that nobody was asked."""
    asked.at("nord", "cancel")

    assert asked.states()["nord"] == "cancelled"
    assert seen(night.north, asked)["code"] == "not_found"
    assert night.north.get("requests?state=closed").json()["results"] == []
    assert asked.id not in log_of(night.nord, night)
    assert asked.audited("nord")[-1].hospitals == {night.kreis.id}


def test_an_asked_hospital_learns_nothing_of_the_waves(night, asked):
    late(asked)
    sweep()

    for who in (night.brandt, night.north):
        request = seen(who, asked)
        [candidate] = request["candidates"]
        assert (request["wave_interval"], request["next_wave_at"], candidate["wave"]) == (None, None, None)
        assert asked["mitte"] not in json.dumps(request)


def test_when_nobody_acknowledges_in_time_the_next_wave_is_asked(night, asked):
    late(asked)

    sweep()

    assert asked.states() == {"uni": "submitted", "nord": "submitted", "mitte": "draft"}
    assert next_wave_in(asked) == 600
    row = asked.row("nord")
    assert round((row.acknowledge_by - row.asked_at).total_seconds()) == ACKNOWLEDGE_WITHIN["stat"]
    assert (timezone.now() - row.asked_at).total_seconds() < 10
    [step] = seen(night.adler, asked)["candidates"][1]["transitions"]
    assert (step["action"], step["source"], step["person"]) == ("ask-next", "draft", None)


def test_once_asked_the_hospital_has_everything(night, asked):
    late(asked)
    sweep()
    conversation = asked.body["candidates"][1]["conversation"]["id"]

    assert seen(night.north, asked)["candidates"][0]["id"] == asked["nord"]
    assert night.north.get(f"conversations/{conversation}/messages").json()["last_sequence"] == 1
    assert night.north.get(f"conversations/{conversation}/epochs").json()["results"][0]["wraps"][0]["principal"] == str(night.nord.role.id)
    assert night.nord.archive.get(f"conversations/{conversation}/messages").status_code == 200
    assert asked.at("nord", "acknowledge", "hold", "confirm").states()["nord"] == "confirmed"
    assert [event.action for event in asked.audited("nord")][:2] == ["beds.request", "beds.ask_next"]
    assert [len(event.hospitals) for event in asked.audited("nord")][:2] == [1, 2]


def test_the_hospital_that_is_asked_and_the_sender_are_woken(night, asked):
    for person in (night.adler, night.brandt, night.north, night.middle):
        PushSubscription.objects.create(device_id=person.device_id, endpoint=f"https://push.example/{person.device_id}", p256dh="", auth="")
    late(asked)

    sweep()

    owed = set(PendingPush.objects.values_list("subscription__device_id", flat=True))
    woken = [name for name in ("adler", "brandt", "north", "middle") if night.person(name).device_id in owed]
    assert woken == ["adler", "north"]


def test_while_they_are_drafts_their_phones_sleep(night, ward):
    for person in (night.brandt, night.north):
        PushSubscription.objects.create(device_id=person.device_id, endpoint=f"https://push.example/{person.device_id}", p256dh="", auth="")

    ward.asks("uni", "nord", waves=(1, 2)).at("nord", "cancel")
    asked = ward.asks("uni", "nord", "mitte", waves=(1, 2, 3)).at("nord", "cancel")
    night.adler.post(f"requests/{asked.id}/cancel", {"reason": "improved"})

    owed = set(PendingPush.objects.values_list("subscription__device_id", flat=True))
    assert (night.brandt.device_id in owed, night.north.device_id in owed) == (True, False)


@pytest.mark.parametrize("end", ["decline", "withdraw", "cancel"])
def test_when_the_last_one_asked_ends_the_next_wave_is_asked_at_once(asked, end):
    asked.at("uni", end)

    assert list(asked.states().values())[1:] == ["submitted", "draft"]
    assert asked.history("nord") == ["ask-next"]
    assert Request.objects.get(pk=asked.id).closed_at is None


def test_given_up_is_ended_too(asked):
    Candidate.objects.filter(pk=asked["uni"]).update(escalation=5)
    asked.overdue("uni")

    sweep()

    assert asked.states() == {"uni": "no-response", "nord": "submitted", "mitte": "draft"}


def test_one_of_two_asked_ends_and_nothing_happens(ward):
    asked = ward.asks("uni", "nord", "mitte", waves=(1, 1, 2)).at("uni", "decline")
    sweep()

    assert asked.states() == {"uni": "declined", "nord": "submitted", "mitte": "draft"}


BUSY = {
    "acknowledged": ["acknowledge"],
    "info-requested": ["acknowledge", "request-info"],
    "held": ["acknowledge", "hold"],
}


@pytest.mark.parametrize("state", BUSY)
def test_while_somebody_deals_with_it_the_next_wave_waits(asked, state):
    asked.at("uni", *BUSY[state])
    late(asked, hours=3)

    sweep()

    assert asked.states() == {"uni": state, "nord": "draft", "mitte": "draft"}


@pytest.mark.parametrize("state", BUSY)
@pytest.mark.parametrize("end", ["decline", "withdraw"])
def test_and_starts_when_that_one_ends(asked, state, end):
    if state == "held" and end == "decline":
        end = "cancel"
    asked.at("uni", *BUSY[state])
    late(asked, hours=3)

    asked.at("uni", end)

    assert asked.states()["nord"] == "submitted"
    assert next_wave_in(asked) == 600


def test_before_its_time_another_who_was_asked_is_waited_for(ward):
    """Uni looked and declined; nord has not answered yet, and its time is not up."""
    asked = ward.asks("uni", "nord", "mitte", waves=(1, 1, 2)).at("uni", "acknowledge", "decline")
    assert asked.states()["mitte"] == "draft"

    late(asked)
    sweep()

    assert asked.states()["mitte"] == "submitted"


def test_after_its_time_it_starts_with_the_end_although_another_is_silent(ward):
    asked = ward.asks("uni", "nord", "mitte", waves=(1, 1, 2)).at("uni", "acknowledge")
    late(asked)
    sweep()
    assert asked.states()["mitte"] == "draft"

    asked.at("uni", "decline")

    assert asked.states() == {"uni": "declined", "nord": "submitted", "mitte": "submitted"}


def test_a_hold_that_ran_out_starts_the_next_wave(asked):
    asked.at("uni", "acknowledge", "hold")
    asked.run_out("uni")

    sweep()

    assert asked.states() == {"uni": "expired", "nord": "submitted", "mitte": "draft"}


def test_by_hand_a_whole_wave_is_asked(night, ward):
    asked = ward.asks("uni", "nord", "mitte", waves=(1, 2, 2), role=night.kreis.role)
    ward.take_over(night.kreis.role, night.conrad)

    assert asked.take("nord", "submit", by=night.conrad).json()["state"] == "submitted"

    assert asked.states() == {"uni": "submitted", "nord": "submitted", "mitte": "submitted"}
    assert [asked.history(name) for name in ("nord", "mitte")] == [["submit"]] * 2
    assert asked.audited("mitte")[-1].agent == night.conrad.pseudonym
    assert next_wave_in(asked) is None


def test_by_hand_a_later_one_before_an_earlier_one(asked):
    """While uni deals with it, Adler asks the third: the second goes on waiting, from now."""
    asked.at("uni", "acknowledge")
    late(asked)
    asked.at("mitte", "submit")

    assert asked.states() == {"uni": "acknowledged", "nord": "draft", "mitte": "submitted"}
    assert next_wave_in(asked) == 600


def test_submitted_twice_is_told_the_state(asked):
    asked.at("nord", "submit")

    answer = asked.take("nord", "submit")

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "candidate.wrong_state", "submitted")
    assert asked.history("nord") == ["submit"]


@pytest.mark.parametrize(
    ("who", "status"), [("conrad", 403), ("egger", 403), ("brandt", 404), ("outsider", 404), ("former_colleague", 401)]
)
def test_who_does_not_stand_for_the_origin_submits_nothing(night, asked, who, status):
    assert asked.take("nord", "submit", by=night.person(who)).status_code == status
    assert asked.states()["nord"] == "draft"


def test_a_retry_of_submit_is_answered_and_not_repeated(asked):
    key = uuid4()
    first, second = asked.take("nord", "submit", key=key), asked.take("nord", "submit", key=key)

    assert first.json() == second.json()
    assert asked.history("nord") == ["submit"]


def test_after_an_hour_without_a_clock_one_wave_is_asked(asked):
    late(asked, hours=1)

    for _ in range(3):
        sweep()

    assert asked.states() == {"uni": "submitted", "nord": "submitted", "mitte": "draft"}
    assert next_wave_in(asked) == 600
    assert asked.history("nord") == ["ask-next"]


def test_a_confirm_cancels_who_waits(night, asked):
    known = len(night.audit_of(night.nord))
    asked.at("uni", "acknowledge", "hold", "confirm")
    late_is_over = Request.objects.get(pk=asked.id)
    sweep()

    assert asked.states() == {"uni": "confirmed", "nord": "cancelled", "mitte": "cancelled"}
    assert [row["reason"] for row in seen(night.adler, asked)["candidates"]] == ["", "superseded", "superseded"]
    assert late_is_over.next_wave_at is None
    assert len(night.audit_of(night.nord)) == known
    assert PendingPush.objects.filter(subscription__device=night.north.device_id).count() == 0


def test_a_cancelled_request_asks_nobody_any_more(night, asked):
    late(asked)
    assert night.adler.post(f"requests/{asked.id}/cancel", {"reason": "improved"}).status_code == 200
    sweep()

    assert set(asked.states().values()) == {"cancelled"}
    closed = Request.objects.get(pk=asked.id)
    assert (closed.closed_at is not None, closed.next_wave_at) == (True, None)


def test_with_drafts_left_a_request_is_open_and_closes_with_the_last(night, asked):
    asked.at("uni", "decline").at("nord", "decline")
    assert Request.objects.get(pk=asked.id).closed_at is None
    assert asked.id in {row["id"] for row in night.adler.get("requests?state=open").json()["results"]}

    asked.at("mitte", "decline")

    closed = Request.objects.get(pk=asked.id)
    assert (closed.closed_at is not None, closed.next_wave_at) == (True, None)


def test_the_last_draft_cancelled_ends_the_waiting(asked):
    asked.at("nord", "cancel")
    assert next_wave_in(asked) == 600
    asked.at("mitte", "cancel")
    assert next_wave_in(asked) is None

    Request.objects.filter(pk=asked.id).update(next_wave_at=timezone.now())
    sweep()
    assert next_wave_in(asked) is not None, "the clock writes no column without an event"
    Request.objects.filter(pk=asked.id).update(next_wave_at=None)

    asked.at("uni", "decline")

    assert Request.objects.get(pk=asked.id).closed_at is not None


def end_partnership(night):
    Partnership.objects.filter(hospital=night.nord.id, partner=night.kreis.id).update(ended_at=timezone.now())


def close_role(night):
    DutyRole.objects.filter(pk=night.nord.role.id).update(closed_at=timezone.now())


@pytest.mark.parametrize("happens", [end_partnership, close_role])
def test_who_cannot_be_asked_any_more_is_dropped_and_the_next_asked(night, asked, happens):
    happens(night)
    late(asked)

    sweep()

    assert asked.states() == {"uni": "submitted", "nord": "cancelled", "mitte": "submitted"}
    assert seen(night.adler, asked)["candidates"][1]["reason"] == "cannot-be-asked"
    assert asked.row("nord").asked_at is None
    assert not Member.objects.filter(conversation=asked.row("nord").conversation_id, principal=night.nord.role.id).exists()


@pytest.mark.parametrize("happens", [end_partnership, close_role])
def test_nor_by_hand(night, asked, happens):
    happens(night)

    answer = asked.take("nord", "submit")

    assert (answer.status_code, answer.json()["code"]) == (400, "request.cannot_ask")
    assert asked.states()["nord"] == "draft"


def test_a_request_whose_last_waves_cannot_be_asked_closes(night, ward):
    asked = ward.asks("uni", "nord", waves=(1, 2))
    end_partnership(night)

    asked.at("uni", "decline")

    assert asked.states() == {"uni": "declined", "nord": "cancelled"}
    assert Request.objects.get(pk=asked.id).closed_at is not None


@pytest.mark.race
def test_two_sweepers_start_a_wave_once(night, ward):
    several = [ward.asks("uni", "nord", "mitte", waves=(1, 2, 3)) for _ in range(3)]
    for asked in several:
        late(asked)

    night.at_once(*[sweep] * 4)
    sweep()

    assert [asked.states() for asked in several] == [{"uni": "submitted", "nord": "submitted", "mitte": "draft"}] * 3
    assert [asked.history("nord") for asked in several] == [["ask-next"]] * 3
    assert [night.actions_of(night.nord).count("messaging.admit")] == [3]


RIVALS = {
    "acknowledge": ("acknowledged", {"draft", "submitted"}),
    "decline": ("declined", {"submitted"}),
    "withdraw": ("withdrawn", {"submitted"}),
}


@pytest.mark.race
@pytest.mark.parametrize("action", RIVALS)
@pytest.mark.parametrize("rounds", [8, pytest.param(30, marks=pytest.mark.long)])
def test_the_clock_and_a_person_at_once(night, ward, action, rounds):
    """Whoever has the lock first: the person's step stands, a wave starts at most once, and not at all after an acknowledgement."""
    person = night.brandt if action != "withdraw" else night.adler
    for _ in range(rounds):
        asked = ward.asks("uni", "nord", "mitte", waves=(1, 2, 3))
        late(asked)

        answer, *_ = night.at_once(person.posting(asked.url("uni", action), DETAILS.get(action, {})), sweep, sweep)

        state, nord = RIVALS[action]
        assert answer.status_code == 200
        assert asked.states()["uni"] == state
        assert asked.states()["nord"] in nord
        assert asked.states()["mitte"] == "draft"
        assert asked.history("nord") == (["ask-next"] if asked.states()["nord"] == "submitted" else [])
        if asked.states()["nord"] == "draft":
            sweep()
            assert asked.states()["nord"] == "draft"


@pytest.mark.race
def test_the_clock_and_a_confirm_at_once(night, ward):
    """The clock may start the second wave only before uni offers: after the offer it is held back, after the confirm there is none."""
    for _ in range(3):
        asked = ward.asks("uni", "nord", waves=(1, 2)).at("uni", "acknowledge", "hold")
        late(asked)

        answer, *_ = night.at_once(lambda: asked.take("uni", "confirm"), sweep, sweep)  # noqa: B023

        assert (answer.status_code, asked.states()) == (200, {"uni": "confirmed", "nord": "cancelled"})
        assert asked.row("nord").asked_at is None


@pytest.mark.race
def test_the_clock_and_a_cancellation_at_once(night, ward):
    for _ in range(5):
        asked = ward.asks("uni", "nord", "mitte", waves=(1, 2, 3))
        late(asked)

        answer, *_ = night.at_once(night.adler.posting(f"requests/{asked.id}/cancel", {"reason": "died"}), sweep, sweep)
        sweep()

        assert (answer.status_code, set(asked.states().values())) == (200, {"cancelled"})
        assert Request.objects.get(pk=asked.id).closed_at is not None


@pytest.mark.race
def test_by_hand_twice_and_by_the_clock_at_once(night, ward):
    for _ in range(5):
        asked = ward.asks("uni", "nord", "mitte", waves=(1, 2, 3))
        late(asked)
        submit = night.adler.posting(asked.url("nord", "submit"), {}), night.adler.posting(asked.url("nord", "submit"), {})

        answers = night.at_once(*submit, sweep)[:2]

        assert {answer.status_code for answer in answers} <= {200, 409}
        assert asked.states() == {"uni": "submitted", "nord": "submitted", "mitte": "draft"}
        assert asked.history("nord") in (["submit"], ["ask-next"])


def test_lists_cost_the_same_with_waves(night, ward):
    def queries(path):
        with CaptureQueriesContext(connection) as caught:
            assert night.adler.get(path).status_code == 200
        return len(caught)

    one = ward.asks("uni", "nord", waves=(1, 2))
    few = queries("requests"), queries(f"requests/{one.id}")
    for _ in range(3):
        many = ward.asks("uni", "nord", "mitte", waves=(1, 2, 3))

    assert (queries("requests"), queries(f"requests/{many.id}")) == few


def test_the_clock_does_not_look_at_each_that_is_held_back(ward):
    held_back = [ward.asks("uni", "nord", waves=(1, 2)).at("uni", "acknowledge") for _ in range(4)]
    due = ward.asks("uni", "nord", waves=(1, 2))
    for asked in (*held_back, due):
        late(asked)

    with CaptureQueriesContext(connection) as caught:
        sweep()

    touched = {asked.id for query in caught for asked in (*held_back, due) if UUID(asked.id).hex in query["sql"].replace("-", "")}
    assert touched == {due.id}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("candidate_draft_was_not_asked", {"asked_at": datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())}),
        ("candidate_draft_was_not_asked", {"state": "submitted"}),
        ("candidate_wave_from_one", {"wave": 0}),
    ],
)
def test_the_database_keeps_drafts_apart(asked, name, change):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Candidate.objects.filter(pk=asked["nord"]).update(**change)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("request_wave_interval_bounded", {"wave_interval": None}),
        ("request_wave_interval_bounded", {"wave_interval": 29}),
        ("request_closed_waits_for_nobody", {"closed_at": datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())}),
    ],
)
def test_the_database_keeps_the_clock_within_bounds(asked, name, change):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Request.objects.filter(pk=asked.id).update(**change)


@given(st.lists(st.sampled_from(sorted(State)), max_size=6), st.booleans())
def test_the_rule(states, is_late):
    due = is_next_wave_due(states, is_late=is_late)
    asked = [state for state in states if state != State.DRAFT]

    if any(state in ENGAGED | COMMITTED for state in asked):
        assert not due
    elif is_late or all(state in TERMINAL for state in asked):
        assert due
    else:
        assert not due

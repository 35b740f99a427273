"""Statistics: a hospital's own experience, in counts and withheld times, right by its clock, and as CSV no spreadsheet runs."""

import csv
import io
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from beds.models import Candidate, Request, Transition
from beds.services.statistics import MEASURED
from beds.transitions import STEPS
from identity.models import Hospital
from messaging.models import Conversation

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 10, 12, tzinfo=BERLIN)
PERIOD = {"since": "2026-03-01", "until": "2026-03-31"}
PEOPLE_OUTSIDE = ["former_colleague", "revoked_device", "pending", "anonymous"]
TARGETS = {"acknowledge": "acknowledged", "hold": "held", "confirm": "confirmed", "arrive": "arrived", "decline": "declined"}


def journey(ward, hospital, *steps, at=NOON, origin="kreis", reason="", escalation=0, **need):
    """A request as rows: ``steps`` are ``(action, seconds after it was asked)``. Returns the candidate."""
    night = ward.night
    ours, theirs = getattr(night, origin), getattr(night, hospital)
    who = {"origin_id": ours.id, "requester_id": night.adler.id, "role_id": ours.role.id}
    need = {"category": "icu-high", "urgency": "stat"} | need
    request = Request.objects.create(id=uuid4(), created_at=at, **who, **need)
    talk = Conversation.objects.create(id=uuid4(), kind="case", retention="standard", created_by_id=night.adler.id)
    state = TARGETS[steps[-1][0]] if steps else "submitted"
    moments = {"acknowledge_by": at, "created_at": at, "asked_at": at, "changed_at": at}
    answers = {"hospital_id": theirs.id, "role_id": theirs.role.id, "conversation": talk, "state": state, "reason": reason}
    candidate = Candidate.objects.create(id=uuid4(), request=request, escalation=escalation, **answers, **moments)
    for action, seconds in steps:
        then = at + timedelta(seconds=seconds)
        Transition.objects.create(candidate=candidate, action=action, source="submitted", target=TARGETS[action], created_at=then)
    return candidate


def statistics(who, **wanted):
    answer = who.get("statistics/requests?" + "&".join(f"{name}={value}" for name, value in (PERIOD | wanted).items()))
    assert answer.status_code == 200, answer.json()
    return answer.json()


def rows(who, **wanted):
    return {row["key"]: row for row in statistics(who, **wanted)["rows"]}


def seconds(row, what="acknowledge"):
    return row["times"][what]["count"], row["times"][what]["median"], row["times"][what]["p90"]


def test_medians_and_what_nine_of_ten_stay_under(night, ward):
    for taken in (10, 20, 30, 40, 50):
        journey(ward, "uni", ("acknowledge", taken), ("hold", taken * 10), ("confirm", taken * 20), ("arrive", taken * 100))

    [uni] = rows(night.adler).values()

    assert (uni["key"], uni["name"], uni["asked"], uni["open"]) == (str(night.uni.id), Hospital.objects.get(pk=night.uni.id).name, 5, 0)
    assert [seconds(uni, what) for what in ("acknowledge", "offer", "confirm", "arrive")] == [
        (5, 30, 46),
        (5, 300, 460),
        (5, 600, 920),
        (5, 3000, 4600),
    ]


def test_fewer_than_five_are_counted_and_their_times_withheld(night, ward):
    for taken in (10, 20, 30, 40):
        journey(ward, "uni", ("acknowledge", taken))
    for _ in range(6):
        journey(ward, "nord", ("decline", 5), reason="no-bed")

    found = rows(night.adler)

    assert seconds(found[str(night.uni.id)]) == (4, None, None)
    assert seconds(found[str(night.nord.id)]) == (0, None, None)
    journey(ward, "uni", ("acknowledge", 50), ("hold", 60))
    uni = rows(night.adler)[str(night.uni.id)]
    assert (seconds(uni), seconds(uni, "offer")) == ((5, 30, 46), (1, None, None))


def test_the_total_is_of_all_together(night, ward):
    for taken, hospital in ((10, "uni"), (20, "uni"), (30, "nord"), (40, "nord"), (50, "mitte")):
        journey(ward, hospital, ("acknowledge", taken))

    found = statistics(night.adler)

    assert (found["total"]["asked"], seconds(found["total"])) == (5, (5, 30, 46))
    assert {seconds(row)[1:] for row in found["rows"]} == {(None, None)}
    assert "key" not in found["total"]


def test_how_they_ended_and_why_they_were_declined(night, ward):
    for reason in ("no-bed", "no-bed", "no-staff"):
        journey(ward, "uni", ("decline", 5), reason=reason)
    journey(ward, "uni", ("acknowledge", 5), escalation=2)

    uni = rows(night.adler)[str(night.uni.id)]

    assert (uni["asked"], uni["open"], uni["escalated"], uni["ended"]["declined"]) == (4, 1, 1, 3)
    assert {code: count for code, count in uni["declined_because"].items() if count} == {"no-bed": 2, "no-staff": 1}


def test_through_the_api_itself(night, ward):
    ward.asks("uni", "nord", "mitte").at("uni", "acknowledge", "hold", "confirm", "arrange-transport", "depart", "arrive")
    ward.asks("uni", "nord").at("nord", "decline")

    found = {row["key"]: row for row in night.adler.get("statistics/requests").json()["rows"]}

    uni, nord = found[str(night.uni.id)], found[str(night.nord.id)]
    assert (uni["asked"], uni["ended"]["arrived"], uni["open"]) == (2, 1, 1)
    assert (nord["asked"], nord["ended"]["withdrawn"], nord["declined_because"]["no-bed"]) == (2, 1, 1)
    assert [uni["times"][what]["count"] for what in ("acknowledge", "offer", "confirm", "arrive")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("group", "keys"),
    [("category", ["icu-high", "imc", "obstetric"]), ("urgency", ["stat", "asap", "routine"]), ("hour", [0, 12, 13])],
)
def test_groups_come_in_the_order_of_the_vocabulary(night, ward, group, keys):
    midnight = NOON.replace(hour=0)
    journey(ward, "uni", category="obstetric", urgency="routine", at=NOON + timedelta(hours=1))
    journey(ward, "uni", category="imc", urgency="asap", at=midnight)
    journey(ward, "uni")

    found = statistics(night.adler, group=group)["rows"]

    assert [row["key"] for row in found] == [str(key) for key in keys]
    assert {row["asked"] for row in found} == {1}


def test_hospitals_come_by_the_alphabet_never_by_how_well_they_did(night, ward):
    named = {"uni": "Zeta", "nord": "alpha", "mitte": "Mitte"}
    for hospital, name in named.items():
        Hospital.objects.filter(pk=getattr(night, hospital).id).update(name=name)
        for taken in range(5):
            journey(ward, hospital, ("acknowledge", taken if hospital == "uni" else taken * 100))

    assert [row["name"] for row in statistics(night.adler)["rows"]] == ["alpha", "Mitte", "Zeta"]


def test_each_hospital_sees_its_own_experience_alone(night, ward):
    journey(ward, "uni", origin="kreis")
    journey(ward, "nord", origin="kreis")
    journey(ward, "uni", origin="nord")

    assert set(rows(night.adler)) == {str(night.uni.id), str(night.nord.id)}
    assert {key: row["asked"] for key, row in rows(night.brandt, side="asked").items()} == {str(night.kreis.id): 1, str(night.nord.id): 1}
    assert rows(night.brandt) == {}
    assert {key: row["asked"] for key, row in rows(night.north, side="asked").items()} == {str(night.kreis.id): 1}
    for side in ("made", "asked"):
        empty = statistics(night.outsider, side=side)
        assert (empty["rows"], empty["total"]["asked"]) == ([], 0)


def test_an_asked_hospital_does_not_learn_that_others_were_asked(night, ward):
    asked = ward.asks("uni", "nord", "mitte").at("nord", "acknowledge", "hold")

    answer = night.brandt.get("statistics/requests?side=asked")

    assert answer.json()["total"]["asked"] == 1
    for hidden in (night.nord.id, night.mitte.id, asked.id, asked["nord"]):
        assert str(hidden) not in answer.content.decode()


def test_no_person_and_no_role_is_in_any_row(night, ward):
    asked = ward.asks("uni", role=night.kreis.role).at("uni", "acknowledge", "hold", "confirm")
    people = [night.adler.id, night.brandt.id, night.adler.pseudonym, night.brandt.pseudonym, night.uni.role.id, night.kreis.role.id]

    for who in (night.adler, night.brandt):
        for path in ("statistics/requests", "statistics/requests.csv"):
            for query in ("side=made", "side=asked", "group=hour", "side=asked&group=urgency"):
                shown = who.get(f"{path}?{query}").content.decode()
                assert [hidden for hidden in (*people, asked.id) if str(hidden) in shown] == []


@pytest.mark.parametrize("who", PEOPLE_OUTSIDE)
@pytest.mark.parametrize("path", ["statistics/requests", "statistics/requests.csv"])
def test_for_those_outside_there_are_none(night, ward, who, path):
    assert night.person(who).get(path).status_code in (401, 403)


# --- hospitals asked one after the other


def test_who_was_never_asked_counts_for_nobody(night, ward):
    never = {"asked_at": None, "acknowledge_by": None}
    for state in ("draft", "cancelled"):
        waiting = journey(ward, "nord")
        Candidate.objects.filter(pk=waiting.pk).update(state=state, reason="superseded" if state == "cancelled" else "", **never)

    assert statistics(night.adler)["total"]["asked"] == 0
    assert statistics(night.north, side="asked")["total"]["asked"] == 0


def test_the_time_of_a_later_wave_counts_from_when_it_was_asked(night, ward):
    for taken in (10, 20, 30, 40, 50):
        late = journey(ward, "uni", ("acknowledge", 3600 + taken))
        Candidate.objects.filter(pk=late.pk).update(asked_at=NOON + timedelta(hours=1))

    [uni] = rows(night.adler).values()

    assert seconds(uni) == (5, 30, 46)
    assert set(rows(night.adler, group="hour")) == {"13"}


def test_what_is_measured_happens_once_at_most():
    """The figures count steps: a step that could come twice would be counted twice."""
    for action in MEASURED.values():
        reached, new = set(), {STEPS[action].target}
        while new:
            reached |= new
            new = {step.target for step in STEPS.values() if step.sources & reached} - reached
        assert not STEPS[action].sources & reached


# --- the clock of the house


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        ("2026-03-29T00:59:59Z", 1),  # the last second before the clocks go forward
        ("2026-03-29T01:00:00Z", 3),  # there is no hour 2 that night
        ("2026-10-25T00:30:00Z", 2),  # the hour that comes twice, summer time
        ("2026-10-25T01:30:00Z", 2),  # and again, winter time
        ("2026-10-25T02:00:00Z", 3),
        ("2026-06-30T22:00:00Z", 0),
    ],
)
def test_hours_are_those_of_the_hospitals_clock(night, ward, moment, hour):
    journey(ward, "uni", at=datetime.fromisoformat(moment))

    found = statistics(night.adler, group="hour", since="2026-01-01", until="2026-12-31")

    assert [row["key"] for row in found["rows"]] == [str(hour)]
    assert found["time_zone"] == "Europe/Berlin"


def test_the_asked_hospital_sees_the_hours_of_its_own_clock(night, ward):
    Hospital.objects.filter(pk=night.uni.id).update(time_zone="Europe/London")
    journey(ward, "uni", at=NOON)

    assert set(rows(night.adler, group="hour")) == {"12"}
    assert set(rows(night.brandt, group="hour", side="asked")) == {"11"}


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z"),  # 23 hours
        ("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z"),  # 25 hours
        ("2026-07-01", "2026-06-30T22:00:00Z", "2026-07-01T21:59:59Z"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(night, ward, day, first, last):
    for moment in (first, last):
        at = datetime.fromisoformat(moment)
        journey(ward, "uni", at=at)
        journey(ward, "nord", at=at + (timedelta(seconds=-1) if moment == first else timedelta(seconds=1)))

    found = rows(night.adler, since=day, until=day)

    assert {key: row["asked"] for key, row in found.items()} == {str(night.uni.id): 2}
    assert statistics(night.brandt, side="asked", since=day, until=day)["total"]["asked"] == 2


def test_without_a_period_it_is_the_last_thirty_days(night, ward):
    now = datetime.now(BERLIN)
    journey(ward, "uni", at=now)
    journey(ward, "nord", at=now - timedelta(days=31))

    found = night.adler.get("statistics/requests").json()

    assert [row["key"] for row in found["rows"]] == [str(night.uni.id)]
    assert (found["since"], found["until"]) == (str((now - timedelta(days=29)).date()), str(now.date()))


@pytest.mark.parametrize(
    "period",
    [
        {"since": "2026-03-02", "until": "2026-03-01"},
        {"since": "2025-01-01", "until": "2026-01-02"},
        {"since": "0001-01-01", "until": "0001-01-02"},
        {"since": "9999-12-30", "until": "9999-12-31"},
        {"since": "2099-12-30", "until": "2100-01-01"},
    ],
)
def test_a_period_that_is_none_is_refused(night, period):
    answer = night.adler.get("statistics/requests?" + "&".join(f"{name}={value}" for name, value in period.items()))

    assert (answer.status_code, answer.json()["code"]) == (400, "statistics.period")


@pytest.mark.parametrize("wrong", ["side=person", "group=requester", "since=yesterday", "until=2026-02-30"])
def test_what_it_does_not_know_is_refused(night, wrong):
    answer = night.adler.get(f"statistics/requests?{wrong}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


# --- as CSV


def table(who, **wanted):
    answer = who.get("statistics/requests.csv?" + "&".join(f"{name}={value}" for name, value in (PERIOD | wanted).items()))
    assert answer.status_code == 200
    return answer, list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


def test_the_csv_says_the_same(night, ward):
    for taken in (10, 20, 30, 40, 50):
        journey(ward, "uni", ("acknowledge", taken))
    journey(ward, "nord", ("decline", 7), reason="no-staff")

    answer, [total, *lines] = table(night.adler)

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="wardline-made-hospital-2026-03-01-2026-03-31.csv"'
    assert (total["hospital"], total["asked"], total["declined_no-staff"]) == ("total", "6", "1")
    by_key = {line["hospital"]: line for line in lines}
    for key, row in rows(night.adler).items():
        line = by_key[key]
        assert [line["name"], line["asked"], line["declined"]] == [row["name"], str(row["asked"]), str(row["ended"]["declined"])]
        assert [line["acknowledge_median_seconds"], line["acknowledge_p90_seconds"]] == [
            "" if value is None else str(value) for value in seconds(row)[1:]
        ]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "+49 7071", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_csv_is_a_formula(night, ward, name):
    Hospital.objects.filter(pk=night.uni.id).update(name=name)
    journey(ward, "uni")

    _, [_, line] = table(night.adler)

    assert line["name"] == "'" + name


def test_the_csv_is_rfc_4180_in_utf_8(night, ward):
    Hospital.objects.filter(pk=night.uni.id).update(name='Klinik "Süd", Haus 2')
    journey(ward, "uni")

    answer, [_, line] = table(night.adler)

    lines = answer.content.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\n" not in b"".join(lines)
    assert '"Klinik ""Süd"", Haus 2"'.encode() in answer.content
    assert line["name"] == 'Klinik "Süd", Haus 2'


def test_a_client_that_takes_csv_alone_gets_it_and_errors_are_json(night):
    taking = {"HTTP_ACCEPT": "text/csv"}

    assert night.adler.client.get("/api/v1/statistics/requests.csv", **taking).status_code == 200
    refused = night.adler.client.get("/api/v1/statistics/requests.csv?side=person", **taking)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")


# --- how it is kept


def test_looking_and_taking_away_are_in_the_log(night, ward):
    statistics(night.conrad, group="hour", side="asked")
    table(night.conrad)

    looked, taken = night.audit_of(night.kreis)[-2:]
    assert (looked.action, taken.action) == ("beds.read_statistics", "beds.export_statistics")
    assert looked.detail == {"side": "asked", "group": "hour", "since": "2026-03-01", "until": "2026-03-31", "rows": 0}
    assert looked.agent["person"] == str(night.conrad.pseudonym)


def test_when_the_look_cannot_be_recorded_nothing_is_shown(night, monkeypatch):
    def broken(**_):
        raise RuntimeError("no audit")

    monkeypatch.setattr("beds.services.statistics.record", broken)
    with pytest.raises(RuntimeError, match="no audit"):
        night.adler.get("statistics/requests")


@pytest.mark.parametrize("group", ["hospital", "category", "urgency", "hour"])
def test_many_cost_as_many_queries_as_one(night, ward, group):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            statistics(night.adler, group=group)
        return len(caught)

    journey(ward, "uni", ("acknowledge", 10))
    few = queries()
    for number in range(12):
        at = NOON + timedelta(hours=number)
        journey(
            ward, "nord" if number % 2 else "mitte", ("acknowledge", 10), at=at, category="imc" if number % 2 else "ward", urgency="asap"
        )

    # Who is it (one); BEGIN, the hospital's clock, the figures, the audit event, COMMIT.
    assert queries() == few == 6

"""What a hospital says beside the three counts: reserve, assessment, limits, slots, whom a unit takes."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from beds.models import Capacity, FigureReport
from identity.models import Hospital, Partnership, Unit

COUNTS = {"staffed": 6, "occupied": 2, "blocked": 1}
JUDGED = {
    "reserve_24h": 1,
    "reserve_72h": 3,
    "assessment": "limited",
    "limits": ["staff", "ventilators"],
    "free_ecmo": 1,
    "free_crrt": 0,
    "sex_restriction": "female",
    "age_bands": ["adult", "senior"],
}
UNKNOWN = {
    "reserve_24h": None,
    "reserve_72h": None,
    "assessment": "unknown",
    "limits": [],
    "free_ecmo": None,
    "free_crrt": None,
    "sex_restriction": "",
    "age_bands": [],
}


@pytest.fixture
def uni(night, ward):
    Capacity.objects.filter(pk=ward.figures["uni"].pk).update(capabilities=["invasive-vent", "ecmo", "crrt"])
    url = f"capacities/{ward.figures['uni'].pk}"

    def reports(version=1, by=night.brandt, **said):
        return by.put(url, COUNTS | said, If_Match=str(version))

    return reports


def of(unit):
    return {name: unit[name] for name in JUDGED}


def test_what_was_never_said_is_unknown_and_not_zero(ward):
    assert of(ward.figure("uni")) == UNKNOWN


def test_a_partner_sees_it_all(ward, uni):
    assert uni(**JUDGED).status_code == 200

    assert of(ward.figure("uni")) == JUDGED


def test_what_is_left_out_stays_and_null_is_unknown_again(ward, uni):
    uni(**JUDGED)

    answer = uni(version=2, occupied=3, reserve_24h=None, limits=[])

    assert answer.status_code == 200
    assert of(ward.figure("uni")) == JUDGED | {"reserve_24h": None, "limits": []}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"reserve_24h": 4, "reserve_72h": 3}, "capacity.reserve_order"),
        ({"reserve_24h": -1}, "invalid"),
        ({"reserve_72h": 10_001}, "invalid"),
        ({"assessment": "rather full"}, "invalid"),
        ({"limits": ["Dr. Meier is ill"]}, "invalid"),
        ({"age_bands": ["1958-03-04"]}, "invalid"),
        ({"sex_restriction": "Frau Muster"}, "invalid"),
        ({"free_ecmo": "one"}, "invalid"),
        ({"override": "feed-down"}, "override.not_fed"),
    ],
)
def test_what_makes_no_sense_is_refused(ward, uni, said, code):
    answer = uni(**said)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert of(ward.figure("uni")) == UNKNOWN


def test_slots_of_a_capability_that_is_not_there_are_refused(night, ward):
    answer = night.brandt.put(f"capacities/{ward.figures['uni'].pk}", COUNTS | {"free_ecmo": 1}, If_Match="1")

    assert (answer.status_code, answer.json()["code"], answer.json()["capability"]) == (400, "capacity.no_such_slot", "ecmo")


def test_a_refusal_says_what_is_used(ward, uni):
    ward.asks("uni").at("uni", "acknowledge", "hold")

    answer = uni(occupied=5)

    assert {name: answer.json()[name] for name in ("code", "held", "used")} == {"code": "capacity.out_of_bounds", "held": 1, "used": 7}


def test_an_archive_reports_nothing(night, uni):
    assert uni(by=night.uni.archive).json()["code"] == "actor.not_human"


def test_the_log_has_codes_and_numbers(night, ward, uni):
    uni(**JUDGED)

    [event] = [event for event in night.audit_of(night.uni) if event.action == "beds.report_figure"]
    assert event.detail == COUNTS | JUDGED | {"category": "icu-high"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"staffed": 10_001},
        {"reserve_24h": 3, "reserve_72h": 2},
        {"reserve_72h": 10_001},
        {"reserve_24h": 10_001},
        {"free_ecmo": 1},
        {"free_crrt": 1},
        {"assessment": "rather full"},
        {"limits": ["Meier"]},
        {"age_bands": ["1958"]},
        {"sex_restriction": "Erika"},
        {"source": "fax"},
        {"cause": "because"},
        {"override": "feed-down", "source": "adt"},
        {"override": "because"},
    ],
)
def test_the_database_refuses_it_too(ward, wrong):
    with pytest.raises(IntegrityError, match="capacity_"), transaction.atomic():
        Capacity.objects.filter(pk=ward.figures["uni"].pk).update(**wrong)


def test_one_hospital_is_asked_for_when_something_changed_there(night, ward):
    board = night.adler.get(f"board?hospital={night.uni.id}&hospital={night.fern.id}").json()["hospitals"]

    assert [row["hospital"] for row in board] == [str(night.uni.id)], "the own hospital was not asked for, the other is nobody's partner"
    assert board == [row for row in night.adler.get("board").json()["hospitals"] if row["hospital"] == str(night.uni.id)]


def test_each_hospitals_own_limit_makes_its_figures_old(night, ward):
    Hospital.objects.filter(pk=night.uni.id).update(figure_stale_after=timedelta(hours=1))
    Capacity.objects.filter(pk__in=[ward.figures[name].pk for name in ("uni", "nord")]).update(
        reported_at=timezone.now() - timedelta(hours=2)
    )

    assert (ward.figure("uni")["is_stale"], ward.figure("nord")["is_stale"]) == (True, False)


def test_who_left_the_hospital_reports_nothing(night, ward):
    answer = night.former_colleague.put(f"capacities/{ward.figures['kreis'].pk}", {"staffed": 9, "occupied": 0, "blocked": 0}, If_Match="1")

    assert answer.status_code == 401
    assert Capacity.objects.get(pk=ward.figures["kreis"].pk).version == 1


def test_the_board_of_three_hundred_hospitals_is_two_queries(night, ward):
    # More than are ever asked: the own hospital has 304 partners.
    others = Hospital.objects.bulk_create([Hospital(slug=f"board-{night.kreis.id}-{n}", name=f"House {n}") for n in range(300)])
    pairs = [(night.kreis.id, other.pk) for other in others] + [(other.pk, night.kreis.id) for other in others]
    statement = Partnership.objects.filter(hospital=night.kreis.id).first().statement_id
    Partnership.objects.bulk_create([Partnership(hospital_id=one, partner_id=two, statement_id=statement) for one, two in pairs])
    units = Unit.objects.bulk_create([Unit(hospital=other, name="ITS") for other in others])
    Capacity.objects.bulk_create([Capacity(unit=unit, category="icu-high", staffed=3) for unit in units])

    with CaptureQueriesContext(connection) as caught:
        board = night.adler.get("board").json()["hospitals"]

    assert len(board) == 304
    asked = [query["sql"].split(" ")[0] for query in caught if "identity_signin" not in query["sql"]]
    assert asked == ["BEGIN", "SELECT", "SELECT", "WITH", "COMMIT"]
    assert FigureReport.objects.filter(capacity__unit__in=units).count() == 300

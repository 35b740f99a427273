"""Single beds: they are the count, and one of them is one promise."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from backend.errors import DomainError
from beds.models import Bed, Capacity, Hold
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Unit


@pytest.fixture
def its(night):
    """A unit of uni with three single beds, the first occupied."""
    unit = Unit.objects.create(hospital_id=night.uni.id, name="ITS 5")
    labels = ["5-01", "5-02", "5-03"]
    capacity = open_capacity(unit_id=unit.pk, category="imc", figures=Figures(3, 1, 0), beds=labels)
    beds = dict(zip(labels, Bed.objects.filter(unit=unit).order_by("label"), strict=True))
    return SimpleNamespace(unit=unit, capacity=capacity, beds=beds)


@pytest.fixture
def puts(night, its):
    def put(label, status, *, by=night.brandt, version=1, **more):
        return by.put(f"beds/{its.beds[label].pk}", {"status": status} | more, If_Match=str(version))

    return put


def counts(its):
    its.capacity.refresh_from_db()
    return its.capacity.staffed, its.capacity.occupied, its.capacity.blocked


def code(answer):
    return answer.status_code, answer.json()["code"]


def imc(ward):
    return ward.asks("uni").at("uni", "acknowledge")


def test_the_list_is_the_wards_own(night, its):
    beds = night.brandt.get(f"units/{its.unit.pk}/beds").json()["beds"]

    shown = [(bed["label"], bed["status"], bed["is_held"], bed["capacity"]) for bed in beds]
    figure = str(its.capacity.pk)
    assert shown == [("5-01", "O", False, figure), ("5-02", "U", False, figure), ("5-03", "U", False, figure)]


@pytest.mark.parametrize(
    ("status", "figure"),
    [("U", (3, 1, 0)), ("O", (3, 2, 0)), ("C", (2, 1, 0)), ("H", (3, 1, 1)), ("I", (3, 1, 1)), ("K", (3, 1, 1))],
)
def test_a_status_counts(its, puts, status, figure):
    answer = puts("5-02", status)

    assert answer.status_code == 200
    assert counts(its) == figure
    told = answer.json()["figure"]
    assert (told["staffed"], told["occupied"], told["blocked"], told["version"]) == (*figure, 2)


def test_the_count_follows_whoever_writes_the_bed(its):
    """Not a service: a row."""
    Bed.objects.filter(pk=its.beds["5-02"].pk).update(status="O")
    assert counts(its) == (3, 2, 0)
    Bed.objects.create(unit=its.unit, category="imc", label="5-04")
    assert counts(its) == (4, 2, 0)
    its.beds["5-03"].delete()
    assert counts(its) == (3, 2, 0)


def test_another_count_than_the_beds_is_not_written(night, its):
    body = {"staffed": 3, "occupied": 0, "blocked": 0}

    answer = night.brandt.put(f"capacities/{its.capacity.pk}", body, If_Match="1")
    assert code(answer) == (409, "capacity.counted_by_bed")
    Capacity.objects.filter(pk=its.capacity.pk).update(**body)

    assert counts(its) == (3, 1, 0)


def test_what_the_hospital_says_beside_the_count_is_written(night, its):
    body = {"staffed": 3, "occupied": 1, "blocked": 0, "assessment": "limited"}

    assert night.brandt.put(f"capacities/{its.capacity.pk}", body, If_Match="1").json()["assessment"] == "limited"


def test_two_beds_at_once_are_both_counted(night, its):
    """The figure's row is locked first, so whoever is second counts what the first has done; 20 rounds."""
    for round in range(20):
        status = "O" if round % 2 == 0 else "U"
        calls = [
            night.brandt.putting(f"beds/{its.beds[label].pk}", {"status": status}, If_Match=str(round + 1)) for label in ("5-02", "5-03")
        ]
        answers = night.at_once(*calls)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert counts(its) == (3, 3 if status == "O" else 1, 0)


def test_of_two_who_report_one_bed_one_is_told(night, its):
    url = f"beds/{its.beds['5-02'].pk}"

    answers = night.at_once(
        night.brandt.putting(url, {"status": "O"}, If_Match="1"), night.dorn.putting(url, {"status": "H"}, If_Match="1")
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert code(next(answer for answer in answers if answer.status_code == 412)) == (412, "bed.changed")


def test_a_promise_is_of_a_bed_named_or_not(ward, its):
    named, unnamed = imc(ward), imc(ward)

    assert named.take("uni", "hold", capacity=str(its.capacity.pk), bed=str(its.beds["5-02"].pk)).status_code == 200
    assert unnamed.take("uni", "hold", capacity=str(its.capacity.pk)).json()["hold"]["bed"] == str(its.beds["5-03"].pk)
    assert code(imc(ward).take("uni", "hold", capacity=str(its.capacity.pk))) == (409, "capacity.full")


def test_a_promised_bed_is_shown_so_and_nobody_is_put_into_it(night, ward, its, puts):
    imc(ward).take("uni", "hold", capacity=str(its.capacity.pk), bed=str(its.beds["5-02"].pk))

    beds = {bed["label"]: bed["is_held"] for bed in night.brandt.get(f"units/{its.unit.pk}/beds").json()["beds"]}
    assert beds == {"5-01": False, "5-02": True, "5-03": False}
    assert code(puts("5-02", "O")) == (409, "bed.promised")
    assert counts(its) == (3, 1, 0)


def test_a_hold_that_ran_out_keeps_no_bed(ward, its, puts):
    asked = imc(ward)
    asked.take("uni", "hold", capacity=str(its.capacity.pk), bed=str(its.beds["5-02"].pk))
    asked.run_out("uni")

    assert puts("5-02", "O").status_code == 200


def test_promise_and_occupation_at_once_one_wins(night, ward, its):
    """Either the bed is promised and stays free, or somebody lies in it and another is promised."""
    asked, bed = imc(ward), its.beds["5-02"]
    Bed.objects.filter(pk=its.beds["5-03"].pk).update(status="C")

    night.at_once(
        night.brandt.putting(f"beds/{bed.pk}", {"status": "O"}, If_Match="1"),
        asked.taking("uni", "hold", capacity=str(its.capacity.pk), bed=str(bed.pk)),
    )

    bed.refresh_from_db()
    assert (bed.status == "O") != Hold.objects.filter(bed=bed).exists()


def test_who_arrives_lies_in_the_bed(ward, its):
    asked = imc(ward)
    asked.take("uni", "hold", capacity=str(its.capacity.pk), bed=str(its.beds["5-02"].pk))
    asked.at("uni", "confirm", "arrange-transport", "depart", "arrive")

    its.beds["5-02"].refresh_from_db()
    assert its.beds["5-02"].status == "O"
    assert counts(its) == (3, 2, 0)
    assert [row.cause for row in its.capacity.reports.order_by("version")] == ["opened", "arrival"]


def test_an_undo_gives_the_bed_its_former_status_and_the_figure_its_age(night, its, puts):
    age = its.capacity.reported_at
    puts("5-02", "K")

    answer = night.brandt.post(f"capacities/{its.capacity.pk}/undo", If_Match="2")

    assert answer.status_code == 200
    assert counts(its) == (3, 1, 0)
    its.beds["5-02"].refresh_from_db()
    assert (its.beds["5-02"].status, its.beds["5-02"].version, its.capacity.reported_at) == ("U", 3, age)


def test_an_undo_after_another_bed_changed_is_too_late(night, its, puts):
    puts("5-02", "O")
    puts("5-03", "H", by=night.dorn)

    assert code(night.brandt.post(f"capacities/{its.capacity.pk}/undo", If_Match="2")) == (412, "capacity.changed")
    assert counts(its) == (3, 2, 1)


def test_a_bed_promised_meanwhile_is_not_undone_into_use(night, ward, its, puts):
    puts("5-01", "U")
    imc(ward).take("uni", "hold", capacity=str(its.capacity.pk), bed=str(its.beds["5-01"].pk))

    assert code(night.brandt.post(f"capacities/{its.capacity.pk}/undo", If_Match="2")) == (409, "bed.promised")


@pytest.mark.parametrize("body", [{"status": "X"}, {"status": ""}, {}, {"status": "U", "override": "because"}])
def test_what_is_no_status_is_refused(night, its, body):
    assert night.brandt.put(f"beds/{its.beds['5-02'].pk}", body, If_Match="1").status_code == 400
    assert counts(its) == (3, 1, 0)


def test_a_bed_of_a_unit_that_counts_is_not_reported(night, ward):
    bed = Bed.objects.create(unit_id=night.uni.unit_id, category="icu-high", label="7")

    assert code(night.brandt.put(f"beds/{bed.pk}", {"status": "O"}, If_Match="1")) == (409, "bed.not_counted")


def test_an_archive_reports_no_bed(night, puts):
    assert code(puts("5-02", "O", by=night.uni.archive)) == (403, "actor.not_human")


@pytest.mark.parametrize("who", ["adler", "north", "outsider", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_elsewhere_there_are_no_such_beds(night, its, puts, who):
    listed, put = night.person(who).get(f"units/{its.unit.pk}/beds"), puts("5-02", "O", by=night.person(who))

    assert {listed.status_code, put.status_code} <= {401, 403, 404}
    if who == "adler":
        assert (listed.status_code, put.status_code) == (404, 404)
        assert listed.json() == night.adler.get(f"units/{uuid4()}/beds").json()
    assert counts(its) == (3, 1, 0)


def test_the_list_costs_the_same_however_many(night, its):
    def queries():
        with CaptureQueriesContext(connection) as caught:
            assert night.brandt.get(f"units/{its.unit.pk}/beds").status_code == 200
        return len(caught)

    few = queries()
    Bed.objects.bulk_create(Bed(unit=its.unit, category="imc", label=f"6-{n}") for n in range(40))

    assert queries() == few


def test_it_is_in_the_log(night, its, puts):
    puts("5-02", "K")

    event = night.audit_of(night.uni)[-1]
    assert (event.action, event.detail["status"], event.detail["blocked"]) == ("beds.report_bed", "K", 1)


@pytest.mark.parametrize("label", ["Erika Muster", "", "Fenster", "7\n8", "<7>"])
def test_a_bed_is_not_named_after_anybody(night, label):
    unit = Unit.objects.create(hospital_id=night.uni.id, name="ITS 6")

    with pytest.raises(IntegrityError, match="bed_label_is_a_number"), transaction.atomic():
        Bed.objects.create(unit=unit, category="imc", label=label)
    with pytest.raises(DomainError) as refused:
        open_capacity(unit_id=unit.pk, category="imc", figures=Figures(1, 0, 0), beds=[label])
    assert refused.value.code == "capacity.unknown_word"

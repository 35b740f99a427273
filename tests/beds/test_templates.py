"""Request templates: a hospital's own, written by a registrar or whoever holds a duty role, codes only."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from audit.models import IndexEntry
from beds.models import RequestTemplate
from beds.services.templates import TEMPLATES_AT_MOST

TEMPLATE = {
    "speciality": "neurosurgery",
    "category": "icu-high",
    "capabilities": ["invasive-vent", "crrt"],
    "urgency": "asap",
    "age_band": "adult",
    "transport_mode": "ground",
}
STORED = TEMPLATE | {"capabilities": ["crrt", "invasive-vent"]}
OUTSIDERS = ["former_colleague", "revoked_device", "pending", "anonymous"]


@pytest.fixture
def template(night):
    """Made by Adler, who holds the duty role of her hospital."""
    made = f"request-templates/{uuid4()}"
    answer = night.adler.put(made, TEMPLATE, If_Match="0")
    assert answer.status_code == 200, answer.json()
    return made


def id_of(url):
    return url.rpartition("/")[2]


def listed(who):
    answer = who.get("request-templates")
    assert answer.status_code == 200
    return answer.json()["results"]


def test_a_colleague_sees_it_and_no_other_hospital_does(night, template):
    [seen] = listed(night.conrad)

    assert seen == STORED | {"id": id_of(template), "version": 1}
    assert listed(night.brandt) == []


def test_they_come_in_the_order_of_the_specialities(night, template):
    for speciality in ("rehabilitation", "anaesthesia"):
        night.adler.put(f"request-templates/{uuid4()}", TEMPLATE | {"speciality": speciality}, If_Match="0")

    assert [row["speciality"] for row in listed(night.adler)] == ["anaesthesia", "neurosurgery", "rehabilitation"]


@pytest.mark.parametrize("who", ["adler", "registrar"])
def test_a_registrar_and_the_holder_of_a_duty_role_may_write(night, who, template):
    writer = night.kreis.registrar if who == "registrar" else night.adler

    changed = writer.put(template, TEMPLATE | {"urgency": "stat"}, If_Match="1")
    gone = writer.delete(template, If_Match="2")

    assert (changed.status_code, changed.json()["version"], gone.status_code) == (200, 2, 200)
    assert listed(night.adler) == []


def test_a_colleague_without_a_duty_may_not(night, template):
    for answer in (
        night.conrad.put(template, TEMPLATE | {"urgency": "stat"}, If_Match="1"),
        night.conrad.put(f"request-templates/{uuid4()}", TEMPLATE, If_Match="0"),
        night.conrad.delete(template, If_Match="1"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "template.not_yours")
    assert [row["version"] for row in listed(night.adler)] == [1]


def test_who_was_relieved_may_no_longer(night, ward, template):
    ward.take_over(night.kreis.role, night.conrad)

    assert night.adler.put(template, TEMPLATE | {"urgency": "stat"}, If_Match="1").status_code == 403
    assert night.conrad.put(template, TEMPLATE | {"urgency": "stat"}, If_Match="1").status_code == 200


def test_an_archive_may_not(night):
    answer = night.kreis.archive.put(f"request-templates/{uuid4()}", TEMPLATE, If_Match="0")

    assert (answer.status_code, answer.json()["code"]) == (403, "actor.not_human")


@pytest.mark.parametrize("who", ["brandt", "outsider"])
def test_of_another_hospital_it_is_not_there(night, template, who):
    other = night.person(who)
    unknown = other.put(f"request-templates/{uuid4()}", TEMPLATE, If_Match="1")

    for answer in (other.put(template, TEMPLATE, If_Match="1"), other.delete(template, If_Match="1")):
        assert (answer.status_code, answer.json()) == (404, unknown.json())
    assert [row["version"] for row in listed(night.adler)] == [1]


@pytest.mark.parametrize("who", OUTSIDERS)
def test_for_those_outside_there_is_nothing(night, template, who):
    caller = night.person(who)

    answers = [caller.get("request-templates"), caller.put(template, TEMPLATE, If_Match="1"), caller.delete(template, If_Match="1")]

    assert {answer.status_code for answer in answers} <= {401, 403}
    assert [row["version"] for row in listed(night.adler)] == [1]


def test_what_somebody_wrote_meanwhile_is_not_overwritten(night, template):
    night.kreis.registrar.put(template, TEMPLATE | {"urgency": "stat"}, If_Match="1")

    late = [night.adler.put(template, TEMPLATE, If_Match=seen) for seen in ("0", "1")] + [night.adler.delete(template, If_Match="1")]

    assert [(answer.status_code, answer.json()["code"], answer.json()["version"]) for answer in late] == [(412, "template.changed", 2)] * 3
    assert [row["urgency"] for row in listed(night.adler)] == ["stat"]


def test_without_the_version_seen_nothing_is_written(night, template):
    answer = night.adler.put(template, TEMPLATE)

    assert (answer.status_code, answer.json()["code"]) == (400, "template.version_missing")


def test_a_retry_with_its_key_is_done_once(night, template):
    key = uuid4()

    first, second = (night.adler.delete(template, key=key, If_Match="1") for _ in range(2))

    assert (first.json(), first.status_code) == (second.json(), second.status_code) == ({"id": id_of(template)}, 200)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_what_is_there_is_not_made_again(night, template):
    answer = night.adler.put(f"request-templates/{uuid4()}", TEMPLATE | {"capabilities": ["crrt", "invasive-vent"]}, If_Match="0")

    assert (answer.status_code, answer.json()["code"]) == (409, "template.known")


def test_there_is_a_limit_and_two_at_once_do_not_pass_it(night):
    rows = [
        RequestTemplate(id=uuid4(), hospital_id=night.kreis.id, speciality="surgery", category=category, urgency=urgency, age_band=age)
        for category in ("ward", "imc")
        for urgency in ("stat", "asap", "urgent", "routine")
        for age in ("", "adult", "senior", "child", "infant")
    ]
    RequestTemplate.objects.bulk_create(rows[: TEMPLATES_AT_MOST - 1])

    def making(speciality):
        client, body = night.adler.new_client(), TEMPLATE | {"speciality": speciality}
        headers = {"Idempotency-Key": str(uuid4()), "X-CSRFToken": client.cookies["csrftoken"].value, "If-Match": "0"}
        return lambda: client.put(f"/api/v1/request-templates/{uuid4()}", data=body, content_type="application/json", headers=headers)

    answers = night.at_once(making("trauma"), making("burns"))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(listed(night.adler)) == TEMPLATES_AT_MOST


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("speciality", "Dr. Müller's patients"),
        ("category", "bed 4"),
        ("capabilities", ["oxygen", "name"]),
        ("urgency", "now"),
        ("age_band", "1951-03-09"),
        ("transport_mode", "taxi"),
    ],
)
def test_nothing_but_codes_goes_in_not_even_past_the_service(night, field, value):
    answer = night.adler.put(f"request-templates/{uuid4()}", TEMPLATE | {field: value}, If_Match="0")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    short = value if isinstance(value, list) else value[:8]
    row = RequestTemplate(id=uuid4(), hospital_id=night.kreis.id, **TEMPLATE | {field: short})
    with pytest.raises(IntegrityError, match=r"template_\w+_known"):
        row.save(force_insert=True)


def test_reading_and_writing_are_in_the_log_of_the_own_hospital_alone(night, template):
    listed(night.conrad)
    night.adler.delete(template, If_Match="1")

    events = [event for event in night.audit_of(night.kreis) if event.action.endswith(("_template", "_templates"))]
    assert [event.action for event in events] == ["beds.save_template", "beds.read_templates", "beds.delete_template"]
    assert events[0].detail == {key: STORED[key] for key in ("capabilities", "category", "speciality", "urgency")}
    [*entries] = IndexEntry.objects.filter(subjects__contains=[id_of(template)])
    assert [entry.hospitals for entry in entries] == [[night.kreis.id]] * 2

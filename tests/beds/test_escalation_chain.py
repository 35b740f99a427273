"""A duty role's chain: the hospital's members read it, its registrars write it, nobody else sees it."""

import json
from uuid import uuid4

import pytest
from django.db import IntegrityError

from beds.models import EscalationStep
from identity.models import DutyRole
from tests.beds.chains import background, consultant, step, write


@pytest.fixture
def consulting(night):
    return background(night, consultant(night))


def read(caller, role):
    return caller.get(f"roles/{role.id}/escalation")


def test_a_role_begins_without_a_chain(night):
    answer = read(night.brandt, night.uni.role)

    assert (answer.status_code, answer.json()) == (200, {"role": str(night.uni.role.id), "version": 0, "normal": [], "important": []})


def test_a_registrar_writes_it_and_colleagues_read_it(night, consulting):
    normal, important = [step(120, how="push"), step(300, consulting)], [step(60, consulting, whom="eligible")]

    answer = write(night, *normal, important=important)

    assert (answer.status_code, answer.json()) == (
        200,
        {"role": str(night.uni.role.id), "version": 1, "normal": normal, "important": important},
    )
    assert read(night.dorn, night.uni.role).json() == answer.json()


def test_a_change_and_a_look_are_in_the_hospitals_log_and_in_no_other(night, consulting):
    before = night.actions_of(night.kreis)

    write(night, step(120, consulting))
    read(night.dorn, night.uni.role)

    change, look = night.audit_of(night.uni)[-2:]
    assert (change.action, change.subjects) == ("beds.change_escalation", {"role": str(night.uni.role.id)})
    assert change.detail == {"version": 1, "normal": [f"120 {consulting.id} holder alarm"], "important": []}
    assert (look.action, look.agent["person"]) == ("beds.read_escalation", str(night.dorn.pseudonym))
    assert night.actions_of(night.kreis) == before


def test_who_has_not_seen_the_last_change_does_not_overwrite_it(night):
    write(night, step(120))

    answer = write(night, step(600))

    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (412, "escalation.changed", 1)
    assert write(night, step(600), version=1).json()["version"] == 2
    assert [row["wait"] for row in read(night.brandt, night.uni.role).json()["normal"]] == [600]


def test_without_a_version_nothing_is_written(night):
    answer = night.uni.registrar.put(f"roles/{night.uni.role.id}/escalation", {"normal": [], "important": []})

    assert (answer.status_code, answer.json()["code"]) == (400, "escalation.version_missing")


def test_of_two_registrars_at_once_one_writes(night):
    body = {"normal": [step(120)], "important": []}
    url = f"roles/{night.uni.role.id}/escalation"
    registrar = night.uni.registrar

    def writing():
        client = registrar.new_client()
        headers = {"Idempotency-Key": str(uuid4()), "X-CSRFToken": "c" * 32, "If-Match": "0"}
        return client.put(f"/api/v1/{url}", data=json.dumps(body), content_type="application/json", headers=headers)

    answers = night.at_once(*[writing] * 4)

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert EscalationStep.objects.filter(role=night.uni.role.id).count() == 1


@pytest.mark.parametrize("wait", [29, 86_401, -60, "soon", None])
def test_a_wait_is_half_a_minute_to_a_day(night, wait):
    answer = write(night, step(wait))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_chain_has_five_steps_at_most(night):
    assert write(night, *[step(60)] * 6).status_code == 400
    assert write(night, *[step(60)] * 5).status_code == 200


@pytest.mark.parametrize("whose", ["another hospital's", "invented", "closed", "the role itself"])
def test_a_step_leads_to_an_open_role_of_the_same_hospital(night, consulting, whose):
    target = {"another hospital's": night.nord.role, "the role itself": night.uni.role}.get(whose, consulting)
    if whose == "closed":
        DutyRole.objects.filter(pk=consulting.id).update(closed_at="2026-01-01T00:00Z")
    given = step(60, target) | ({"target": str(uuid4())} if whose == "invented" else {})

    answer = write(night, given)

    assert (answer.status_code, answer.json()["code"]) == (400, "escalation.unknown_role")
    assert read(night.brandt, night.uni.role).json()["version"] == 0


@pytest.mark.parametrize("who", ["brandt", "adler", "outsider", "former_colleague", "revoked_device", "pending", "anonymous"])
def test_nobody_but_a_registrar_of_the_hospital_writes(night, who):
    assert write(night, step(60), by=night.person(who)).status_code in (401, 403)
    assert not EscalationStep.objects.filter(role=night.uni.role.id).exists()


def test_another_hospitals_registrar_finds_no_such_role(night):
    theirs = write(night, step(60), by=night.kreis.registrar)
    invented = night.kreis.registrar.put(f"roles/{uuid4()}/escalation", {"normal": [], "important": []}, If_Match="0")

    assert (theirs.status_code, theirs.json()) == (invented.status_code, invented.json()) == (404, theirs.json())


@pytest.mark.parametrize("who", ["adler", "outsider"])
def test_partners_and_strangers_do_not_read_it(night, who):
    assert read(night.person(who), night.uni.role).status_code == 404


def test_the_board_says_to_whom_a_request_is_sealed_as_well(night, ward, consulting):
    write(night, step(60), step(60, consulting), important=[step(60, consulting)])

    roles = ward.board(night.adler)[night.uni.id]["roles"]

    leads = {row["role"]: row["escalates_to"] for row in roles}
    assert leads == {str(night.uni.role.id): [str(consulting.id)], str(consulting.id): []}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"wait": 29}, "escalationstep_wait_range"),
        ({"wait": 86_401}, "escalationstep_wait_range"),
        ({"position": 0}, "escalationstep_position_range"),
        ({"position": 6}, "escalationstep_position_range"),
        ({"whom": "patient"}, "escalationstep_whom_known"),
        ({"how": "sms"}, "escalationstep_how_known"),
        ({"variant": "other"}, "escalationstep_variant_known"),
        ({"target_role_id": "own"}, "escalationstep_target_is_another"),
        ({"target_role_id": "foreign"}, "escalationstep_target_of_hospital"),
        ({"hospital_id": "foreign"}, "escalationstep_role_of_hospital"),
    ],
)
def test_the_database_refuses_what_the_code_would_let_through(night, change, constraint):
    words = {("target_role_id", "own"): night.uni.role.id, ("target_role_id", "foreign"): night.nord.role.id}
    words[("hospital_id", "foreign")] = night.nord.id
    row = {"role_id": night.uni.role.id, "hospital_id": night.uni.id, "variant": "normal", "position": 1, "wait": 60}
    row |= {"whom": "holder", "how": "push"} | {name: words.get((name, value), value) for name, value in change.items()}

    with pytest.raises(IntegrityError, match=constraint):
        EscalationStep.objects.create(**row)

"""Requests by FHIR, both ways: a hospital's software asks, and moves its hospital's Tasks; people answer on their phones.

The flow is that of ``beds``: what the table allows, what a lock decides and what the log says is tested there for people; here, that
software gets the same and no more.
"""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from beds.models import Candidate, Request, Transition
from beds.transitions import STEPS, Side, State
from identity.models import Duty, DutyRole
from integration import workflow
from messaging.models import AwaitedMember, Member
from tests.beds.asking import Ward
from tests.beds.chains import background, relieve, step, write
from tests.cast import Night
from tests.integration.software import Software, begins, order
from tests.integration.valid import answered, refused, rows

Json = dict[str, Any]


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture(scope="module")
def origin(night: Night, ward: Ward) -> Software:
    """Of kreis, which asks."""
    return Software(night.kreis.registrar).entered()


def wanted(night: Night, *places: str, **changed: Any) -> Json:
    return order(night.kreis.role.id, *(getattr(night, place).role.id for place in places or ("uni",)), **changed)


def asked(night: Night, origin: Software, *places: str) -> Json:
    return answered(origin.asks_for(wanted(night, *places)), 201)


def tasks(software: Software, request: Json) -> dict[str, Json]:
    """By whose answer each awaits."""
    found = answered(software.reads(f"Task?focus=ServiceRequest/{request['id']}"))
    return {entry["resource"]["owner"]["reference"].partition("/")[2]: entry["resource"] for entry in found.get("entry", [])}


def task_of(software: Software, request: Json, role: object) -> Json:
    return tasks(software, request)[str(role)]


def test_software_asks_and_people_answer_on_their_phones(night: Night, ward: Ward, origin: Software, his: Software) -> None:
    request = asked(night, origin, "uni", "nord")

    assert (request["status"], request["priority"], request["requester"]["reference"]) == (
        "active",
        "stat",
        f"PractitionerRole/{night.kreis.role.id}",
    )
    assert {each["reference"] for each in request["performer"]} == {
        f"PractitionerRole/{place.role.id}" for place in (night.uni, night.nord)
    }
    assert "identifier" not in request, "a hospital's order number finds a patient: it is not kept"
    task = task_of(origin, request, night.uni.role.id)
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("requested", "awaiting-ack")

    shown = night.brandt.get(f"requests/{request['id']}").json()
    (candidate,) = shown["candidates"]
    assert (shown["requester"], shown["software"], candidate["conversation"]) == (None, "KIS", None)
    assert night.brandt.post(f"candidates/{candidate['id']}/acknowledge").status_code == 200
    assert task_of(origin, request, night.uni.role.id)["status"] == "received"
    theirs = answered(his.reads(f"ServiceRequest/{request['id']}"))
    assert [each["reference"] for each in theirs["performer"]] == [f"PractitionerRole/{night.uni.role.id}"], "not who else was asked"
    assert tasks(his, request).keys() == {str(night.uni.role.id)}
    assert {one["software"] for one in night.adler.get(f"requests/{request['id']}").json()["candidates"][0]["transitions"]} <= {"", "KIS"}
    events = [event for event in night.audit_of(night.uni) if event.subjects.get("request") == request["id"]]
    assert events[0].action == "beds.request"
    assert (events[0].agent["device"], events[0].agent["hospital"]) == (str(origin.id), str(night.kreis.id))


def test_who_is_on_duty_and_who_may_be_asked(night: Night, ward: Ward, origin: Software) -> None:
    own = answered(origin.reads(f"PractitionerRole/{night.kreis.role.id}"))
    assert own["practitioner"]["display"].endswith("Adler")
    assert (own["organization"]["reference"], own["period"].keys()) == (f"Organization/{night.kreis.id}", {"start"})
    assert [each["coding"][0]["code"] for each in own["specialty"]] == ["icu-high", "icu-low"]

    partner = answered(origin.reads(f"PractitionerRole/{night.uni.role.id}"))
    assert (partner["period"].keys(), partner["organization"]["display"]) == ({"start"}, "Klinikum uni")
    assert "practitioner" not in partner, "that somebody is there, not who"
    relieve(night.uni.role)
    assert "period" not in answered(origin.reads(f"PractitionerRole/{night.uni.role.id}")), "nobody holds it"
    Duty.objects.create(role_id=night.uni.role.id, person_id=night.brandt.id)

    every = set(rows(answered(origin.reads("PractitionerRole?specialty=icu-high"))))
    assert {str(place.role.id) for place in (night.kreis, night.uni, night.nord, night.mitte)} <= every
    assert str(night.fern.role.id) not in every
    assert rows(answered(origin.reads("PractitionerRole?specialty=psych"))) == []
    assert rows(answered(origin.reads(f"PractitionerRole?organization=Organization/{night.uni.id}"))) == [str(night.uni.role.id)]
    assert refused(origin.reads(f"PractitionerRole/{night.fern.role.id}")) == (404, "not-found", "not_found")
    DutyRole.objects.filter(pk=night.mitte.role.id).update(closed_at=Now())
    assert refused(origin.reads(f"PractitionerRole/{night.mitte.role.id}")) == (404, "not-found", "not_found")
    DutyRole.objects.filter(pk=night.mitte.role.id).update(closed_at=None)


def test_the_same_order_makes_one_request_however_often_and_at_once(night: Night, origin: Software) -> None:
    first = wanted(night)
    one = answered(origin.asks_for(first, once=True), 201)

    again = origin.asks_for(first, once=True)
    assert (again.status_code, again.json()["id"], again.headers["Location"].endswith(one["id"])) == (200, one["id"], True)
    assert refused(origin.asks_for(first)) == (409, "conflict", "request.order_known")
    found = answered(origin.reads(f"ServiceRequest?identifier=urn:oid:1.2.276.0.76.3.1.1|{first['identifier'][0]['value']}"))
    assert rows(found) == [one["id"]]

    token, raced = origin.token(), wanted(night)
    before = Request.objects.count()
    answers = night.at_once(*[lambda: origin.asks_for(raced, token, once=True)] * 6)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 5}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Request.objects.count() == before + 1
    assert len(tasks(origin, answers[0].json())) == 1


def test_each_step_that_needs_no_signature_is_taken_by_software(night: Night, ward: Ward, origin: Software, his: Software) -> None:
    """One request to its end: what is signed by phones, the rest by the two hospitals' software."""
    request = ward.asks("uni", role=night.kreis.role)
    walk = [
        (his, "received", "under-review"),
        (his, "received", "info-requested"),
        (origin, "received", "under-review"),
        ("hold", "accepted", "bed-held"),
        ("confirm", "accepted", "bed-confirmed"),
        (origin, "accepted", "transport-arranged"),
        (origin, "in-progress", "in-transit"),
        (his, "completed", "arrived"),
    ]
    for by, status, business in walk:
        if isinstance(by, str):
            request.at("uni", by)
            task = answered(his.reads(f"Task/{request['uni']}"))
        else:
            task = answered(by.moves(answered(by.reads(f"Task/{request['uni']}")), status, business))
        assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == (status, business)
    assert answered(origin.reads(f"ServiceRequest/{request.id}"))["status"] == "completed"
    moved = Transition.objects.filter(candidate=request["uni"]).order_by("pk").values_list("action", "software", "person")
    assert [(action, software) for action, software, person in moved if person is None] == [
        ("acknowledge", "KIS"),
        ("request-info", "KIS"),
        ("answer-info", "KIS"),
        ("arrange-transport", "KIS"),
        ("depart", "KIS"),
        ("arrive", "KIS"),
    ]
    agents = {event.action: event.agent for event in night.audit_of(night.kreis) if event.subjects.get("request") == request.id}
    assert (agents["beds.arrive"]["device"], agents["beds.depart"]["device"]) == (str(his.id), str(origin.id))
    assert agents["beds.arrive"].get("person") is None


@pytest.mark.parametrize(
    ("by", "status", "reason", "ends"),
    [
        ("his", "rejected", "no-bed", State.DECLINED),
        ("origin", "cancelled", "improved", State.CANCELLED),
        ("origin", "failed", "condition-changed", State.WITHDRAWN),
    ],
)
def test_it_ends_with_a_reason_of_the_list(
    night: Night, ward: Ward, origin: Software, his: Software, by: str, status: str, reason: str, ends: State
) -> None:
    software, request = {"his": his, "origin": origin}[by], ward.asks("uni")
    task = answered(software.reads(f"Task/{request['uni']}"))

    assert refused(software.moves(task, status)) == (400, "invalid", "reason.unknown")
    assert refused(software.moves(task, status, reason="tired")) == (400, "invalid", "reason.unknown")
    ended = answered(software.moves(task, status, reason=reason))

    assert (ended["status"], ended["statusReason"]["coding"][0]["code"]) == (status, reason)
    assert request.row("uni").state == ends
    assert answered(origin.reads(f"ServiceRequest/{request.id}"))["status"] == "revoked"


def test_no_software_promises_or_takes_a_bed(night: Night, ward: Ward, origin: Software, his: Software) -> None:
    request = ward.asks("uni").at("uni", "acknowledge")
    task = answered(his.reads(f"Task/{request['uni']}"))
    assert refused(his.moves(task, "accepted", "bed-held")) == (409, "conflict", "candidate.needs_signature")

    request.at("uni", "hold")
    task = answered(origin.reads(f"Task/{request['uni']}"))
    assert task["output"][0]["valueDateTime"]
    assert refused(origin.moves(task, "accepted", "bed-confirmed")) == (409, "conflict", "candidate.needs_signature")
    assert request.row("uni").state == State.HELD


def test_a_step_that_is_not_theirs_or_not_now_moves_nothing(night: Night, ward: Ward, origin: Software, his: Software) -> None:
    request = ward.asks("uni")
    task = answered(origin.reads(f"Task/{request['uni']}"))

    assert refused(origin.moves(task, "received")) == (409, "conflict", "task.no_such_step"), "the asked hospital's step"
    assert refused(his.moves(task, "completed", "arrived")) == (409, "conflict", "task.no_such_step"), "not from here"
    assert refused(his.moves(task, "rejected", "bed-held", reason="no-bed")) == (409, "conflict", "task.no_such_step")
    assert refused(his.moves(task, "failed", "expired")) == (409, "conflict", "task.no_such_step"), "the clock's"
    assert refused(his.moves(task, "nonsense")) == (400, "invalid", "invalid")
    assert refused(his.moves(task | {"id": str(uuid4())}, "received"))[0] == 404
    assert answered(his.moves(task, "requested"))["meta"] == task["meta"], "it is there already: nothing is written"
    assert (request.row("uni").state, request.row("uni").version) == (State.SUBMITTED, 1)


def test_who_read_an_older_version_moves_nothing(night: Night, ward: Ward, his: Software) -> None:
    request = ward.asks("uni")
    old = answered(his.reads(f"Task/{request['uni']}"))
    request.at("uni", "acknowledge")

    assert refused(his.moves(old, "rejected", reason="no-bed")) == (412, "conflict", "candidate.changed")
    new = his.reads(f"Task/{request['uni']}")
    assert new.headers["ETag"] == f'W/"{new.json()["meta"]["versionId"]}"'
    bare = {name: value for name, value in new.json().items() if name != "meta"}
    assert refused(his.moves(bare, "rejected", reason="no-bed")) == (412, "conflict", "task.version_missing")
    assert refused(his.moves(bare, "rejected", reason="no-bed", **{"If-Match": "2"})) == (412, "conflict", "task.version_missing")
    assert refused(his.moves(new.json(), "rejected", reason="no-bed", **{"If-Match": 'W/"1.0"'})) == (412, "conflict", "candidate.changed")
    assert request.row("uni").state == State.ACKNOWLEDGED
    answered(his.moves(bare, "rejected", reason="no-bed", **{"If-Match": new.headers["ETag"]}))


def test_two_that_move_at_once_are_not_both_right(night: Night, ward: Ward, his: Software) -> None:
    request, token = ward.asks("uni"), his.token()
    task = answered(his.reads(f"Task/{request['uni']}"))

    answers = night.at_once(
        lambda: his.moves(task, "received", token=token), lambda: his.moves(task, "rejected", reason="no-bed", token=token)
    )

    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 412])
    assert Transition.objects.filter(candidate=request["uni"]).count() == 1


def test_an_alarm_shows_and_leaves_the_answer_on_its_way_valid(night: Night, ward: Ward, his: Software) -> None:
    request = ward.asks("uni")
    task = answered(his.reads(f"Task/{request['uni']}"))
    Candidate.objects.filter(pk=request["uni"]).update(escalation=2)

    raised = his.reads(f"Task/{request['uni']}", **{"If-None-Match": f'W/"{task["meta"]["versionId"]}"'})

    assert answered(raised)["businessStatus"]["coding"][0]["code"] == "escalated-2"
    assert his.reads(f"Task/{request['uni']}", **{"If-None-Match": raised.headers["ETag"]}).status_code == 304
    assert rows(answered(his.reads(f"Task?business-status=escalated-2&focus={request.id}"))) == [request["uni"]]
    assert rows(answered(his.reads(f"Task?business-status=awaiting-ack&focus={request.id}"))) == []
    assert answered(his.moves(task, "received"))["status"] == "received"


def test_every_state_has_one_standing_and_every_step_is_found_by_where_it_leads() -> None:
    """The table of states and that of steps agree: from each state, no two steps of one side look the same to FHIR."""
    assert workflow.STANDING.keys() == set(State)
    assert len(set(workflow.STANDING.values())) == len(State)
    for name, each in STEPS.items():
        for source in each.sources:
            to = workflow.STANDING[each.target]
            business = workflow.said_of(to.business, source)
            found = workflow.action_to(source, sides=frozenset({each.by}), status=to.status, business=business)
            if each.by != Side.CLOCK:
                assert found == name


BAD: list[tuple[Json, tuple[int, str, str]]] = [
    ({"note": [{"text": "a name"}]}, (400, "invalid", "fhir.element_not_taken")),
    ({"contained": []}, (400, "invalid", "fhir.element_not_taken")),
    ({"subject": {"reference": "Patient/1"}}, (400, "invalid", "request.names_patient")),
    ({"subject": {"display": "a name"}}, (400, "invalid", "request.names_patient")),
    ({"extension": [{"url": "http://x", "valueCode": "x"}]}, (400, "invalid", "fhir.element_not_taken")),
    ({"modifierExtension": []}, (400, "invalid", "fhir.modified")),
    ({"code": {"coding": [{"system": "http://x", "code": "icu-high"}]}}, (400, "invalid", "fhir.unknown_code")),
    ({"status": "draft"}, (400, "invalid", "invalid")),
    ({"identifier": []}, (400, "invalid", "invalid")),
    ({"performer": []}, (400, "invalid", "invalid")),
    ({"requester": {"reference": "Practitioner/x"}}, (400, "invalid", "invalid")),
    ({"requester": {"reference": f"PractitionerRole/{uuid4()}"}}, (400, "invalid", "request.no_such_role")),
    ({"performer": [{"reference": f"PractitionerRole/{uuid4()}"}]}, (400, "invalid", "request.cannot_ask")),
]


@pytest.mark.parametrize(("changed", "answer"), BAD, ids=[",".join(each) + f" {n}" for n, (each, _) in enumerate(BAD)])
def test_an_order_says_what_is_sought_and_nothing_else(night: Night, origin: Software, changed: Json, answer: tuple[int, str, str]) -> None:
    before = Request.objects.count()

    assert refused(origin.asks_for(wanted(night) | changed)) == answer

    assert Request.objects.count() == before


def test_who_cannot_be_asked_is_not(night: Night, origin: Software) -> None:
    for role in (night.fern.role.id, night.kreis.role.id):
        answer = origin.asks_for(order(night.kreis.role.id, role))
        assert refused(answer) == (400, "invalid", "request.cannot_ask"), "a stranger, or the own hospital"
    assert refused(origin.asks_for(order(night.uni.role.id, night.uni.role.id))) == (400, "invalid", "request.no_such_role")
    twice = wanted(night, "uni", "uni")
    assert refused(origin.asks_for(twice)) == (400, "invalid", "request.hospital_twice")
    for other in ("identifier=urn:x|1", "identifier=1", "status=active", ""):
        assert refused(origin.asks_for(wanted(night), once=other)) == (400, "invalid", "fhir.if_none_exist")


def test_between_other_hospitals_there_is_nothing(night: Night, ward: Ward, origin: Software) -> None:
    stranger = Software(night.fern.registrar).entered()
    partner = Software(night.mitte.registrar).entered()
    request = asked(night, origin)
    task = task_of(origin, request, night.uni.role.id)

    for other in (stranger, partner):
        for path in (f"ServiceRequest/{request['id']}", f"Task/{task['id']}"):
            answer = other.reads(path)
            assert refused(answer) == (404, "not-found", "not_found")
            assert other.reads(path[:-12] + uuid4().hex[:12]).content == answer.content
        assert refused(other.moves(task, "received")) == (404, "not-found", "not_found")
        assert tasks(other, request) == {}
        value = wanted(night)["identifier"][0]["value"]
        assert rows(answered(other.reads(f"ServiceRequest?identifier=urn:oid:1.2.276.0.76.3.1.1|{value}"))) == []
    assert Candidate.objects.get(pk=task["id"]).version == 1


def test_the_first_who_writes_begins_the_conversation(night: Night, ward: Ward, origin: Software) -> None:
    chain = background(night, night.dorn)
    write(night, step(target=chain))
    request = asked(night, origin)
    task = task_of(origin, request, night.uni.role.id)
    roles = [night.uni.role, night.kreis.role]

    assert begins(night, night.dorn, task["id"], night.uni.role, [night.kreis.role, chain])().json()["code"] == "role.not_on_duty"
    assert begins(night, night.outsider, task["id"], night.fern.role, roles)().status_code == 404
    short = begins(night, night.brandt, task["id"], night.uni.role, [night.kreis.role])()
    assert (short.status_code, short.json()["code"]) == (409, "epoch.stale_recipients"), "the chain's role is sealed to as well"
    both = night.at_once(
        begins(night, night.brandt, task["id"], night.uni.role, [night.kreis.role, chain]),
        begins(night, night.adler, task["id"], night.kreis.role, [night.uni.role, chain]),
    )

    assert sorted(answer.status_code for answer in both) == [200, 409]
    (begun,) = (answer.json()["conversation"] for answer in both if answer.status_code == 200)
    (late,) = (answer.json() for answer in both if answer.status_code == 409)
    assert (late["code"], late["conversation"]) == ("candidate.conversation_begun", begun)
    members = set(Member.objects.filter(conversation=begun).values_list("principal", flat=True))
    assert members == {one.id for one in (*roles, night.kreis.archive, night.uni.archive)}
    assert set(AwaitedMember.objects.filter(conversation=begun).values_list("principal", flat=True)) == {chain.id}
    assert [row["id"] for row in night.brandt.get("sync").json()["conversations"] if row["request"] == request["id"]] == [begun]


def test_of_what_has_ended_nobody_begins_a_conversation(night: Night, ward: Ward, origin: Software, his: Software) -> None:
    request = asked(night, origin)
    task = task_of(his, request, night.uni.role.id)
    answered(his.moves(task, "rejected", reason="no-bed"))

    answer = begins(night, night.brandt, task["id"], night.uni.role, [night.kreis.role])()

    assert (answer.status_code, answer.json()["code"]) == (409, "candidate.wrong_state")


def test_a_search_asks_as_often_for_many_as_for_one(night: Night, ward: Ward, origin: Software) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            answered(origin.reads(path))
        return len(counted)

    ward.asks("nord")
    few = {kind: queries(f"{kind}?_count=1") for kind in ("Task", "ServiceRequest", "PractitionerRole")}
    for number in range(4):
        ward.asks("nord", "mitte")
        background(night, night.dorn, name=f"Duty {number}")

    assert {kind: queries(f"{kind}?_count=200") for kind in few} == few
    assert max(few.values()) <= 12

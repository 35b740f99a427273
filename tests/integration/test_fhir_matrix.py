"""Who may do what at the façade: hospital by scope by resource, from the table of scopes itself."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from beds.models import Bed, Capacity
from integration.conformance import INTERACTIONS, capability_statement
from integration.parts import PARTS
from integration.scopes import OFFERED, SCOPES
from integration.searching import SEARCHED
from integration.views.fhir import CREATED
from tests.audit.bundles import publish
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import Software, occupancy, order
from tests.integration.valid import answered, refused, rows


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


Thing = dict[str, Any]  # resource type -> a resource of uni's, as uni reads it
Call = Callable[[Software, str, Thing], Any]


def reading(kind: str) -> Call:
    return lambda software, token, things: software.reads(f"{kind}/{things[kind]['id']}", token)


def searching(kind: str) -> Call:
    return lambda software, token, things: software.reads(kind, token)


def pushing(software: Software, token: str, things: Thing) -> Any:
    return software.pushes(occupancy(things["Location"]["id"], 1, timezone.now()), token)


def ordering(software: Software, token: str, things: Thing) -> Any:
    request = things["ServiceRequest"]
    roles = [each["reference"].partition("/")[2] for each in (request["requester"], *request["performer"])]
    return software.asks_for(order(*roles), token)


def subscribing(software: Software, token: str, things: Thing) -> Any:
    return software.subscribes("http://127.0.0.1:9/", token)


def deleting(software: Software, token: str, things: Thing) -> Any:
    return software.deletes(f"Subscription/{things['Subscription']['id']}", token)


def moving(software: Software, token: str, things: Thing) -> Any:
    """To where it is: allowed as often as it is asked."""
    return software.moves(things["Task"], things["Task"]["status"], token=token)


# Every interaction there is, at something of uni's: the call, and what another hospital's software is answered with all scopes.
ABSENT = (404, "not-found", "not_found")
ROWS: dict[str, tuple[Call, tuple[int, str, str] | None]] = {
    "Organization.r": (reading("Organization"), ABSENT),
    "Organization.s": (searching("Organization"), None),
    "Location.r": (reading("Location"), ABSENT),
    "Location.s": (searching("Location"), None),
    "PractitionerRole.r": (reading("PractitionerRole"), ABSENT),
    "PractitionerRole.s": (searching("PractitionerRole"), None),
    "ServiceRequest.c": (ordering, (400, "invalid", "request.no_such_role")),
    "ServiceRequest.r": (reading("ServiceRequest"), ABSENT),
    "ServiceRequest.s": (searching("ServiceRequest"), None),
    "Task.r": (reading("Task"), ABSENT),
    "Task.u": (moving, ABSENT),
    "Task.s": (searching("Task"), None),
    "AuditEvent.r": (reading("AuditEvent"), ABSENT),
    "AuditEvent.s": (searching("AuditEvent"), None),
    "MeasureReport.c": (pushing, (400, "invalid", "fhir.no_such_figure")),
    "MeasureReport.r": (reading("MeasureReport"), ABSENT),
    "MeasureReport.s": (searching("MeasureReport"), None),
    "Subscription.c": (subscribing, None),
    "Subscription.r": (reading("Subscription"), ABSENT),
    "Subscription.s": (searching("Subscription"), None),
    "Subscription.d": (deleting, ABSENT),
}
# What a partner is shown all the same: whom it may ask, and not who that is.
FOR_PARTNERS = {"PractitionerRole.r", "PractitionerRole.s"}


def test_every_interaction_has_a_row() -> None:
    """What is offered is what a scope allows, what the statement says, and what stands here; what writes has a call behind it."""
    assert {f"system/{name}" for name in ROWS} == set(SCOPES)
    said = {
        f"{each['type']}.{letter}"
        for each in capability_statement()["rest"][0]["resource"]
        for letter, code in INTERACTIONS.items()
        if {"code": code} in each["interaction"]
    }
    assert said == set(ROWS)
    assert set(CREATED) == {kind for kind, letters in OFFERED.items() if "c" in letters}
    assert set(PARTS) | {"AuditEvent"} == {kind for kind, letters in OFFERED.items() if "r" in letters} == set(SEARCHED)


@pytest.fixture(scope="module")
def things(night: Night, ward: Ward, his: Software) -> Thing:
    publish(night.uni.id)
    request = answered(his.asks_for(order(night.uni.role.id, night.nord.role.id)), 201)
    return {
        "Organization": answered(his.reads(f"Organization/{night.uni.id}")),
        "Location": answered(his.reads(f"Location/{night.uni.unit_id}")),
        "PractitionerRole": answered(his.reads(f"PractitionerRole/{night.uni.role.id}")),
        "ServiceRequest": request,
        "Task": answered(his.reads(f"Task?focus={request['id']}"))["entry"][0]["resource"],
        "AuditEvent": answered(his.reads("AuditEvent?_count=1"))["entry"][0]["resource"],
        "Subscription": answered(his.subscribes("http://127.0.0.1:9/"), 201),
        "MeasureReport": answered(his.pushes(occupancy(night.uni.unit_id, 2, timezone.now())), 201),
    }


def test_of_another_hospital_there_is_nothing(night: Night, ward: Ward, his: Software, things: Thing, beds: list[Bed]) -> None:
    """For a partner and for a stranger, with all scopes: the answer is that about an id that was made up, byte for byte."""
    before = Capacity.objects.get(pk=ward.figures["uni"].pk).version
    ids = {each["id"] for each in things.values()}
    for place in (night.kreis, night.fern):
        other = Software(place.registrar).entered()
        token = other.token()
        for name, (call, elsewhere) in ROWS.items():
            answer = call(other, token, things)
            if place is night.kreis and name in FOR_PARTNERS:
                assert str(night.uni.role.id) in answer.content.decode()
                assert str(night.brandt.id) not in answer.content.decode()
            elif elsewhere is None:
                assert not set(rows(answered(answer, 201 if name.endswith(".c") else 200))) & ids, (place.name, name)
            else:
                assert refused(answer) == elsewhere, (place.name, name)
                assert call(other, token, made_up(things)).content == answer.content, "as if it did not exist"
        for one in beds:
            assert refused(other.reads(f"Location/{one.pk}", token)) == ABSENT, place.name
        assert rows(answered(other.reads(f"Location?partof={beds[0].unit_id}", token))) == []
        assert rows(answered(other.reads(f"MeasureReport?subject={things['Location']['id']}", token))) == []
        assert rows(answered(other.reads(f"Task?focus={things['ServiceRequest']['id']}", token))) == []
    assert Capacity.objects.get(pk=ward.figures["uni"].pk).version == before
    assert answered(his.reads(f"Task/{things['Task']['id']}"))["meta"] == things["Task"]["meta"]


def test_a_scope_allows_one_interaction(his: Software, things: Thing) -> None:
    for scope in ROWS:
        token = his.token(f"system/{scope}")
        for name, (call, _) in ROWS.items():
            answer = call(his, token, things)
            if scope == name == "Subscription.d":
                assert answer.status_code == 204
            elif scope == name:
                answered(answer, 201 if name.endswith(".c") else 200)
            else:
                assert refused(answer) == (403, "forbidden", "client.scope_missing"), (scope, name)


def made_up(things: Thing) -> Thing:
    """The same, of ids that are nothing's."""
    text = json.dumps(things)
    for id in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text):
        text = text.replace(id, str(uuid4()))
    return dict(json.loads(text))


def test_a_revoked_clients_token_opens_nothing(night: Night) -> None:
    software = Software(night.uni.registrar).entered()
    answered(software.reads("Organization"))

    assert night.uni.registrar.post(f"integration-clients/{software.id}/revoke").status_code == 200

    assert refused(software.reads("Organization")) == (401, "login", "token.ended")


def test_no_cookie_opens_it(night: Night) -> None:
    for someone in ("adler", "brandt", "outsider", "former_colleague"):
        assert night.person(someone).get("/fhir/Location").status_code == 401

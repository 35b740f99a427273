"""Who may do what at the façade: hospital by scope by resource, from the table of scopes itself."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from beds.models import Bed, Capacity
from integration.scopes import OFFERED, SCOPES
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import Software, occupancy
from tests.integration.valid import answered, refused, rows


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


def call(software: Software, kind: str, letter: str, token: str, things: dict[str, str]) -> Any:
    """What a scope allows, at something of uni's."""
    if letter == "c":
        return software.pushes(occupancy(things["Location"], 1, timezone.now()), token)
    return software.reads(kind if letter == "s" else f"{kind}/{things[kind]}", token)


ELSEWHERE = {"r": (404, "not-found", "not_found"), "c": (400, "invalid", "fhir.no_such_figure")}


def test_hospital_by_scope_by_resource(night: Night, ward: Ward, his: Software, beds: list[Bed]) -> None:
    """Every scope alone at every interaction there is, from the hospital itself; all scopes together from a partner and from a stranger."""
    things = {"Organization": str(night.uni.id), "Location": str(night.uni.unit_id)}
    things["MeasureReport"] = answered(his.pushes(occupancy(things["Location"], 2, timezone.now())), 201)["id"]
    interactions = [(kind, letter) for kind, letters in OFFERED.items() for letter in letters]
    assert {f"system/{kind}.{letter}" for kind, letter in interactions} == set(SCOPES)

    for scope in SCOPES:
        token = his.token(scope)
        for kind, letter in interactions:
            answer = call(his, kind, letter, token, things)
            if scope == f"system/{kind}.{letter}":
                answered(answer, 201 if letter == "c" else 200)
            else:
                assert refused(answer) == (403, "forbidden", "client.scope_missing"), (scope, kind, letter)

    before = Capacity.objects.get(pk=ward.figures["uni"].pk).version
    for place in (night.kreis, night.fern):
        other = Software(place.registrar).entered()
        token = other.token()
        for kind, letter in interactions:
            answer = call(other, kind, letter, token, things)
            if letter == "s":
                assert not set(rows(answered(answer))) & set(things.values())
            else:
                assert refused(answer) == ELSEWHERE[letter], (place.name, kind, letter)
                nowhere = {name: id.replace(id[:8], uuid4().hex[:8]) for name, id in things.items()}
                assert call(other, kind, letter, token, nowhere).content == answer.content, "as if it did not exist"
        for one in beds:
            assert refused(other.reads(f"Location/{one.pk}", token)) == ELSEWHERE["r"], place.name
        assert rows(answered(other.reads(f"Location?partof={beds[0].unit_id}", token))) == []
        assert rows(answered(other.reads(f"MeasureReport?subject={things['Location']}", token))) == []
    assert Capacity.objects.get(pk=ward.figures["uni"].pk).version == before


def test_a_revoked_clients_token_opens_nothing(night: Night) -> None:
    software = Software(night.uni.registrar).entered()
    answered(software.reads("Organization"))

    assert night.uni.registrar.post(f"integration-clients/{software.id}/revoke").status_code == 200

    assert refused(software.reads("Organization")) == (401, "login", "token.ended")


def test_no_cookie_opens_it(night: Night) -> None:
    for someone in ("adler", "brandt", "outsider", "former_colleague"):
        assert night.person(someone).get("/fhir/Location").status_code == 401

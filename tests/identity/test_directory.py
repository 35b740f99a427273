"""Whom one can reach: own hospital and mutual partners, and nobody learns more."""

from django.utils import timezone

from identity.models import Partnership
from wardline_client.protocol import decode, parse_statement


def hospitals_of(someone) -> set[str]:
    return {hospital["id"] for hospital in someone.get("directory").json()["hospitals"]}


def ids(*places) -> set[str]:
    return {str(place.id) for place in places}


def test_shows_own_hospital_and_partners(night):
    listing = night.adler.get("directory").json()

    assert {hospital["id"] for hospital in listing["hospitals"]} == ids(night.kreis, night.uni, night.nord, night.mitte)
    people = {person["id"]: person for person in listing["people"]}
    assert {str(night.adler.id), str(night.brandt.id), str(night.uni.archive.id)} <= set(people)
    assert people[str(night.kreis.registrar.id)]["is_registrar"]
    assert people[str(night.uni.archive.id)]["kind"] == "archive"
    assert decode(people[str(night.brandt.id)]["profile"]) == night.brandt.profile


def test_leaves_out_those_who_left_or_wait(night):
    people = {person["id"] for person in night.adler.get("directory").json()["people"]}

    assert not people & {str(night.former_colleague.id), str(night.pending.id)}


def test_shows_who_holds_an_own_role_and_that_a_partners_is_held(night):
    roles = {role["id"]: role["on_duty"] for role in night.adler.get("directory").json()["roles"]}

    assert roles[str(night.kreis.role.id)]["person"] == str(night.adler.id)
    assert roles[str(night.uni.role.id)]["person"] is None
    assert roles[str(night.uni.role.id)]["since"] is not None


def test_an_outsider_sees_the_own_hospital_alone(night):
    assert hospitals_of(night.outsider) == ids(night.fern)
    listing = night.outsider.get("directory").json()
    assert {person["hospital"] for person in listing["people"]} == ids(night.fern)
    assert {role["hospital"] for role in listing["roles"]} == ids(night.fern)


def test_a_partnership_that_one_side_ended_is_none(night):
    Partnership.objects.filter(hospital=night.uni.id, partner=night.kreis.id).update(ended_at=timezone.now())

    assert hospitals_of(night.adler) == ids(night.kreis, night.nord, night.mitte)
    assert hospitals_of(night.brandt) == ids(night.uni, night.nord, night.mitte)


def test_reading_is_audited(night):
    night.adler.get("directory")

    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.agent["person"]) == ("identity.read_directory", str(night.adler.pseudonym))


def stated_to(someone, after=0):
    rows = someone.get(f"statements?after={after}").json()["results"]
    return [(row["order"], parse_statement(decode(row["h"]), decode(row["s"]))) for row in rows if row["h"]]


def test_statements_come_in_order_and_only_what_concerns_one(night):
    stated = stated_to(night.adler)

    orders = [order for order, _ in stated]
    assert orders == sorted(orders)
    assert {statement.hospital for _, statement in stated} == {place.id for place in night.places if place is not night.fern}
    # Whom a partner accepts is not shown: trust goes one step.
    assert {statement.hospital for _, statement in stated if statement.kind == "partner"} == {night.kreis.id}
    assert [statement.digest for _, statement in stated_to(night.adler, after=orders[4])] == [s.digest for _, s in stated[5:]]
    assert {statement.hospital for _, statement in stated_to(night.outsider)} == {night.fern.id}


def test_statements_are_paged(night, monkeypatch):
    whole = stated_to(night.adler)
    monkeypatch.setattr("identity.services.directory.PAGE", 7)

    answer, orders = night.adler.get("statements").json(), []
    while True:
        orders += [row["order"] for row in answer["results"] if row["h"]]
        if answer["next"] is None:
            break
        answer = night.adler.get(answer["next"].removeprefix("http://localhost:8000")).json()

    assert orders == [order for order, _ in whole]

"""Duty roles: made by registrars, sealed to the eligible, the next generation without those who go."""

import os
from uuid import uuid4

import pytest

from identity.models import Duty, PrincipalKey, RoleSeal
from tests.identity.browser import shown
from wardline_client.protocol import Profile, RoleKeys, decode, encode, profile_digest
from wardline_client.protocol.keys import PrincipalKeys, open_history, open_role_seed, seal_history, seal_role_seed
from wardline_client.protocol.profiles import make_profile


class Draft:
    """What a registrar's browser makes; a test may spoil it before it is sent."""

    def __init__(self, registrar, eligible, *, keys=None, generation=1, role=None, prev=None, history=None, name="Neonatal coordination"):
        self.registrar, self.eligible, self.history, self.name = registrar, eligible, history, name
        self.id, self.keys = role or uuid4(), keys or PrincipalKeys(os.urandom(32))
        self.profile = make_profile(Profile(name=name))
        body = RoleKeys(generation, self.keys.kem.public, profile_digest(self.profile), tuple(person.id for person in eligible))
        self.statement = registrar.states("role", self.id, body, prev=prev)

    def body(self):
        return {
            "id": self.id,
            "name": self.name,
            "unit": self.registrar.place.unit_id,
            "categories": ["nicu"],
            "profile": encode(self.profile),
            "statement": shown(self.statement),
            "seals": [self.seal(person) for person in self.eligible],
            "history": encode(self.history) if self.history else None,
        }

    def seal(self, person):
        return {"person": person.id, "kid": encode(person.keys.kem.kid), "sealed": encode(self.sealed(person))}

    def sealed(self, person):
        return seal_role_seed(seed=self.keys.seed, user_kem=person.keys.kem.public, role_statement=self.statement.h)

    def post(self, by=None):
        return (by or self.registrar).post("roles", self.body())


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def registrar(night):
    return night.kreis.registrar


@pytest.fixture
def made(night, registrar) -> Draft:
    """A role of kreis; Egger and Conrad are eligible."""
    draft = Draft(registrar, [night.egger, night.conrad])
    assert draft.post().status_code == 201
    return draft


def next_generation(made, eligible, **changes):
    keys = PrincipalKeys(os.urandom(32))
    history = seal_history(former=made.keys.seed, current=keys.seed, principal=made.id, generation=1)
    fields = {"generation": 2, "role": made.id, "prev": made.statement, "history": history, "keys": keys}
    return Draft(made.registrar, eligible, **fields | changes)


def test_the_eligible_can_open_it(night, made):
    (row,) = [row for row in night.egger.get("duty").json()["results"] if row["role"] == str(made.id)]

    assert open_role_seed(sealed=decode(row["sealed"]), user_kem=night.egger.keys.kem, role_statement=made.statement.h) == made.keys.seed
    assert night.egger.post(f"duty/{made.id}/take").status_code == 200
    assert str(made.id) in {role["id"] for role in night.brandt.get("directory").json()["roles"]}
    assert "identity.create_role" in night.actions_of(night.kreis)


def test_the_next_generation_shuts_out_who_is_taken_off(night, made):
    night.egger.post(f"duty/{made.id}/take")
    draft = next_generation(made, [night.conrad, night.adler])

    assert draft.post().status_code == 201

    # On duty a moment ago, not eligible any more.
    assert night.egger.actor().roles == set()
    assert str(made.id) not in {row["role"] for row in night.egger.get("duty").json()["results"]}
    assert not Duty.objects.filter(role=made.id, ended_at=None).exists()
    (row,) = [row for row in night.conrad.get("duty").json()["results"] if row["role"] == str(made.id)]
    seed = open_role_seed(sealed=decode(row["sealed"]), user_kem=night.conrad.keys.kem, role_statement=draft.statement.h)
    former = open_history(sealed=decode(row["keys"][1]["history"]), current=seed, principal=made.id, generation=1)
    assert (row["generation"], seed, former) == (2, draft.keys.seed, made.keys.seed)
    assert PrincipalKey.objects.get(principal=made.id, replaced_at=None).kem_public_key == draft.keys.kem.public


def test_somebody_may_be_added_without_a_new_generation(night, made):
    draft = Draft(made.registrar, [night.egger, night.conrad, night.adler], keys=made.keys, role=made.id, prev=made.statement)

    assert draft.post().status_code == 201
    assert night.adler.post(f"duty/{made.id}/take").status_code == 200


def test_nobody_is_taken_off_without_one(night, made):
    draft = Draft(made.registrar, [night.conrad], keys=made.keys, role=made.id, prev=made.statement)

    assert code(draft.post()) == (400, "role.generation_required")


def test_history_is_not_lost(night, made):
    assert code(next_generation(made, [night.adler], history=None).post()) == (400, "role.history_missing")
    # Conrad's device has the former seed and hands it on.
    assert next_generation(made, [night.adler, night.conrad], history=None).post().status_code == 201


def test_generations_are_not_skipped(night, made):
    assert code(next_generation(made, [night.conrad], generation=3).post()) == (409, "role.generation")


def test_two_next_generations_are_a_fork(night, made, registrar):
    first, second = next_generation(made, [night.conrad]), next_generation(made, [night.egger])

    answers = night.at_once(registrar.posting("roles", first.body()), registrar.posting("roles", second.body()))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert PrincipalKey.objects.filter(principal=made.id, replaced_at=None).count() == 1


def test_a_stale_predecessor_is_told_the_latest(night, made):
    answer = next_generation(made, [night.conrad], prev=None).post()

    assert code(answer) == (409, "statement.stale")
    assert decode(answer.json()["latest"]) == made.statement.digest


@pytest.mark.parametrize("name", ["brandt", "outsider", "former_colleague", "pending"])
def test_only_active_colleagues_are_eligible(night, registrar, name):
    assert code(Draft(registrar, [night.conrad, night.person(name)]).post()) == (404, "not_found")
    assert not RoleSeal.objects.filter(person=night.person(name).id, ended_at=None, role__hospital=night.kreis.id).exists()


def test_seals_are_exactly_for_the_eligible(night, registrar):
    draft = Draft(registrar, [night.conrad, night.egger])
    body = draft.body()
    missing = registrar.post("roles", body | {"seals": body["seals"][:1]})
    more = registrar.post("roles", body | {"seals": [*body["seals"], draft.seal(night.adler)]})

    assert {code(missing), code(more)} == {(400, "role.seals")}


def test_only_the_hospitals_registrar_makes_them(night):
    for actor, status in ((night.adler, 403), (night.kreis.archive, 403), (night.pending, 403), (night.anonymous, 401)):
        assert Draft(night.kreis.registrar, [night.conrad]).post(by=actor).status_code == status
    # A registrar of elsewhere can only speak for the own hospital.
    assert code(Draft(night.kreis.registrar, [night.conrad]).post(by=night.uni.registrar)) == (400, "statement.unexpected")


def test_a_role_of_elsewhere_is_not_taken_over(night, made):
    theirs = Draft(night.uni.registrar, [night.brandt], role=made.id)

    assert code(theirs.post()) == (404, "not_found")


def test_names_are_unique_in_a_hospital(night, made, registrar):
    assert code(Draft(registrar, [night.conrad]).post()) == (409, "role.name_taken")


def test_a_key_nobody_can_seal_to_is_refused(night, registrar):
    draft = Draft(registrar, [night.conrad])
    body = draft.body()
    rotten = RoleKeys(1, b"\xff" * 1216, profile_digest(draft.profile), (night.conrad.id,))
    body["statement"] = shown(registrar.states("role", draft.id, rotten))

    assert code(registrar.post("roles", body)) == (400, "keys.malformed")

"""A registrar, and what belongs to another hospital; a statement sent twice; a token shared by two."""

from typing import Any
from uuid import uuid4

import pytest

from tests.cast import Night
from tests.identity.browser import shown
from wardline_client.protocol import Keys, Partner, Profile, Revocation, RoleKeys, encode, profile_digest
from wardline_client.protocol.keys import seal_role_seed
from wardline_client.protocol.profiles import make_profile


def member(night: Night, by: Any) -> dict[str, Any]:
    new = night.pending
    body = Keys(1, new.keys.kem.public, new.keys.sign.public, profile_digest(new.profile))
    return {"statement": shown(by.place.registrar.states("member", new.id, body))}


def test_a_registrar_vouches_for_nobody_of_another_hospital(night: Night) -> None:
    for place in (night.uni, night.fern):
        assert place.registrar.post(f"members/{night.pending.id}/approve", member(night, night.uni.registrar)).status_code == 404
        assert place.registrar.post(f"members/{night.adler.id}/end").status_code == 404
        assert place.registrar.get("members/pending").json()["results"] == []


def test_a_registrar_hands_in_no_statement_that_another_signed(night: Night) -> None:
    url = f"members/{night.pending.id}/approve"
    forged = night.kreis.registrar.post(url, member(night, night.uni.registrar))
    assert (forged.status_code, forged.json()["code"]) == (400, "statement.unexpected")
    mine = member(night, night.kreis.registrar)
    assert night.kreis.registrar.post(url, mine).status_code == 200

    again = night.kreis.registrar.post(url, mine)
    assert (again.status_code, again.json()["code"]) == (409, "member.not_pending")


def test_a_device_is_revoked_by_its_owner_or_the_owners_registrar(night: Night) -> None:
    for who in (night.conrad, night.brandt, night.uni.registrar, night.outsider):
        statement = who.states("device-revoked", night.adler.device_id, Revocation(night.adler.id, "lost"))
        answer = who.post(f"devices/{night.adler.device_id}/revoke", {"statement": shown(statement)})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert night.adler.get("sync").status_code == 200


def test_a_revocation_that_names_another_owner_is_none(night: Night) -> None:
    statement = night.adler.states("device-revoked", night.adler.device_id, Revocation(night.conrad.id, "lost"))

    answer = night.adler.post(f"devices/{night.adler.device_id}/revoke", {"statement": shown(statement)})

    assert (answer.status_code, answer.json()["code"]) == (400, "statement.unexpected")


@pytest.mark.parametrize("stranger", ["brandt", "former_colleague", "pending"])
def test_nobody_from_elsewhere_is_made_eligible(night: Night, stranger: str) -> None:
    role, registrar, person = night.kreis.role, night.kreis.registrar, night.person(stranger)
    eligible = [*role.eligible, person]
    body = RoleKeys(1, role.keys.kem.public, profile_digest(role.profile), tuple(one.id for one in eligible))
    statement = registrar.states("role", role.id, body, role.statement)
    sealed = [seal_role_seed(seed=role.keys.seed, user_kem=one.keys.kem.public, role_statement=statement.h) for one in eligible]

    seals = [
        {"person": one.id, "kid": encode(one.keys.kem.kid), "sealed": encode(seal)} for one, seal in zip(eligible, sealed, strict=True)
    ]
    draft = {"id": role.id, "name": role.name, "categories": [], "profile": encode(role.profile), "seals": seals}
    answer = registrar.post("roles", draft | {"statement": shown(statement)})

    assert answer.status_code == 404
    assert person.get("duty").status_code in (200, 401, 403)


@pytest.mark.parametrize("name", ["Intensive\0", "x" * 121])
def test_a_profile_holds_what_the_directory_can(night: Night, name: str) -> None:
    profile, registrar, role = make_profile(Profile(name=name)), night.kreis.registrar, uuid4()
    statement = registrar.states("role", role, RoleKeys(1, night.kreis.role.keys.kem.public, profile_digest(profile), ()))

    draft = {"id": role, "name": "Other", "categories": [], "profile": encode(profile), "seals": [], "statement": shown(statement)}
    answer = registrar.post("roles", draft)

    assert (answer.status_code, answer.json()["code"]) == (400, "profile.malformed")


def test_a_partner_is_accepted_by_the_own_registrar_alone(night: Night) -> None:
    """Fern would like to be kreis's partner and signs it itself."""
    statement = night.fern.registrar.states("partner", night.kreis.id, Partner(night.kreis.root.public))
    one_sided = night.fern.registrar.post("partners", {"hospital": night.kreis.id, "statement": shown(statement)})
    assert one_sided.status_code == 201

    assert str(night.kreis.id) not in night.outsider.get("directory").content.decode()
    assert str(night.kreis.id) not in night.outsider.get("board").content.decode()
    again = night.fern.registrar.post("partners", {"hospital": night.kreis.id, "statement": shown(statement)})
    assert again.json()["code"] == "partner.accepted"
    unknown = night.fern.registrar.post("partners", {"hospital": uuid4(), "statement": shown(statement)})
    assert unknown.status_code == 404

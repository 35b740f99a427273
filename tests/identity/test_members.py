"""Leaving: everything ends in one act."""

from uuid import uuid4

import pytest

from identity.models import Duty, Membership, PrincipalKey, RoleSeal, SignIn
from identity.services import current_keys


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def ending(registrar, someone):
    return registrar.post(f"members/{someone.id}/end")


def test_ends_all_that_hangs_on_a_membership(night, ear):
    assert night.adler.get("duty").status_code == 200
    sign_ins = list(SignIn.objects.filter(person=night.adler.id, ended_at=None).values_list("id", flat=True))

    assert ending(night.kreis.registrar, night.adler).json() == {"person": str(night.adler.id), "state": "ended"}

    # The cookie that was good a moment ago, replayed.
    assert code(night.adler.get("duty")) == (401, "membership.ended")
    assert code(night.adler.post(f"duty/{night.kreis.role.id}/take")) == (401, "membership.ended")
    person = {"person": night.adler.id, "ended_at": None}
    assert [model.objects.filter(**person).count() for model in (Membership, SignIn, Duty, RoleSeal)] == [0, 0, 0, 0]
    assert current_keys([night.adler.id, night.conrad.id]).keys() == {night.conrad.id}
    assert night.adler.id not in {person["id"] for person in night.conrad.get("directory").json()["people"]}
    assert len(ear.frames("!", *sign_ins)) == 1
    assert "identity.end_member" in night.actions_of(night.kreis)


def test_also_of_one_who_waits(night):
    assert ending(night.kreis.registrar, night.pending).status_code == 200
    assert code(night.pending.get("session/unlock")) == (401, "membership.ended")


def test_twice_is_once(night):
    ending(night.kreis.registrar, night.adler)

    assert ending(night.kreis.registrar, night.adler).status_code == 200
    assert night.actions_of(night.kreis).count("identity.end_member") == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("conrad", 403),
        ("pending", 403),
        ("brandt", 403),
        ("outsider", 403),
        ("former_colleague", 401),
        ("revoked_device", 401),
        ("anonymous", 401),
    ],
)
def test_only_registrars(night, name, status):
    assert ending(night.person(name), night.egger).status_code == status
    assert night.egger.get("duty").status_code == 200


def test_only_of_the_own_hospital(night):
    for registrar in (night.uni.registrar, night.fern.registrar):
        assert code(ending(registrar, night.adler)) == (404, "not_found")
    assert night.adler.get("duty").status_code == 200


def test_the_last_registrar_stays(night):
    assert code(ending(night.kreis.registrar, night.kreis.registrar)) == (409, "member.last_registrar")


def test_two_registrars_cannot_end_each_other(night):
    first, second = night.kreis.registrar, night.egger
    Membership.objects.filter(person=second.id).update(is_registrar=True)

    answers = night.at_once(first.posting(f"members/{second.id}/end"), second.posting(f"members/{first.id}/end"))

    assert Membership.objects.filter(hospital=night.kreis.id, is_registrar=True, state="active").count() == 1
    assert [answer.status_code for answer in answers].count(200) == 1


def test_keys_of_the_waiting_and_unknown_are_none(night):

    found = current_keys([night.pending.id, uuid4(), night.kreis.role.id])

    assert found.keys() == {night.kreis.role.id}
    assert PrincipalKey.objects.filter(principal=night.pending.id).count() == 0

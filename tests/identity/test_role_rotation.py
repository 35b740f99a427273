"""When a role's keys are due, what the next generation leaves behind, and who gets the former seed."""

import os
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from identity.models import DutyRole, Membership, PrincipalKey, RoleSeal
from tests.identity.browser import shown
from tests.identity.test_roles import Draft, code, made, next_generation, registrar
from wardline_client.protocol import Revocation, decode, encode
from wardline_client.protocol.keys import PrincipalKeys, open_history, open_role_seed, seal_history

__all__ = ["made", "registrar"]


def standing(registrar, role):
    (row,) = [row for row in registrar.get("roles").json()["results"] if row["id"] == str(role)]
    return row


def reasons(registrar, role):
    return [(due["reason"], due["person"]) for due in standing(registrar, role)["due"]]


def revoke(person, reason):
    statement = person.states("device-revoked", person.device_id, Revocation(person.id, reason))
    return person.post(f"devices/{person.device_id}/revoke", {"statement": shown(statement)})


def renewed_key(person) -> PrincipalKeys:
    """The person's next generation becomes the current one."""
    keys, present = PrincipalKeys(os.urandom(32)), PrincipalKey.objects.get(principal=person.id, replaced_at=None)
    PrincipalKey.objects.filter(pk=present.pk).update(replaced_at=timezone.now())
    fields = {"kind": "user", "hospital_id": person.hospital, "generation": 2, "statement_id": present.statement_id}
    public = {"kid": keys.kem.kid, "kem_public_key": keys.kem.public, "sign_public_key": keys.sign.public}
    PrincipalKey.objects.create(principal=person.id, **fields, **public)
    return keys


def history_of(made, present, generation=1):
    return seal_history(former=made.keys.seed, current=present.keys.seed, principal=made.id, generation=generation)


def hand_on(person, role, history, generation=2):
    return person.post(f"duty/{role}/history", {"generation": generation, "history": encode(history)})


def test_nothing_is_due_at_first(night, registrar, made):
    row = standing(registrar, made.id)

    assert (row["generation"], row["due"], row["lacks_history"]) == (1, [], False)
    assert set(row["eligible"]) == {str(night.egger.id), str(night.conrad.id)}
    assert night.actions_of(night.kreis)[-1] == "identity.read_roles"


def test_due_when_somebody_left(night, registrar, made):
    registrar.post(f"members/{night.egger.id}/end")

    assert reasons(registrar, made.id) == [("left", str(night.egger.id))]
    assert standing(registrar, made.id)["eligible"] == [str(night.conrad.id)]
    assert next_generation(made, [night.conrad]).post().status_code == 201
    assert reasons(registrar, made.id) == []


@pytest.mark.parametrize(("reason", "is_due"), [("lost", True), ("stolen", True), ("replaced", False), ("other", False)])
def test_due_when_a_phone_is_gone(night, registrar, made, reason, is_due):
    assert revoke(night.egger, reason).status_code == 200

    assert reasons(registrar, made.id) == ([("device_lost", str(night.egger.id))] if is_due else [])
    assert next_generation(made, [night.conrad, night.egger]).post().status_code == 201
    assert reasons(registrar, made.id) == []


def test_a_phone_lost_before_the_seal_is_no_reason(night, registrar):
    """Adler's former phone was revoked before (``tests.cast``)."""
    draft = Draft(registrar, [night.adler], name="Later")
    assert draft.post().status_code == 201

    assert reasons(registrar, draft.id) == []


def test_due_when_a_persons_own_key_is_newer_than_the_seal(night, registrar, made):
    keys = renewed_key(night.egger)
    stale = next_generation(made, [night.egger, night.conrad]).post()

    assert reasons(registrar, made.id) == [("key_renewed", str(night.egger.id))]
    assert (code(stale), stale.json()["people"]) == ((409, "role.stale_seals"), [str(night.egger.id)])
    night.egger.keys = keys
    assert next_generation(made, [night.egger, night.conrad]).post().status_code == 201
    assert reasons(registrar, made.id) == []


def test_the_oldest_reason_comes_first(night, registrar, made):
    revoke(night.conrad, "lost")
    registrar.post(f"members/{night.egger.id}/end")

    found = standing(registrar, made.id)["due"]
    assert [due["reason"] for due in found] == ["device_lost", "left"]
    assert found == sorted(found, key=lambda due: due["since"])


def test_a_constant_number_of_queries(night, registrar, made):
    with CaptureQueriesContext(
        connection,
    ) as few:
        registrar.get("roles")
    for number in range(3):
        assert Draft(registrar, [night.conrad, night.adler, night.egger], name=f"Role {number}").post().status_code == 201
    with CaptureQueriesContext(connection) as many:
        registrar.get("roles")

    assert len(many) == len(few)


def test_a_generation_comes_whole_or_not_at_all(night, registrar, made):
    """One seal of fifty that is not right, and the former generation stands with all of its seals."""
    before = list(RoleSeal.objects.filter(role=made.id).order_by("id").values_list("generation", "person", "ended_at"))
    body = next_generation(made, [night.conrad, night.adler]).body()
    body["seals"][1]["kid"] = encode(bytes(16))

    assert code(registrar.post("roles", body)) == (409, "role.stale_seals")

    assert list(RoleSeal.objects.filter(role=made.id).order_by("id").values_list("generation", "person", "ended_at")) == before
    assert standing(registrar, made.id)["generation"] == 1
    assert night.egger.post(f"duty/{made.id}/take").status_code == 200


def test_the_description_changes_without_touching_keys(night, registrar, made):
    draft = Draft(registrar, made.eligible, keys=made.keys, role=made.id, prev=made.statement, name="Renamed")
    body = draft.body() | {"seals": []}

    assert registrar.post("roles", body).status_code == 201

    row = standing(registrar, made.id)
    assert (row["name"], row["generation"], len(row["eligible"])) == ("Renamed", 1, 2)
    (mine,) = [row for row in night.egger.get("duty").json()["results"] if row["role"] == str(made.id)]
    # Still bound to the statement it was made for.
    seed = open_role_seed(sealed=decode(mine["sealed"]), user_kem=night.egger.keys.kem, role_statement=made.statement.h)
    assert seed == made.keys.seed


@pytest.mark.parametrize("generation", [1, 2])
def test_without_seals_nobody_comes_and_nobody_goes(night, registrar, made, generation):
    for eligible in ([night.egger, night.conrad, night.adler], [night.conrad]):
        keys = {} if generation == 2 else {"keys": made.keys, "history": None}
        draft = next_generation(made, eligible, generation=generation, **keys)
        assert registrar.post("roles", draft.body() | {"seals": []}).status_code == 400
    assert set(standing(registrar, made.id)["eligible"]) == {str(night.egger.id), str(night.conrad.id)}


def test_who_was_eligible_before_hands_the_former_seed_on(night, registrar, made):
    present = next_generation(made, [night.conrad, night.adler], history=None)
    assert present.post().status_code == 201
    assert standing(registrar, made.id)["lacks_history"] is True
    (former,) = night.conrad.get(f"duty/{made.id}/seals").json()["results"]
    seed = open_role_seed(sealed=decode(former["sealed"]), user_kem=night.conrad.keys.kem, role_statement=made.statement.h)

    assert hand_on(night.conrad, made.id, history_of(made, present)).status_code == 200

    assert (former["generation"], seed) == (1, made.keys.seed)
    (row,) = [row for row in night.adler.get("duty").json()["results"] if row["role"] == str(made.id)]
    opened = open_history(sealed=decode(row["keys"][1]["history"]), current=present.keys.seed, principal=made.id, generation=1)
    assert opened == made.keys.seed
    assert standing(registrar, made.id)["lacks_history"] is False
    event = night.audit_of(night.kreis)[-3]
    assert (event.action, event.agent["person"]) == ("identity.add_role_history", str(night.conrad.pseudonym))


def test_handing_on_twice_is_one_event_and_a_bad_one_is_mended(night, registrar, made):
    present = next_generation(made, [night.conrad, night.adler], history=None)
    present.post()
    assert hand_on(night.conrad, made.id, os.urandom(48)).status_code == 200

    for _ in range(2):
        assert hand_on(night.conrad, made.id, history_of(made, present)).status_code == 200

    assert bytes(PrincipalKey.objects.get(principal=made.id, generation=2).history) == history_of(made, present)
    assert night.actions_of(night.kreis).count("identity.add_role_history") == 2


def test_only_who_had_the_former_seed_hands_it_on(night, registrar, made):
    present = next_generation(made, [night.conrad, night.adler], history=None)
    present.post()
    history = history_of(made, present)

    assert code(hand_on(night.adler, made.id, history)) == (400, "role.no_former_seal")
    # Taken off the list a moment ago: that request was right once.
    assert code(hand_on(night.egger, made.id, history)) == (404, "not_found")
    assert code(hand_on(night.conrad, made.id, history, generation=3)) == (404, "not_found")
    assert night.egger.get(f"duty/{made.id}/seals").status_code == 404
    assert night.adler.get(f"duty/{made.id}/seals").json()["results"] == []
    assert PrincipalKey.objects.get(principal=made.id, generation=2).history is None


def test_the_last_who_could_hand_on_does_not_go_unnoticed(night, registrar, made):
    second = next_generation(made, [night.conrad, night.adler], history=None)
    second.post()
    keys = PrincipalKeys(os.urandom(32))
    history = seal_history(former=second.keys.seed, current=keys.seed, principal=made.id, generation=2)
    third = Draft(registrar, [night.adler], keys=keys, generation=3, role=made.id, prev=second.statement, history=history)

    assert code(third.post()) == (400, "role.history_missing")
    hand_on(night.conrad, made.id, history_of(made, second))
    assert third.post().status_code == 201


def test_when_all_have_left_a_role_begins_anew(night, registrar, made):
    for person in (night.egger, night.conrad):
        registrar.post(f"members/{person.id}/end")

    assert next_generation(made, [night.adler], history=None).post().status_code == 201


def test_a_closed_role_is_nobodys(night, registrar, made):
    night.egger.post(f"duty/{made.id}/take")

    assert registrar.post(f"roles/{made.id}/close").status_code == 200

    assert night.egger.actor().roles == set()
    assert night.egger.post(f"duty/{made.id}/take").status_code == 404
    assert night.conrad.get(f"duty/{made.id}/seals").status_code == 404
    assert str(made.id) not in night.brandt.get("directory").content.decode()
    assert not PrincipalKey.objects.filter(principal=made.id, replaced_at=None).exists()
    assert registrar.post(f"roles/{made.id}/close").status_code == 404
    assert code(next_generation(made, [night.conrad]).post()) == (404, "not_found")
    # Its name is free.
    assert Draft(registrar, [night.conrad]).post().status_code == 201
    assert "identity.close_role" in night.actions_of(night.kreis)


def test_of_elsewhere_it_is_not_closed(night, made):
    assert night.uni.registrar.post(f"roles/{made.id}/close").status_code == 404
    assert night.adler.post(f"roles/{made.id}/close").status_code == 403
    assert DutyRole.objects.get(pk=made.id).closed_at is None
    assert night.uni.registrar.post(f"roles/{uuid4()}/close").status_code == 404


def test_registrars_of_elsewhere_see_their_own(night, made):
    found = night.uni.registrar.get("roles").json()

    assert {row["id"] for row in found["results"]} == {str(night.uni.role.id)}
    assert [unit["id"] for unit in found["units"]] == [str(night.uni.unit_id)]


@pytest.mark.race
def test_of_two_registrars_who_renew_at_once_one_does(night, registrar, made):
    first, second = next_generation(made, [night.conrad]), next_generation(made, [night.conrad, night.egger])

    answers = night.at_once(registrar.posting("roles", first.body()), registrar.posting("roles", second.body()))

    (loser,) = [answer for answer in answers if answer.status_code != 201]
    assert code(loser)[1] in ("statement.stale", "statement.fork", "role.generation")
    assert RoleSeal.objects.filter(role=made.id, ended_at=None).count() == len(standing(registrar, made.id)["eligible"])
    assert set(RoleSeal.objects.filter(role=made.id, ended_at=None).values_list("generation", flat=True)) == {2}


@pytest.mark.race
def test_who_is_leaving_in_that_second_gets_no_seal_that_stays(night, registrar, made):
    draft = next_generation(made, [night.conrad, night.egger])

    night.at_once(registrar.posting(f"members/{night.egger.id}/end"), registrar.posting("roles", draft.body()))

    assert not RoleSeal.objects.filter(person=night.egger.id, ended_at=None).exists()
    assert Membership.objects.filter(person=night.egger.id, state="ended").exists()
    assert reasons(registrar, made.id) == [("left", str(night.egger.id))]


def test_a_turn_of_days_ago_does_not_matter(night, registrar, made):
    """What ended before the present generation is no reason."""
    RoleSeal.objects.create(
        role_id=made.id, generation=0, person_id=night.adler.id, kid=bytes(16), sealed=b"", ended_at=timezone.now() - timedelta(days=3)
    )

    assert reasons(registrar, made.id) == []

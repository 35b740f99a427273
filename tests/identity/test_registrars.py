"""Who signs for the hospital: proposed by one, confirmed by another, ended by the root."""

from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from identity.models import Membership, PrincipalKey, RegistrarProposal
from identity.services.statements import latest
from tests.identity.browser import shown
from tests.identity.test_auditors import appoint
from tests.identity.test_join import Newcomer, approve
from wardline_client.protocol import Office, encode, parse_statement
from wardline_client.protocol.statements import make_statement


def of_root(place, person, sign, *, key=None):
    """What the hospital's root says about an office, after the latest."""
    row = latest("registrar", person.id, place.id)
    prev = row and parse_statement(bytes(row.header), bytes(row.signature))
    what = {"kind": "registrar", "hospital": place.id, "subject": person.id, "body": Office(sign)}
    return {"statement": shown(make_statement(**what, by=place.id, key=key or place.root, at=timezone.now(), prev=prev))}


def propose(by, person):
    return by.post("registrars/proposals", {"person": str(person.id), "sign": encode(person.keys.sign.public)})


def proposed(by, person):
    answer = propose(by, person)
    assert answer.status_code == 201, answer.json()
    return answer.json()["id"]


def confirm(by, proposal, person):
    return by.post(f"registrars/proposals/{proposal}/confirm", of_root(by.place, person, person.keys.sign.public))


def code(answer):
    return answer.status_code, answer.json()["code"]


def is_registrar(person):
    return Membership.objects.get(person=person.id).is_registrar


@pytest.fixture
def second(night):
    """Egger is an auditor: the second person of a hospital with one registrar."""
    assert appoint(night.kreis.registrar, night.egger).status_code == 201
    return night.egger


@pytest.fixture
def proposal(night, second):
    return proposed(night.kreis.registrar, night.adler)


def test_two_people_make_a_registrar(night, second, proposal):
    assert not is_registrar(night.adler)
    listed = second.get("registrars").json()
    assert [row["id"] for row in listed["proposals"]] == [proposal]

    assert confirm(second, proposal, night.adler).status_code == 200

    assert night.adler.get("members/pending").status_code == 200
    assert {row["person"] for row in night.adler.get("registrars").json()["registrars"]} == {
        str(night.kreis.registrar.id),
        str(night.adler.id),
    }
    assert [action for action in night.actions_of(night.kreis) if "registrar" in action and "read" not in action] == [
        "identity.propose_registrar",
        "identity.confirm_registrar",
    ]


def test_a_new_registrar_signs_what_clients_believe(night, second, proposal):
    confirm(second, proposal, night.adler)
    newcomer = Newcomer(night)
    newcomer.joins()

    assert approve(night.adler, newcomer, newcomer.vouched_by(night.adler)).status_code == 200


def test_who_proposed_or_is_proposed_is_not_the_second(night, proposal):
    assert code(confirm(night.kreis.registrar, proposal, night.adler)) == (403, "registrar.second_person")
    appoint(night.kreis.registrar, night.adler)
    assert code(confirm(night.adler, proposal, night.adler)) == (403, "registrar.second_person")
    assert not is_registrar(night.adler)


def test_nor_does_the_database_take_one_person_for_two(night, proposal):
    for alone in (night.kreis.registrar, night.adler):
        with pytest.raises(IntegrityError, match="registrarproposal_by_two"), transaction.atomic():
            RegistrarProposal.objects.filter(pk=proposal).update(confirmed_by=alone.id, ended_at=timezone.now(), end_reason="confirmed")


def test_outsiders_and_colleagues_confirm_nothing(night, proposal):
    assert code(confirm(night.conrad, proposal, night.adler)) == (403, "auditor.required")
    body = of_root(night.kreis, night.adler, night.adler.keys.sign.public)
    elsewhere = night.uni.registrar
    assert code(elsewhere.post(f"registrars/proposals/{proposal}/confirm", body)) == (404, "not_found")
    assert code(elsewhere.post(f"registrars/proposals/{uuid4()}/confirm", body)) == (404, "not_found")
    assert code(elsewhere.post(f"registrars/proposals/{proposal}/withdraw")) == (404, "not_found")
    assert code(propose(elsewhere, night.adler)) == (404, "not_found")
    assert code(propose(night.kreis.registrar, night.kreis.archive)) == (404, "not_found")


def test_a_root_that_is_not_the_hospitals_makes_nobody_a_registrar(night, second, proposal):
    url, public = f"registrars/proposals/{proposal}/confirm", night.adler.keys.sign.public

    assert code(second.post(url, of_root(night.kreis, night.adler, public, key=night.uni.root))) == (400, "statement.no_chain")
    assert code(second.post(url, of_root(night.kreis, night.adler, second.keys.sign.public))) == (400, "statement.unexpected")
    assert code(second.post(url, of_root(night.kreis, night.conrad, public))) == (400, "statement.unexpected")
    assert not is_registrar(night.adler)


def test_whose_keys_changed_since_is_compared_again(night, second, proposal):
    """The root's holder is about to sign the key that was compared; it is the former one by now."""
    PrincipalKey.objects.filter(principal=night.adler.id, replaced_at=None).update(sign_public_key=second.keys.sign.public)

    assert code(confirm(second, proposal, night.adler)) == (409, "registrar.other_keys")
    assert not is_registrar(night.adler)


def test_of_two_confirmations_at_once_one_counts(night, second, proposal):
    appoint(night.kreis.registrar, night.conrad)
    body = of_root(night.kreis, night.adler, night.adler.keys.sign.public)
    calls = [who.posting(f"registrars/proposals/{proposal}/confirm", body) for who in (second, night.conrad)]

    answers = night.at_once(*calls)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert night.actions_of(night.kreis).count("identity.confirm_registrar") == 1


def test_a_confirmation_meets_a_withdrawal(night, second, proposal):
    confirming = second.posting(f"registrars/proposals/{proposal}/confirm", of_root(night.kreis, night.adler, night.adler.keys.sign.public))
    withdrawing = night.kreis.registrar.posting(f"registrars/proposals/{proposal}/withdraw")

    answers = night.at_once(confirming, withdrawing)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert is_registrar(night.adler) == (answers[0].status_code == 200)


def test_a_withdrawn_proposal_is_over(night, second, proposal):
    assert night.kreis.registrar.post(f"registrars/proposals/{proposal}/withdraw").status_code == 200

    assert code(confirm(second, proposal, night.adler)) == (409, "proposal.over")
    assert proposed(night.kreis.registrar, night.adler) != proposal


def test_an_expired_proposal_makes_room_for_the_next(night, second, proposal):
    RegistrarProposal.objects.filter(pk=proposal).update(expires_at=timezone.now())

    assert code(confirm(second, proposal, night.adler)) == (409, "proposal.over")
    assert proposed(night.kreis.registrar, night.adler) != proposal


def test_nobody_is_proposed_twice_or_by_themselves(night, proposal):
    registrar = night.kreis.registrar
    assert code(propose(registrar, night.adler)) == (409, "registrar.proposed")
    assert code(propose(registrar, registrar)) == (400, "registrar.oneself")
    other = registrar.post("registrars/proposals", {"person": str(night.conrad.id), "sign": encode(night.adler.keys.sign.public)})
    assert code(other) == (409, "registrar.other_keys")


def test_the_operator_is_the_second_where_there_is_no_other(night):
    proposal = proposed(night.kreis.registrar, night.adler)
    assert code(confirm(night.kreis.registrar, proposal, night.adler)) == (403, "registrar.second_person")

    call_command("registrar_agree", proposal)

    assert confirm(night.kreis.registrar, proposal, night.adler).status_code == 200
    assert "identity.agree_registrar" in night.actions_of(night.kreis)


def test_the_operator_is_not_where_there_is_another(night, proposal):
    with pytest.raises(CommandError, match="second registrar or an auditor"):
        call_command("registrar_agree", proposal)
    with pytest.raises(CommandError):
        call_command("registrar_agree", uuid4())


# leaving the office


def end(by, person, *, key=None):
    return by.post(f"registrars/{person.id}/end", of_root(by.place, person, None, key=key))


def test_who_was_a_registrar_signs_nothing_any_more(night, second, proposal):
    """A statement made in office, kept, and brought after the end is refused as well: by whom it is brought does not help."""
    confirm(second, proposal, night.adler)
    newcomer = Newcomer(night)
    newcomer.joins()
    kept = newcomer.vouched_by(night.adler)

    assert end(night.kreis.registrar, night.adler).status_code == 200

    assert code(approve(night.adler, newcomer, kept)) == (403, "registrar.required")
    assert code(approve(night.kreis.registrar, newcomer, kept)) == (400, "statement.unexpected")
    assert code(night.adler.post("invitations", {"name": "X", "title": "", "profession": "nurse"})) == (403, "registrar.required")
    said = latest("registrar", night.adler.id, night.kreis.id)
    assert parse_statement(bytes(said.header), bytes(said.signature)).body == Office(None)


def test_the_last_registrar_stays(night, second, proposal):
    registrar = night.kreis.registrar
    assert code(end(registrar, registrar)) == (409, "member.last_registrar")

    confirm(second, proposal, night.adler)
    assert end(registrar, registrar).status_code == 200

    assert not is_registrar(registrar)
    assert code(end(night.adler, night.adler)) == (409, "member.last_registrar")


def test_two_registrars_cannot_end_each_other(night, second, proposal):
    confirm(second, proposal, night.adler)
    registrar = night.kreis.registrar
    one = registrar.posting(f"registrars/{night.adler.id}/end", of_root(night.kreis, night.adler, None))
    other = night.adler.posting(f"registrars/{registrar.id}/end", of_root(night.kreis, registrar, None))

    answers = night.at_once(one, other)

    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 403])
    assert Membership.objects.filter(hospital=night.kreis.id, is_registrar=True, state="active").count() == 1


def test_an_office_ends_by_the_root_alone(night, second, proposal):
    confirm(second, proposal, night.adler)
    registrar = night.kreis.registrar
    assert code(end(registrar, night.adler, key=night.uni.root)) == (400, "statement.no_chain")
    assert code(end(registrar, night.conrad)) == (409, "registrar.none")
    assert code(night.uni.registrar.post(f"registrars/{night.adler.id}/end", of_root(night.kreis, night.adler, None))) == (404, "not_found")
    again = of_root(night.kreis, night.adler, night.adler.keys.sign.public)
    assert code(registrar.post(f"registrars/{night.adler.id}/end", again)) == (400, "statement.unexpected")


def test_who_left_stays_believed_until_the_root_says_otherwise(night, second, proposal):
    confirm(second, proposal, night.adler)
    registrar = night.kreis.registrar
    assert registrar.post(f"members/{night.adler.id}/end").status_code == 200
    listed = {row["person"]: row["is_active"] for row in registrar.get("registrars").json()["registrars"]}
    assert listed == {str(registrar.id): True, str(night.adler.id): False}

    assert end(registrar, night.adler).status_code == 200

    assert [row["person"] for row in registrar.get("registrars").json()["registrars"]] == [str(registrar.id)]

"""Three recovery officers: named by two people with the root, and what a member leaves with them."""

import time

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from identity.models import KeyDeposit, OfficersProposal, PrincipalKey
from identity.services import deposits
from identity.services.named_officers import named_of
from tests.identity.browser import shown
from tests.identity.restoring import Trio, confirm, of_root, propose
from tests.identity.test_auditors import appoint
from tests.identity.test_roles import code
from wardline_client.protocol import Revocation, decode, encode


@pytest.fixture
def trio(night) -> Trio:
    return Trio(night)


@pytest.fixture
def named(trio) -> Trio:
    return trio.named()


def test_two_people_name_three_and_every_step_is_in_the_log(night, named):
    listed = night.adler.get("officers").json()

    assert listed == {"officers": [str(person.id) for person in named.people], "away": [], "proposals": []}
    steps = [action for action in night.actions_of(night.kreis) if "officers" in action and "read" not in action]
    assert steps == ["identity.propose_officers", "identity.confirm_officers"]


def test_who_proposed_or_is_named_is_not_the_second(night, trio):
    trio.people = sorted([night.conrad, night.egger, night.adler], key=lambda person: str(person.id))
    proposal = trio.proposed()
    appoint(trio.registrar, night.egger)

    assert code(confirm(trio.registrar, proposal, trio.people)) == (403, "officers.second_person")
    assert code(confirm(night.egger, proposal, trio.people)) == (403, "officers.second_person")
    who = {"confirmed_by": trio.registrar.id, "ended_at": timezone.now(), "end_reason": "confirmed"}
    with pytest.raises(IntegrityError, match="officersproposal_by_two"), transaction.atomic():
        OfficersProposal.objects.filter(pk=proposal).update(**who)


def test_three_different_members_with_the_keys_they_have_or_nobody(night, trio):
    registrar = trio.registrar
    assert code(propose(registrar, trio.people[:2])) == (400, "officers.three")
    assert code(propose(registrar, [*trio.people[:2], trio.people[0]])) == (400, "officers.three")
    assert code(propose(registrar, [])) == (409, "officers.none")
    for stranger in (night.outsider, night.former_colleague, night.kreis.archive, night.pending):
        assert code(propose(registrar, [*trio.people[:2], stranger])) == (409, "officers.other_keys")
    other = [{"person": str(person.id), "kid": encode(bytes(16))} for person in trio.people]
    assert code(registrar.post("officers/proposals", {"officers": other})) == (409, "officers.other_keys")
    trio.proposed()
    assert code(propose(registrar, trio.people)) == (409, "officers.proposed")


def test_the_root_signs_exactly_these(night, trio):
    appoint(trio.registrar, trio.second)
    url = f"officers/proposals/{trio.proposed()}/confirm"

    assert code(trio.second.post(url, of_root(night.kreis, trio.people, key=night.uni.root))) == (400, "statement.no_chain")
    others = sorted([night.conrad, *trio.people[:2]], key=lambda person: str(person.id))
    assert code(trio.second.post(url, of_root(night.kreis, others))) == (400, "statement.unexpected")
    assert code(night.uni.registrar.post(url, of_root(night.kreis, trio.people))) == (404, "not_found")
    PrincipalKey.objects.filter(principal=trio.people[0].id).update(kid=bytes(16))
    assert code(trio.second.post(url, of_root(night.kreis, trio.people))) == (409, "officers.other_keys")


def test_a_proposal_is_over_once_withdrawn_or_late(night, trio):
    appoint(trio.registrar, trio.second)
    first = trio.proposed()
    assert trio.registrar.post(f"officers/proposals/{first}/withdraw").status_code == 200
    assert code(confirm(trio.second, first, trio.people)) == (409, "proposal.over")
    late = trio.proposed()
    OfficersProposal.objects.filter(pk=late).update(expires_at=timezone.now())
    assert code(confirm(trio.second, late, trio.people)) == (409, "proposal.over")
    assert trio.proposed() not in (first, late)


def test_of_two_confirmations_at_once_one_counts(night, trio):
    for someone in (trio.second, night.conrad):
        appoint(trio.registrar, someone)
    url = f"officers/proposals/{trio.proposed()}/confirm"
    body = of_root(night.kreis, trio.people)

    answers = night.at_once(trio.second.posting(url, body), night.conrad.posting(url, body))

    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_naming_others_or_nobody_ends_what_was_deposited_but_no_refusal(night, named):
    named.deposits()
    assert night.conrad.post("deposit/decline").status_code == 200
    proposal = propose(named.registrar, []).json()["id"]

    assert confirm(named.second, proposal, []).status_code == 200

    assert night.adler.get("deposit").json()["state"] == "off"
    assert not KeyDeposit.objects.filter(person=night.adler.id).exists()
    assert night.conrad.get("deposit").json()["state"] == "declined"
    assert code(night.adler.post("deposit", named.draft())) == (409, "deposit.off")


def test_an_officer_who_left_is_shown_as_away(night, named):
    assert named.registrar.post(f"members/{named.people[1].id}/end").status_code == 200

    assert night.adler.get("officers").json()["away"] == [str(named.people[1].id)]


def test_partners_are_not_shown_who_the_officers_are(night, named):
    shown = [row for row in night.brandt.get("statements?after=0").json()["results"] if row["hospital"] == str(night.kreis.id)]

    assert sum(row["h"] is None for row in shown) >= 1
    assert all(b"recovery" not in decode(row["h"]) for row in shown if row["h"])


# deposits


def test_a_deposit_is_for_the_officers_and_of_the_key_of_now(night, named):
    adler = night.adler
    for spoilt in ({"hospital": night.uni.id}, {"person": night.conrad.id}, {"generation": 2}, {"named": bytes(32)}, {"seed": bytes(32)}):
        assert code(adler.post("deposit", named.draft(**spoilt))) == (409, "deposit.stale"), spoilt
    body = named.draft()
    assert code(adler.post("deposit", body | {"sealed": body["sealed"][::-1]})) == (400, "deposit.malformed")
    assert code(adler.post("deposit", body | {"header": encode(b"{}")})) == (400, "header.malformed")
    assert not KeyDeposit.objects.filter(person=adler.id).exists()
    assert adler.post("deposit", body).json()["state"] == "kept"
    kept = [event for event in night.audit_of(night.kreis) if event.action == "identity.make_deposit"]
    assert [event.agent["person"] for event in kept] == [str(adler.pseudonym)]


def test_who_said_no_has_none_until_they_say_otherwise(night, named):
    named.deposits()
    assert night.adler.post("deposit/decline").json()["state"] == "declined"

    assert code(night.adler.post("deposit", named.draft())) == (409, "deposit.declined")
    assert night.adler.post("deposit", named.draft() | {"is_wanted_again": True}).status_code == 201
    assert [action for action in night.actions_of(night.kreis) if action.endswith("_deposit") and "read" not in action] == [
        "identity.make_deposit",
        "identity.withdraw_deposit",
        "identity.make_deposit",
    ]


def test_an_officer_has_none_of_her_own(night, named):
    officer = named.people[0]

    assert officer.get("deposit").json()["state"] == "officer"
    assert code(officer.post("deposit", named.draft(officer))) == (409, "deposit.officer")


def test_a_deposit_meets_the_naming_of_others(night, named, monkeypatch):
    """Whichever comes first: none for the former officers is left, however long the deposit takes to be looked at."""

    def slowly(hospital_id):
        found = named_of(hospital_id)
        time.sleep(0.5)
        return found

    monkeypatch.setattr(deposits, "named_of", slowly)
    people = sorted([night.conrad, *named.people[:2]], key=lambda person: str(person.id))
    proposal = propose(named.registrar, people).json()["id"]
    naming = named.second.posting(f"officers/proposals/{proposal}/confirm", of_root(night.kreis, people))

    answers = night.at_once(night.adler.posting("deposit", named.draft()), naming)

    assert answers[1].status_code == 200
    assert answers[0].status_code in (201, 409)
    assert not KeyDeposit.objects.filter(person=night.adler.id).exists()


def test_the_database_keeps_no_share_of_who_declined(night, named):
    named.deposits()
    with pytest.raises(IntegrityError, match="keydeposit_kept_or_declined"), transaction.atomic():
        KeyDeposit.objects.filter(person=night.adler.id).update(declined_at=timezone.now())


def test_a_device_that_was_revoked_deposits_nothing(night, named):
    adler, body = night.adler, named.draft()
    statement = adler.states("device-revoked", adler.device_id, Revocation(adler.id, "lost"))
    assert adler.post(f"devices/{adler.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    assert adler.post("deposit", body).status_code == 401

"""Joining: invitation, passkey and keys on the own device, a registrar's signed word."""

import os
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from identity.models import Invitation, Membership, Person, PrincipalKey
from identity.models import Statement as StatementRow
from tests.identity.browser import Browser, shown, wrap
from wardline_client.protocol import Keys, Profile, decode, encode, profile_digest
from wardline_client.protocol.keys import PrincipalKeys
from wardline_client.protocol.profiles import make_profile

WHO = Profile(name="Ilse Neumann", title="Dr. med.", profession="physician", speciality="cardiology", unit="Station 4")
INVITED = vars(WHO)


class Newcomer:
    """Somebody with an invitation and an own device."""

    def __init__(self, night) -> None:
        self.night, self.browser, self.keys = night, Browser(), PrincipalKeys(os.urandom(32))
        answer = night.kreis.registrar.post("invitations", INVITED)
        assert answer.status_code == 201
        self.token = answer.json()["token"]
        self.looked = self.browser.post("invitations/look", {"token": self.token}).json()
        self.id = self.looked["person"]
        self.profile = make_profile(WHO)

    def body(self):

        return self.browser.enrolment(
            token=self.token,
            purpose="join",
            person=UUID(self.id),
            hospital=self.night.kreis.id,
            keys=self.keys,
            profile=self.profile,
        )

    def joins(self):
        return self.browser.post("enrolment", self.body())

    def vouched_by(self, registrar, *, keys: PrincipalKeys | None = None, generation: int = 1):

        keys = keys or self.keys
        body = Keys(generation, keys.kem.public, keys.sign.public, profile_digest(self.profile))
        return registrar.states("member", UUID(self.id), body)


@pytest.fixture
def newcomer(night) -> Newcomer:
    return Newcomer(night)


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def approve(registrar, newcomer, statement):
    return registrar.post(f"members/{newcomer.id}/approve", {"statement": shown(statement)})


def test_an_invitation_shows_who_is_meant(night, newcomer):
    place = {"id": str(night.kreis.id), "name": "Klinikum kreis"}
    expected = {**INVITED, "hospital": place, "person": newcomer.id, "root": encode(night.kreis.root.public), "sso": None}
    assert newcomer.looked == expected


def test_joins_waits_and_is_approved(night, newcomer):
    answer = newcomer.joins()
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")
    assert code(newcomer.browser.get("directory")) == (403, "membership.pending")

    waiting = night.kreis.registrar.get("members/pending").json()["results"]
    (entry,) = [row for row in waiting if row["person"] == newcomer.id]
    assert {field: entry[field] for field in INVITED} == INVITED
    assert decode(entry["keys"]["kem"]) == newcomer.keys.kem.public

    assert approve(night.kreis.registrar, newcomer, newcomer.vouched_by(night.kreis.registrar)).status_code == 200

    assert newcomer.browser.get("session").json()["state"] == "active"
    people = newcomer.browser.get("directory").json()["people"]
    assert newcomer.id in {person["id"] for person in people}
    assert PrincipalKey.objects.get(principal=newcomer.id).kem_public_key == newcomer.keys.kem.public
    assert night.actions_of(night.kreis)[-3:-1] == ["identity.statement", "identity.approve_member"]


def test_the_log_says_what_the_registrar_verified(night, newcomer):
    newcomer.joins()
    approve(night.kreis.registrar, newcomer, newcomer.vouched_by(night.kreis.registrar))

    (approved,) = [event for event in night.audit_of(night.kreis) if event.action == "identity.approve_member"]
    assert approved.detail == {"profession": "physician", "speciality": "cardiology"}


@pytest.mark.parametrize("wrong", [{"profession": "wizard"}, {"speciality": "wizardry"}, {"unit": "x" * 121}])
def test_only_known_professions_and_specialities_are_invited(night, wrong):
    assert night.kreis.registrar.post("invitations", {**INVITED, **wrong}).status_code == 400


def test_registrars_are_rung_when_somebody_waits(night, newcomer, ear):
    newcomer.joins()

    assert '{"t":"members"}' in [frame.text for frame in ear.frames(">", night.kreis.registrar.id)]


def test_an_invitation_is_good_once(night, newcomer):
    newcomer.joins()
    second = Newcomer.__new__(Newcomer)
    second.__dict__ = newcomer.__dict__ | {"browser": Browser()}

    assert code(second.browser.post("invitations/look", {"token": newcomer.token})) == (410, "invitation.used")
    assert code(second.browser.post("enrolment/options", {"token": newcomer.token, "purpose": "join"})) == (410, "invitation.used")


def test_of_two_who_use_an_invitation_at_once_one_joins(night, newcomer):
    other = Newcomer.__new__(Newcomer)
    other.__dict__ = newcomer.__dict__ | {"browser": Browser()}
    bodies = [(who.browser, who.body()) for who in (newcomer, other)]
    calls = []
    for browser, body in bodies:
        browser.session_key = browser.cookie
        calls.append(browser.posting("enrolment", body))

    answers = night.at_once(*calls)

    assert sorted(answer.status_code for answer in answers) == [201, 410]
    assert Membership.objects.filter(person=newcomer.id).count() == 1


def test_an_expired_invitation_is_gone(night, newcomer):
    body = newcomer.body()
    Invitation.objects.filter(person_id=newcomer.id).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert code(newcomer.browser.post("enrolment", body)) == (410, "invitation.expired")
    assert code(newcomer.browser.post("invitations/look", {"token": newcomer.token})) == (410, "invitation.expired")


def test_an_invitation_ends_with_who_made_it(night, newcomer):
    body = newcomer.body()
    Membership.objects.filter(person=night.egger.id).update(is_registrar=True)
    assert night.egger.post(f"members/{night.kreis.registrar.id}/end").status_code == 200

    assert code(newcomer.browser.post("enrolment", body)) == (410, "invitation.withdrawn")
    assert code(newcomer.browser.post("invitations/look", {"token": newcomer.token})) == (410, "invitation.withdrawn")
    assert not Person.objects.filter(pk=newcomer.id).exists()


def test_a_guessed_token_is_unknown(newcomer):
    assert code(newcomer.browser.post("invitations/look", {"token": "A" * 43})) == (404, "invitation.unknown")


def test_the_database_has_no_token(night, newcomer):
    row = Invitation.objects.filter(person_id=newcomer.id).values().get()

    assert newcomer.token not in repr(row)
    assert newcomer.token.encode() not in bytes(row["token_hash"])


def test_a_retried_invitation_is_the_same(night):

    key = uuid4()
    first, again = (night.kreis.registrar.post("invitations", INVITED, key=key).json() for _ in range(2))
    other = night.kreis.registrar.post("invitations", {**INVITED, "name": "Another"}, key=key)

    assert first == again
    assert code(other) == (409, "idempotency.key_reused")


def spoil_profile(newcomer, body):
    body["keys"]["profile"] = encode(make_profile(replace(WHO, name="Prof. Impostor")))


def spoil_speciality(newcomer, body):
    body["keys"]["profile"] = encode(make_profile(replace(WHO, speciality="neurosurgery")))


def spoil_recovery(newcomer, body):
    body["wraps"] = body["wraps"][:1]


def spoil_unlocking(newcomer, body):
    body["wraps"] = body["wraps"][1:]


def spoil_kem(newcomer, body):
    body["keys"]["kem"] = encode(b"\xff" * 1216)


def spoil_signature(newcomer, body):
    other = PrincipalKeys(os.urandom(32))

    body["statement"] = shown(newcomer.browser.device_statement(UUID(newcomer.id), newcomer.night.kreis.id, other))


def spoil_hospital(newcomer, body):

    body["statement"] = shown(newcomer.browser.device_statement(UUID(newcomer.id), newcomer.night.uni.id, newcomer.keys))


def spoil_device_key(newcomer, body):
    body["device"]["public_key"] = encode(os.urandom(32))


def spoil_device_id(newcomer, body):
    body["device"]["id"] = str(newcomer.night.adler.device_id)


def spoil_keys(newcomer, body):
    del body["keys"]


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (spoil_profile, "profile.not_as_invited"),
        (spoil_speciality, "profile.not_as_invited"),
        (spoil_recovery, "wraps.recovery_missing"),
        (spoil_unlocking, "wraps.missing"),
        (spoil_kem, "keys.malformed"),
        (spoil_signature, "statement.no_chain"),
        (spoil_hospital, "statement.unexpected"),
        (spoil_device_key, "statement.unexpected"),
        (spoil_device_id, "statement.unexpected"),
        (spoil_keys, "keys.missing"),
    ],
)
def test_half_an_account_is_none(newcomer, spoil, refused):
    body = newcomer.body()
    spoil(newcomer, body)

    assert code(newcomer.browser.post("enrolment", body)) == (400, refused)

    assert not Person.objects.filter(id=newcomer.id).exists()
    assert not StatementRow.objects.filter(subject=newcomer.browser.device_id).exists()
    # The invitation is as good as before.
    assert newcomer.joins().status_code == 201


def test_a_passkey_is_made_with_finger_or_pin(newcomer, monkeypatch):
    monkeypatch.setattr("wardline_client.authenticator._USER_VERIFIED", 0)

    assert code(newcomer.joins()) == (400, "passkey.refused")


def test_a_challenge_belongs_to_its_token(night, newcomer):
    other = night.kreis.registrar.post("invitations", INVITED).json()["token"]
    body = newcomer.body() | {"token": other}

    assert code(newcomer.browser.post("enrolment", body)) == (401, "challenge.unknown")


def test_only_registrars_invite(night):
    for who in (night.adler, night.pending, night.anonymous, night.kreis.archive):
        assert who.post("invitations", INVITED).status_code in (401, 403)


def test_a_registrar_of_elsewhere_cannot_approve(night, newcomer):
    newcomer.joins()
    for registrar in (night.uni.registrar, night.fern.registrar):
        assert code(approve(registrar, newcomer, newcomer.vouched_by(registrar))) == (404, "not_found")


def test_a_colleague_cannot_approve(night, newcomer):
    newcomer.joins()

    assert code(approve(night.adler, newcomer, newcomer.vouched_by(night.adler))) == (403, "registrar.required")


def test_only_the_keys_that_were_made_are_approved(night, newcomer):
    newcomer.joins()
    other = PrincipalKeys(os.urandom(32))

    substituted = approve(night.kreis.registrar, newcomer, newcomer.vouched_by(night.kreis.registrar, keys=other))
    generation = approve(night.kreis.registrar, newcomer, newcomer.vouched_by(night.kreis.registrar, generation=2))
    borrowed = approve(night.kreis.registrar, newcomer, newcomer.vouched_by(night.adler))

    assert {code(answer) for answer in (substituted, generation, borrowed)} == {(400, "statement.unexpected")}


def test_a_forged_signature_is_refused(night, newcomer):
    newcomer.joins()
    statement = shown(newcomer.vouched_by(night.kreis.registrar))
    signature = bytearray(decode(statement["s"]))
    signature[3] ^= 1

    answer = night.kreis.registrar.post(f"members/{newcomer.id}/approve", {"statement": statement | {"s": encode(bytes(signature))}})

    assert code(answer) == (400, "signature.invalid")


def test_approved_twice_at_once_is_approved_once(night, newcomer):
    newcomer.joins()
    registrar = night.kreis.registrar
    calls = [registrar.posting(f"members/{newcomer.id}/approve", {"statement": shown(newcomer.vouched_by(registrar))}) for _ in range(2)]

    answers = night.at_once(*calls)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert PrincipalKey.objects.filter(principal=newcomer.id).count() == 1


def test_wraps_of_the_waiting_are_kept(night, newcomer):
    newcomer.joins()
    kept = [newcomer.browser.get(f"session/unlock?by={by}").json()["wraps"] for by in ("device", "recovery")]

    assert [[row["kind"] for row in wraps] for wraps in kept] == [["passkey"], ["recovery"]]
    extra = wrap("recovery", newcomer.keys.seed, os.urandom(16), newcomer.id)
    assert newcomer.browser.post("session/wraps", extra).status_code == 201

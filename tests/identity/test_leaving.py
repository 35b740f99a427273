"""Leaving, table by table: whatever hangs on a person either ends in that one act or stays for a reason written here.

The list of tables comes from the models' own foreign keys: a new one without a row fails, and so does a row of which the
person had nothing.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db.models import Model, Q
from django.utils import timezone

from audit.events import Agent
from audit.models import Export
from backend.errors import NotFound
from backend.models import FirstAnswer
from identity.models import (
    AuditorTerm,
    Device,
    DeviceLink,
    Duty,
    DutyRole,
    Holder,
    KeyDeposit,
    KeyRenewal,
    Membership,
    Person,
    PrincipalKey,
    Restoration,
    RestorationApproval,
    RoleSeal,
    SeedWrap,
    SignIn,
    SsoProvider,
    SsoSubject,
)
from identity.services import members
from messaging.models import EmergencyAccess, EmergencyInForce, Message, PendingPush, PushSubscription
from messaging.services import owe_push
from tests.audit.bundles import publish
from tests.cast import Night, Someone
from tests.identity.test_auditors import appoint
from tests.messaging.people import envelope_json, seal, send, start_talk
from tests.messaging.test_emergency import breaking
from wardline_client.protocol import Revocation, encode


class Ends(NamedTuple):
    """``still`` finds what of the person would still count."""

    still: Callable[[UUID], Any]


def _open(model: type[Model], person: str, **until: Any) -> Ends:
    return Ends(lambda one: model._default_manager.filter(**{person: one}, **(until or {"ended_at": None})))


DECIDED: dict[str, Ends | str] = {
    "identity.Membership.person": Ends(lambda one: Membership.objects.filter(person=one, state__in=Membership.OPEN)),
    "identity.AuditorTerm.membership": _open(AuditorTerm, "membership__person"),
    "identity.AuditorTerm.appointed_by": "a term outlives the office of who gave it; it has an end and is in the log",
    "identity.Device.person": "locked out with the membership; its signed end is asked of the registrar's client (``owed``)",
    "identity.Passkey.person": "opens nothing: a sign-in needs an open membership",
    "identity.SeedWrap.person": _open(SeedWrap, "person"),
    "identity.SeedWrap.device": _open(SeedWrap, "device__person"),
    "identity.SignIn.person": _open(SignIn, "person"),
    "identity.SignIn.device": _open(SignIn, "device__person"),
    "identity.DeviceLink.person": _open(DeviceLink, "person", used_at=None),
    "identity.DeviceLink.created_by": "a colleague's recovery link ends with its maker's office when it is used (``membership_of_link``)",
    # The account, and the token with which the provider is asked about it.
    "identity.SsoSubject.person": Ends(lambda one: SsoSubject.objects.filter(~Q(refresh_token=b"") | Q(ended_at=None), person=one)),
    "identity.KeyRenewal.person": _open(KeyRenewal, "person"),
    "identity.KeyRenewal.device": _open(KeyRenewal, "device__person"),
    "identity.KeyDeposit.person": Ends(lambda one: KeyDeposit.objects.filter(person=one)),
    "identity.Restoration.person": _open(Restoration, "person"),
    "identity.Restoration.started_by": "its link ends with the office of who started it when it is used (``membership_of_link``)",
    "identity.RestorationApproval.officer": Ends(lambda one: RestorationApproval.objects.filter(officer=one)),
    "identity.RestorationApproval.device": Ends(lambda one: RestorationApproval.objects.filter(device__person=one)),
    "identity.OfficersProposal.proposed_by": "confirmed only while who proposed it holds the office",
    "identity.OfficersProposal.confirmed_by": "the record",
    "identity.RoleSeal.person": _open(RoleSeal, "person"),
    "identity.Duty.person": Ends(lambda one: Duty.objects.filter(Q(ended_at=None) | Q(ended_at__gt=timezone.now()), person=one)),
    "identity.Holder.person": Ends(lambda one: Holder.objects.filter(person=one)),
    "identity.Invitation.created_by": "ends with its maker's office when it is used (``invitation.withdrawn``)",
    "identity.Duty.planned_by": "who planned it, for the record",
    "identity.RegistrarProposal.candidate": "confirmed for active members alone",
    "identity.RegistrarProposal.proposed_by": "confirmed only while who proposed it holds the office",
    "identity.RegistrarProposal.confirmed_by": "the record",
    "identity.ShiftPattern.person": "the roster as written; a turn is made of it only for who is eligible (``turns.lay_out``)",
    "identity.ShiftPattern.written_by": "the record",
    "identity.Shift.person": "as ShiftPattern",
    "identity.Shift.written_by": "the record",
    "messaging.EmergencyAccess.person": _open(EmergencyAccess, "person"),
    "messaging.EmergencyAccess.device": _open(EmergencyAccess, "device__person"),
    "messaging.EmergencyAccess.ended_by": "who ended it, for the record",
    "messaging.EmergencyInForce.person": Ends(lambda one: EmergencyInForce.objects.filter(person=one)),
    "messaging.PushSubscription.device": _open(PushSubscription, "device__person"),
    # What was written stays, with who wrote it.
    "messaging.Conversation.created_by": "the record",
    "messaging.Epoch.person": "the record",
    "messaging.Epoch.device": "the record",
    "messaging.Message.person": "the record",
    "messaging.Message.device": "the record",
    "messaging.Receipt.person": "the record",
    "messaging.Acknowledgement.person": "the record",
    "messaging.Attachment.person": "the record",
    "beds.Capacity.reporter": "the record",
    "beds.FigureReport.reporter": "the record",
    "beds.Request.requester": "the record; who holds the request's duty role acts for it",
    "beds.Transition.person": "the record",
    "beds.SignedStep.person": "the record",
    "beds.SignedStep.device": "the record",
}
# Ids of people that are no foreign keys.
BESIDES: dict[str, Ends] = {
    "identity.PrincipalKey.principal": Ends(lambda one: PrincipalKey.objects.filter(principal=one, replaced_at=None)),
    "audit.Export.asked_by": Ends(lambda one: Export.objects.filter(asked_by=one).exclude(state=Export.State.GONE)),
    "messaging.PendingPush": Ends(lambda one: PendingPush.objects.filter(subscription__device__person=one)),
}
ENDS = {name: decided.still for name, decided in {**DECIDED, **BESIDES}.items() if isinstance(decided, Ends)}


def hanging() -> set[str]:
    """Every foreign key to a person, and to what is a person's alone."""
    of = (Person, Membership, Device)
    fields = [field for model in apps.get_models() for field in model._meta.fields if field.is_relation and field.related_model in of]
    return {f"{field.model._meta.label}.{field.name}" for field in fields}


def test_every_table_that_hangs_on_a_person_is_decided_about() -> None:
    assert hanging() == DECIDED.keys()


def busy(night: Night) -> Someone:
    """Dorn with something of everything."""
    dorn = night.dorn
    assert appoint(night, dorn).status_code == 201
    SeedWrap.objects.create(person_id=dorn.id, device_id=dorn.device_id, kind="device", generation=1, wrap=b"w" * 60, share=b"s" * 32)
    DeviceLink.objects.create(token_hash=os.urandom(32), person_id=dorn.id, expires_at=timezone.now() + timedelta(minutes=10))
    assert dorn.post("emergencies", breaking(night, start_talk(night))).status_code == 201
    other = DutyRole.objects.create(hospital_id=night.uni.id, name=f"Nachts {uuid4()}")
    Duty.objects.create(role=other, person_id=dorn.id)
    renewed = {"generation": 2, "kem_public_key": b"", "sign_public_key": b"", "history": b"", "statements": {}, "wraps": []}
    KeyRenewal.objects.create(person_id=dorn.id, device_id=dorn.device_id, **renewed)
    KeyDeposit.objects.create(person_id=dorn.id, declined_at=timezone.now())
    until = timezone.now() + timedelta(hours=1)
    attempts = {"hospital_id": night.uni.id, "started_by_id": night.uni.registrar.id, "expires_at": until}
    Restoration.objects.create(person_id=dorn.id, **attempts)
    of_a_colleague = Restoration.objects.create(person_id=night.brandt.id, **attempts)
    RestorationApproval.objects.create(restoration=of_a_colleague, officer_id=dorn.id, device_id=dorn.device_id, place=0, sealed=b"s")
    PushSubscription.objects.create(device_id=dorn.device_id, endpoint=f"https://push.example/{uuid4()}", p256dh="", auth="")
    owe_push([dorn.id], is_urgent=True)
    provider = SsoProvider.objects.create(hospital_id=night.uni.id, name="Klinik-Konto", client_secret=b"")
    SsoSubject.objects.create(provider=provider, person_id=dorn.id, subject=str(uuid4()), refresh_token=b"sealed")
    publish(night.uni.id)
    assert dorn.post("audit/exports", {"format": "csv"}).status_code == 202
    return dorn


def test_leaving_ends_it_all_in_one_act(night: Night) -> None:
    dorn = busy(night)
    before = {name: still(dorn.id).count() for name, still in ENDS.items()}
    assert {name for name, count in before.items() if count == 0} == set(), "the test itself lacks something to end"

    assert night.uni.registrar.post(f"members/{dorn.id}/end").status_code == 200

    assert {name: count for name, still in ENDS.items() if (count := still(dorn.id).count())} == {}


def test_what_ends_ends_together_or_not_at_all(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    dorn = busy(night)
    before = {name: still(dorn.id).count() for name, still in ENDS.items()}

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the last step fails")

    monkeypatch.setattr("identity.services.leaving.record", broken)
    with pytest.raises(RuntimeError):
        night.uni.registrar.post(f"members/{dorn.id}/end")

    assert {name: still(dorn.id).count() for name, still in ENDS.items()} == before


@pytest.mark.race
def test_a_message_in_the_very_moment_is_there_or_refused(night: Night) -> None:
    """Whichever comes first: what was answered with 201 is stored, and nothing is after the end."""
    talk = start_talk(night)
    id, sealed = seal(night.adler, talk)
    body = {"envelope": envelope_json(sealed)}

    ended, said = night.at_once(
        night.kreis.registrar.posting(f"members/{night.adler.id}/end"), night.adler.posting(f"conversations/{talk.id}/messages", body)
    )

    assert (ended.status_code, said.status_code) in {(200, 201), (200, 401)}
    assert Message.objects.filter(pk=id).exists() == (said.status_code == 201)
    assert send(night.adler, talk, seal(night.adler, talk)[1]).status_code == 401


def test_nothing_that_was_good_once_is_good_again(night: Night) -> None:
    """The cookie, the idempotency key, the push subscription; of the open socket ``test_open_sockets`` tells."""
    key, body = uuid4(), {"quiet_from": None, "quiet_until": None}
    assert night.adler.patch("me", body, key=key).status_code == 200

    night.kreis.registrar.post(f"members/{night.adler.id}/end")

    replayed = night.adler.patch("me", body, key=key)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "membership.ended")
    assert FirstAnswer.objects.filter(person=night.adler.id, key=key).exists(), "a stored answer is not the reason it is refused"
    assert night.adler.post("push-subscriptions", {"endpoint": "https://push.example/again", "keys": {}}).status_code == 401
    assert night.adler.get("session").json()["lapse"] == "membership.ended"


def leave(registrar: Someone, *people: Someone, **changes: Any) -> Any:
    return registrar.post("members/leavers", {"people": [one.id for one in people], **changes})


def outcomes(answer: Any) -> list[tuple[str, str | None]]:
    return [(row["result"], row["code"]) for row in answer.json()["results"]]


def test_a_list_of_leavers_is_one_act_each(night: Night) -> None:
    registrar = night.kreis.registrar
    answer = leave(registrar, night.conrad, night.brandt, registrar, night.egger, night.former_colleague)

    assert outcomes(answer) == [
        ("ended", None),
        ("refused", "not_found"),
        ("refused", "member.last_registrar"),
        ("ended", None),
        ("ended_before", None),
    ]
    assert [someone.get("duty").status_code for someone in (night.conrad, night.egger, night.brandt, registrar)] == [401, 401, 200, 200]
    assert night.actions_of(night.kreis).count("identity.end_member") == 2
    again = leave(registrar, night.conrad, night.egger)
    assert outcomes(again) == [("ended_before", None)] * 2
    assert night.actions_of(night.kreis).count("identity.end_member") == 2


def test_a_rehearsal_says_the_same_and_does_nothing(night: Night) -> None:
    registrar = night.kreis.registrar
    answer = leave(registrar, night.conrad, night.brandt, registrar, dry_run=True)

    assert outcomes(answer) == [("ended", None), ("refused", "not_found"), ("refused", "member.last_registrar")]
    assert night.conrad.get("duty").status_code == 200
    actions = night.actions_of(night.kreis)
    assert (actions.count("identity.end_member"), actions.count("identity.check_leavers")) == (0, 1)


def test_the_service_ends_it_at_another_agents_word(night: Night) -> None:
    """The hospital's sign-on, its roster: the same act, under their own name in the log."""
    members.end_membership(hospital_id=night.kreis.id, person_id=night.conrad.id, agent=Agent(method="sso"))

    assert night.conrad.get("duty").status_code == 401
    (event,) = [event for event in night.audit_of(night.kreis) if event.action == "identity.end_member"]
    assert (event.agent["method"], event.agent["person"]) == ("sso", None)
    with pytest.raises(NotFound):
        members.end_membership(hospital_id=night.uni.id, person_id=night.adler.id, agent=Agent(method="sso"))


def owed(registrar: Someone) -> list[str]:
    return [row["device"] for row in registrar.get("members/owed-revocations").json()["results"]]


def test_what_a_registrar_has_yet_to_sign_is_told_until_it_is(night: Night) -> None:
    registrar = night.kreis.registrar
    assert str(night.conrad.device_id) not in owed(registrar)
    leave(registrar, night.conrad)
    assert str(night.conrad.device_id) in owed(registrar)
    assert str(night.conrad.device_id) not in owed(night.uni.registrar)

    statement = registrar.states("device-revoked", night.conrad.device_id, Revocation(night.conrad.id, "left"))
    body = {"statement": {"h": encode(statement.h), "s": encode(statement.s)}}
    assert registrar.post(f"devices/{night.conrad.device_id}/revoke", body).status_code == 200

    assert str(night.conrad.device_id) not in owed(registrar)

"""Somebody sealed to and not admitted yet: the table of all that says nothing to them, and the moment they come in.

Adler's conversation awaits the duty role of the university hospital, which Brandt holds; what Brandt, his registrar and his hospital's
archive can see is compared with what they would see if the conversation did not exist.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from audit.events import CLOCK
from backend.errors import Conflict, NotFound
from benchmarks.people import Talk
from identity.models import PrincipalKey
from messaging.delivery import owe_pushes
from messaging.envelopes import SealedEpoch, read_epoch
from messaging.models import AwaitedMember, Member, PendingPush, PushSubscription, PushSweep
from messaging.services import admit, create_conversation
from tests.cast import Night, Someone
from tests.messaging.people import envelope_json, epoch_json, hand_over, recipients, refusals, seal, seal_first, send, sent
from tests.messaging.server import Server
from tests.messaging.test_create_epoch import following, rotate
from tests.messaging.test_socket import of, opened, read_until
from wardline_client.protocol.encoding import decode
from wardline_client.protocol.epochs import open_epoch
from wardline_client.protocol.messages import open_message


@pytest.fixture
def case(night: Night) -> Talk:
    """A conversation of kreis alone that awaits the role of uni."""
    return begin(night)


def begin(night: Night) -> Talk:
    sealed = seal_first(night.adler, recipients(night))
    id = sealed.header.conversation
    given: dict[str, Any] = {"id": id, "kind": "case", "members": {night.adler.id}, "awaited": {night.uni.role.id}}
    create_conversation(actor=night.adler.actor(), epoch=as_sent(sealed), **given)
    return Talk(id, sealed.key)


def as_sent(sealed: Any) -> SealedEpoch:
    return read_epoch(epoch_json(sealed))


def let_in(night: Night, case: Talk, *principals: Any) -> bool:
    return admit(conversation_id=case.id, principals=principals or [night.uni.role.id], agent=CLOCK)


def file_of(night: Night, case: Talk) -> str:
    file = {"id": str(uuid4()), "conversation": str(case.id), "size": 1, "sha256": "A" * 43}
    assert night.adler.post("attachments", file).status_code == 201
    return file["id"]


# What somebody may try on a conversation, given an attachment and a message of it.
TRIES: dict[str, Callable[[Night, Someone, str, str, str], Any]] = {
    "sync": lambda night, who, case, file, message: who.get("sync"),
    "conversation": lambda night, who, case, file, message: who.get(f"conversations/{case}"),
    "messages": lambda night, who, case, file, message: who.get(f"conversations/{case}/messages"),
    "epochs": lambda night, who, case, file, message: who.get(f"conversations/{case}/epochs"),
    "delivered": lambda night, who, case, file, message: who.post(f"conversations/{case}/delivered", {"sequence": 1}),
    "acknowledge": lambda night, who, case, file, message: who.post(f"conversations/{case}/messages/{message}/acknowledge"),
    "announce": lambda night, who, case, file, message: who.post(
        "attachments", {"id": str(uuid4()), "conversation": case, "size": 1, "sha256": "A" * 43}
    ),
    "attachment": lambda night, who, case, file, message: who.get(f"attachments/{file}"),
    "content": lambda night, who, case, file, message: who.get(f"attachments/{file}/content"),
    "chunk": lambda night, who, case, file, message: who.put(f"attachments/{file}/chunks/0", b"x"),
    "complete": lambda night, who, case, file, message: who.post(f"attachments/{file}/complete"),
}


@pytest.mark.parametrize("who", ["brandt", "dorn", "uni registrar", "uni archive"])
@pytest.mark.parametrize("what", TRIES)
def test_to_the_awaited_it_does_not_exist(night: Night, case: Talk, what: str, who: str) -> None:
    someone = getattr(night.uni, who.split()[1]) if " " in who else night.person(who)
    file, message = file_of(night, case), str(sent(night.adler, case))
    sent(night.adler, case)

    given = TRIES[what](night, someone, str(case.id), file, message)
    invented = TRIES[what](night, someone, str(uuid4()), str(uuid4()), str(uuid4()))

    statuses = {"sync": 200, "acknowledge": 403 if who == "uni archive" else 404}
    assert given.status_code == invented.status_code == statuses.get(what, 404)
    assert timeless(given) == timeless(invented)
    assert str(case.id) not in given.content.decode()


def timeless(answer: Any) -> Any:
    return {name: value for name, value in answer.json().items() if name != "server_time"}


def test_an_awaited_one_sends_nothing_and_makes_no_epoch(night: Night, case: Talk) -> None:
    """Brandt's role can open the epoch: if he were told of it, the key would be his. The server does not take what he seals with it."""
    role = night.uni.role.id
    _, sealed = seal(night.brandt, case, role=role)

    assert send(night.brandt, case, sealed).status_code == 404
    assert rotate(night.brandt, case, following(night, case, night.brandt, role=role)).status_code == 404


def test_the_hospital_s_log_knows_nothing(night: Night, case: Talk) -> None:
    before = len(night.audit_of(night.uni))
    file_of(night, case)
    sent(night.adler, case)
    night.adler.get(f"conversations/{case.id}/messages")
    night.adler.get(f"conversations/{case.id}/epochs")
    night.adler.post(f"conversations/{case.id}/delivered", {"sequence": 1})
    rotate(night.adler, case, following(night, case, night.adler))

    assert len(night.audit_of(night.uni)) == before
    written = [event for event in night.audit_of(night.kreis) if event.subjects.get("conversation") == str(case.id)]
    assert len(written) >= 7
    assert not [event for event in written if str(night.uni.id) in event.hospitals]
    assert next(event for event in written if event.action == "messaging.create_conversation").detail["members"] == 2


def test_no_push_is_owed_for_it(night: Night) -> None:
    PushSubscription.objects.filter(ended_at=None).update(ended_at=timezone.now())
    PushSweep.objects.update_or_create(pk=1, defaults={"looked_until": timezone.now()})
    for person in (night.brandt, night.uni.archive):
        PushSubscription.objects.create(device_id=person.device_id, endpoint=f"https://push.example/{person.device_id}", p256dh="", auth="")
    case = begin(night)
    sent(night.adler, case, priority="stat")
    night.clock.advance(seconds=3)
    owe_pushes()
    assert not owed(night.brandt)
    assert not owed(night.uni.archive)

    let_in(night, case)
    sent(night.adler, case)
    night.clock.advance(seconds=3)
    owe_pushes()
    assert owed(night.brandt)


def owed(someone: Someone) -> bool:
    return PendingPush.objects.filter(subscription__device=someone.device_id).exists()


def test_no_socket_rings_before_and_the_admission_rings(server: Server, night: Night) -> None:
    with opened(server, night.brandt) as brandt, opened(server, night.adler) as adler:
        case = begin(night)
        assert read_until(adler, of("conversation"))["conversation"] == str(case.id)
        sent(night.adler, case)
        rotate(night.adler, case, following(night, case, night.adler))
        night.adler.post(f"conversations/{case.id}/delivered", {"sequence": 1})
        assert read_until(adler, of("delivered"))["sequence"] == 1
        with pytest.raises(TimeoutError):
            read_until(brandt, lambda event: True, within=0.5)

        let_in(night, case)

        assert read_until(brandt, of("conversation"))["conversation"] == str(case.id)
        assert read_until(adler, of("conversation"))["conversation"] == str(case.id)


def test_once_admitted_everything_sent_before_opens(night: Night, case: Talk) -> None:
    sent(night.adler, case, b"before")
    assert let_in(night, case)

    [epoch] = night.brandt.get(f"conversations/{case.id}/epochs").json()["results"]
    [message] = night.brandt.get(f"conversations/{case.id}/messages").json()["results"]

    wrap, role = decode(epoch["wraps"][0]["wrap"]), night.uni.role
    key = open_epoch(h=decode(epoch["h"]), wrap=wrap, principal=role.id, kem=role.keys.kem)
    assert open_message(h=decode(message["h"]), c=decode(message["c"]), key=key) == b"before"
    assert night.uni.archive.get(f"conversations/{case.id}/messages").json()["last_sequence"] == 1
    assert night.actions_of(night.uni)[-4:] == ["messaging.admit", "messaging.read_keys", "messaging.read", "messaging.read"]
    assert send(night.brandt, case, seal(night.brandt, case, role=role.id)[1]).status_code == 201


def test_members_see_who_is_awaited_and_who_came(night: Night, case: Talk) -> None:
    def shown() -> tuple[set[str], set[str]]:
        row = next(each for each in night.adler.get("sync").json()["conversations"] if each["id"] == str(case.id))
        return tuple({each["principal"] for each in row[name]} for name in ("members", "awaited"))  # type: ignore[return-value]

    home, there = {str(night.adler.id), str(night.kreis.archive.id)}, {str(night.uni.role.id), str(night.uni.archive.id)}
    assert shown() == (home, there)
    let_in(night, case)
    assert shown() == (home | there, set())


def test_the_recipients_of_the_next_epoch_are_members_and_awaited(night: Night, case: Talk) -> None:
    listed = night.adler.get(f"conversations/{case.id}").json()["recipients"]
    assert {principal for principal, _ in listed} == {str(one) for one in recipients(night)}
    few = {one: key for one, key in recipients(night).items() if one != night.uni.role.id}

    assert rotate(night.adler, case, following(night, case, night.adler, recipients=few)).json()["code"] == "epoch.stale_recipients"
    assert rotate(night.adler, case, following(night, case, night.adler)).status_code == 201


def test_an_awaited_one_left_out_of_the_first_epoch_is_refused(night: Night) -> None:
    few = {one: key for one, key in recipients(night).items() if one != night.uni.archive.id}
    sealed = seal_first(night.adler, few)
    given: dict[str, Any] = {"members": {night.adler.id}, "awaited": {night.uni.role.id}}

    with pytest.raises(Conflict, match="stale_recipients") as refused:
        create_conversation(actor=night.adler.actor(), id=sealed.header.conversation, kind="case", epoch=as_sent(sealed), **given)
    assert {principal for principal, _ in refused.value.extra["recipients"]} == {str(one) for one in recipients(night)}


def test_nobody_of_a_stranger_s_hospital_is_awaited(night: Night) -> None:
    to = {night.adler.id: night.adler.keys.kem.public, night.fern.role.id: night.fern.role.keys.kem.public}
    sealed = seal_first(night.adler, to)
    given: dict[str, Any] = {"members": {night.adler.id}, "awaited": {night.fern.role.id}}

    with pytest.raises(NotFound, match="unknown_member"):
        create_conversation(actor=night.adler.actor(), id=sealed.header.conversation, kind="case", epoch=as_sent(sealed), **given)
    assert not AwaitedMember.objects.filter(conversation=sealed.header.conversation).exists()


def test_nobody_names_the_awaited_over_the_network(night: Night) -> None:
    """Only another part of the server does: a client's word would be a way to keep an archive out of a conversation."""
    sealed = seal_first(night.adler, recipients(night))
    body = {"id": str(sealed.header.conversation), "kind": "direct", "members": [str(one) for one in recipients(night)]}

    night.adler.post("conversations", {**body, "epoch": epoch_json(sealed), "awaited": [str(night.uni.role.id)]})

    assert not AwaitedMember.objects.filter(conversation=sealed.header.conversation).exists()


def test_admitted_twice_is_admitted_once(night: Night, case: Talk) -> None:
    assert [let_in(night, case) for _ in range(2)] == [True, False]
    assert night.actions_of(night.uni).count("messaging.admit") == 1


@pytest.mark.race
def test_admitted_by_many_at_once_is_admitted_once(night: Night, case: Talk) -> None:
    came = night.at_once(*[lambda: let_in(night, case)] * 6)

    assert sorted(came) == [False] * 5 + [True]
    assert Member.objects.filter(conversation=case.id, removed_at=None).count() == 4
    assert not AwaitedMember.objects.filter(conversation=case.id).exists()
    assert night.actions_of(night.uni).count("messaging.admit") == 1


@pytest.mark.race
def test_an_epoch_at_the_same_moment_is_sealed_to_whoever_comes(night: Night, case: Talk) -> None:
    """Somebody not awaited comes in while Adler rotates: his epoch is complete with or without her, or refused; never one too few."""
    rotating = night.adler.posting(f"conversations/{case.id}/epochs", {"epoch": epoch_json(following(night, case, night.adler))})

    answer, _ = night.at_once(rotating, lambda: let_in(night, case, night.egger.id))

    stale = {principal for principal, _ in answer.json().get("recipients", [])}
    assert answer.status_code == 201 or (answer.status_code == 409 and str(night.egger.id) in stale)
    listed = night.adler.get(f"conversations/{case.id}").json()["recipients"]
    assert str(night.egger.id) in {principal for principal, _ in listed}


def test_somebody_not_awaited_reads_from_the_next_epoch_on(night: Night, case: Talk) -> None:
    sent(night.adler, case, b"not for Egger")
    let_in(night, case, night.egger.id)
    [epoch] = night.egger.get(f"conversations/{case.id}/epochs").json()["results"]
    assert epoch["wraps"] == []

    to = recipients(night) | {night.egger.id: night.egger.keys.kem.public}
    assert rotate(night.adler, case, following(night, case, night.adler, recipients=to)).status_code == 201

    epoch = night.egger.get(f"conversations/{case.id}/epochs?after=1").json()["results"][0]
    assert [wrap["principal"] for wrap in epoch["wraps"]] == [str(night.egger.id)]


def test_an_invented_principal_is_not_admitted(night: Night, case: Talk) -> None:
    with pytest.raises(NotFound, match="unknown_member"):
        let_in(night, case, uuid4())
    assert Member.objects.filter(conversation=case.id).count() == 2


def test_an_awaited_role_that_was_closed_meanwhile_still_comes_in(night: Night, case: Talk) -> None:
    PrincipalKey.objects.filter(principal=night.uni.role.id).update(replaced_at=timezone.now())

    assert let_in(night, case)
    assert Member.objects.filter(conversation=case.id, principal=night.uni.role.id).exists()


def test_only_who_holds_the_role_at_the_admission_and_after_reads(night: Night, case: Talk) -> None:
    hand_over(night, to=night.dorn)
    let_in(night, case)

    assert night.dorn.get(f"conversations/{case.id}").status_code == 200
    for who in (night.brandt, night.outsider, night.north):
        assert who.get(f"conversations/{case.id}").status_code == 404


def test_a_second_principal_of_a_hospital_may_wait_longer(night: Night) -> None:
    """Brandt's role is admitted; Dorn is awaited still, and finds nothing although his hospital takes part by now."""
    sealed = seal_first(night.adler, recipients(night) | {night.dorn.id: night.dorn.keys.kem.public})
    id = sealed.header.conversation
    awaited = {night.uni.role.id, night.dorn.id}
    create_conversation(actor=night.adler.actor(), id=id, kind="case", members={night.adler.id}, epoch=as_sent(sealed), awaited=awaited)

    let_in(night, Talk(id, sealed.key))

    assert night.brandt.get(f"conversations/{id}").status_code == 200
    assert night.dorn.get(f"conversations/{id}").status_code == 404
    assert list(AwaitedMember.objects.filter(conversation=id).values_list("principal", flat=True)) == [night.dorn.id]


def test_what_is_rolled_back_admits_nobody(night: Night, case: Talk) -> None:
    def admit_and_fail() -> None:
        with transaction.atomic():
            let_in(night, case)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        admit_and_fail()
    assert night.brandt.get(f"conversations/{case.id}").status_code == 404


def test_a_forged_message_of_an_awaited_one_is_his_own_hospital_s_event(night: Night, case: Talk) -> None:
    """The refusal is in the log of who tried, as with any id he made up; the conversation's hospital hears nothing new."""
    _, sealed = seal(night.brandt, case, role=night.uni.role.id)
    forged = {**envelope_json(sealed), "s": envelope_json(replace(sealed, s=b"\0" * 64))["s"]}

    assert night.brandt.post(f"conversations/{case.id}/messages", {"envelope": forged}).json()["code"] == "signature.invalid"
    assert refusals(night, night.brandt) == ["signature.invalid"]
    assert "messaging.refused" not in night.actions_of(night.kreis)
    assert "conversation" in json.dumps(night.audit_of(night.uni)[-1].subjects)

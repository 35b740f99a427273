"""Break-glass: Dorn, eligible for the role of the university hospital and off duty, opens Adler's conversation with it."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from benchmarks.people import Talk
from identity.models import Device, Duty, DutyRole, Membership, Person, RoleSeal
from messaging.emergency import note_ended
from messaging.models import EmergencyAccess, PendingPush, PushSubscription
from tests.cast import Night, Someone
from tests.messaging.people import envelope_json, hand_over, seal, send, sent, start_talk
from tests.messaging.server import Server
from tests.messaging.test_attachments import uploaded
from tests.messaging.test_create_epoch import following, rotate
from tests.messaging.test_socket import ask, of, opened, read_until
from wardline_client.protocol.encoding import decode
from wardline_client.protocol.epochs import open_epoch
from wardline_client.protocol.messages import open_message


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def breaking(night: Night, talk: Talk, **changes: Any) -> dict[str, Any]:
    return {"conversation": talk.id, "role": night.uni.role.id, "reason": "no_answer", **changes}


def broken(night: Night, talk: Talk, by: Someone | None = None) -> str:
    answer = (by or night.dorn).post("emergencies", breaking(night, talk))
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def reads(someone: Someone, talk: Talk) -> list[str]:
    """What is open to somebody, of everything that gives out ciphertext or keys."""
    listed = {conversation["id"] for conversation in someone.get("sync").json()["conversations"]}
    paths = ("", "/messages", "/epochs")
    return [path for path in paths if someone.get(f"conversations/{talk.id}{path}").status_code == 200] + ["sync"] * (
        str(talk.id) in listed
    )


ALL = ["", "/messages", "/epochs", "sync"]


def run_out(emergency: str) -> None:
    """Its time is over; nobody has noted it."""
    EmergencyAccess.objects.filter(pk=emergency).update(started_at=timezone.now() - timedelta(minutes=31), ends_at=timezone.now())


def test_opens_one_conversation_with_the_roles_key(night: Night, talk: Talk) -> None:
    sent(night.adler, talk, b"at night")
    assert reads(night.dorn, talk) == []

    answer = night.dorn.post("emergencies", breaking(night, talk))

    assert answer.status_code == 201
    made = EmergencyAccess.objects.get(pk=answer.json()["id"])
    assert made.ends_at - made.started_at == timedelta(minutes=30)
    assert reads(night.dorn, talk) == ALL
    epoch = night.dorn.get(f"conversations/{talk.id}/epochs").json()["results"][0]
    message = night.dorn.get(f"conversations/{talk.id}/messages").json()["results"][0]
    (wrap,) = epoch["wraps"]
    assert wrap["principal"] == str(night.uni.role.id)
    key = open_epoch(h=decode(epoch["h"]), wrap=decode(wrap["wrap"]), principal=night.uni.role.id, kem=night.uni.role.keys.kem)
    assert open_message(h=decode(message["h"]), c=decode(message["c"]), key=key) == b"at night"


def test_no_other_conversation_of_the_role(night: Night, talk: Talk) -> None:
    other = start_talk(night)
    broken(night, talk)

    assert reads(night.dorn, other) == []


def test_gives_no_duty(night: Night, talk: Talk) -> None:
    broken(night, talk)

    assert night.dorn.actor().roles == set()
    _, sealed = seal(night.dorn, talk, role=night.uni.role.id)
    assert code(send(night.dorn, talk, sealed)) == (403, "role.not_on_duty")
    assert night.brandt.actor().roles == {night.uni.role.id}


def test_answers_and_acknowledges_as_oneself(night: Night, talk: Talk) -> None:
    id = sent(night.adler, talk)
    broken(night, talk)

    _, sealed = seal(night.dorn, talk)
    first, again = send(night.dorn, talk, sealed), send(night.dorn, talk, sealed)
    acknowledged = night.dorn.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {})

    assert (first.status_code, again.status_code, acknowledged.status_code) == (201, 200, 201)
    shown = night.adler.get(f"conversations/{talk.id}/messages").json()["results"]
    assert (shown[1]["person"], shown[1]["role"]) == (str(night.dorn.id), None)


def test_seals_the_next_epoch(night: Night, talk: Talk) -> None:
    broken(night, talk)

    assert rotate(night.dorn, talk, following(night, talk, night.dorn)).status_code == 201


def test_everything_under_it_is_in_both_logs_with_its_purpose(night: Night, talk: Talk, blob_dir: Any) -> None:
    id = sent(night.adler, talk)
    file = uploaded(night.adler, talk, b"x" * 100)
    emergency = broken(night, talk)

    night.dorn.get(f"conversations/{talk.id}/messages")
    night.dorn.get(f"conversations/{talk.id}/epochs")
    sent(night.dorn, talk)
    night.dorn.post(f"conversations/{talk.id}/delivered", {"sequence": 1})
    night.dorn.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {})
    assert night.dorn.get(f"attachments/{file}/content").status_code == 200
    rotate(night.dorn, talk, following(night, talk, night.dorn))

    for hospital in (night.kreis, night.uni):
        begun, *events = [event for event in night.audit_of(hospital) if event.subjects.get("emergency") == emergency]
        assert (begun.action, begun.agent["person"]) == ("messaging.break_glass", str(night.dorn.pseudonym))
        assert begun.detail == {"reason": "no_answer", "minutes": 30, "purpose": "BTG"}
        assert begun.subjects == {"emergency": emergency, "conversation": str(talk.id), "role": str(night.uni.role.id)}
        assert {event.action for event in events} == {
            "messaging.read", "messaging.read_keys", "messaging.send", "messaging.deliver", "messaging.acknowledge", "messaging.open_image",
            "messaging.create_epoch",
        }  # fmt: skip
        assert {(event.detail["purpose"], event.agent["person"]) for event in events} == {("ETREAT", str(night.dorn.pseudonym))}


def test_who_belongs_is_not_said_to_be_under_it(night: Night, talk: Talk) -> None:
    broken(night, talk)
    hand_over(night, to=night.dorn)
    sent(night.dorn, talk)
    night.dorn.get(f"conversations/{talk.id}/messages")

    assert [event.action for event in night.audit_of(night.uni) if "emergency" in event.subjects] == ["messaging.break_glass"]


def test_both_sides_see_it_also_afterwards(night: Night, talk: Talk) -> None:
    emergency = broken(night, talk)
    assert night.dorn.post(f"emergencies/{emergency}/end").status_code == 200

    for someone in (night.adler, night.brandt):
        listed = {one["id"]: one for one in someone.get("sync").json()["conversations"]}
        detail = someone.get(f"conversations/{talk.id}").json()
        (shown,) = detail["emergencies"]
        assert listed[str(talk.id)]["emergencies"] == [shown]
        assert (shown["id"], shown["person"], shown["role"]) == (emergency, str(night.dorn.id), str(night.uni.role.id))
        assert (shown["reason"], shown["ended_at"] is None) == ("no_answer", False)


def test_both_sides_and_the_registrars_are_told(night: Night, talk: Talk, ear: Any) -> None:
    for someone in (night.brandt, night.adler, night.dorn, night.uni.registrar, night.kreis.registrar):
        PushSubscription.objects.create(device_id=someone.device_id, endpoint=f"https://push.example/{uuid4()}", p256dh="", auth="")
    emergency = broken(night, talk)

    event = json.dumps({"t": "emergency", "conversation": str(talk.id)}, separators=(",", ":"))
    told = (night.brandt, night.adler, night.dorn, night.uni.registrar)
    (frame,) = ear.frames(">", night.dorn.id)
    assert frame.text == event
    assert {str(someone.id) for someone in told} <= set(frame.targets)
    assert str(night.kreis.registrar.id) not in frame.targets
    owed = PendingPush.objects.filter(subscription__device__in=[one.device_id for one in (*told, night.kreis.registrar)])
    assert dict(owed.values_list("subscription__device", "urgency")) == {
        night.brandt.device_id: "high",
        night.adler.device_id: "normal",
        night.uni.registrar.device_id: "normal",
    }

    night.dorn.post(f"emergencies/{emergency}/end")
    assert [frame.text for frame in ear.frames(">", night.adler.id)] == [event]


def test_works_while_nobody_holds_the_role(night: Night, talk: Talk) -> None:
    Duty.objects.filter(role=night.uni.role.id, ended_at=None).update(ended_at=timezone.now())
    broken(night, talk)

    assert reads(night.dorn, talk) == ALL


LAPSES = {
    "time": run_out,
    "membership": lambda emergency: Membership.objects.filter(person=_of(emergency).person).update(state="ended", ended_at=timezone.now()),
    "eligibility": lambda emergency: RoleSeal.objects.filter(person=_of(emergency).person).update(ended_at=timezone.now()),
    "device": lambda emergency: Device.objects.filter(pk=_of(emergency).device_id).update(revoked_at=timezone.now()),
    "role": lambda emergency: DutyRole.objects.filter(pk=_of(emergency).role_id).update(closed_at=timezone.now()),
    "ended": lambda emergency: EmergencyAccess.objects.filter(pk=emergency).update(ended_at=timezone.now(), end_reason="by_hand"),
}


def _of(emergency: str) -> EmergencyAccess:
    return EmergencyAccess.objects.get(pk=emergency)


@pytest.mark.parametrize("lapse", LAPSES)
def test_is_over_at_that_moment_without_anybody_noting_it(night: Night, talk: Talk, lapse: str) -> None:
    file = uploaded(night.adler, talk, b"x" * 100)
    id = sent(night.adler, talk)
    emergency = broken(night, talk)
    _, sealed = seal(night.dorn, talk)
    assert night.dorn.get(f"attachments/{file}/content").status_code == 200

    LAPSES[lapse](emergency)

    calls = [
        night.dorn.get(f"conversations/{talk.id}/messages"),
        night.dorn.get(f"conversations/{talk.id}/epochs"),
        night.dorn.get(f"attachments/{file}/content"),
        send(night.dorn, talk, sealed),
        night.dorn.post(f"conversations/{talk.id}/delivered", {"sequence": 1}),
        night.dorn.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {}),
        rotate(night.dorn, talk, following(night, talk, night.dorn)),
    ]
    expected = 401 if lapse in ("membership", "device") else 404
    assert [answer.status_code for answer in calls] == [expected] * len(calls)
    assert night.adler.get(f"conversations/{talk.id}").json()["last_sequence"] == 1


@pytest.mark.parametrize("lapse", ["time", "eligibility", "role"])
def test_what_ran_out_gets_its_event_once(night: Night, talk: Talk, lapse: str) -> None:
    emergency = broken(night, talk)
    LAPSES[lapse](emergency)

    note_ended()
    note_ended()

    for hospital in (night.kreis, night.uni):
        (event,) = [event for event in night.audit_of(hospital) if event.action == "messaging.end_break_glass"]
        assert (event.detail["ended"], event.agent["method"]) == ("time" if lapse == "time" else "lapsed", "clock")
    ended = _of(emergency)
    assert ended.ended_at == ended.ends_at or lapse != "time"


def test_one_at_a_time_until_it_is_over(night: Night, talk: Talk) -> None:
    first = broken(night, talk)
    assert code(night.dorn.post("emergencies", breaking(night, talk))) == (409, "emergency.active")

    run_out(first)
    assert broken(night, talk) != first


def test_the_table_itself_allows_one_at_a_time_and_no_long_one(night: Night, talk: Talk) -> None:
    kept = _of(broken(night, talk))
    row = {"conversation_id": talk.id, "role_id": kept.role_id, "person_id": kept.person_id, "device_id": kept.device_id, "reason": "other"}
    for span in ({"ends_at": kept.started_at + timedelta(minutes=5)}, {"ends_at": timezone.now() + timedelta(minutes=61)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            EmergencyAccess.objects.create(**row, **span)


@pytest.mark.race
def test_of_two_begun_at_once_one_is(night: Night, talk: Talk) -> None:
    for _ in range(5):
        answers = night.at_once(*[night.dorn.posting("emergencies", breaking(night, talk)) for _ in range(3)])
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
        night.dorn.post(f"emergencies/{next(one.json()['id'] for one in answers if one.status_code == 201)}/end")


@pytest.mark.race
def test_who_is_leaving_keeps_none(night: Night, talk: Talk) -> None:
    night.at_once(night.uni.registrar.posting(f"members/{night.dorn.id}/end"), night.dorn.posting("emergencies", breaking(night, talk)))

    assert not EmergencyAccess.objects.filter(person=night.dorn.id, ended_at=None).exists()


def test_a_retry_begins_it_once(night: Night, talk: Talk) -> None:
    key = uuid4()
    first, again = (night.dorn.post("emergencies", breaking(night, talk), key=key) for _ in range(2))

    assert first.json() == again.json()
    assert night.actions_of(night.uni).count("messaging.break_glass") == 1


def test_not_for_who_reads_it_anyway(night: Night, talk: Talk) -> None:
    assert code(night.brandt.post("emergencies", breaking(night, talk))) == (409, "emergency.not_needed")


def test_physicians_only(night: Night, talk: Talk) -> None:
    Person.objects.filter(pk=night.dorn.id).update(profession="nurse")

    assert code(night.dorn.post("emergencies", breaking(night, talk))) == (403, "emergency.physicians_only")


@pytest.mark.parametrize("reason", ["", "curiosity", "the patient is called Weber"])
def test_a_reason_from_the_list(night: Night, talk: Talk, reason: str) -> None:
    assert night.dorn.post("emergencies", breaking(night, talk, reason=reason)).status_code == 400


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("adler", 404),
        ("conrad", 404),
        ("north", 404),
        ("outsider", 404),
        ("pending", 403),
        ("former_colleague", 401),
        ("revoked_device", 401),
        ("anonymous", 401),
    ],
)
def test_for_others_there_is_none(night: Night, talk: Talk, name: str, status: int) -> None:
    emergency = broken(night, talk)
    someone = night.person(name)

    assert someone.post("emergencies", breaking(night, talk)).status_code == status
    assert someone.post(f"emergencies/{emergency}/end").status_code == status
    assert _of(emergency).ended_at is None


def test_not_with_a_role_that_the_conversation_is_not_of(night: Night, talk: Talk) -> None:
    """Conrad is eligible at kreis; Adler wrote as herself."""
    body = breaking(night, talk, role=night.kreis.role.id)

    assert code(night.conrad.post("emergencies", body)) == (404, "not_found")
    assert code(night.dorn.post("emergencies", breaking(night, talk, conversation=uuid4()))) == (404, "not_found")


@pytest.mark.parametrize("who", ["dorn", "brandt", "registrar"])
def test_ended_by_hand(night: Night, talk: Talk, who: str) -> None:
    emergency = broken(night, talk)
    someone = night.uni.registrar if who == "registrar" else night.person(who)

    answers = [someone.post(f"emergencies/{emergency}/end") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert reads(night.dorn, talk) == []
    for hospital in (night.kreis, night.uni):
        (event,) = [event for event in night.audit_of(hospital) if event.action == "messaging.end_break_glass"]
        assert (event.agent["person"], event.detail) == (str(someone.pseudonym), {"ended": "by_hand", "purpose": "BTG"})


def test_an_open_socket_gets_ciphertext_while_it_runs_and_not_after(server: Server, night: Night, talk: Talk) -> None:
    with opened(server, night.adler) as adler, opened(server, night.dorn) as dorn:
        emergency = broken(night, talk)
        assert read_until(dorn, of("emergency"))["conversation"] == str(talk.id)

        id = say(adler, night.adler, talk)
        assert read_until(dorn, of("message"))["message"]["id"] == str(id)
        _, own = seal(night.dorn, talk)
        assert ask(dorn, "send", conversation=str(talk.id), envelope=envelope_json(own))["status"] == 201
        read_until(dorn, of("message"))

        run_out(emergency)
        say(adler, night.adler, talk)
        with pytest.raises(TimeoutError):
            read_until(dorn, of("message"), within=0.5)
        _, late = seal(night.dorn, talk)
        assert ask(dorn, "send", conversation=str(talk.id), envelope=envelope_json(late))["status"] == 404

    by_dorn = [event for event in night.audit_of(night.kreis) if event.agent["person"] == str(night.dorn.pseudonym)]
    (send_event,) = [event for event in by_dorn if event.action == "messaging.send"]
    assert (send_event.subjects["emergency"], send_event.detail["purpose"]) == (emergency, "ETREAT")


def say(socket: Any, someone: Someone, talk: Talk) -> UUID:
    id, sealed = seal(someone, talk)
    assert ask(socket, "send", conversation=str(talk.id), envelope=envelope_json(sealed))["status"] == 201
    return id

"""Sending over HTTP: what is stored, what is refused, what racing senders get."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone

from benchmarks.people import Talk
from messaging.models import Conversation, Message
from tests.cast import Night
from tests.messaging.people import LAPSES, Json, envelope_json, hand_over, recipients, refusals, seal, seal_first, send, sent
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.messages import Attachment


def stored(talk: Talk) -> list[int]:
    return sorted(Message.objects.filter(conversation=talk.id).values_list("sequence", flat=True))


def test_a_message_is_stored_as_signed_and_audited_in_both_hospitals(night: Night, talk: Talk) -> None:
    id, sealed = seal(night.adler, talk, priority="stat")

    answer = send(night.adler, talk, sealed)

    assert answer.status_code == 201
    assert (answer.json()["sequence"], answer.json()["id"]) == (1, str(id))
    message = Message.objects.get(pk=id)
    assert (bytes(message.header), bytes(message.ciphertext), bytes(message.signature)) == (sealed.h, sealed.c, sealed.s)
    assert message.priority == "stat"
    for hospital in (night.kreis, night.uni):
        event = night.audit_of(hospital)[-1]
        assert (event.action, event.subjects["message"], event.agent["person"]) == ("messaging.send", str(id), str(night.adler.pseudonym))
    assert "messaging.send" not in night.actions_of(night.nord)


def test_the_duty_holder_answers_in_the_role(night: Night, talk: Talk) -> None:
    id = sent(night.brandt, talk, role=night.uni.role.id)

    assert Message.objects.get(pk=id).role_id == night.uni.role.id
    assert night.audit_of(night.uni)[-1].agent["role"] == str(night.uni.role.id)


def test_the_same_bytes_again_are_stored_once(night: Night, talk: Talk) -> None:
    _, sealed = seal(night.adler, talk)

    answers = [send(night.adler, talk, sealed) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert stored(talk) == [1]
    assert night.actions_of(night.kreis).count("messaging.send") == 1


def test_a_retry_after_the_epoch_moved_on_still_gets_its_answer(night: Night, talk: Talk) -> None:
    _, sealed = seal(night.adler, talk)
    first = send(night.adler, talk, sealed)
    Conversation.objects.filter(pk=talk.id).update(epoch=2)

    again = send(night.adler, talk, sealed)

    assert (again.status_code, again.json()) == (200, first.json())


def test_an_id_used_again_for_other_bytes_is_refused(night: Night, talk: Talk) -> None:
    id = sent(night.adler, talk)
    _, other = seal(night.adler, talk, b"other", id=id)
    _, of_brandt = seal(night.brandt, talk, b"mine", id=id)

    for someone, sealed in ((night.adler, other), (night.brandt, of_brandt)):
        answer = send(someone, talk, sealed)
        assert (answer.status_code, answer.json()["code"]) == (409, "message.id_reused")
        assert refusals(night, someone) == ["message.id_reused"]
    assert stored(talk) == [1]


@pytest.mark.race
def test_twenty_senders_at_once_get_contiguous_sequences(night: Night, talk: Talk) -> None:
    senders = [night.adler, night.brandt] * 10
    path = f"conversations/{talk.id}/messages"

    answers = night.at_once(*(who.posting(path, {"envelope": envelope_json(seal(who, talk)[1])}) for who in senders))

    assert [answer.status_code for answer in answers] == [201] * 20
    assert sorted(answer.json()["sequence"] for answer in answers) == stored(talk) == list(range(1, 21))
    assert night.actions_of(night.uni).count("messaging.send") == 20


@pytest.mark.race
def test_of_the_same_bytes_sent_at_once_one_is_stored(night: Night, talk: Talk) -> None:
    body = {"envelope": envelope_json(seal(night.adler, talk)[1])}

    answers = night.at_once(*(night.adler.posting(f"conversations/{talk.id}/messages", body) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert stored(talk) == [1]
    assert Conversation.objects.get(pk=talk.id).last_sequence == 1


@pytest.mark.parametrize("who", ["outsider", "dorn", "conrad", "middle"])
def test_for_those_outside_the_conversation_does_not_exist(night: Night, talk: Talk, who: str) -> None:
    someone = night.person(who)

    answer = send(someone, talk, seal(someone, talk)[1])

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stored(talk) == []
    assert refusals(night, someone) == ["not_found"]


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "anonymous"])
def test_who_lost_the_right_is_not_signed_in(night: Night, talk: Talk, who: str) -> None:
    envelope = envelope_json(seal(night.adler, talk)[1])

    answer = night.person(who).post(f"conversations/{talk.id}/messages", {"envelope": envelope})

    assert answer.status_code == 401
    assert stored(talk) == []


@pytest.mark.parametrize("lapse", LAPSES)
def test_a_right_that_ends_during_the_request_is_gone(night: Night, talk: Talk, lapse: str) -> None:
    """The cookie was good when the request came in; the statement asks again."""
    from backend.errors import Unauthenticated
    from messaging.services import Envelope, send_message

    actor = night.adler.actor()
    LAPSES[lapse](night.adler)

    with pytest.raises(Unauthenticated):
        send_message(actor=actor, conversation_id=talk.id, envelope=Envelope(*vars(seal(night.adler, talk)[1]).values()))
    assert stored(talk) == []


def test_the_former_duty_holder_may_not_send_and_the_new_one_may(night: Night, talk: Talk) -> None:
    hand_over(night, to=night.dorn)

    assert send(night.brandt, talk, seal(night.brandt, talk)[1]).status_code == 404
    assert send(night.dorn, talk, seal(night.dorn, talk, role=night.uni.role.id)[1]).status_code == 201


def test_a_role_that_is_not_held_is_refused(night: Night, talk: Talk) -> None:
    answer = send(night.adler, talk, seal(night.adler, talk, role=night.uni.role.id)[1])

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")
    assert stored(talk) == []


def test_an_old_epoch_is_refused_with_the_present_one(night: Night, talk: Talk) -> None:
    Conversation.objects.filter(pk=talk.id).update(epoch=3)

    answer = send(night.adler, talk, seal(night.adler, talk)[1])

    assert (answer.status_code, answer.json()["code"], answer.json()["epoch"]) == (409, "epoch.not_current", 3)
    assert stored(talk) == []


def test_a_closed_conversation_takes_nothing_more(night: Night, talk: Talk) -> None:
    Conversation.objects.filter(pk=talk.id).update(closed_at=timezone.now())

    answer = send(night.adler, talk, seal(night.adler, talk)[1])

    assert (answer.status_code, answer.json()["code"]) == (409, "conversation.closed")


def test_an_attachment_that_has_not_arrived_is_refused(night: Night, talk: Talk) -> None:
    file = Attachment(uuid4(), b"\1" * 32, 100)

    answer = send(night.adler, talk, seal(night.adler, talk, attachments=(file,))[1])

    assert (answer.status_code, answer.json()["code"], answer.json()["attachment"]) == (409, "attachment.incomplete", str(file.id))


def test_anothers_signature_is_refused_and_recorded(night: Night, talk: Talk) -> None:
    _, sealed = seal(night.adler, talk)
    _, others = seal(night.brandt, talk)

    answer = send(night.adler, talk, replace(sealed, s=others.s))

    assert (answer.status_code, answer.json()["code"]) == (400, "signature.invalid")
    assert refusals(night, night.adler) == ["signature.invalid"]
    assert stored(talk) == []


def test_a_header_of_another_person_device_or_conversation_is_refused(night: Night, talk: Talk) -> None:
    of_brandt = seal(night.brandt, talk)[1]
    of_the_lost_phone = seal(night.revoked_device, talk)[1]
    elsewhere = seal(night.adler, Talk(uuid4(), talk.key))[1]

    codes = [send(night.adler, talk, sealed).json()["code"] for sealed in (of_brandt, of_the_lost_phone, elsewhere)]

    assert codes == ["envelope.wrong_sender", "envelope.wrong_sender", "envelope.wrong_conversation"]
    assert refusals(night, night.adler) == codes


def test_a_tampered_header_is_refused(night: Night, talk: Talk) -> None:
    _, sealed = seal(night.adler, talk)
    changed = sealed.h.replace(b'"normal"', b'"urgent"')
    assert changed != sealed.h

    assert send(night.adler, talk, replace(sealed, h=changed)).json()["code"] == "signature.invalid"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"h": encode(b'{"v":2,"t":"message"}')}, 400, "header.unknown_version"),
        ({"h": encode(b"[]")}, 400, "header.malformed"),
        ({"h": encode(b'{"v":1,"v":1}')}, 400, "header.duplicate_key"),
        ({"h": "AB"}, 400, "encoding.not_canonical"),
        ({"h": 7}, 400, "envelope.malformed"),
        ({"x": ""}, 400, "envelope.malformed"),
        ({"c": encode(b"short")}, 400, "message.unreadable"),
        ({"c": encode(bytes(65_536 + 272))}, 413, "message.too_large"),
        ({"s": encode(b"short")}, 400, "signature.invalid"),
    ],
)
def test_an_envelope_that_breaks_the_protocol_is_refused(night: Night, talk: Talk, change: Json, status: int, code: str) -> None:
    envelope = envelope_json(seal(night.adler, talk)[1]) | change

    answer = night.adler.post(f"conversations/{talk.id}/messages", {"envelope": envelope})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stored(talk) == []


def test_a_member_of_another_hospital_who_joined_meanwhile_finds_the_message_in_their_log(night: Night, talk: Talk) -> None:
    """The hospitals of a conversation are remembered per process: a memory that is out of date must not leave a log out."""
    from messaging.models import Member

    sent(night.adler, talk)
    Member.objects.create(conversation_id=talk.id, principal=night.north.id, kind="user", hospital_id=night.nord.id)

    sent(night.adler, talk)

    assert "messaging.send" in night.actions_of(night.nord)


def test_the_send_of_a_message_is_one_statement(night: Night, talk: Talk, django_assert_num_queries) -> None:
    from messaging.services import Envelope, send_message

    sent(night.adler, talk)
    actor, envelope = night.adler.actor(), Envelope(*vars(seal(night.adler, talk)[1]).values())
    with django_assert_num_queries(3) as queries:  # BEGIN, the statement, COMMIT
        send_message(actor=actor, conversation_id=talk.id, envelope=envelope)
    assert sum("messaging_message" in query["sql"] for query in queries.captured_queries) == 1


def test_two_conversations_count_apart(night: Night, talk: Talk) -> None:
    sealed = seal_first(night.adler, recipients(night))
    from tests.messaging.people import creation

    assert night.adler.post("conversations", creation(sealed)).status_code == 201
    other = Talk(sealed.header.conversation, sealed.key)
    sent(night.adler, talk)
    sent(night.adler, other)

    assert (stored(talk), stored(other)) == ([1], [1])

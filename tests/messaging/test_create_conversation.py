"""Making a conversation: who must be in it, who may not, with which keys."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone

from identity.models import Partnership, PrincipalKey
from messaging.models import Conversation, EpochWrap, Member
from tests.cast import Night
from tests.messaging.people import creation, epoch_json, recipients, refusals, seal_first
from wardline_client.protocol.epochs import open_epoch


def exists(sealed) -> bool:
    return Conversation.objects.filter(pk=sealed.header.conversation).exists()


def test_a_conversation_with_a_partners_role_and_both_archives(night: Night) -> None:
    sealed = seal_first(night.adler, recipients(night))

    answer = night.adler.post("conversations", creation(sealed))

    assert answer.status_code == 201
    body = answer.json()
    assert {member["principal"] for member in body["members"]} == {str(principal) for principal in recipients(night)}
    assert (body["epoch"], body["last_sequence"], body["kind"]) == (1, 0, "direct")
    wrap = EpochWrap.objects.get(epoch__conversation=sealed.header.conversation, principal=night.uni.role.id)
    opened = open_epoch(h=sealed.h, wrap=bytes(wrap.wrap), principal=night.uni.role.id, kem=night.uni.role.keys.kem)
    assert opened == sealed.key
    for hospital in (night.kreis, night.uni):
        assert night.audit_of(hospital)[-1].action == "messaging.create_conversation"


def test_the_same_again_is_the_same_conversation(night: Night) -> None:
    body, key = creation(seal_first(night.adler, recipients(night))), uuid4()

    answers = [night.adler.post("conversations", body, key=key) for _ in range(2)] + [night.adler.post("conversations", body)]

    assert [answer.status_code for answer in answers] == [201, 201, 200]
    assert Member.objects.filter(conversation=body["id"]).count() == 4


def test_an_id_of_another_conversation_is_refused(night: Night) -> None:
    first = seal_first(night.adler, recipients(night))
    night.adler.post("conversations", creation(first))
    second = seal_first(night.adler, recipients(night), conversation=first.header.conversation)

    answer = night.adler.post("conversations", creation(second))

    assert (answer.status_code, answer.json()["code"]) == (409, "conversation.id_reused")


def test_without_the_archives_it_is_refused_with_who_belongs_in(night: Night) -> None:
    given = {night.adler.id: night.adler.keys.kem.public, night.uni.role.id: night.uni.role.keys.kem.public}
    sealed = seal_first(night.adler, given)

    answer = night.adler.post("conversations", creation(sealed))

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.stale_recipients")
    assert {principal for principal, _ in answer.json()["recipients"]} == {str(principal) for principal in recipients(night)}
    assert not exists(sealed)


def test_sealed_to_somebody_who_is_not_a_member_it_is_refused(night: Night) -> None:
    to = recipients(night) | {night.egger.id: night.egger.keys.kem.public}
    sealed = seal_first(night.adler, to)

    answer = night.adler.post("conversations", creation(sealed, members=[str(principal) for principal in recipients(night)]))

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.stale_recipients")
    assert not exists(sealed)


def test_sealed_to_a_key_that_was_replaced_it_is_refused(night: Night) -> None:
    sealed = seal_first(night.adler, recipients(night))
    PrincipalKey.objects.filter(principal=night.uni.role.id).update(kid=b"\7" * 16)

    answer = night.adler.post("conversations", creation(sealed))

    assert (answer.status_code, answer.json()["code"]) == (409, "epoch.stale_recipients")
    assert not exists(sealed)


@pytest.mark.parametrize("who", ["outsider", "former_colleague", "pending"])
def test_somebody_who_cannot_be_written_to_looks_absent(night: Night, who: str) -> None:
    somebody = night.person(who)
    to = recipients(night) | {somebody.id: somebody.keys.kem.public}
    sealed = seal_first(night.adler, to)
    nobody = seal_first(night.adler, recipients(night) | {uuid4(): somebody.keys.kem.public})

    answers = [night.adler.post("conversations", creation(one)) for one in (sealed, nobody)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert not exists(sealed)


def test_a_partnership_that_ended_is_none(night: Night) -> None:
    Partnership.objects.filter(hospital=night.uni.id, partner=night.kreis.id).update(ended_at=timezone.now())
    sealed = seal_first(night.adler, recipients(night))

    assert night.adler.post("conversations", creation(sealed)).json()["code"] == "conversation.unknown_member"
    assert not exists(sealed)


def test_nobody_makes_a_conversation_among_others(night: Night) -> None:
    """Egger lists everybody but himself: he becomes a member, and so the epoch that leaves him out is not complete."""
    sealed = seal_first(night.egger, recipients(night))

    assert night.egger.post("conversations", creation(sealed)).json()["code"] == "epoch.stale_recipients"
    assert not exists(sealed)


def test_a_role_not_held_is_refused(night: Night) -> None:
    sealed = seal_first(night.conrad, recipients(night), role=night.kreis.role.id)

    answer = night.conrad.post("conversations", creation(sealed, role=str(night.kreis.role.id)))

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")


def test_a_changed_wrap_or_anothers_signature_is_refused_and_recorded(night: Night) -> None:
    sealed = seal_first(night.adler, recipients(night))
    other = seal_first(night.adler, recipients(night))
    swapped = replace(sealed, w=(sealed.w[1], sealed.w[0], *sealed.w[2:]))

    for wrong in (swapped, replace(sealed, s=other.s)):
        answer = night.adler.post("conversations", creation(wrong))
        assert (answer.status_code, answer.json()["code"]) == (400, "signature.invalid")
    assert refusals(night, night.adler) == ["signature.invalid"] * 2
    assert not exists(sealed)


def test_a_wrap_too_few_is_refused(night: Night) -> None:
    sealed = seal_first(night.adler, recipients(night))
    body = creation(sealed, epoch=epoch_json(replace(sealed, w=sealed.w[:-1])))

    assert night.adler.post("conversations", body).json()["code"] == "wrap.unreadable"


@pytest.mark.parametrize(
    ("change", "code"), [({"retention": "forever"}, "epoch.retention"), ({"epoch": 2, "prev": b"\0" * 32}, "epoch.not_first")]
)
def test_a_first_epoch_that_is_none_is_refused(night: Night, change: dict[str, object], code: str) -> None:
    sealed = seal_first(night.adler, recipients(night), **change)

    answer = night.adler.post("conversations", creation(sealed))

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_case_is_not_made_here(night: Night) -> None:
    answer = night.adler.post("conversations", creation(seal_first(night.adler, recipients(night)), kind="case"))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

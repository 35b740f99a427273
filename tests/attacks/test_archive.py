"""An archive reads along for the patient record. What a person answers for, it does not do, whoever holds its key."""

from typing import Any

import pytest

from beds.models import Request
from identity.models import RoleSeal
from messaging.models import Message
from tests.cast import Night
from tests.messaging.people import creation, envelope_json, recipients, seal, seal_first, send, sent, start_talk
from tests.messaging.server import Server
from tests.messaging.test_socket import ask, opened


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_it_reads(night: Night) -> None:
    talk = start_talk(night)
    sent(night.adler, talk)

    assert len(night.kreis.archive.get(f"conversations/{talk.id}/messages").json()["results"]) == 1
    assert night.kreis.archive.post(f"conversations/{talk.id}/delivered", {"sequence": 1}).status_code == 200


def test_it_writes_and_acknowledges_nothing(night: Night, server: Server) -> None:
    talk, archive = start_talk(night), night.kreis.archive
    message = sent(night.adler, talk)
    _, sealed = seal(archive, talk)

    assert refusal(send(archive, talk, sealed)) == (403, "actor.not_human")
    assert refusal(archive.post(f"conversations/{talk.id}/messages/{message}/acknowledge", {})) == (403, "actor.not_human")
    with opened(server, archive) as socket:
        over_socket = ask(socket, "send", conversation=str(talk.id), envelope=envelope_json(sealed))
        assert (over_socket["status"], over_socket["body"]["code"]) == (403, "actor.not_human")
        assert ask(socket, "acknowledge", conversation=str(talk.id), message=str(message))["status"] == 403
    assert list(Message.objects.filter(conversation=talk.id).values_list("pk", flat=True)) == [message]


def test_it_begins_no_conversation_and_no_epoch(night: Night) -> None:
    archive = night.kreis.archive
    sealed = seal_first(archive, recipients(night))
    assert refusal(archive.post("conversations", creation(sealed))) == (403, "actor.not_human")

    talk = start_talk(night)
    sealed = seal_first(archive, recipients(night), conversation=talk.id)
    body = {"epoch": creation(sealed)["epoch"]}
    assert refusal(archive.post(f"conversations/{talk.id}/epochs", body)) == (403, "actor.not_human")


def test_it_asks_for_no_bed(night: Night, ward: Any) -> None:
    body = ward.body("uni", by=night.kreis.archive)

    assert refusal(night.kreis.archive.post("requests", body)) == (403, "actor.not_human")
    assert not Request.objects.filter(pk=body["id"]).exists()


@pytest.mark.parametrize("action", ["acknowledge", "withdraw"])
@pytest.mark.parametrize("of", ["kreis", "uni"])
def test_it_moves_no_request(night: Night, ward: Any, of: str, action: str) -> None:
    asked, archive = ward.asks("uni"), getattr(night, of).archive

    assert refusal(asked.take("uni", action, by=archive)) == (403, "actor.not_human")
    assert refusal(archive.post(f"requests/{asked.id}/cancel", {"reason": "other"})) == (403, "actor.not_human")
    assert asked.states() == {"uni": "submitted"}


def test_it_holds_no_duty_even_if_a_seal_were_there(night: Night) -> None:
    archive, role = night.kreis.archive, night.kreis.role
    assert refusal(archive.post(f"duty/{role.id}/take")) == (403, "actor.not_human")
    RoleSeal.objects.create(role_id=role.id, generation=1, person_id=archive.id, sealed=b"")

    assert refusal(archive.post(f"duty/{role.id}/take")) == (403, "actor.not_human")
    assert night.adler.post(f"duty/{role.id}/hand-over", {"to": archive.id}).status_code == 409

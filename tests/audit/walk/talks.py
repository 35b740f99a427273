"""Conversations, over HTTP and over the socket."""

import json
import os
from typing import Any
from uuid import UUID, uuid4

from messaging.attachments import CHUNK
from tests.audit.walk import Attempt, Scene, row
from tests.messaging.people import creation, envelope_json, recipients, seal, seal_first, send, sent
from tests.messaging.test_attachments import announce, announced, put, uploaded
from tests.messaging.test_create_epoch import following, rotate
from tests.messaging.test_emergency import breaking, broken
from tests.push_service import PushService

SHORT = os.urandom(100)
assert len(SHORT) < CHUNK


@row("POST conversations", "messaging.create_conversation: kreis uni")
def converse(scene: Scene) -> Attempt:
    body = creation(seal_first(scene.night.adler, recipients(scene.night)))
    return lambda: scene.night.adler.post("conversations", body)


@row("GET conversations/{conversation_id}/epochs", "messaging.read_keys: kreis uni")
def epochs(scene: Scene) -> Attempt:
    talk = scene.talk
    return lambda: scene.night.brandt.get(f"conversations/{talk.id}/epochs")


@row("POST conversations/{conversation_id}/epochs", "messaging.create_epoch: kreis uni")
def rotation(scene: Scene) -> Attempt:
    sealed = following(scene.night, scene.talk, scene.night.adler)
    return lambda: rotate(scene.night.adler, scene.talk, sealed)


@row("GET conversations/{conversation_id}/messages", "messaging.read: kreis uni")
def messages(scene: Scene) -> Attempt:
    sent(scene.night.adler, scene.talk)
    return lambda: scene.night.brandt.get(f"conversations/{scene.talk.id}/messages")


@row("POST conversations/{conversation_id}/messages", "messaging.send: kreis uni")
def sending(scene: Scene) -> Attempt:
    _, sealed = seal(scene.night.adler, scene.talk)
    return lambda: send(scene.night.adler, scene.talk, sealed)


@row("POST conversations/{conversation_id}/delivered", "messaging.deliver: kreis uni")
def delivered(scene: Scene) -> Attempt:
    sent(scene.night.adler, scene.talk)
    return lambda: scene.night.brandt.post(f"conversations/{scene.talk.id}/delivered", {"sequence": 1})


@row("POST conversations/{conversation_id}/messages/{message_id}/acknowledge", "messaging.acknowledge: kreis uni")
def acknowledged(scene: Scene) -> Attempt:
    url = f"conversations/{scene.talk.id}/messages/{sent(scene.night.adler, scene.talk)}/acknowledge"
    return lambda: scene.night.brandt.post(url)


@row("POST emergencies", "messaging.break_glass: kreis uni")
def breaking_glass(scene: Scene) -> Attempt:
    body = breaking(scene.night, scene.talk)
    return lambda: scene.night.dorn.post("emergencies", body)


@row("POST emergencies/{emergency_id}/end", "messaging.end_break_glass: kreis uni")
def ending_emergency(scene: Scene) -> Attempt:
    emergency = broken(scene.night, scene.talk)
    return lambda: scene.night.dorn.post(f"emergencies/{emergency}/end")


@row("POST attachments", "messaging.announce_attachment: kreis uni")
def announcing(scene: Scene) -> Attempt:
    talk = scene.talk
    return lambda: announce(scene.night.adler, talk, SHORT)


@row("PUT attachments/{attachment_id}/chunks/{number}", "messaging.store_chunk: kreis")
def chunk(scene: Scene) -> Attempt:
    id = announced(scene.night.adler, scene.talk, SHORT)
    return lambda: put(scene.night.adler, id, 0, SHORT)


@row("POST attachments/{attachment_id}/complete", "messaging.complete_attachment: kreis uni")
def completing(scene: Scene) -> Attempt:
    id = announced(scene.night.adler, scene.talk, SHORT)
    assert put(scene.night.adler, id, 0, SHORT).status_code == 201
    return lambda: scene.night.adler.post(f"attachments/{id}/complete")


@row("GET attachments/{attachment_id}/content", "messaging.open_image: kreis uni")
def opening(scene: Scene) -> Attempt:
    id = uploaded(scene.night.adler, scene.talk, SHORT)
    return lambda: scene.night.brandt.get(f"attachments/{id}/content")


@row("POST push-subscriptions", "messaging.subscribe_push: kreis")
def subscribing(scene: Scene) -> Attempt:
    body = {"endpoint": f"http://127.0.0.1:9/{uuid4()}", "keys": PushService("").keys()}
    return lambda: scene.night.adler.post("push-subscriptions", body)


class Said:
    """A command of the socket, by whom, and what it says; done by the test, which has the server."""

    def __init__(self, by: Any, do: str, talk: UUID, **details: Any) -> None:
        self.by, self.do, self.details = by, do, {"conversation": str(talk), **json.loads(json.dumps(details, default=str))}


@row("SOCKET send", "messaging.send: kreis uni")
def socket_send(scene: Scene) -> Any:
    _, sealed = seal(scene.night.adler, scene.talk)
    return Said(scene.night.adler, "send", scene.talk.id, envelope=envelope_json(sealed))


@row("SOCKET delivered", "messaging.deliver: kreis uni")
def socket_delivered(scene: Scene) -> Any:
    sent(scene.night.adler, scene.talk)
    return Said(scene.night.brandt, "delivered", scene.talk.id, sequence=1)


@row("SOCKET acknowledge", "messaging.acknowledge: kreis uni")
def socket_acknowledge(scene: Scene) -> Any:
    id = sent(scene.night.adler, scene.talk)
    return Said(scene.night.brandt, "acknowledge", scene.talk.id, message=id)

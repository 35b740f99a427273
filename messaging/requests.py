"""Commands that come over the socket: read, checked off the event loop, written in groups, announced.

Invariant: the same commands as over HTTP, with the same answers and the same refusals in the audit log; no
exception leaves ``handle``.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, close_old_connections

from audit.events import Event
from audit.services import record_refused
from backend.errors import DomainError, Invalid
from backend.realtime import RING, encode_event, encode_frame
from identity.actors import Actor
from messaging.announcer import Announcer
from messaging.checker import Checker
from messaging.commands import Command, Outcome, circle_of, explain, known_circle
from messaging.envelopes import FORGED, check_message, read_envelope
from messaging.receipts import Acknowledge, Deliver
from messaging.sending import Send
from messaging.writer import Writers
from wardline_client.protocol.encoding import MAX_INTEGER

AUDITED: Final = frozenset({401, 403, 404, 409})  # as over HTTP
CHECKERS: Final = 2  # verification lets go of the interpreter's lock; more threads than cores would only queue elsewhere

log = logging.getLogger(__name__)
T = TypeVar("T")


class Answer(NamedTuple):
    id: object
    status: int
    body: dict[str, Any]

    @classmethod
    def refused(cls, id: object, status: int, code: str, detail: str) -> "Answer":
        return cls(id, status, {"code": code, "detail": detail})

    def text(self) -> str:
        return encode_event({"t": "answer", "id": self.id, "ok": self.status < 400, "status": self.status, "body": self.body})


class Requests:
    def __init__(self) -> None:
        self._writers = Writers()
        self._announcer = Announcer()
        self._checkers: list[Checker[tuple[Actor, dict[str, Any]], tuple[Command, dict[str, Any]]]] = [
            Checker(lambda asked: prepare(*asked)) for _ in range(CHECKERS)
        ]
        self._slow = ThreadPoolExecutor(4, thread_name_prefix="explain")

    def start(self) -> None:
        self._writers.start()
        self._announcer.start()

    async def stop(self) -> None:
        await self._writers.stop()
        await self._announcer.stop()
        for checker in self._checkers:
            checker.stop()
        self._slow.shutdown(cancel_futures=True)

    async def handle(self, actor: Actor, frame: dict[str, Any]) -> Answer:
        id = frame.get("id") if isinstance(frame.get("id"), str | int) else None
        try:
            outcome = await self._done_or_recorded(actor, frame)
        except DomainError as error:
            return Answer(id, error.status, {"code": error.code, "detail": error.detail, **error.extra})
        except Exception as error:
            log.error("a command failed: %s", type(error).__name__, exc_info=not isinstance(error, psycopg.Error | DatabaseError | OSError))
            return Answer.refused(id, 503, "messaging.try_again", "The service is briefly away. Send the same again.")
        return Answer(id, outcome.status, outcome.body)

    async def _done_or_recorded(self, actor: Actor, frame: dict[str, Any]) -> Outcome:
        try:
            return await self._done(actor, frame)
        except DomainError as error:
            await self._audit(actor, error)
            raise

    async def _done(self, actor: Actor, frame: dict[str, Any]) -> Outcome:
        # One conversation, one thread: two messages of one sender leave the check in the order in which they came.
        checker = self._checkers[_uuid(frame, "conversation").int % CHECKERS]
        command, parameters = await checker.checked((actor, frame))
        row = await self._writers.submit(command, parameters)
        if row is None:
            outcome = await self._in(self._slow, lambda: _closing(lambda: explain(command)))
        else:
            outcome = command.outcome(row)
        self._announcer.announce(encode_frame(RING, outcome.people, encode_event(outcome.event)))
        return outcome

    async def _audit(self, actor: Actor, error: DomainError) -> None:
        if error.status in AUDITED or error.code in FORGED:
            detail = {"code": error.code, "route": "socket"}
            event = Event(action="api.refused", agent=actor.agent(), hospitals=[actor.hospital_id], outcome="refused", detail=detail)
            await self._in(self._slow, lambda: _closing(lambda: record_refused(event)))

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


def prepare(actor: Actor, frame: dict[str, Any]) -> tuple[Command, dict[str, Any]]:
    """The command a frame asks for and its statement's parameters. In a thread: it verifies a signature, and may ask
    for a conversation's circle.

    Raises:
        DomainError: as the services do.
    """
    command = _command(actor, frame)
    circle = known_circle(command.conversation_id)
    if circle is None:
        circle = _closing(lambda: circle_of(command.conversation_id))
    return command, command.parameters(circle)


def _command(actor: Actor, frame: dict[str, Any]) -> Command:
    conversation_id = _uuid(frame, "conversation")
    match frame.get("do"):
        case "send":
            envelope = read_envelope(frame.get("envelope"))
            header = check_message(envelope, sender=actor, conversation_id=conversation_id)
            return Send(actor=actor, conversation_id=conversation_id, envelope=envelope, header=header)
        case "delivered":
            return Deliver(actor=actor, conversation_id=conversation_id, sequence=_sequence(frame))
        case "acknowledge":
            role = None if frame.get("role") is None else _uuid(frame, "role")
            return Acknowledge(actor=actor, conversation_id=conversation_id, message_id=_uuid(frame, "message"), role=role)
    raise Invalid("frame.unknown_command", "There is no such command.")


def _closing(work: Callable[[], T]) -> T:
    """A thread that keeps its database connection keeps it from the pool."""
    try:
        return work()
    finally:
        close_old_connections()


def _uuid(frame: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(frame[name])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Invalid("frame.malformed", f"{name} is a UUID.") from None


def _sequence(frame: dict[str, Any]) -> int:
    sequence = frame.get("sequence")
    if type(sequence) is not int or not 1 <= sequence <= MAX_INTEGER:
        raise Invalid("frame.malformed", "sequence is a whole number from 1.")
    return sequence

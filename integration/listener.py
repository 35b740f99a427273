"""The MLLP listener: connections in, one message at a time each, answers out.

Invariant: nothing is read from a connection while its last message is under way, and at most ``workers`` messages are under way at all: a
sender faster than the database waits in its own queue. Every wait has an end but that of a proved sender between two messages. An answer
is written only after what it says has been committed; without one the sender keeps the message.
"""

import asyncio
import hashlib
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from django.db import Error, connection

from integration.hl7v2.framing import Block, Framer, NoMessages, framed
from integration.senders import Peer
from integration.services.adt import Answer, answer_message, answer_too_large

READ = 65_536  # bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    largest: int = 256 * 1024
    connections: int = 256
    connections_per_address: int = 64
    workers: int = 4
    message_within: float = 30.0  # from its first byte to its last
    first_within: float = 30.0  # from the connection to its first accepted message
    answer_within: float = 30.0  # until the sender has taken our answer
    stop_within: float = 10.0


@dataclass
class _Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: Peer
    framer: Framer
    is_proved: bool = False
    is_busy: bool = False


class Listener:
    def __init__(self, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self.limits, self._tls = limits, tls
        self._open: dict[asyncio.Task[None], _Line] = {}
        self._by_address: Counter[str] = Counter()
        self._workers = ThreadPoolExecutor(limits.workers, thread_name_prefix="mllp")
        self._server: asyncio.Server | None = None
        self._is_stopping = False

    async def start(self, host: str, port: int) -> int:
        """Listen. Returns the port, which is of the system's choice where 0 was given."""
        handshake = {"ssl_handshake_timeout": self.limits.first_within} if self._tls else {}
        self._server = await asyncio.start_server(self._connected, host, port, ssl=self._tls, limit=READ, backlog=128, **handshake)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more; finish and answer what is under way, then hang up."""
        self._is_stopping = True
        if self._server:
            self._server.close()
        for task, line in self._open.items():
            if not line.is_busy:
                task.cancel()
        if self._open:
            await asyncio.wait(set(self._open), timeout=self.limits.stop_within)
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer_of(writer)
        task: asyncio.Task[None] | None = asyncio.current_task()
        if task is None or self._is_full(peer):
            log.warning("a connection too many")
            writer.close()
            return
        line = _Line(reader, writer, peer, Framer(self.limits.largest))
        self._open[task] = line
        self._by_address[peer.address] += 1
        try:
            await self._serve(line)
        except asyncio.CancelledError:
            pass
        finally:
            del self._open[task]
            self._by_address[peer.address] -= 1
            writer.close()

    def _is_full(self, peer: Peer) -> bool:
        limits = self.limits
        is_crowd = self._by_address[peer.address] >= limits.connections_per_address
        return self._is_stopping or is_crowd or len(self._open) >= limits.connections

    async def _serve(self, line: _Line) -> None:
        until = asyncio.get_running_loop().time() + self.limits.first_within
        try:
            while not self._is_stopping and (block := await self._next(line, None if line.is_proved else until)) is not None:
                line.is_busy = True
                await self._answer(line, block)
                line.is_busy = False
        except (TimeoutError, NoMessages, ConnectionError, ssl.SSLError) as error:
            log.info("a connection is closed: %s", type(error).__name__)
        except Error as error:
            # The sender keeps the message and comes again. Not at once: a database that starts has other things to do.
            log.warning("an ADT message is not answered, the database says %s", type(error).__name__)
            await asyncio.sleep(1)

    async def _next(self, line: _Line, until: float | None) -> Block | None:
        """The next message; ``None`` at the end of the connection."""
        loop = asyncio.get_running_loop()
        begun: float | None = None
        while (block := line.framer.next_block()) is None:
            if line.framer.is_within and begun is None:
                begun = loop.time()
            ends = [moment for moment in (until, begun and begun + self.limits.message_within) if moment is not None]
            async with asyncio.timeout_at(min(ends, default=None)):
                received = await line.reader.read(READ)
            if not received:
                return None
            line.framer.feed(received)
        return block

    async def _answer(self, line: _Line, block: Block) -> None:
        work = answer_message if block.is_whole else answer_too_large
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._workers, partial(_and_give_back, work, line.peer, block.content))
        line.is_proved = line.is_proved or answer.is_proved
        if answer.text is None:
            return
        line.writer.write(framed(answer.text))
        async with asyncio.timeout(self.limits.answer_within):
            await line.writer.drain()


def _and_give_back(work: Callable[..., Answer], peer: Peer, content: bytes) -> Answer:
    """In a thread: its connection to the database goes back to the pool after each message."""
    try:
        return work(peer=peer, block=content)
    finally:
        connection.close()


def _peer_of(writer: asyncio.StreamWriter) -> Peer:
    secured = writer.get_extra_info("ssl_object")
    shown = secured.getpeercert(binary_form=True) if secured else None
    address = ip_address(str(writer.get_extra_info("peername")[0]).partition("%")[0])
    plain = getattr(address, "ipv4_mapped", None) or address
    return Peer(str(plain), hashlib.sha256(shown).hexdigest() if shown else "")

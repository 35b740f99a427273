"""Group commit: many commands, one transaction, one flush to disk.

Invariant: a command is answered only after the transaction that holds it has committed; a command that cannot
be done takes nothing of its batch with it, for a failed batch is retried item by item. Commands of one
conversation keep the order in which they came.

There is no timer: a writer takes whatever queued while it was committing. Alone, a command waits for nobody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import psycopg
from django.db import connections
from psycopg import AsyncConnection

from messaging.commands import Command

WRITERS: Final = 2
BATCH: Final = 128

log = logging.getLogger(__name__)

Row = tuple[Any, ...] | None


class Item(NamedTuple):
    command: Command
    parameters: dict[str, Any]
    done: "asyncio.Future[Row]"


class Writers:
    """The process's writers, one connection each."""

    def __init__(self) -> None:
        self._writers = [_Writer() for _ in range(WRITERS)]

    def start(self) -> None:
        for writer in self._writers:
            writer.start()

    async def stop(self) -> None:
        await asyncio.gather(*(writer.stop() for writer in self._writers))

    def submit(self, command: Command, parameters: dict[str, Any]) -> "asyncio.Future[Row]":
        """The statement's row after its commit; ``None`` when the statement did nothing.

        Raises (from the future):
            psycopg.Error: the database is away; nothing was changed, or, when the connection broke in the
                commit, perhaps it was: a retry with the same id finds out.
        """
        # One conversation, one writer: two would wait for each other's row, and could overtake each other.
        writer = self._writers[command.conversation_id.int % WRITERS]
        return writer.submit(command, parameters)


class _Writer:
    def __init__(self) -> None:
        self._queue: deque[Item] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection[Any] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._queue:
            self._queue.popleft().done.cancel()
        if self._connection is not None:
            await self._connection.close()

    def submit(self, command: Command, parameters: dict[str, Any]) -> "asyncio.Future[Row]":
        item = Item(command, parameters, asyncio.get_running_loop().create_future())
        self._queue.append(item)
        self._wake.set()
        return item.done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            if not self._queue:
                self._wake.clear()
            # Every process locks conversations in the same order, so two batches cannot wait for each other.
            batch.sort(key=lambda item: item.command.conversation_id)
            await self._write(batch)

    async def _write(self, batch: Sequence[Item]) -> None:
        try:
            rows = await self._commit(batch)
        except Exception as error:  # noqa: BLE001 -- a writer that ended would leave everybody waiting
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for item in batch:
                await self._write([item])
            return
        for item, row in zip(batch, rows, strict=True):
            if not item.done.done():
                item.done.set_result(row)

    async def _commit(self, batch: Sequence[Item]) -> list[Row]:
        connection = await self._connected()
        cursors = [connection.cursor(binary=True) for _ in batch]
        async with connection.transaction():
            # Pipelined: all statements go out in one write, and one flush follows.
            async with connection.pipeline():
                for cursor, item in zip(cursors, batch, strict=True):
                    await cursor.execute(item.command.sql, item.parameters, prepare=True)
            return [await cursor.fetchone() for cursor in cursors]

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is None or self._connection.broken or self._connection.closed:
            self._connection = await AsyncConnection.connect(**connection_parameters(), autocommit=True)
        return self._connection


def _fail(item: Item, error: Exception) -> None:
    if item.done.done():
        return
    # The same id at the same moment on another connection: to ``explain``, that is "done already".
    if isinstance(error, psycopg.IntegrityError):
        item.done.set_result(None)
    else:
        log.error("a write failed: %s", type(error).__name__)
        item.done.set_exception(error)


def connection_parameters() -> dict[str, Any]:
    """Where Django's own connections go."""
    given = connections["default"].get_connection_params()
    wanted = {"dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}
    return {name: value for name, value in given.items() if name in wanted and value}

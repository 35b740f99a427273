"""Checking in groups, off the event loop: a thread takes whatever queued while it checked the last group.

Invariant: what came first is answered first; one item's error is its own. A hop to a thread and back costs as much
as verifying a signature, so a busy server makes it once for many.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Checker(Generic[In, Out]):
    """One thread, one queue. ``check`` runs in the thread."""

    def __init__(self, check: Callable[[In], Out]) -> None:
        self._check = check
        self._queue: deque[_Waiting[In, Out]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    async def checked(self, item: In) -> Out:
        """Raises what ``check`` raises for this item."""
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiting.done

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                group = list(self._queue)
                self._queue.clear()
                results = await loop.run_in_executor(self._thread, self._check_all, [waiting.item for waiting in group])
                for waiting, result in zip(group, results, strict=True):
                    if waiting.done.done():
                        continue
                    if isinstance(result, Exception):
                        waiting.done.set_exception(result)
                    else:
                        waiting.done.set_result(result)
        finally:
            self._task = None

    def _check_all(self, items: Sequence[In]) -> list[Out | Exception]:
        results: list[Out | Exception] = []
        for item in items:
            try:
                results.append(self._check(item))
            except Exception as error:  # noqa: BLE001 -- handed to whoever waits for this item
                results.append(error)
        return results


class _Waiting(NamedTuple, Generic[In, Out]):
    item: In
    done: "asyncio.Future[Out]"

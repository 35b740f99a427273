"""Publishing from the socket's writers: one publication for all that committed meanwhile.

Invariant: publications leave in the order of their commits; a Redis that is away costs the rings, never the
answers: whoever listens then has lost the subscription too, and resyncs.
"""

import asyncio
import logging

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from backend.realtime import CHANNEL

log = logging.getLogger(__name__)


class Announcer:
    def __init__(self) -> None:
        self._frames: list[str] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def announce(self, frame: str) -> None:
        """Queue a frame of ``backend.realtime.encode_frame``."""
        if frame:
            self._frames.append(frame)
            self._wake.set()

    async def _run(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        async with client:
            while True:
                await self._wake.wait()
                publication = "".join(self._frames)
                self._frames.clear()
                self._wake.clear()
                try:
                    await client.publish(CHANNEL, publication)
                except (RedisError, OSError) as error:
                    log.warning("rings were lost: %s", type(error).__name__)

"""What passes through the machinery while the story is played: everything Redis is told, every push that leaves.

Invariant: watching begins before the first tap and is checked to have seen something.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis

from tests.e2e.scan import Place


@dataclass
class RedisTraffic:
    """Every command of every client, as ``MONITOR`` gives them: what was published is gone from memory, but not from here."""

    lines: list[str] = field(default_factory=list)

    def place(self) -> Place:
        return Place("redis traffic", "\n".join(self.lines).encode())


@contextmanager
def redis_traffic(url: str) -> Iterator[RedisTraffic]:
    seen = RedisTraffic()
    client = redis.Redis.from_url(url)
    with client.monitor() as monitor:
        stopped = threading.Event()
        thread = threading.Thread(target=_follow, args=(monitor, seen, stopped), daemon=True)
        thread.start()
        try:
            yield seen
        finally:  # also when the story breaks off: its own error is the one to read
            stopped.set()
            client.ping()
            thread.join(5)


def _follow(monitor: redis.client.Monitor, seen: RedisTraffic, stopped: threading.Event) -> None:
    while not stopped.is_set():
        seen.lines.append(str(monitor.next_command()["command"]))

"""Several people doing one thing at the same moment, each on a database connection of their own."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from django.db import connection

from backend.errors import DomainError


class Contest:
    """Rounds of contenders let loose together by a barrier; counts how often all of them overlapped, to show that a race was one."""

    def __init__(self, contenders: int) -> None:
        self.contenders = contenders
        self.backends: set[int] = set()
        self.overlapping = 0
        self.rounds = 0
        self.durations: list[float] = []
        self._barrier = threading.Barrier(contenders)
        self._pool = ThreadPoolExecutor(contenders)

    def __enter__(self) -> "Contest":
        return self

    def __exit__(self, *error: object) -> None:
        for _ in self._pool.map(self._leave, range(self.contenders)):
            pass
        self._pool.shutdown()

    def round(self, moves: Sequence[Callable[[], object]]) -> list[str]:
        """Run ``moves`` at once; ``won`` or the error's code for each. Anything but a domain error (a deadlock, say) fails the test."""
        outcomes = list(self._pool.map(self._run, moves))
        self.rounds += 1
        self.durations += [end - start for _, start, end in outcomes]
        self.overlapping += max(start for _, start, _ in outcomes) < min(end for _, _, end in outcomes)
        return [outcome for outcome, _, _ in outcomes]

    def _run(self, move: Callable[[], object]) -> tuple[str, float, float]:
        connection.ensure_connection()
        self.backends.add(connection.connection.info.backend_pid)
        self._barrier.wait(timeout=30)
        start = perf_counter()
        try:
            move()
        except DomainError as error:
            return error.code, start, perf_counter()
        return "won", start, perf_counter()

    def _leave(self, _: int) -> None:
        self._barrier.wait(timeout=30)
        connection.close()

    def p99_ms(self) -> float:
        return sorted(self.durations)[int(len(self.durations) * 0.99)] * 1000


def tally(outcomes: Sequence[str]) -> dict[str, int]:
    return dict(Counter(outcomes))

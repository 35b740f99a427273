"""One line per step, with its time.

Invariant: standard library only, because it speaks before anything is installed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.2


class Stop(Exception):
    """Something a person has to mend first; the message is one clear sentence."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show that ``name`` is under way, and how long it took once it is done."""
    started = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(name, started, done), daemon=True)
    if sys.stdout.isatty():
        ticker.start()
    try:
        yield
    except BaseException:
        _end(done, ticker)
        say("  ✗ " + name)
        raise
    _end(done, ticker)
    say("  ✓ %-44s %6.1f s" % (name, time.monotonic() - started))


def _tick(name: str, started: float, done: threading.Event) -> None:
    while not done.wait(TICK):
        sys.stdout.write("\r  · %-44s %6.1f s" % (name, time.monotonic() - started))
        sys.stdout.flush()


def _end(done: threading.Event, ticker: threading.Thread) -> None:
    done.set()
    if ticker.is_alive():
        ticker.join()
        sys.stdout.write("\r")


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

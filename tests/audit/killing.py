"""Sequencers to be killed: ``python -m tests.audit.killing``.

For every line on standard input (a JSON object) a child is forked that sequences and signs one log until somebody kills it; its process id
is printed. A child writes a line into the progress file for every batch that is committed. Forking is done by a process that has neither
threads nor connections, and a round costs milliseconds.
"""

import json
import os
import signal
import sys
import time
from uuid import UUID

import django


def main() -> None:
    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        if (pid := os.fork()) == 0:
            try:
                _work(**order)
            finally:
                os._exit(1)
        print(pid, flush=True)


def _work(hospital: str, batch: int, progress: str, die_at: int | None = None, die_after: bool = False) -> None:
    """Args: die_at: the how-manieth statement after the first committed batch kills this process, before or after it is executed."""
    from django.db import connection

    from audit.checkpoints import sign_checkpoint
    from audit.models import Log
    from audit.sequencer import integrate

    seen = {"count": 0, "is_counting": False}

    def watch(execute, statement, parameters, many, context):
        if seen["is_counting"]:
            seen["count"] += 1
        is_now = die_at is not None and seen["is_counting"] and seen["count"] == die_at + 1
        if is_now and not die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(statement, parameters, many, context)
        if is_now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    made = os.open(progress, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with connection.execute_wrapper(watch):
        while True:
            done = integrate(UUID(hospital), batch=batch)
            if done:
                os.write(made, f"{os.getpid()} {done}\n".encode())
                sign_checkpoint(Log.objects.get(hospital=hospital).pk)
                seen["is_counting"] = True
            else:
                time.sleep(0.002)


if __name__ == "__main__":
    main()

"""``make run``: builds, starts, fills the demo, prints where to go, and waits for Ctrl-C."""

import os
import shutil
import signal
import sys
import time
from types import FrameType

from backend.embedded import StartError
from demo import links, seed, web
from demo.service import STATE, Service, refuse_taken_port
from demo.steps import Stop, say

LEAST_FREE_BYTES = 300_000_000


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell that starts us in the background has told us to ignore the latter
        signal.signal(number, _interrupt)
    try:
        port = port_of_environment()
        refuse_taken_port(port)
        _refuse_full_disk()
        say("Wardline")
        web.build()
        with Service(port) as service:
            seed.seed(service.address)
            service.start_witness()
            links.show(service.address)
            _wait(service)
    except (Stop, StartError) as reason:
        say(str(reason))
        return 1
    except OSError as error:
        say(f"{error.filename or STATE}: {error.strerror}.")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; the data is kept (make reset clears it).")
    return 0


def port_of_environment() -> int:
    word = os.environ.get("PORT", "8000")
    if not word.isdigit() or not 1 <= int(word) <= 65535:
        raise Stop(f"PORT is {word!r}, and a port is a number from 1 to 65535.")
    return int(word)


def _refuse_full_disk() -> None:
    STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
    if (free := shutil.disk_usage(STATE).free) < LEAST_FREE_BYTES:
        raise Stop(f"{STATE} has {free // 1_000_000} MB of disk left, and the demo needs {LEAST_FREE_BYTES // 1_000_000} MB.")


def _wait(service: Service) -> None:
    while True:
        service.refuse_dead_part()
        time.sleep(0.5)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

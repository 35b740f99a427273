"""What the witness has cosigned, in one file.

Invariant: a head that ``put`` has returned for is on the disk; a power cut leaves the old file or the new one. One process holds the file.
What cannot be read is never taken for nothing: a witness that has forgotten would cosign a second history.
"""

import fcntl
import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from wardline_witness.proofs import EMPTY_ROOT


class StateError(Exception):
    """The file is not there, cannot be read, or another witness holds it; the message is a sentence for a person."""


@dataclass(frozen=True)
class Head:
    """The newest tree of a log that was cosigned; of a log that never was, the empty one."""

    size: int = 0
    root: bytes = EMPTY_ROOT


class State:
    """The heads by origin. Nothing here is safe against threads: the witness holds its lock around it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(f"{path.name}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StateError(f"Another witness works with {path}.") from None
        try:
            self._heads = _read(path)
        except StateError:
            self._lock.close()
            raise

    @staticmethod
    def create(path: Path) -> None:
        """Make the file of a new witness.

        Raises:
            StateError: it is there already.
        """
        if path.exists():
            raise StateError(f"{path} is there already.")
        _write(path, {})

    def get(self, origin: str) -> Head:
        return self._heads.get(origin, Head())

    def put(self, origin: str, head: Head) -> None:
        if head == self._heads.get(origin):
            return
        heads = self._heads | {origin: head}
        _write(self._path, heads)
        self._heads = heads

    def close(self) -> None:
        self._lock.close()


def _read(path: Path) -> dict[str, Head]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {origin: Head(int(row["size"]), b64decode(row["root"], validate=True)) for origin, row in rows.items()}
    except FileNotFoundError:
        raise StateError(f"There is no {path}. A new witness is made with `init`; one that has lost its file must not go on.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StateError(f"{path} cannot be read. Do not go on without it: take it from a backup only if it is the newest.") from None


def _write(path: Path, heads: dict[str, Head]) -> None:
    rows = {origin: {"size": head.size, "root": b64encode(head.root).decode()} for origin, head in sorted(heads.items())}
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, outlives a power cut
    finally:
        os.close(folder)

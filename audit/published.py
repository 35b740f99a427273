"""What was last published of each log, where a database restore does not reach.

Invariant: nothing is published that contradicts what is noted here; it is noted before it is published. One folder for all who sign,
outside of the database's backups: a database that was set back, or had its history rewritten, cannot be signed again as if nothing had
happened.
"""

import fcntl
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings


class Published:
    """The note of one log, held under a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size, self.root = _read(path)

    def write(self, note: str) -> None:
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too, outlives a power cut
        finally:
            os.close(folder)


@contextmanager
def published(log: UUID | str) -> Iterator[Published]:
    """Hold the note of ``log``; a second signer waits. A text is the name of a tree that is no log of events."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{log}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Published(folder / f"{log}.note")


def last_published(log: UUID) -> tuple[int, bytes | None]:
    """Size and root of the last note, for looking: nothing is held. Size 0 and no root when there is none."""
    return _read(_folder() / f"{log}.note")


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "published-checkpoints"


def _read(path: Path) -> tuple[int, bytes | None]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return 0, None
    return int(lines[1]), b64decode(lines[2], validate=True)

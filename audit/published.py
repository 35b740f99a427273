"""What was last published of each log, where a database restore does not reach.

Invariant: nothing is published that contradicts what is noted here; it is noted before it is published. One folder for all who sign,
outside of the database's backups: a database that was set back, or had its history rewritten, cannot be signed again as if nothing had
happened. A note that cannot be read is never taken for none.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

from audit.notes import parse


class ForkRefused(Exception):
    """The database contradicts what was published, or it is not known what was. Nothing is signed until a person has looked
    (docs/audit-log.md)."""


class Unreadable(ForkRefused):
    """There is a note, and it cannot be read."""


class Published:
    """The note of one log, held under a lock.

    Raises:
        Unreadable.
    """

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
    """Hold the note of ``log``; a second signer waits. A text is the name of a tree that is no log of events.

    Raises:
        Unreadable. OSError: the folder cannot be written.
    """
    with _held(log) as path:
        yield Published(path)


def overrule(log: UUID, note: str | None) -> None:
    """Whatever is noted of ``log``, readable or not, is set aside (``.overruled``), and ``note`` stands in its place. For a person who has
    decided which history goes on."""
    with _held(log) as path:
        if path.exists():
            path.replace(path.with_suffix(".overruled"))
        if note is not None:
            Published(path).write(note)


@contextmanager
def _held(log: UUID | str) -> Iterator[Path]:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{log}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / f"{log}.note"


def last_published(log: UUID) -> tuple[int, bytes | None]:
    """Size and root of the last note, for looking: nothing is held. Size 0 and no root when there is none.

    Raises:
        Unreadable.
    """
    return _read(_folder() / f"{log}.note")


def _folder() -> Path:
    return Path(settings.STATE_DIR) / "published-checkpoints"


def _read(path: Path) -> tuple[int, bytes | None]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0, None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"What was published is not known: {path.name} cannot be read.") from error
    note = parse(text)
    if note is None:
        raise Unreadable(f"What was published is not known: {path.name} cannot be read.")
    return note.size, note.root

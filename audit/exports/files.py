"""Where exports lie, and whose turn it is to write one.

Invariant: one process writes a file at a time; the kernel gives its lock back when it dies. A file that no row wants is swept away.
"""

import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

BLOCK = 1 << 20


def path_of(export: UUID) -> Path:
    return _folder() / f"{export}.export"


@contextmanager
def turn(export: UUID) -> Iterator[bool]:
    """Whether this process may write the file now; another one has its turn when not."""
    with (_folder() / f"{export}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def writing(export: UUID, at: int) -> Iterator[IO[bytes]]:
    """The file, open for going on after ``at`` bytes; what a killed worker wrote beyond is cut off. On disk when the block ends.

    Raises:
        FileNotFoundError: it does not hold ``at`` bytes any more.
    """
    path = path_of(export)
    if at and (not path.exists() or path.stat().st_size < at):
        raise FileNotFoundError(path.name)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(at)
        file.seek(at)
        yield file
        file.flush()
        os.fsync(file.fileno())


def digest_of(export: UUID) -> bytes:
    with path_of(export).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def pieces(export: UUID, start: int, end: int) -> Iterator[bytes]:
    """Bytes ``start`` to ``end - 1``, block by block. Who has begun to fetch a file that is deleted may finish."""
    with path_of(export).open("rb") as file:
        file.seek(start)
        while start < end and (block := file.read(min(BLOCK, end - start))):
            start += len(block)
            yield block


def present() -> set[UUID]:
    return {UUID(path.stem) for path in _folder().glob("*.export")}


def remove(exports: Collection[UUID]) -> None:
    for export in exports:
        for suffix in ("export", "lock"):
            (_folder() / f"{export}.{suffix}").unlink(missing_ok=True)


def _folder() -> Path:
    folder = Path(settings.STATE_DIR) / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder

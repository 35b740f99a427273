"""What a witness answers to ``add-checkpoint`` (C2SP tlog-witness).

Invariant: between reading what was cosigned and writing what is cosigned now nobody else comes in, and the answer is made after the write.
"""

import hashlib
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wardline_verify.notes import WITNESS, Checkpoint, Key, Unusable
from wardline_witness.proofs import is_consistent
from wardline_witness.state import Head, State

MOST_PROOF_LINES = 63
MOST_BYTES = 64 * 1024
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@dataclass(frozen=True)
class Answer:
    status: HTTPStatus
    body: str
    kind: str = TEXT


@dataclass(frozen=True)
class _Request:
    old: int
    proof: list[bytes]
    checkpoint: Checkpoint


class Witness:
    """
    Args:
        logs: verifier keys of the logs it cosigns; a log that changes its key has two for a while.
        now: POSIX seconds.
    """

    def __init__(
        self, *, name: str, key: Ed25519PrivateKey, logs: Iterable[Key], state: State, now: Callable[[], float] = time.time
    ) -> None:
        self.name, self._key, self._state, self._now = name, key, state, now
        self._logs: dict[str, list[Key]] = {}
        for log in logs:
            self._logs.setdefault(log.name, []).append(log)
        self._lock = threading.Lock()

    @property
    def verifier_key(self) -> str:
        return verifier_key(self.name, self._key)

    def add_checkpoint(self, body: bytes) -> Answer:
        """200 with the cosignature; 400 not a request; 404 unknown log; 403 not signed by it; 409 with the size that was cosigned, when
        the request begins at another one (or has another tree of that same size); 422 when it does not continue what was cosigned."""
        try:
            request = _parse(body)
        except (Unusable, ValueError, UnicodeDecodeError):
            return Answer(HTTPStatus.BAD_REQUEST, "not an add-checkpoint request\n")
        checkpoint = request.checkpoint
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return Answer(HTTPStatus.NOT_FOUND, "this witness does not know the log\n")
        if not any(checkpoint.is_signed_by(key) for key in keys):
            return Answer(HTTPStatus.FORBIDDEN, "not signed by the log\n")
        if request.old > checkpoint.size:
            return Answer(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint's\n")
        with self._lock:
            return self._cosign(request)

    def _cosign(self, request: _Request) -> Answer:
        checkpoint, head = request.checkpoint, self._state.get(request.checkpoint.origin)
        if request.old != head.size or (checkpoint.size == head.size and checkpoint.root != head.root):
            return Answer(HTTPStatus.CONFLICT, f"{head.size}\n", SIZE)
        continues = is_consistent(old=head.size, old_root=head.root, new=checkpoint.size, new_root=checkpoint.root, proof=request.proof)
        if not continues:
            return Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "does not continue what was cosigned\n")
        self._state.put(checkpoint.origin, Head(checkpoint.size, checkpoint.root))
        return Answer(HTTPStatus.OK, self._line(checkpoint))

    def _line(self, checkpoint: Checkpoint) -> str:
        """A cosignature/v1 line (C2SP tlog-cosignature)."""
        seconds = int(self._now())
        signature = self._key.sign(b"cosignature/v1\ntime %d\n" % seconds + checkpoint.body)
        typed = _typed(self._key)
        blob = _key_id(self.name, typed) + seconds.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {b64encode(blob).decode()}\n"


def verifier_key(name: str, key: Ed25519PrivateKey) -> str:
    typed = _typed(key)
    return f"{name}+{_key_id(name, typed).hex()}+{b64encode(typed).decode()}"


def _parse(body: bytes) -> _Request:
    """Raises: ValueError, Unusable: anything that is not exactly a request."""
    head, separator, note = body.decode().partition("\n\n")
    first, *lines = head.split("\n")
    word, _, number = first.partition(" ")
    old = int(number)
    if not separator or word != "old" or str(old) != number or old < 0 or len(lines) > MOST_PROOF_LINES:
        raise ValueError
    proof = [b64decode(line, validate=True) for line in lines]
    if any(len(digest) != 32 for digest in proof):
        raise ValueError
    return _Request(old, proof, Checkpoint.parse(note))


def _typed(key: Ed25519PrivateKey) -> bytes:
    return bytes([WITNESS]) + key.public_key().public_bytes_raw()


def _key_id(name: str, typed: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]

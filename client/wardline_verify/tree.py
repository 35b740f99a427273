"""The Merkle tree of RFC 6962, section 2.1, grown leaf by leaf.

Invariant: it needs as much memory as a number has digits, however long the log.
"""

import hashlib


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


class Tree:
    """Holds ``(height, hash)`` of the full subtrees on the right edge."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, digest: bytes, height: int = 0) -> None:
        """A leaf's hash or, with ``height``, the root of the next ``2**height`` leaves; the size must be a multiple of that."""
        added = 1 << height
        while self._peaks and self._peaks[-1][0] == height:
            digest = _inner(self._peaks.pop()[1], digest)
            height += 1
        self._peaks.append((height, digest))
        self.size += added

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256().digest()
        digest = self._peaks[-1][1]
        for _, left in self._peaks[-2::-1]:
            digest = _inner(left, digest)
        return digest


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()

"""A hospital's log of statements as a Merkle tree (section 4.1; RFC 6962, section 2.1).

Invariant: a root commits to every leaf, its place and their number; who holds all leaves needs no proof but the root.
"""

from functools import reduce

from wardline_client.protocol.encoding import sha256


def leaf_hash(h: bytes, s: bytes) -> bytes:
    """Of a statement as signed. ``s`` comes first: it has 64 bytes, so where ``h`` begins needs no saying."""
    return sha256(b"\x00" + s + h)


class Tree:
    """All leaf hashes, and the roots of the full subtrees they make."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self._frontier: list[bytes] = []

    def __len__(self) -> int:
        return len(self.leaves)

    def append(self, leaf: bytes) -> None:
        digest, place = leaf, len(self.leaves)
        while place & 1:
            digest, place = _node(self._frontier.pop(), digest), place >> 1
        self._frontier.append(digest)
        self.leaves.append(leaf)

    @property
    def root(self) -> bytes:
        if not self._frontier:
            return sha256(b"")
        return reduce(lambda right, left: _node(left, right), reversed(self._frontier))

    def root_at(self, size: int) -> bytes:
        """The root this tree had at ``size``; it is not larger than the tree. Costs a pass over the leaves."""
        if size == len(self.leaves):
            return self.root
        former = Tree()
        for leaf in self.leaves[:size]:
            former.append(leaf)
        return former.root


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)

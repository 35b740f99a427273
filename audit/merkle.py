"""Merkle trees of RFC 6962 (section 2.1; RFC 9162 gives the same trees).

Invariant: a root commits to every leaf, its place and their number. Leaves and inner nodes are hashed under different prefixes, so that no
inner node can be passed off as a leaf. Pure: no Django, no input or output.

``Get`` below stands for whoever holds the hashes: ``get(height, index)`` is the root of the full subtree of ``2**height`` leaves that
begins at leaf ``index * 2**height``.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Get = Callable[[int, int], bytes]
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Range:
    """A compact range: all one has to keep of a tree to go on appending. ``frontier`` holds the roots of its full subtrees, largest
    first."""

    size: int = 0
    frontier: list[bytes] = field(default_factory=list)

    def append(self, digest: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Append a leaf hash; yields ``(height, index, hash)`` of every inner node this completes. Must be run to its end."""
        return self.append_subtree(0, digest)

    def append_subtree(self, height: int, digest: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Append the root of a full subtree of ``2**height`` leaves.

        Raises:
            ValueError: a full subtree of that height cannot begin at the present size.
        """
        if self.size % (1 << height):
            raise ValueError(f"No full subtree of height {height} begins at leaf {self.size}.")
        index = self.size >> height
        while index & 1:
            digest = node_hash(self.frontier.pop(), digest)
            height, index = height + 1, index >> 1
            yield height, index, digest
        self.frontier.append(digest)
        self.size = (index + 1) << height

    def root(self) -> bytes:
        if not self.frontier:
            return EMPTY_ROOT
        digest = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            digest = node_hash(left, digest)
        return digest


def inclusion_proof(get: Get, index: int, size: int) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 6962, 2.1.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has no leaf {index}.")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_root(get, middle, end))
            end = middle
        else:
            proof.append(_root(get, begin, middle))
            begin = middle
    return proof[::-1]


def consistency_proof(get: Get, old: int, new: int) -> list[bytes]:
    """That the first ``old`` of ``new`` leaves are the tree of ``old`` leaves (RFC 6962, 2.1.2).

    Raises:
        ValueError: ``old`` is not between 0 and ``new``.
    """
    if not 0 <= old <= new:
        raise ValueError(f"No tree of {new} leaves continues one of {old}.")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    begin, end = 0, new
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_root(get, middle, end))
            end = middle
        else:
            proof.append(_root(get, begin, middle))
            begin = middle
    if begin:
        proof.append(_root(get, begin, end))
    return proof[::-1]


def verify_inclusion(*, digest: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    position, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and digest == root


def verify_consistency(*, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2; a tree of no leaves is consistent with every tree."""
    if not 0 <= old <= new or (old in (0, new) and proof):
        return False
    if old == 0:
        return old_root == EMPTY_ROOT
    if old == new:
        return old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _root(get: Get, begin: int, end: int) -> bytes:
    size = end - begin
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return get(height, begin >> height)
    middle = begin + _split(size)
    return node_hash(_root(get, begin, middle), _root(get, middle, end))

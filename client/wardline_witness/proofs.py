"""Consistency proofs (RFC 6962, section 2.1.2), checked by the definition turned round.

Invariant: ``True`` means that whoever has two different histories with these roots has broken SHA-256.
"""

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def is_consistent(*, old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``proof`` shows that the first ``old`` leaves of the tree of ``new`` leaves are the tree with ``old_root``."""
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if not 0 < old <= new:
        return False
    rest = list(proof)
    try:
        roots = _roots(old, new, old_root, rest, is_whole=True)
    except IndexError:
        return False  # too short
    return not rest and roots == (old_root, new_root)


def _roots(old: int, new: int, old_root: bytes, rest: list[bytes], *, is_whole: bool) -> tuple[bytes, bytes]:
    """What SUBPROOF(old, D[new], is_whole) says the two roots are; takes its hashes off the end of ``rest``."""
    if old == new:
        root = old_root if is_whole else rest.pop()
        return root, root
    split = 1 << (new - 1).bit_length() - 1
    sibling = rest.pop()
    if old <= split:
        left_old, left_new = _roots(old, split, old_root, rest, is_whole=is_whole)
        return left_old, _inner(left_new, sibling)
    right_old, right_new = _roots(old - split, new - split, old_root, rest, is_whole=False)
    return _inner(sibling, right_old), _inner(sibling, right_new)


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()

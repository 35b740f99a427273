"""A log's tree as it is stored: hashes of leaves, and of every full subtree of 256**level leaves.

Invariant: everything here is read from rows that never change, so an answer about a size that was once reached is the same for ever.
"""

from uuid import UUID

from django.db import connection

from audit.merkle import Range, node_hash

WIDTH = 256


def hashes(log: UUID, level: int, start: int, count: int) -> list[bytes]:
    """Hashes ``start`` to ``start + count - 1`` of a level (0: leaves); fewer when the tree has not come so far."""
    with connection.cursor() as cursor:
        if level == 0:
            query = "SELECT leaf_hash FROM audit_leaf WHERE log = %s AND leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index"
            cursor.execute(query, [log, start, start + count])
        else:
            query = """
                SELECT node_hash FROM audit_node WHERE log = %s AND level = %s AND node_index >= %s AND node_index < %s
                ORDER BY node_index"""
            cursor.execute(query, [log, level, start, start + count])
        return [bytes(digest) for (digest,) in cursor.fetchall()]


def range_at(log: UUID, size: int) -> Range:
    """The compact range the log had at ``size``: one query for every base-256 digit of the size.

    Raises:
        ValueError: the log has never been so large.
    """
    tree = Range()
    for level in range(_levels(size), -1, -1):
        unit = WIDTH**level
        for digest in hashes(log, level, tree.size // unit, (size - tree.size) // unit):
            list(tree.append_subtree(level * 8, digest))
    if tree.size != size:
        raise ValueError(f"The log has {tree.size} of {size} leaves.")
    return tree


def subtree(log: UUID, height: int, index: int) -> bytes:
    """``audit.merkle.Get`` for proofs: the root of the full subtree of ``2**height`` leaves at ``index * 2**height``; one query.

    Raises:
        ValueError: the log has not come so far.
    """
    level, rest = divmod(height, 8)
    row = hashes(log, level, index << rest, 1 << rest)
    if len(row) != 1 << rest:
        raise ValueError("The log has not come so far.")
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _levels(size: int) -> int:
    level = 0
    while WIDTH ** (level + 1) <= size:
        level += 1
    return level

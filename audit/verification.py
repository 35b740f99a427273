"""Recompute every log from the database.

Invariant: everything is read in one snapshot and nothing is changed; memory does not grow with the log. Whatever does not follow from the
events' bytes is a finding: a leaf, a node, a root, a checkpoint, a size, an event in no log or in a log it does not name. This is the
operator's own look; it convinces nobody else (``wardline-verify`` does that).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, transaction

from audit.checkpoints import origin_of
from audit.keys import second_key, signing_key
from audit.leaves import OPERATOR
from audit.merkle import Range, leaf_hash
from audit.notes import Note, parse
from audit.published import Unreadable, last_published
from audit.second import is_second_true
from audit.sequencer import TILE_HEIGHT

PAGE = 2000
_LEAVES = """
    SELECT leaf_index, leaf_hash, leaf FROM audit_leaf LEFT JOIN audit_event ON audit_event.id = audit_leaf.event
    WHERE log = %s ORDER BY leaf_index"""
_CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint WHERE log = %s ORDER BY size"
_NODES = """
    SELECT level, node_index, node_hash FROM audit_node JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, node_index)
    USING (level, node_index) WHERE log = %s"""
# Where each event is, beside what it says about where it belongs.
_PLACES = """
    SELECT audit_event.id, leaf, ARRAY(
        SELECT hospital FROM audit_leaf JOIN audit_log ON audit_log.id = audit_leaf.log WHERE audit_leaf.event = audit_event.id
        UNION ALL SELECT hospital FROM waiting WHERE waiting.event = audit_event.id)
    FROM audit_event ORDER BY audit_event.id"""


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` with the log and the place it was found at: an index, a size or an event's number."""

    code: str
    log: UUID | None
    at: int


def verify_logs(only: UUID | None = None) -> Iterator[tuple[UUID | None, int, list[Finding]]]:
    """For every log, or one, its id, how many leaves were recomputed, and what is wrong; after all logs, with no log, the number of all
    events and those that are in the wrong place. At most ``PAGE`` findings each."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT id, hospital, size, frontier FROM audit_log ORDER BY created_at, id")
        for log, hospital, size, frontier in cursor.fetchall():
            if only in (None, log):
                check = _Check(log, hospital)
                check.run(size, [bytes(digest) for digest in frontier])
                yield log, check.tree.size, check.findings
        if only is None:
            yield None, *_check_places()


class _Check:
    """One log, leaf by leaf."""

    def __init__(self, log: UUID, hospital: UUID) -> None:
        self.log, self.hospital = log, hospital
        self.tree = Range()
        self.findings: list[Finding] = []
        self.completed: dict[tuple[int, int], bytes] = {}
        self.nodes = 0
        self.checkpoints = _rows(_CHECKPOINTS, [log])
        self.checkpoint = next(self.checkpoints, None)
        self.published, self.published_root = 0, None
        try:
            self.published, self.published_root = last_published(log)
        except Unreadable:
            self.find("published_unreadable", 0)

    def find(self, code: str, at: int) -> None:
        if len(self.findings) < PAGE:
            self.findings.append(Finding(code, self.log, at))

    def run(self, size: int, frontier: list[bytes]) -> None:
        self._reached()
        for index, digest, leaf in _rows(_LEAVES, [self.log]):
            if index != self.tree.size:
                self.find("gap", self.tree.size)
                break
            self._leaf(index, bytes(digest), leaf)
        self._compare_nodes()
        self._close(size, frontier)

    def _leaf(self, index: int, digest: bytes, leaf: bytes | None) -> None:
        if leaf is None:
            self.find("event_missing", index)
        elif leaf_hash(bytes(leaf)) != digest:
            self.find("leaf_differs", index)
        elif self.hospital not in _hospitals(bytes(leaf)):
            self.find("foreign_event", index)
        # From the event where there is one: a stored hash is a claim.
        for height, place, node in self.tree.append(digest if leaf is None else leaf_hash(bytes(leaf))):
            if height % TILE_HEIGHT == 0:
                self.completed[height // TILE_HEIGHT, place] = node
        if len(self.completed) >= PAGE:
            self._compare_nodes()
        self._reached()

    def _reached(self) -> None:
        """The tree has a size of which something else may have been said."""
        while self.checkpoint is not None and self.checkpoint[0] == self.tree.size:
            self._compare_checkpoint(*self.checkpoint)
            self.checkpoint = next(self.checkpoints, None)
        if self.published_root is not None and self.published == self.tree.size and self.published_root != self.tree.root():
            self.find("published_differs", self.tree.size)

    def _compare_checkpoint(self, size: int, root: bytes, text: str) -> None:
        note = parse(text)
        if bytes(root) != self.tree.root() or note is None or (note.size, note.root) != (size, self.tree.root()):
            self.find("checkpoint_differs", size)
        elif not _is_signed(note, origin_of(self.log)):
            self.find("checkpoint_unsigned", size)

    def _compare_nodes(self) -> None:
        if not self.completed:
            return
        levels, places = map(list, zip(*self.completed, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(_NODES, [levels, places, self.log])
            stored = {(level, place): bytes(node) for level, place, node in cursor.fetchall()}
        for key, node in self.completed.items():
            if stored.get(key) != node:
                self.find("node_differs", key[1])
        self.nodes += len(self.completed)
        self.completed.clear()

    def _close(self, size: int, frontier: list[bytes]) -> None:
        if (size, frontier) != (self.tree.size, self.tree.frontier):
            self.find("size_differs" if size != self.tree.size else "frontier_differs", size)
        if self.checkpoint is not None:
            self.find("checkpoint_ahead", self.checkpoint[0])
        if self.published > self.tree.size:
            self.find("published_ahead", self.published)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_node WHERE log = %s", [self.log])
            if cursor.fetchone()[0] != self.nodes:
                self.find("nodes_too_many", self.nodes)


def _check_places() -> tuple[int, list[Finding]]:
    count = 0
    findings: list[Finding] = []
    with connection.cursor() as cursor:
        # Look-ups by event find an index here: the queue's own begins with the hospital.
        cursor.execute("CREATE TEMPORARY TABLE waiting ON COMMIT DROP AS SELECT event, hospital FROM audit_pending")
        cursor.execute("CREATE INDEX ON waiting (event)")
    for event, leaf, hospitals in _rows(_PLACES, []):
        count += 1
        belongs = _hospitals(bytes(leaf))
        if sorted(hospitals) != sorted(belongs) and len(findings) < PAGE:
            findings.append(Finding("misplaced_event", None, event))
    return count, findings


def _rows(statement: str, parameters: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Through a cursor of the server's, which never sends more than a page."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(PAGE):
            yield from rows


def _hospitals(leaf: bytes) -> set[UUID]:
    """In whose logs the event says it is; nobody's when it cannot be read."""
    try:
        hospitals = json.loads(leaf)["hospitals"]
        return {UUID(hospital) for hospital in hospitals} or {OPERATOR}
    except (ValueError, TypeError, KeyError, RecursionError):
        return set()


def _is_signed(note: Note, origin: str) -> bool:
    """By the log's key; and where there is a line of the second key, by that too: earlier checkpoints have none."""
    second = second_key()
    if second is not None and not is_second_true(note, second.public_key()):
        return False
    public: Ed25519PublicKey = signing_key().public_key()
    for name, _, signature in note.signatures:
        try:
            public.verify(signature, note.body)
        except InvalidSignature:
            continue
        return name == note.origin == origin
    return False

"""Have the witnesses cosign what was signed (C2SP tlog-witness, the log's side).

Invariant: no request goes out inside a transaction, and nobody waits for one: neither who writes an event nor who signs. A claimed row is
left alone by other workers until its lease ends. A cosignature is kept only if it verifies. A witness that has seen another history is an
alarm and nothing else: what it means, verifiers and people decide.
"""

import logging
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from audit.asking import Reply, ask_all
from audit.merkle import consistency_proof
from audit.notes import parse
from audit.policy import Witness, read_policy
from audit.tree import subtree

LEASE_SECONDS = 120
MOST_AT_ONCE = 100
LONGEST_WAIT_SECONDS = 300
ALARMS = {"fork": "audit.witness_fork", "ahead": "audit.witness_ahead"}
logger = logging.getLogger(__name__)

_INTRODUCE = """
    INSERT INTO audit_witness (log, witness)
    SELECT audit_log.id, new.witness FROM audit_log CROSS JOIN unnest(%(witnesses)s::text[]) AS new (witness)
    WHERE EXISTS (SELECT FROM audit_checkpoint WHERE audit_checkpoint.log = audit_log.id)
        AND NOT EXISTS (SELECT FROM audit_witness old WHERE old.log = audit_log.id AND old.witness = new.witness)
    ON CONFLICT DO NOTHING"""
_CLAIM = """
    WITH due AS (
        SELECT known.log, known.witness, newest.size, newest.note
        FROM audit_witness known JOIN LATERAL (
            SELECT size, note, signed_at FROM audit_checkpoint WHERE log = known.log ORDER BY size DESC LIMIT 1) newest ON true
        WHERE NOT EXISTS (
                SELECT FROM audit_cosignature had WHERE had.log = known.log AND had.size = newest.size AND had.witness = known.witness)
            AND known.witness = ANY (%(witnesses)s::text[]) AND known.next_try_at <= now()
        ORDER BY known.next_try_at, newest.signed_at DESC LIMIT %(most)s FOR UPDATE OF known SKIP LOCKED)
    UPDATE audit_witness SET next_try_at = now() + %(lease)s * interval '1 second' FROM due
    WHERE audit_witness.log = due.log AND audit_witness.witness = due.witness
    RETURNING audit_witness.log, audit_witness.witness, audit_witness.size, due.size, due.note"""
_KEEP = "INSERT INTO audit_cosignature (log, size, witness, line) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
_COSIGNED = """
    UPDATE audit_witness SET size = %s, cosigned_at = now(), problem = '', failures = 0, next_try_at = now()
    WHERE log = %s AND witness = %s"""
_CORRECTED = """
    UPDATE audit_witness SET size = %s, failures = failures + 1,
        next_try_at = now() + least(2 ^ failures - 1, %s) * interval '1 second'
    WHERE log = %s AND witness = %s"""
_FAILED = """
    UPDATE audit_witness SET problem = %s, failures = failures + 1,
        next_try_at = now() + least(2 ^ least(failures, 30), %s) * interval '1 second'
    WHERE log = %s AND witness = %s"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkpoint for one witness. ``old`` is what the witness has cosigned, as far as is known here."""

    log: UUID
    witness: Witness
    old: int
    size: int
    note: str


def gather() -> int:
    """Ask every witness that is due about every log that has grown; returns how many cosignatures came.

    Raises:
        ImproperlyConfigured: the policy cannot be read.
    """
    witnesses = {witness.id: witness for witness in read_policy().witnesses.values() if witness.url}
    if not witnesses:
        return 0
    waiting: dict[str, list[tuple[Claim, bytes]]] = {}
    for claim in _claim(witnesses):
        if (body := _request(claim)) is not None:
            waiting.setdefault(claim.witness.id, []).append((claim, body))
    kept = 0
    with ThreadPoolExecutor(max_workers=len(witnesses)) as pool:
        asked = [(pairs, pool.submit(ask_all, witnesses[name].url, [body for _, body in pairs])) for name, pairs in waiting.items()]
        for pairs, replies in asked:
            kept += sum(_take(claim, reply) for (claim, _), reply in zip(pairs, replies.result(), strict=True))
    return kept


def _claim(witnesses: dict[str, Witness]) -> list[Claim]:
    parameters: dict[str, list[str] | int] = {"witnesses": list(witnesses), "most": MOST_AT_ONCE, "lease": LEASE_SECONDS}
    # Durable: a claim that could roll back, or a request inside somebody's transaction, is neither.
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_INTRODUCE, parameters)
        cursor.execute(_CLAIM, parameters)
        return [Claim(log, witnesses[witness], old, size, note) for log, witness, old, size, note in cursor.fetchall()]


def _request(claim: Claim) -> bytes | None:
    """``None``: there is less in this database than was cosigned, or a tree that is not whole, and so no proof. The other logs go on."""
    if claim.old > claim.size:
        _alarm(claim, "ahead")
        return None
    try:
        proof = consistency_proof(partial(subtree, claim.log), claim.old, claim.size)
    except ValueError:
        logger.critical("audit.no_proof", extra={"log": str(claim.log), "old": claim.old, "size": claim.size})
        _failed(claim, "no_proof")
        return None
    return "\n".join([f"old {claim.old}", *(b64encode(digest).decode() for digest in proof), "", claim.note]).encode()


def _take(claim: Claim, reply: Reply) -> bool:
    """Keep what came; ``True`` for a cosignature."""
    match reply.status:
        case 200:
            return _cosigned(claim, reply.body)
        case 409:
            _corrected(claim, reply.body.removesuffix("\n"))
        case 422:
            _alarm(claim, "fork")
        case 0:
            _failed(claim, "unreachable")
        case 403:
            _failed(claim, "unknown_key")
        case 404:
            _failed(claim, "unknown_log")
        case _:
            _failed(claim, "misbehaves")
    return False


def _cosigned(claim: Claim, lines: str) -> bool:
    note = parse(claim.note)
    line = claim.witness.key.find_cosignature(lines, note.body) if note else None
    if line is None:
        _failed(claim, "misbehaves")
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_KEEP, [claim.log, claim.size, claim.witness.id, line])
        cursor.execute(_COSIGNED, [claim.size, claim.log, claim.witness.id])
    return True


def _corrected(claim: Claim, text: str) -> None:
    """The witness has cosigned another size than is known here: after a restore of this database, or an answer that was lost."""
    if not (text.isascii() and text.isdecimal()):
        _failed(claim, "misbehaves")
    elif int(text) == claim.old:  # that was no news; of a checkpoint of that very size it means: another root
        _alarm(claim, "fork") if claim.old == claim.size else _failed(claim, "misbehaves")
    elif (size := int(text)) > _newest(claim.log):
        _alarm(claim, "ahead")
    else:
        with connection.cursor() as cursor:
            cursor.execute(_CORRECTED, [size, LONGEST_WAIT_SECONDS, claim.log, claim.witness.id])


def _newest(log: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(size) FROM audit_checkpoint WHERE log = %s", [log])
        return int(cursor.fetchone()[0])


def _alarm(claim: Claim, problem: str) -> None:
    """``fork``: the witness holds another history. ``ahead``: it has cosigned more than is in this database."""
    extra = {"log": str(claim.log), "witness": claim.witness.key.key_id.hex(), "old": claim.old, "size": claim.size}
    logger.critical(ALARMS[problem], extra=extra)
    _failed(claim, problem)


def _failed(claim: Claim, problem: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, [problem, LONGEST_WAIT_SECONDS, claim.log, claim.witness.id])

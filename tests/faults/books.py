"""What is written down about requests after a fault, read by SQL of its own: it must say one thing, and what people were told.

Invariant: nothing here asks a service of the product; a bug there cannot hide from it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection

from tests.faults.load import Journey

# One row per candidate: what it says of itself, its history, and the audit log's events about it.
CANDIDATES = """
    SELECT c.id::text, c.state, c.version, c.wave,
        (SELECT array_agg(ARRAY[t.action, t.source, t.target] ORDER BY t.id) FROM beds_transition t WHERE t.candidate_id = c.id),
        (SELECT array_agg(x.action ORDER BY x.event) FROM audit_index x WHERE x.subjects @> ARRAY[c.id] AND x.action LIKE 'beds.%%'
            AND x.action NOT LIKE 'beds.read%%'),
        (SELECT count(*) FROM beds_hold h WHERE h.candidate_id = c.id AND (upper(h.during) IS NULL OR upper(h.during) > clock_timestamp())),
        (SELECT count(*) FROM messaging_message m WHERE m.conversation_id = c.conversation_id)
    FROM beds_candidate c JOIN beds_request r ON r.id = c.request_id WHERE r.origin_id = %s
"""
PROMISES = frozenset({"held", "confirmed", "transport-arranged", "in-transit"})
# What a hospital's log must hold, and what its tree holds: as bags, so that a doubled leaf shows too.
OWED = "SELECT l.id, x.event FROM audit_index x CROSS JOIN unnest(x.hospitals) AS owner JOIN audit_log l ON l.hospital = owner"
IN_TREE = "SELECT f.log, f.event FROM audit_leaf f JOIN audit_log l ON l.id = f.log WHERE l.hospital IN (SELECT id FROM identity_hospital)"


def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def number(statement: str, *values: object) -> int:
    [[found]] = rows(statement, *values)
    return int(found)


def check_candidates(origin: object) -> dict[str, list[str]]:
    """Every candidate agrees with its history, and the audit log with both. The histories, by candidate."""
    histories = {}
    for id, state, version, wave, steps, audited, promises, messages in rows(CANDIDATES, origin):
        steps = steps or []
        actions = [action for action, _, _ in steps]
        assert audited == ["beds.request", *("beds." + action.replace("-", "_") for action in actions)], id
        start = "draft" if wave > 1 else "submitted"
        moves = [(source, target) for action, source, target in steps if source != target]
        assert [source for source, _ in moves] == [start, *(target for _, target in moves)][: len(moves)], "no step is missing"
        assert state == (moves[-1][1] if moves else start)
        assert version == len(moves) + 1, "one version per step"
        assert promises == (state in PROMISES), "a promise stands as long as its candidate says so"
        assert messages == 1, "the first message is there once"
        # Nobody here has a phone that can be pushed: when that is found out is the clock's affair.
        histories[id] = [action for action in actions if action != "alarm-failed"]
    return histories


def check_journeys(journeys: Iterable[Journey], histories: dict[str, list[str]]) -> None:
    """What was acknowledged is there, once, and nothing else."""
    for journey in journeys:
        for hospital, told in journey.histories.items():
            assert histories[journey.asked[hospital]] == told


def check_promises() -> None:
    """No place and no bed is promised twice at any moment, and no request has two confirmed hospitals."""
    twice = "SELECT count(*) FROM beds_hold a JOIN beds_hold b ON a.id < b.id AND a.during && b.during AND {}"
    assert number(twice.format("a.capacity_id = b.capacity_id AND a.place = b.place")) == 0
    assert number(twice.format("a.bed_id = b.bed_id")) == 0
    committed = "state IN ('confirmed', 'transport-arranged', 'in-transit', 'arrived')"
    assert rows(f"SELECT request_id FROM beds_candidate WHERE {committed} GROUP BY 1 HAVING count(*) > 1") == []


def check_closing(origin: object) -> None:
    """A request is closed exactly when its last candidate has ended."""
    ended = "('arrived', 'declined', 'cancelled', 'no-response', 'expired', 'withdrawn', 'diverted')"
    statement = f"""SELECT r.closed_at, bool_and(c.state IN {ended}), max(c.changed_at) FROM beds_request r
        JOIN beds_candidate c ON c.request_id = r.id WHERE r.origin_id = %s GROUP BY r.id"""
    for closed_at, has_ended, last in rows(statement, origin):
        assert closed_at == (last if has_ended else None)


def waiting_events() -> int:
    return number("SELECT count(*) FROM audit_pending")


def check_logs() -> None:
    """After the sequencer has caught up: each event is in each of its logs once."""
    for here, there in ((OWED, IN_TREE), (IN_TREE, OWED)):
        assert number(f"SELECT count(*) FROM ({here} EXCEPT ALL {there}) AS odd") == 0


def check_answers(keys: Iterable[str]) -> None:
    """Each acknowledged write left one answer, complete."""
    found = Counter(key for key, status in rows("SELECT key::text, status FROM backend_firstanswer") if status is not None)
    assert {key: found[key] for key in keys if found[key] != 1} == {}
    assert number("SELECT count(*) FROM backend_firstanswer WHERE status IS NULL OR body IS NULL") == 0

"""``python -m benchmarks.races``: six hands reach for one bed at the same moment, 200 rounds for single beds and 200 for a count.

Invariant: a figure counts only when each round had exactly one promise and nobody met anything but a domain error (no deadlock): the same
rounds as ``tests/beds/test_races.py``, timed, with fsync on. Reported, not asserted: the times.
"""

import argparse
import json
import os
import statistics
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks import machine

CONTENDERS = 6


def race(rounds: int, *, is_single: bool) -> dict[str, Any]:
    """Milliseconds of one attempt, won or refused, and how many rounds overlapped fully."""
    from beds.models import Hold
    from tests.beds import rows
    from tests.beds.contest import Contest, tally
    from tests.beds.test_races import holding

    name = "bed" if is_single else "count"
    acute, university = rows.hospital(f"acute-{name}"), rows.hospital(f"university-{name}", staffed=1000 if is_single else 1)
    candidates = rows.requests(rounds * CONTENDERS, origin=acute, asked=[university])
    promises, lost = 0, "bed.taken" if is_single else "capacity.full"
    with Contest(CONTENDERS) as contest:
        for number in range(rounds):
            named = {"bed": rows.single_bed(university).pk} if is_single else {}
            outcomes = contest.round(holding(university, candidates[number * CONTENDERS :][:CONTENDERS], **named))
            assert tally(outcomes) == {"won": 1, lost: CONTENDERS - 1}, outcomes
            promised = Hold.objects.filter(capacity=university.capacity)
            assert promised.count() == 1, "one bed, one promise"
            promises += 1
            promised.delete()
    took = {"median_ms": round(statistics.median(contest.durations) * 1000, 1), "p99_ms": round(contest.p99_ms(), 1)}
    return {"rounds": rounds, "promises": promises, "overlapping": contest.overlapping, **took}


def main() -> None:
    parser = argparse.ArgumentParser(description="Six hands, one bed.")
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    machine.prepare()
    with machine.fresh_database():
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        load = machine.load()
        kinds = {"single_beds": race(given.rounds, is_single=True), "count": race(given.rounds, is_single=False)}
        connection.close()
        connection.close_pool()
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cpus": os.cpu_count(), "load_before": round(load, 2), **kinds}
    path = machine.ROOT / "benchmarks" / "results" / f"races-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2), path.relative_to(machine.ROOT))


if __name__ == "__main__":
    main()

"""What the calls of beds cost in a large network: time and queries, beside plain statements on the same database in the same run.

Invariant: every answer is checked before it counts. Real server process, real sign-in, membership, signature and audit; a plain statement
reads or writes the same rows and nothing else, so the ratio says what the product adds.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from benchmarks import machine

HOSPITALS, ASKED, DAYS = 300, 5, 360


class Measured(NamedTuple):
    """A call and the plain statements beside it; each returns nothing and raises when the answer is wrong."""

    call: Callable[[], None]
    plain: Callable[[], None]


class Network:
    """The origin with its physician, 300 partners, and what was asked so far."""

    def __init__(self, requests: int, each: int) -> None:
        from benchmarks.bed_rows import make_houses, write_requests
        from benchmarks.people import make_hospital, make_person

        self.requests, self.candidates = requests, requests * each
        self.hospital = make_hospital("origin")
        self.person = make_person(self.hospital)
        self.houses = make_houses(HOSPITALS, around=self.hospital, holder=self.person.id)
        write_requests(requests, origin=self.hospital, person=self.person.id, houses=self.houses, each=each, days=DAYS)

    def body(self) -> dict[str, Any]:
        """A request to five hospitals as a phone makes it; the cryptography is done before the clock starts."""
        return {
            "id": str(uuid4()),
            "category": "icu-high",
            "capabilities": [],
            "urgency": "stat",
            "age_band": "adult",
            "candidates": [self._sealed(house.id, house.role, house.kem) for house in self.houses[:ASKED]],
        }

    def _sealed(self, hospital: UUID, role: UUID, kem: bytes) -> dict[str, Any]:
        from benchmarks.people import Talk, seal
        from wardline_client.protocol.encoding import encode
        from wardline_client.protocol.epochs import seal_epoch

        by, now, talk = self.person, datetime.now(UTC), uuid4()
        who = {"by": by.id, "role": None, "device": by.device, "prev": None}
        epoch = seal_epoch(
            conversation=talk,
            epoch=1,
            at=now,
            recipients={by.id: by.kem, role: kem},
            retention="standard",
            signing_key=by.signing,
            **who,
        )
        _, message = seal(by, Talk(talk, epoch.key), b'{"t":"text","text":"Two lines."}', priority="stat")
        sealed = {"h": encode(epoch.h), "w": [encode(wrap) for wrap in epoch.w], "s": encode(epoch.s)}
        note = {"h": encode(message.h), "c": encode(message.c), "s": encode(message.s)}
        return {
            "id": str(uuid4()),
            "hospital": str(hospital),
            "role": str(role),
            "conversation": {"id": str(talk), "epoch": sealed},
            "message": note,
        }


class Phone:
    """The physician's browser, to a real server."""

    def __init__(self, port: int, cookie: str) -> None:
        import httpx
        from django.conf import settings

        csrf = "a" * 32
        cookies = {settings.SESSION_COOKIE_NAME: cookie, "csrftoken": csrf}
        headers = {"X-CSRFToken": csrf, "Host": "127.0.0.1", "Origin": settings.PUBLIC_URL}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", cookies=cookies, headers=headers, trust_env=False, timeout=60)

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text[:300]
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 201, answer.text[:300]
        return answer.json()


def measured(network: Network, phone: Phone, cursor: Any, bodies: list[dict[str, Any]]) -> dict[str, Measured]:
    origin = network.hospital

    def board() -> None:
        assert len(phone.get("board")["hospitals"]) == HOSPITALS + 1

    def plain_board() -> None:
        cursor.execute("SELECT * FROM beds_capacity JOIN identity_unit unit ON unit.id = unit_id")
        assert len(cursor.fetchall()) == HOSPITALS * 4

    def listed() -> None:
        assert len(phone.get("requests")["results"]) == 50

    def plain_listed() -> None:
        cursor.execute("SELECT id FROM beds_request WHERE origin_id = %s ORDER BY created_at DESC LIMIT 50", [origin])
        cursor.execute("SELECT * FROM beds_candidate WHERE request_id = ANY(%s)", [[id for (id,) in cursor.fetchall()]])
        assert len(cursor.fetchall()) >= 50

    def ask() -> None:
        assert len(phone.post("requests", bodies.pop())["candidates"]) == ASKED

    def plain_ask() -> None:
        rows = [(uuid4(), uuid4(), b"x" * 1_500) for _ in range(ASKED)]
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO bench_bed_request (id) VALUES (%s)", [uuid4()])
        for row in rows:
            cursor.execute("INSERT INTO bench_bed_candidate (id, request, sealed) VALUES (%s, %s, %s)", row)
        cursor.execute("COMMIT")

    def numbers() -> None:
        found = phone.get(f"statistics/requests?since={_first_day()}")
        assert found["total"]["asked"] >= network.candidates

    def plain_numbers() -> None:
        cursor.execute(
            """SELECT hospital_id, count(*), count(transition.id) FROM beds_candidate candidate
            LEFT JOIN beds_transition transition ON candidate_id = candidate.id AND action = 'acknowledge' GROUP BY hospital_id"""
        )
        assert sum(count for _, count, _ in cursor.fetchall()) >= network.candidates

    return {
        "board, 300 hospitals": Measured(board, plain_board),
        f"request to {ASKED} hospitals": Measured(ask, plain_ask),
        f"50 of {network.requests} requests": Measured(listed, plain_listed),
        f"statistics over {network.candidates} asked": Measured(numbers, plain_numbers),
    }


def _first_day() -> str:
    from datetime import timedelta

    return str((datetime.now(UTC) - timedelta(days=DAYS + 4)).date())


def queries(network: Network, bodies: list[dict[str, Any]]) -> list[int]:
    """SQL statements of each call, BEGIN and COMMIT among them, counted in this process in the order of ``measured``."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"Host": "localhost"})
    client.cookies[settings.SESSION_COOKIE_NAME] = network.person.cookie

    def counted(call: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as caught:
            answer = call()
        assert answer.status_code in (200, 201), answer.content[:300]
        return len(caught)

    def ask() -> Any:
        return client.post("/api/v1/requests", bodies.pop(), content_type="application/json", headers={"Idempotency-Key": str(uuid4())})

    reads = ("board", "requests", f"statistics/requests?since={_first_day()}")
    board, listed, numbers = (counted(lambda path=path: client.get(f"/api/v1/{path}")) for path in reads)
    return [board, counted(ask), listed, numbers]


def milliseconds(call: Callable[[], None], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def p(taken: Sequence[float], share: float) -> float:
    return round(sorted(taken)[min(len(taken) - 1, int(len(taken) * share))], 2)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Rounds of each call and of its plain statements in turns, so that a slow minute slows both."""
    with machine.fresh_database() as url:
        import django

        django.setup()
        import psycopg
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        network = Network(given.requests, given.each)
        bodies = [network.body() for _ in range(given.rounds * given.calls + 2)]
        with psycopg.connect(url, autocommit=True) as plain, machine.servers(1) as [process]:
            plain.execute("CREATE TABLE bench_bed_request (id uuid PRIMARY KEY)")
            plain.execute("CREATE TABLE bench_bed_candidate (id uuid PRIMARY KEY, request uuid, sealed bytea)")
            plain.execute("VACUUM ANALYZE")
            cases = measured(network, Phone(process.port, network.person.cookie), plain.cursor(), bodies)
            counts = dict(zip(cases, queries(network, bodies), strict=True))
            for case in cases.values():
                case.call()
                case.plain()
            load, taken = machine.load(), {name: ([], []) for name in cases}
            for _ in range(given.rounds):
                for name, case in cases.items():
                    taken[name][0].extend(milliseconds(case.call, given.calls))
                    taken[name][1].extend(milliseconds(case.plain, given.calls))
        connection.close()
    return {"load_before": round(load, 2), "cases": {name: _figures(*taken[name], counts[name]) for name in cases}}


def _figures(own: list[float], plain: list[float], count: int) -> dict[str, float]:
    median, beside = statistics.median(own), statistics.median(plain)
    return {
        "queries": count,
        "median_ms": round(median, 2),
        "p90_ms": p(own, 0.9),
        "plain_median_ms": round(beside, 2),
        "ratio": round(median / beside, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Board, request, list and statistics, beside plain statements.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=10, help="hospitals asked by each of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=5, help="of each case, in each round")
    given = parser.parse_args()
    machine.prepare()
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cpus": os.cpu_count(), **vars(given), **measure(given)}
    folder = machine.ROOT / "benchmarks" / "results"
    path = folder / f"beds-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid4().hex[:4]}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, figures in result["cases"].items():
        print(f"{name:32} {figures}")
    print(path.relative_to(machine.ROOT))


if __name__ == "__main__":
    main()

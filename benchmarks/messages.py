"""Messages acknowledged and delivered, beside what the same PostgreSQL does for a bare transaction in the same run.

Invariant: a figure counts only when every message was answered, reached its reader exactly once and in order, and
stands in the table with a contiguous sequence and an audit event. Real server processes, real sign-ins, membership,
epoch and signature checks; only the clients' own cryptography is done before the clock starts.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from benchmarks import machine

BODY = 900  # bytes of a message's body; padded, sealed and encoded it is about 1.2 kB on the wire


@dataclass
class Pair:
    """A sender and a reader in a conversation of their own."""

    cookies: tuple[str, str]
    frames: list[bytes]
    ids: list[str]
    answered: dict[str, float] = field(default_factory=dict)
    delivered: list[tuple[int, str]] = field(default_factory=list)
    started: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)


def make_pairs(count: int, messages: int) -> list[Pair]:
    from benchmarks.people import make_hospital, make_person, make_talk, seal
    from wardline_client.protocol.encoding import encode

    hospital, pairs = make_hospital("load"), []
    for _ in range(count):
        sender, reader = make_person(hospital), make_person(hospital)
        talk = make_talk(sender, reader)
        frames, ids = [], []
        for _ in range(messages):
            id, sealed = seal(sender, talk, os.urandom(BODY))
            envelope = {"h": encode(sealed.h), "c": encode(sealed.c), "s": encode(sealed.s)}
            frames.append(json.dumps({"id": str(id), "do": "send", "conversation": str(talk.id), "envelope": envelope}).encode())
            ids.append(str(id))
        pairs.append(Pair((sender.cookie, reader.cookie), frames, ids))
    return pairs


async def play(pairs: list[Pair], ports: list[int], *, rate: float | None) -> float:
    """Send everything: closed loop, or ``rate`` messages/s together at random times. Seconds until all was answered and delivered."""
    from django.conf import settings

    from benchmarks.socket_client import SocketClient, text_frame

    loop, left = asyncio.get_running_loop(), sum(len(pair.ids) for pair in pairs) * 2
    everything, hellos, ready = asyncio.Event(), len(pairs) * 2, asyncio.Event()

    def counted() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            everything.set()

    def hello() -> None:
        nonlocal hellos
        hellos -= 1
        if hellos == 0:
            ready.set()

    def reading(pair: Pair) -> Any:
        def received(content: bytes) -> None:
            if content.startswith(b'{"t":"hello"'):
                return hello()
            if content.startswith(b'{"t":"message"'):
                message = json.loads(content)["message"]
                pair.delivered.append((message["sequence"], message["id"]))
                pair.arrived[message["id"]] = loop.time()
                counted()

        return received

    def sending(pair: Pair, next_frame: Any) -> Any:
        def received(content: bytes) -> None:
            if content.startswith(b'{"t":"hello"'):
                return hello()
            if content.startswith(b'{"t":"answer"'):
                answer = json.loads(content)
                assert answer["status"] == 201, answer
                pair.answered[answer["id"]] = loop.time()
                counted()
                next_frame(pair)

        return received

    clients: dict[int, SocketClient] = {}
    frames = {id(pair): iter([(name, text_frame(frame)) for name, frame in zip(pair.ids, pair.frames, strict=True)]) for pair in pairs}

    def send_next(pair: Pair) -> None:
        found = next(frames[id(pair)], None)
        if found is not None:
            name, frame = found
            pair.started[name] = loop.time()
            clients[id(pair)].transport.write(frame)

    after_answer = send_next if rate is None else (lambda pair: None)
    for number, pair in enumerate(pairs):
        cookies = [f"{settings.SESSION_COOKIE_NAME}={cookie}" for cookie in pair.cookies]
        # Sender and reader on different processes where there are several: the ring goes through Redis.
        here, there = ports[number % len(ports)], ports[(number + 1) % len(ports)]
        clients[id(pair)] = await SocketClient.open(here, cookies[0], settings.PUBLIC_URL, sending(pair, after_answer))
        await SocketClient.open(there, cookies[1], settings.PUBLIC_URL, reading(pair))
    await asyncio.wait_for(ready.wait(), 60)
    started = loop.time()
    if rate is None:
        for pair in pairs:
            send_next(pair)
    else:
        for turn in range(max(len(pair.ids) for pair in pairs)):
            for pair in pairs:
                if turn < len(pair.ids):
                    await asyncio.sleep(random.expovariate(rate))
                    send_next(pair)
    await asyncio.wait_for(everything.wait(), 600)
    return loop.time() - started


def check(pairs: list[Pair]) -> None:
    """Raises ``AssertionError`` when one message was lost, doubled or out of order, or has no audit event."""
    from django.db import connection

    for pair in pairs:
        assert list(pair.answered) == pair.ids, "answered: not all, or not in order"
        assert pair.delivered == list(enumerate(pair.ids, start=1)), "delivered: lost, doubled or out of order"
    count = sum(len(pair.ids) for pair in pairs)
    ids = [id for pair in pairs for id in pair.ids]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM messaging_message WHERE id = ANY (%s::uuid[])", [ids])
        assert cursor.fetchone()[0] == count
        cursor.execute("SELECT count(*) FROM audit_index WHERE action = 'messaging.send' AND subjects && %s::uuid[]", [ids])
        assert cursor.fetchone()[0] == count, "a message without its audit event"


def throughput(processes: list[machine.Process], *, senders: int, messages: int) -> tuple[float, float]:
    """Messages/s, and milliseconds of server CPU (without PostgreSQL's) for each."""
    pairs, count = make_pairs(senders, messages), senders * messages
    before = sum(process.cpu_seconds() for process in processes)
    seconds = asyncio.run(play(pairs, [process.port for process in processes], rate=None))
    used = sum(process.cpu_seconds() for process in processes) - before
    check(pairs)
    return count / seconds, used * 1000 / count


def latency(processes: list[machine.Process], *, rate: float, seconds: float) -> dict[str, float]:
    """Milliseconds from the sender's write to the reader's read."""
    pairs = make_pairs(10, int(rate * seconds / 10))
    asyncio.run(play(pairs, [process.port for process in processes], rate=rate))
    check(pairs)
    took = sorted((pair.arrived[name] - pair.started[name]) * 1000 for pair in pairs for name in pair.ids)
    return {"p50": round(statistics.median(took), 2), "p99": round(took[int(len(took) * 0.99)], 2)}


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Rounds of pgbench and of our own, one after the other, so that a slow minute slows both."""
    with machine.fresh_database() as url:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        rounds: list[dict[str, float]] = []
        with machine.servers(given.processes) as processes:
            throughput(processes, senders=given.senders, messages=20)  # warm
            for _ in range(given.runs):
                load = machine.load()
                peer = machine.pgbench(url, clients=32, seconds=given.seconds)
                own, cpu = throughput(processes, senders=given.senders, messages=given.messages)
                figures = {"messages": round(own), "pgbench": round(peer), "ratio": round(own / peer, 3), "server_cpu_ms": round(cpu, 3)}
                rounds.append({**figures, "load_before": round(load, 2)})
                print(rounds[-1], flush=True)
            slow = latency(processes, rate=50, seconds=given.seconds)
            connection.close()
    medians = {name: statistics.median(r[name] for r in rounds) for name in ("messages", "pgbench", "ratio", "server_cpu_ms")}
    return {"medians": medians, "rounds": rounds, "latency_at_50_per_second_ms": slow}


def main() -> None:
    parser = argparse.ArgumentParser(description="Messages acknowledged and delivered, beside pgbench.")
    parser.add_argument("--senders", type=int, default=50)
    parser.add_argument("--messages", type=int, default=300, help="per sender and round")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="of pgbench, and of the latency measurement")
    parser.add_argument("--processes", type=int, default=1, help="server processes")
    given = parser.parse_args()
    machine.prepare()
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cpus": os.cpu_count(), **vars(given), **measure(given)}
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"messages-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid4().hex[:4]}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["medians"]), result["latency_at_50_per_second_ms"], path.relative_to(machine.ROOT))

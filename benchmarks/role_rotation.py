"""New keys for a duty role with many people and many open conversations, while messages go on.

Invariant: everything is real: server process, sign-ins, statements, seals, epochs, over HTTP and the socket; the registrar's and the
holder's clients are processes of their own. A run counts only if every message was taken and arrived, the rotation that was killed half-way
left the former generation whole, and each conversation that was opened afterwards is sealed to the new one.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from benchmarks import machine

Json = dict[str, Any]


@dataclass
class Ward:
    """``quiet`` conversations are opened after the rotation, ``busy`` ones are written in all the time; the others are just there."""

    office: Any
    holder: Any
    asker: Any
    leaver: UUID
    role: UUID
    quiet: list[UUID]
    busy: list[UUID]


def furnish(port: int, *, people: int, conversations: int, busy: int, opened: int) -> Ward:
    from django.conf import settings

    from identity.services.hospitals import prepare
    from wardline_client.account import Account
    from wardline_client.http import Api
    from wardline_client.protocol import Profile

    def api() -> Api:
        return Api(f"http://127.0.0.1:{port}", origin=settings.PUBLIC_URL)

    _, token = prepare(slug=f"load-{uuid4().hex[:8]}", name="Load", city="Load", latitude=None, longitude=None, lasts=timedelta(hours=1))
    office, _ = Account.found(api(), token, Profile(name="Office", profession="registrar"))

    def hire(name: str) -> Account:
        account = Account.join(api(), office.registrar.invite(name=name))
        office.registrar.approve(*office.registrar.pending())
        account.sign_in()
        return account

    asker = hire("Asker")
    staff = [hire(f"Colleague {number}") for number in range(people)]
    role = office.registrar.create_role(name="Coordination", eligible=[one.person for one in staff])
    staff[0].take_duty(role)
    asker.session.book.refresh()
    talks = [asker.talk_to(role).id for _ in range(conversations)]
    return Ward(office, staff[0], asker, staff[-1].person, role, talks[busy : busy + opened], talks[:busy])


@dataclass
class Load:
    """Messages at random times, ``rate`` a second together, from the asker to the role's holder."""

    ward: Ward
    port: int
    rate: float
    started: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)
    refused: list[Json] = field(default_factory=list)

    async def open(self) -> None:
        from django.conf import settings

        from benchmarks.socket_client import SocketClient

        asker, holder = self.ward.asker.api.cookie_header, self.ward.holder.api.cookie_header
        self.sender = await SocketClient.open(self.port, asker, settings.PUBLIC_URL, self._answered)
        self.reader = await SocketClient.open(self.port, holder, settings.PUBLIC_URL, self._heard)
        await asyncio.sleep(1)

    def _answered(self, content: bytes) -> None:
        answer = json.loads(content)
        if answer["t"] == "answer" and answer["status"] != 201:
            self.refused.append(answer)

    def _heard(self, content: bytes) -> None:
        heard = json.loads(content)
        if heard["t"] == "message":
            self.arrived[heard["message"]["id"]] = asyncio.get_running_loop().time()

    async def while_running(self, work: "asyncio.Future[Any]") -> dict[str, float]:
        """Milliseconds from the sender's write to the reader's read, until ``work`` is done."""
        from benchmarks.socket_client import text_frame
        from wardline_client.protocol.bodies import Text

        loop, first = asyncio.get_running_loop(), len(self.started)
        while not work.done():
            await asyncio.sleep(random.expovariate(self.rate))
            place, name = random.choice(self.ward.busy), uuid4()
            envelope = self.ward.asker.conversations.seal(place, Text("x" * 200), id=name, priority="urgent")
            frame = json.dumps({"id": str(name), "do": "send", "conversation": str(place), "envelope": envelope})
            self.started[str(name)] = loop.time()
            self.sender.transport.write(text_frame(frame.encode()))
        await work
        names = list(self.started)[first:]
        for _ in range(200):
            if all(name in self.arrived for name in names):
                break
            await asyncio.sleep(0.05)
        assert not self.refused, self.refused[:1]
        assert all(name in self.arrived for name in names), "a message that did not arrive"
        took = sorted((self.arrived[name] - self.started[name]) * 1000 for name in names)
        return {"messages": len(took), "p50": round(statistics.median(took), 2), "p99": round(took[int(len(took) * 0.99)], 2)}


# --- in processes of their own


def renew(account: Any, *, pause_after: int | None) -> Json:
    """As the registrar's client does by itself. ``pause_after`` so many seals it waits for its end."""
    registrar, seal, sealed = account.registrar, account.registrar._seal, 0

    def counted(*given: Any) -> Json:
        nonlocal sealed
        made: Json = seal(*given)
        sealed += 1
        if sealed == pause_after:
            print("half-way", flush=True)
            sys.stdin.readline()
        return made

    registrar._seal = counted
    began = time.perf_counter()
    renewed = registrar.renew_due_roles()
    return {"seconds": round(time.perf_counter() - began, 3), "renewed": len(renewed), "sealed": sealed}


def reopen(account: Any, role: UUID, conversations: list[UUID]) -> Json:
    """The holder's phone opens one conversation after the other: each gets its next epoch."""
    account.session.take_role_seeds()
    took = []
    for conversation in conversations:
        began = time.perf_counter()
        account.conversations.rotate(conversation, role)
        took.append((time.perf_counter() - began) * 1000)
    kid = account.session.book.recipient(role).kem
    from wardline_client.protocol import kid as kid_of

    assert all(account.conversations.get(conversation).recipients[role] == kid_of(kid) for conversation in conversations)
    took.sort()
    return {"conversations": len(took), "p50": round(statistics.median(took)), "p99": round(took[int(len(took) * 0.99)])}


def child() -> None:
    """Reads what to do and as whom; prints progress and, at the end, what it took."""
    from wardline_client.account import Account
    from wardline_client.http import Api

    given = json.loads(sys.stdin.readline())
    with Api(given["address"], origin=given["origin"]) as api:
        account = Account.load(api, given["account"])
        account.sign_in()
        role = UUID(given["role"])
        opened = [UUID(id) for id in given["conversations"]]
        result = reopen(account, role, opened) if opened else renew(account, pause_after=given["pause_after"])
    print("result " + json.dumps(result), flush=True)


async def in_a_process(ward: Ward, account: Any, port: int, *, pause_after: int | None = None, conversations: Sequence[UUID] = ()) -> Json:
    """What the child measured. With ``pause_after`` it is ended there with SIGKILL, and measured nothing."""
    from django.conf import settings

    for credential in account.session.keyring.authenticator.credentials:
        credential.sign_count += 10  # a passkey counts its uses, and the copy in the other process does not tell us
    given = {"address": f"http://127.0.0.1:{port}", "origin": settings.PUBLIC_URL, "account": account.dump(), "role": str(ward.role)}
    given |= {"pause_after": pause_after, "conversations": [str(id) for id in conversations]}
    command = [sys.executable, "-m", "benchmarks.role_rotation", "--child"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=machine.ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(given).encode() + b"\n")
    result: Json = {}
    async for line in process.stdout:
        if line == b"half-way\n":
            process.kill()
        elif line.startswith(b"result "):
            result = json.loads(line.removeprefix(b"result "))
    await process.wait()
    return result


async def play(ward: Ward, port: int, given: argparse.Namespace) -> Json:
    load, result = Load(ward, port, given.rate), {}
    await load.open()
    result["before"] = await load.while_running(asyncio.ensure_future(asyncio.sleep(given.seconds)))
    ward.office.registrar.end_membership(ward.leaver)

    half = asyncio.ensure_future(in_a_process(ward, ward.office, port, pause_after=given.people // 2))
    await load.while_running(half)
    assert half.result() == {}
    assert standing(ward) == (1, given.people - 1, True), "a rotation killed half-way left something"

    async def rotation() -> Json:
        renewed = await in_a_process(ward, ward.office, port)
        assert standing(ward) == (2, given.people - 1, False)
        assert renewed["renewed"] == 1
        opened = await in_a_process(ward, ward.holder, port, conversations=ward.quiet)
        return {"rotation": renewed, "opening_ms": opened, "killed_after": given.people // 2}

    work = asyncio.ensure_future(rotation())
    result["during"] = await load.while_running(work)
    result |= work.result()
    result["ratios"] = {name: round(result["during"][name] / result["before"][name], 2) for name in ("p50", "p99")}
    return result


def standing(ward: Ward) -> tuple[int, int, bool]:
    (row,) = ward.office.registrar.roles()
    return row["generation"], len(row["eligible"]), bool(row["due"])


def measure(given: argparse.Namespace) -> Json:
    with machine.fresh_database():
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        with machine.servers(1) as (process,):
            ward = furnish(process.port, people=given.people, conversations=given.conversations, busy=given.busy, opened=given.opened)
            result = asyncio.run(play(ward, process.port, given))
        connection.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="New keys for a duty role, while messages go on.")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--busy", type=int, default=100, help="of the conversations: written in all the time")
    parser.add_argument("--opened", type=int, default=100, help="of the others: opened after the rotation")
    parser.add_argument("--rate", type=float, default=20, help="urgent messages a second")
    parser.add_argument("--seconds", type=int, default=20, help="of sending before the rotation")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return child()
    machine.prepare()
    load = machine.load()
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        **vars(given),
        "load_before": load,
        **measure(given),
    }
    folder = machine.ROOT / "benchmarks" / "results"
    path = folder / f"role-rotation-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2), path.relative_to(machine.ROOT))


if __name__ == "__main__":
    main()

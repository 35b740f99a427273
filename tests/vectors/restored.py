"""Vectors of recovery officers, deposits, and seeds that two officers give back."""

import json
from itertools import combinations

from cast import (
    ADLER,
    BRANDT,
    HOSPITAL,
    KEYS,
    NOON,
    PHONE,
    PHONE_KEY,
    REGISTRAR,
    ROOT,
    SEALER,
    SEEDS,
    STRANGER,
    common_header_refusals,
    fixed,
    flip,
    header_case,
    kem_seed,
    uuid,
    write,
)
from chains import World

from wardline_client.protocol import deposits
from wardline_client.protocol.directory import Directory
from wardline_client.protocol.encoding import encode, format_time, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import Officers, Statement

OFFICERS = dict(sorted({BRANDT: "brandt", STRANGER: "stranger", REGISTRAR: "registrar"}.items(), key=lambda entry: str(entry[0])))
DEVICE_SEED = fixed("restored device kem")


def named(
    world: World, key: SigningKey = ROOT, by: object = HOSPITAL, prev: Statement | None = None, officers: Officers | None = None
) -> Statement:
    body = officers or Officers(tuple((person, KEYS[who].kem.kid) for person, who in OFFICERS.items()))
    return world.say("recovery", HOSPITAL, body, by, key, prev)  # type: ignore[arg-type]


def make_restored() -> None:
    world = World()
    first = named(world)
    ended = named(world, prev=first, officers=Officers(()))
    by_registrar = named(world, KEYS["registrar"].sign, REGISTRAR)
    fork = named(world, officers=Officers(tuple((person, bytes(16)) for person in OFFICERS)))
    said = {
        "three named by the root": [*world.all, first],
        "nobody named": world.all,
        "nobody any more": [*world.all, first, ended],
        "named by a registrar": [*world.all, by_registrar],
        "named before the root is known": [first, *world.all],
        "named twice": [*world.all, first, fork],
    }
    deposit = made_deposit("deposit", first)
    ask = made_ask(ADLER)
    header, asked = json.loads(deposit.h), json.loads(ask.h)
    sealed = sealed_shares("deposit", deposit)
    case = {"deposit": deposit.h, "ask": ask.h, "kem_seed": DEVICE_SEED}
    write(
        "deposits",
        officers=[officers_case(name, statements) for name, statements in said.items()],
        deposits_refused=[
            *common_header_refusals(header, deposit.h),
            header_case("no generation", {"generation": 0}, header),
            header_case("kid too long", {"kid": encode(bytes(32))}, header),
        ],
        asks=[{"name": "a new device", "h": ask.h, "fingerprint": ask.fingerprint}],
        asks_refused=[*common_header_refusals(asked, ask.h), header_case("no kem", {"kem": "AAAA"}, asked)],
        restored=[
            {
                "name": f"officers {a} and {b}", **case, "seed": SEEDS["adler"],
                "officers": [[place, kem_seed(list(OFFICERS.values())[place]), sealed[place]] for place in (a, b)],
            }
            for a, b in combinations(range(3), 2)
        ],
        restored_refused=refusals(first, deposit, ask, sealed, case),
    )  # fmt: skip


def refusals(
    first: Statement, deposit: deposits.Deposit, ask: deposits.Ask, sealed: list[bytes], case: dict[str, object]
) -> list[dict[str, object]]:
    """What officers handed on, spoilt."""
    shares = split("deposit", deposit)
    good = {place: handed(f"handed {place}", ask, deposit, place, shares[place]) for place in range(3)}
    other = made_deposit("another deposit", first, generation=2)
    foreign = split("another deposit", other)
    crossed = handed("share of another deposit", ask, deposit, 1, foreign[1])
    replayed = handed("for another device", made_ask(BRANDT), deposit, 1, shares[1])
    made_up = split("made up", deposit, seed=fixed("a seed nobody has"))
    invented = {place: handed(f"made up {place}", ask, deposit, place, made_up[place]) for place in (0, 1)}
    short = handed("short", ask, deposit, 1, shares[1][:-1])
    given: dict[str, dict[int, bytes]] = {
        "one officer alone": {0: good[0]},
        "nobody": {},
        "a share of another deposit": {0: good[0], 1: crossed},
        "a share for another device": {0: good[0], 1: replayed},
        "one officer's share in another's place": {0: good[0], 1: good[2]},
        "a seed that is not the deposit's": invented,
        "a share cut short": {0: good[0], 1: short},
        "tampered": {0: good[0], 1: flip(good[1], -1)},
    }
    return [
        {"name": name, **case, "handed": [[place, value] for place, value in entries.items()], "error": "wrap.unreadable"}
        for name, entries in given.items()
    ]


def officers_case(name: str, said: list[Statement]) -> dict[str, object]:
    case: dict[str, object] = {"name": name, "pins": {HOSPITAL: ROOT.public}, "hospital": HOSPITAL}
    case["statements"] = [{"h": statement.h, "s": statement.s} for statement in said]
    directory = Directory({HOSPITAL: ROOT.public}, said)
    try:
        found = directory.officers(HOSPITAL)
    except ProtocolError as error:
        return case | {"error": error.code}
    assert found is None or isinstance(found.body, Officers)
    return case | {"answer": [list(officer) for officer in found.body.officers] if found else None}  # type: ignore[union-attr]


def made_deposit(name: str, statement: Statement, generation: int = 1) -> deposits.Deposit:
    about = {"hospital": str(HOSPITAL), "person": str(ADLER), "generation": generation}
    kid, at = encode(KEYS["adler"].kem.kid), format_time(NOON)
    return deposits.parse_deposit(to_json({"v": 1, "t": "deposit", **about, "kid": kid, "named": encode(sha256(statement.h)), "at": at}))


def made_ask(person: object) -> deposits.Ask:
    return deposits.make_ask(
        id=uuid("attempt"), hospital=HOSPITAL, person=person, device=PHONE, sign=PHONE_KEY.public, kem=KemKey(DEVICE_SEED).public, at=NOON,  # type: ignore[arg-type]
    )  # fmt: skip


def split(name: str, deposit: deposits.Deposit, seed: bytes = SEEDS["adler"]) -> tuple[bytes, ...]:
    return deposits._split(deposit, seed, [fixed(f"{name} k{number}") for number in range(3)])


def sealed_shares(name: str, deposit: deposits.Deposit) -> list[bytes]:
    shares = split(name, deposit)
    return [
        SEALER.seal(f"{name} share {place}", kem_seed(who), shares[place], deposits._deposit_info(deposit, place))
        for place, who in enumerate(OFFICERS.values())
    ]


def handed(name: str, ask: deposits.Ask, deposit: deposits.Deposit, place: int, share: bytes) -> bytes:
    return SEALER.seal(f"restoration: {name}", DEVICE_SEED, share, deposits._restoration_info(ask, deposit, place))

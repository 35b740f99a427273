"""A network of hospitals and its months of bed requests, as rows.

Invariant: every row satisfies the constraints and has the shape that requests leave behind: most hospitals answered, one was confirmed and
reached, some are open still. Everything follows from its number, so two runs measure the same.
"""

import os
import random
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from beds.models import Candidate, Capacity, Request, Transition
from benchmarks.people import make_statement
from identity.models import Duty, DutyRole, Hospital, Partnership, PrincipalKey, Unit
from messaging.models import Conversation
from wardline_client.protocol.keys import PrincipalKeys

BATCH = 2_000
CATEGORIES = ("icu-high", "icu-low", "imc", "ward")
URGENCIES = ("stat", "asap", "urgent", "routine")
# How a candidate went: what was done, and where it stands.
JOURNEYS = (
    (("acknowledge", "hold", "confirm", "arrange-transport", "depart", "arrive"), "arrived", ""),
    (("acknowledge", "decline"), "declined", "no-bed"),
    (("acknowledge", "hold", "withdraw"), "withdrawn", "other-hospital-confirmed"),
    (("decline",), "declined", "no-staff"),
    (("acknowledge", "withdraw"), "withdrawn", "other-hospital-confirmed"),
)
TARGETS = {
    "acknowledge": "acknowledged",
    "hold": "held",
    "confirm": "confirmed",
    "arrange-transport": "transport-arranged",
    "depart": "in-transit",
    "arrive": "arrived",
    "decline": "declined",
    "withdraw": "withdrawn",
}


class House(NamedTuple):
    """A hospital that can be asked; ``kem`` is its role's public key."""

    id: UUID
    role: UUID
    kem: bytes


def make_houses(count: int, *, around: UUID, holder: UUID) -> list[House]:
    """Partners of the hospital ``around``, each with a unit, four figures and one duty role that is held."""
    place, chance = Hospital.objects.get(pk=around), random.Random(count)
    hospitals = [
        Hospital(
            slug=f"house-{secrets.token_hex(6)}",
            name=f"House {n:03}",
            latitude=chance.uniform(47.3, 54.9),
            longitude=chance.uniform(6.1, 15),
        )
        for n in range(count)
    ]
    Hospital.objects.bulk_create(hospitals)
    roles = [DutyRole(hospital=hospital, name="Coordination", categories=list(CATEGORIES)) for hospital in hospitals]
    DutyRole.objects.bulk_create(roles)
    Duty.objects.bulk_create(Duty(role=role, person_id=holder) for role in roles)
    units = Unit.objects.bulk_create(Unit(hospital=hospital, name="Intensive") for hospital in hospitals)
    Capacity.objects.bulk_create(
        Capacity(unit=unit, category=category, staffed=40, occupied=chance.randint(20, 30), capabilities=["niv", "oxygen"])
        for unit in units
        for category in CATEGORIES
    )
    for hospital in hospitals:
        for ours, theirs in ((place, hospital), (hospital, place)):
            Partnership.objects.create(hospital=ours, partner=theirs, statement=make_statement(ours.pk, "partner", theirs.pk))
    return [House(hospital.pk, role.pk, _key(role)) for hospital, role in zip(hospitals, roles, strict=True)]


def _key(role: DutyRole) -> bytes:
    kem = PrincipalKeys(os.urandom(32)).kem
    statement = make_statement(role.hospital_id, "role", role.pk)
    given = {"hospital_id": role.hospital_id, "generation": 1, "kid": kem.kid, "kem_public_key": kem.public}
    PrincipalKey.objects.create(principal=role.pk, kind="role", statement=statement, **given)
    return kem.public


def write_requests(count: int, *, origin: UUID, person: UUID, houses: Sequence[House], each: int, days: int, open_every: int = 100) -> None:
    """``count`` requests of the last ``days``, each to ``each`` of the houses; one in ``open_every`` is open."""
    now = datetime.now(UTC)
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        requests = [_request(n, now - timedelta(days=days) * n / count, origin, person, n % open_every == 0) for n in numbers]
        Request.objects.bulk_create(requests)
        pairs = [(number, request, k) for number, request in zip(numbers, requests, strict=True) for k in range(each)]
        talks = [Conversation(id=uuid4(), kind="case", retention="standard", created_by_id=person) for _ in pairs]
        Conversation.objects.bulk_create(talks)
        candidates = [
            _candidate(number, request, k, houses[(number + k) % len(houses)], talk)
            for (number, request, k), talk in zip(pairs, talks, strict=True)
        ]
        Candidate.objects.bulk_create(candidates)
        Transition.objects.bulk_create(
            step for (number, request, k), one in zip(pairs, candidates, strict=True) for step in _steps(number, request, k, one)
        )


def _request(number: int, at: datetime, origin: UUID, person: UUID, is_open: bool) -> Request:
    need = {"category": CATEGORIES[number % 4], "urgency": URGENCIES[number // 4 % 4], "age_band": "adult", "transport_mode": "ground"}
    ended = None if is_open else at + timedelta(hours=3)
    return Request(id=uuid4(), origin_id=origin, requester_id=person, created_at=at, closed_at=ended, **need)


def _candidate(number: int, request: Request, k: int, house: House, talk: Conversation) -> Candidate:
    _, state, reason = _journey(number, request, k)
    who = {"hospital_id": house.id, "role_id": house.role, "conversation": talk}
    at, due = request.created_at, request.created_at + timedelta(minutes=5)
    return Candidate(
        id=uuid4(), request=request, state=state, reason=reason, acknowledge_by=due, asked_at=at, created_at=at, changed_at=at, **who
    )


def _journey(number: int, request: Request, k: int) -> tuple[tuple[str, ...], str, str]:
    if request.closed_at is None:
        return ("acknowledge",), "acknowledged", ""
    return JOURNEYS[0] if k == 0 else JOURNEYS[1 + (number + k) % (len(JOURNEYS) - 1)]


def _steps(number: int, request: Request, k: int, candidate: Candidate) -> Iterator[Transition]:
    at, source, (actions, _, reason) = request.created_at, "submitted", _journey(number, request, k)
    for place, action in enumerate(actions):
        at += timedelta(seconds=30 + (number * 7 + k * 13 + place * 101) % 900)
        target = TARGETS[action]
        yield Transition(
            candidate=candidate,
            action=action,
            source=source,
            target=target,
            reason=reason if action == actions[-1] else "",
            person_id=request.requester_id,
            created_at=at,
        )
        source = target

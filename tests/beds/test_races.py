"""One bed, one promise, however many hands reach for it at once: real connections, real commits, hundreds of rounds.

Each test also shows that it raced: the contenders sat on connections of their own and their calls overlapped in most rounds.
"""

from datetime import timedelta
from functools import partial

import pytest

from beds.models import Candidate, Capacity, Hold, Request
from beds.services import take_step
from tests.beds import rows
from tests.beds.contest import Contest, tally

pytestmark = [pytest.mark.race, pytest.mark.long, pytest.mark.django_db(transaction=True)]

ROUNDS = 200
CONTENDERS = 6


@pytest.fixture
def contest():
    with Contest(CONTENDERS) as running:
        yield running
    assert len(running.backends) >= CONTENDERS, "each contender has its own connection"
    assert running.overlapping >= running.rounds * 0.8, "the contenders really met"
    print(f"{running.rounds} rounds, {running.overlapping} fully overlapping, p99 {running.p99_ms():.0f} ms")


@pytest.fixture
def hospitals():
    return rows.hospital("acute"), rows.hospital("university", staffed=1000)


def holding(at, candidates, **details):
    return [
        partial(take_step, actor=at.actor, candidate_id=one.pk, action="hold", offer=rows.signed_offer(one, at, **details))
        for [one] in candidates
    ]


def confirming(by, candidate):
    acceptance = rows.signed_acceptance(candidate, by)
    return partial(take_step, actor=by.actor, candidate_id=candidate.pk, action="confirm", acceptance=acceptance)


def test_a_single_bed_is_promised_once(contest, hospitals):
    acute, university = hospitals
    candidates = rows.requests(ROUNDS * CONTENDERS, origin=acute, asked=[university])

    for number in range(ROUNDS):
        bed = rows.single_bed(university)
        asking = candidates[number * CONTENDERS :][:CONTENDERS]
        outcomes = contest.round(holding(university, asking, bed=bed.pk))

        assert tally(outcomes) == {"won": 1, "bed.taken": CONTENDERS - 1}
        assert Hold.objects.filter(bed=bed).count() == 1
        assert Candidate.objects.filter(pk__in=[one.pk for [one] in asking], state="held").count() == 1


@pytest.mark.parametrize("free", [1, 3])
def test_a_count_is_promised_as_often_as_there_are_beds(contest, hospitals, free):
    acute, university = hospitals
    rounds = ROUNDS if free == 3 else ROUNDS // 4
    candidates = rows.requests(rounds * CONTENDERS, origin=acute, asked=[university])
    capacity = university.capacity
    Capacity.objects.update(staffed=free)

    for number in range(rounds):
        outcomes = contest.round(holding(university, candidates[number * CONTENDERS :][:CONTENDERS]))

        assert tally(outcomes) == {"won": free, "capacity.full": CONTENDERS - free}
        promised = Hold.objects.filter(capacity=capacity)
        assert promised.count() == free
        promised.delete()


def test_one_hospital_is_confirmed(contest, hospitals):
    acute, _ = hospitals
    asked = [rows.hospital(f"asked-{n}", staffed=1000) for n in range(CONTENDERS)]
    held = rows.requests(ROUNDS // 4, origin=acute, asked=asked, state="held", held_for=timedelta(hours=1))

    for candidates in held:
        outcomes = contest.round([confirming(acute, one) for one in candidates])

        assert tally(outcomes) == {"won": 1, "request.already_confirmed": CONTENDERS - 1}
        states = Candidate.objects.filter(request=candidates[0].request_id).values_list("state", flat=True)
        assert sorted(states) == ["confirmed", *["withdrawn"] * (CONTENDERS - 1)]


def test_the_last_to_end_closes_the_request(contest, hospitals):
    acute, _ = hospitals
    asked = [rows.hospital(f"asked-{n}") for n in range(CONTENDERS)]

    for candidates in rows.requests(ROUNDS // 4, origin=acute, asked=asked):
        ending = [
            partial(take_step, actor=at.actor, candidate_id=one.pk, action="decline", reason="no-bed")
            for at, one in zip(asked, candidates, strict=True)
        ]

        assert tally(contest.round(ending)) == {"won": CONTENDERS}
        assert Request.objects.get(pk=candidates[0].request_id).closed_at is not None


def test_a_bed_that_runs_out_goes_to_the_confirm_or_to_the_next(contest, hospitals):
    """The hold ends within the round: it is confirmed in time and stays, or the bed goes to one of the others. Never both, never two."""
    acute, university = hospitals
    waiting = rows.requests(ROUNDS // 4 * (CONTENDERS - 1), origin=acute, asked=[university])
    confirmed = passed_on = 0

    for number in range(ROUNDS // 4):
        bed = rows.single_bed(university)
        [[first]] = rows.requests(1, origin=acute, asked=[university])
        [hold] = holding(university, [[first]], bed=bed.pk)
        hold()
        let_run_out(first, within=timedelta(milliseconds=number * 10))
        others = waiting[number * (CONTENDERS - 1) :][: CONTENDERS - 1]
        outcomes = contest.round([confirming(acute, first), *holding(university, others, bed=bed.pk)])

        assert outcomes.count("won") <= 1
        assert standing(bed) <= 1
        assert (outcomes[0] == "won") == (Candidate.objects.get(pk=first.pk).state == "confirmed")
        confirmed += outcomes[0] == "won"
        passed_on += "won" in outcomes[1:]
    assert confirmed, "some confirms came in time"
    assert passed_on, "some came too late"


def let_run_out(candidate, *, within):
    hold = Hold.objects.get(candidate=candidate)
    now = rows.database_now()
    Hold.objects.filter(pk=hold.pk).update(during=(hold.during.lower, max(now + within, hold.during.lower)))


def standing(bed):
    now = rows.database_now()
    return Hold.objects.filter(bed=bed, during__overlap=(now, None)).count()

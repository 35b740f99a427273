"""Promising a bed, keeping the promise, giving it back.

Invariant: the capacity row is locked before live holds are counted, in a statement of its own: under READ COMMITTED a subquery inside the
locking statement would not see what was committed while it waited. Times are the database's, read after the lock, so their order is the
order of the locks. Locks are taken in one order everywhere: request, candidate, capacity, bed.
"""

from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Greatest

from backend.clock import database_now
from backend.errors import Conflict, NotFound
from beds.access import locked_capacity
from beds.models import Bed, Candidate, Capacity, Cause, Hold
from beds.transitions import State
from wardline_client.protocol import Offer


def live_holds(now: datetime) -> QuerySet[Hold]:
    """Promises that stand at ``now``. One that begins later counts too: a clock set back must not free a bed."""
    return Hold.objects.filter(during__overlap=(now, None))


def place_hold(*, candidate: Candidate, offer: Offer) -> Hold:
    """Promise what the signed offer says: one place of its capacity, and the single bed if it names one, for its minutes.

    Raises:
        NotFound: the capacity or bed is not the asked hospital's.
        Conflict: ``capacity.full``, ``bed.taken``, ``promise.mismatch``: the capacity is of another unit or category than the offer says.
    """
    capacity = locked_capacity(candidate.hospital_id, offer.capacity)
    for member, fact in {"unit": capacity.unit_id, "category": capacity.category}.items():
        if getattr(offer, member) != fact:
            raise mismatch(member, State.ACKNOWLEDGED)
    bed = _locked_bed(capacity, offer.bed) if offer.bed else None
    now = database_now()
    live = list(live_holds(now).filter(capacity=capacity).values_list("place", "bed_id"))
    if len(live) >= capacity.staffed - capacity.occupied - capacity.blocked:
        raise _taken("capacity.full", "Every staffed bed of this figure is occupied, blocked or promised.")
    if capacity.is_by_bed and bed is None:
        bed = _free_bed(capacity, {held for _, held in live if held})
    if bed and (bed.status != Bed.Status.UNOCCUPIED or bed.pk in {held for _, held in live}):
        raise _taken("bed.taken", "This bed is not free or already promised.")
    taken = {place for place, _ in live}
    place = next(number for number in count() if number not in taken)
    until = now + timedelta(minutes=offer.minutes)
    return Hold.objects.create(candidate=candidate, capacity=capacity, bed=bed, place=place, during=(now, until), created_at=now)


def mismatch(member: str, state: str) -> Conflict:
    """What was signed is not what stands here; ``member`` is where they differ, ``state`` the candidate's, which stays."""
    detail = "What was signed is not what stands here: read the request again, then sign again."
    return Conflict("promise.mismatch", detail, member=member, state=str(state))


def _taken(code: str, detail: str) -> Conflict:
    """The hold is not made, and the candidate stays what every hold begins with."""
    return Conflict(code, detail, state=State.ACKNOWLEDGED.value)


def _free_bed(capacity: Capacity, promised: set[UUID]) -> Bed:
    """Where beds are counted singly, a promise is of one of them, named or not."""
    free = Bed.objects.filter(unit=capacity.unit_id, category=capacity.category, status=Bed.Status.UNOCCUPIED).exclude(pk__in=promised)
    found = free.select_for_update().order_by("label").first()
    if found is None:
        raise _taken("capacity.full", "Every bed of this unit is occupied, closed or promised.")
    return found


def _locked_bed(capacity: Capacity, bed_id: UUID) -> Bed:
    bed = Bed.objects.select_for_update().filter(pk=bed_id, unit=capacity.unit_id, category=capacity.category).first()
    if bed is None:
        raise NotFound
    return bed


def keep_promise(candidate: Candidate) -> None:
    """Make the hold stand until somebody ends it.

    Raises:
        Conflict: ``offer.expired``: it ran out before, whether or not a sweeper noticed.
    """
    # The lock keeps a new hold from taking the place between its end and our extending it.
    Capacity.objects.select_for_update(of=("self",)).get(holds__candidate=candidate)
    held = Hold.objects.filter(candidate=candidate, during__contains=database_now())
    if not held.update(during=_range(Func(F("during"), function="lower"), Value(None))):
        raise Conflict("offer.expired", "The bed was held only until a time that has passed.", state=State.HELD.value)


def end_promise(candidate: Candidate) -> bool:
    """Free the bed now. True if there was a promise to end; one that ran out has ended itself."""
    now = database_now()
    begun = Func(F("during"), function="lower")
    return bool(live_holds(now).filter(candidate=candidate).update(during=_range(begun, Greatest(begun, Value(now)))))


def turn_into_occupancy(candidate: Candidate) -> None:
    """The patient has arrived: the promised bed is an occupied one from now, so the board never shows it free in between.

    A figure fed by the hospital's software is left alone: the admission's own message counts the patient.
    """
    capacity = Capacity.objects.select_for_update(of=("self",)).get(holds__candidate=candidate)
    end_promise(candidate)
    lying_in = Bed.objects.filter(holds__candidate=candidate, status=Bed.Status.UNOCCUPIED)
    lying_in.update(status=Bed.Status.OCCUPIED, version=F("version") + 1, changed_at=database_now())
    arrived = {"version": F("version") + 1, "cause": Cause.ARRIVAL}
    if capacity.is_by_bed:
        Capacity.objects.filter(pk=capacity.pk).update(**arrived)  # its beds are the count
    elif not capacity.is_fed:
        free = Q(staffed__gt=F("occupied") + F("blocked"))
        Capacity.objects.filter(free, pk=capacity.pk).update(occupied=F("occupied") + 1, **arrived)


def _range(lower: object, upper: object) -> Func:
    return Func(lower, upper, function="tstzrange")

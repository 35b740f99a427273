"""Hospitals, roles and requests straight as rows, for tests that need hundreds of them and no encryption.

The API tests use the cast (``tests/cast.py``); here an ``Actor`` is made by hand, as authentication makes it, and the services are called.
"""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

from django.utils import timezone

from beds.models import Bed, Candidate, Capacity, Hold, Request
from beds.services.promises import database_now as database_now
from identity.actors import Actor
from identity.models import Duty, DutyRole, Hospital, Membership, Person, Unit
from messaging.models import Conversation


def hospital(slug, *, staffed=20, occupied=0, blocked=0, category="icu-high"):
    """A hospital with one unit, one figure, one duty role and the person who holds it."""
    made = Hospital.objects.create(slug=slug, name=slug, latitude=49.4, longitude=8.7)
    unit = Unit.objects.create(hospital=made, name="Intensive")
    capacity = Capacity.objects.create(unit=unit, category=category, staffed=staffed, occupied=occupied, blocked=blocked)
    role = DutyRole.objects.create(hospital=made, name="Coordination", categories=[category])
    holder = person(made)
    Duty.objects.create(role=role, person=holder)
    ids = {"id": made.pk, "role_id": role.pk, "holder_id": holder.pk}
    return SimpleNamespace(row=made, unit=unit, capacity=capacity, actor=actor(made, holder, role), **ids)


def person(at):
    made = Person.objects.create(name="Somebody")
    Membership.objects.create(person=made, hospital=at, state=Membership.State.ACTIVE, started_at=timezone.now())
    return made


def actor(at, who, *roles):
    return Actor(
        person_id=who.pk,
        pseudonym=who.pseudonym,
        kind="human",
        hospital_id=at.pk,
        device_id=uuid4(),
        device_public_key=b"",
        sign_in_id=uuid4(),
        is_registrar=False,
        profession="physician",
        method="passkey",
        roles=frozenset(role.pk for role in roles),
        expires_at=timezone.now() + timedelta(hours=1),
    )


def single_bed(at):
    return Bed.objects.create(unit=at.unit, category=at.capacity.category, label=uuid4().hex)


def requests(count, *, origin, asked, state="acknowledged", held_for=None):
    """``count`` requests of ``origin``, each asking all of ``asked``; their candidates in one list per request."""
    now = timezone.now()
    who = {"origin_id": origin.id, "requester_id": origin.holder_id, "role_id": origin.role_id}
    made = Request.objects.bulk_create(
        [Request(id=uuid4(), category="icu-high", urgency="stat", created_at=now + timedelta(microseconds=n), **who) for n in range(count)]
    )
    pairs = [(request, at) for request in made for at in asked]
    talks = Conversation.objects.bulk_create(
        [Conversation(id=uuid4(), kind="case", retention="standard", created_by_id=origin.holder_id) for _ in pairs]
    )
    candidates = Candidate.objects.bulk_create(
        Candidate(
            id=uuid4(),
            request=request,
            hospital_id=at.id,
            role_id=at.role_id,
            conversation=talk,
            state=state,
            acknowledge_by=now + timedelta(minutes=5),
        )
        for (request, at), talk in zip(pairs, talks, strict=True)
    )
    if held_for is not None:
        Hold.objects.bulk_create(
            Hold(candidate=candidate, capacity=at.capacity, place=number // len(asked), during=(now, now + held_for))
            for number, (candidate, (_, at)) in enumerate(zip(candidates, pairs, strict=True))
        )
    return [candidates[start : start + len(asked)] for start in range(0, len(candidates), len(asked))]

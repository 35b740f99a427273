"""Hospitals, roles and requests straight as rows, for tests that need hundreds of them and no encryption.

The API tests use the cast (``tests/cast.py``); here an ``Actor`` is made by hand, as authentication makes it, and the services are called.
"""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

from django.utils import timezone

from backend.clock import database_now as database_now
from beds.models import Bed, Candidate, Capacity, Hold, Request, SignedStep
from beds.services.signing import need_codes
from identity.actors import Actor
from identity.models import Device, Duty, DutyRole, Hospital, Membership, Person, Statement, Unit
from messaging.models import Conversation
from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.promises import Acceptance, Offer, need_digest, sign_acceptance, sign_offer
from wardline_client.protocol.signing import SigningKey

DEVICE_KEY = SigningKey(bytes(32))


def hospital(slug, *, staffed=20, occupied=0, blocked=0, category="icu-high"):
    """A hospital with one unit, one figure, one duty role and the person who holds it."""
    made = Hospital.objects.create(slug=slug, name=slug, latitude=49.4, longitude=8.7)
    unit = Unit.objects.create(hospital=made, name="Intensive")
    capacity = Capacity.objects.create(unit=unit, category=category, staffed=staffed, occupied=occupied, blocked=blocked)
    role = DutyRole.objects.create(hospital=made, name="Coordination", categories=[category])
    holder = person(made)
    Duty.objects.create(role=role, person=holder)
    ids = {"id": made.pk, "role_id": role.pk, "holder_id": holder.pk}
    acting = actor(made, holder, role)
    stated = Statement.objects.create(
        hospital=made, kind="device", subject=acting.device_id, header=b"", signature=b"", digest=uuid4().bytes * 2
    )
    Device.objects.create(id=acting.device_id, person=holder, public_key=DEVICE_KEY.public, statement=stated)
    return SimpleNamespace(row=made, unit=unit, capacity=capacity, actor=acting, **ids)


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
        device_public_key=DEVICE_KEY.public,
        sign_in_id=uuid4(),
        is_registrar=False,
        profession="physician",
        method="passkey",
        roles=frozenset(role.pk for role in roles),
        expires_at=timezone.now() + timedelta(hours=1),
    )


def single_bed(at):
    return Bed.objects.create(unit=at.unit, category=at.capacity.category, label=uuid4().hex)


def signed_offer(candidate, at, **changed):
    """What the device of ``at`` signs to hold a bed for ``candidate``."""
    header = {"need": need_digest(**need_codes(candidate.request)), "capacity": at.capacity.pk, "unit": at.unit.pk, "bed": None}
    header |= {"category": at.capacity.category, "minutes": 30, "role": at.role_id} | changed
    return sign_offer(Offer(**_shared(candidate, at.actor), **header), DEVICE_KEY)


def signed_acceptance(candidate, by):
    """What the device of ``by`` signs to accept the offer kept for ``candidate``."""
    kept = SignedStep.objects.get(candidate=candidate, kind="offer")
    header = {"offer": sha256(bytes(kept.header)), "role": by.role_id}
    return sign_acceptance(Acceptance(**_shared(candidate, by.actor), **header), DEVICE_KEY)


def _shared(candidate, acting):
    request = candidate.request
    ids = {"request": request.pk, "candidate": candidate.pk, "origin": request.origin_id, "destination": candidate.hospital_id}
    return ids | {"by": acting.person_id, "device": acting.device_id, "at": timezone.now()}


def _keep_offers(pairs):
    SignedStep.objects.bulk_create(
        SignedStep(
            candidate=candidate,
            kind="offer",
            header=signed.h,
            signature=signed.s,
            person_id=at.holder_id,
            device_id=at.actor.device_id,
            directory_place=1,
        )
        for candidate, at in pairs
        for signed in [signed_offer(candidate, at)]
    )


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
        _keep_offers((candidate, at) for candidate, (_, at) in zip(candidates, pairs, strict=True))
    return [candidates[start : start + len(asked)] for start in range(0, len(candidates), len(asked))]

"""A hospital's first hour, and whom it accepts.

Invariant: a hospital's root is made once, in the first registrar's browser; the server has its public half alone. Hospitals reach each
other only when each has accepted the other.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone

from audit.events import SYSTEM, Agent, Event
from audit.services import record
from backend.errors import Conflict, Invalid
from identity import challenges
from identity.actors import Actor
from identity.models import Hospital, HospitalSetup, Membership, Person, PrincipalKey, SignIn, Unit
from identity.models import Statement as StatementRow
from identity.services import invitations, statements
from identity.services.enrolment import (
    Enrolment,
    agent_of,
    person_of,
    read_device_statement,
    read_profile,
    register,
    require_kem,
    require_wraps,
)
from identity.services.sign_in import begin
from identity.tokens import new_token, token_hash
from wardline_client.protocol import Keys, Office, Profile, RoleKeys, Sign, Statement, kid, profile_digest


@dataclass(frozen=True)
class Archive:
    """The hospital's archive principal, as its maker sends it."""

    id: UUID
    profile: bytes
    statement: dict[str, bytes]


@transaction.atomic
def prepare(*, slug: str, name: str, city: str, latitude: float | None, longitude: float | None, lasts: timedelta) -> tuple[Hospital, str]:
    """Make a hospital that waits for its first registrar: ``(hospital, one-time token)``."""
    hospital = Hospital.objects.create(slug=slug, name=name, city=city, latitude=latitude, longitude=longitude)
    token = new_token()
    HospitalSetup.objects.create(token_hash=token_hash(token), hospital=hospital, expires_at=timezone.now() + lasts)
    record(event=Event("identity.prepare_hospital", SYSTEM, [hospital.id]))
    return hospital, token


def set_up(
    *,
    session: SessionBase,
    token: str,
    root: dict[str, bytes],
    registrar: dict[str, bytes],
    member: dict[str, bytes],
    enrolment: Enrolment,
    archive: Archive | None,
) -> SignIn:
    """The first registrar brings the hospital's root and the own keys; the hospital is in service from here.

    Raises:
        As ``enrolment.join``. Conflict: ``setup.used`` when the hospital has a root.
    """
    challenge = challenges.take(session, purpose="setup", token_hash=token_hash(token))
    with transaction.atomic():
        offer = invitations.setup_of(token, lock=True)
        hospital, person_id = offer.hospital, offer.person_id
        profile = read_profile(enrolment.offered["profile"])
        require_wraps(enrolment.wraps, with_recovery=True)
        stated = _read_first(hospital.id, person_id, root, registrar, member, enrolment)
        human = person_of(profile, person_id, enrolment.offered["profile"])
        human.save(force_insert=True)
        root_key = cast(Sign, stated[0].body).sign
        agent = agent_of(human, hospital.id, enrolment.device_id)
        subjects = [hospital.id, human.pseudonym, human.pseudonym, enrolment.device_id]
        rows = statements.accept_first(stated, root=root_key, agent=agent, subjects=subjects)
        hospital.root_public_key = root_key
        hospital.save(update_fields=["root_public_key"])
        offer.used_at = timezone.now()
        offer.save(update_fields=["used_at"])
        membership = enter(human, hospital, is_registrar=True)
        add_generation(principal=human.id, kind=PrincipalKey.Kind.USER, statement=stated[2], row=rows[2])
        device = register(human, enrolment, rows[3], challenge=challenge, generation=1)
        record(event=Event("identity.set_up_hospital", agent, [hospital.id], subjects={"person": human.pseudonym, "device": device.id}))
        if archive is not None:
            _add_archive(hospital, archive, by=person_id, agent=agent)
        return begin(session=session, device=device, membership=membership, challenge=challenge)


@transaction.atomic
def add_unit(*, actor: Actor, unit_id: UUID, name: str) -> Unit:
    """Raises: Conflict: ``unit.known``."""
    actor.require_registrar()
    if Unit.objects.filter(pk=unit_id).exists() or Unit.objects.filter(hospital=actor.hospital_id, name=name).exists():
        raise Conflict("unit.known", "There is such a unit already.")
    unit = Unit.objects.create(id=unit_id, hospital_id=actor.hospital_id, name=name)
    record(event=Event("identity.add_unit", actor.agent(), [actor.hospital_id], subjects={"unit": unit.id}))
    return unit


def own_root(actor: Actor) -> bytes:
    return bytes(Hospital.objects.values_list("root_public_key", flat=True).get(pk=actor.hospital_id) or b"")


def enter(person: Person, hospital: Hospital, *, is_registrar: bool = False) -> Membership:
    now, active = timezone.now(), Membership.State.ACTIVE
    return Membership.objects.create(person=person, hospital=hospital, state=active, is_registrar=is_registrar, started_at=now)


def add_generation(
    *, principal: UUID, kind: PrincipalKey.Kind, statement: Statement, row: StatementRow, history: bytes | None = None
) -> PrincipalKey:
    """The keys of a believed statement become the current ones; the former generation is replaced at the same moment."""
    body = cast(Keys | RoleKeys, statement.body)
    PrincipalKey.objects.filter(principal=principal, replaced_at=None).update(replaced_at=timezone.now())
    return PrincipalKey.objects.create(
        principal=principal,
        kind=kind,
        hospital_id=statement.hospital,
        generation=body.generation,
        kid=kid(body.kem),
        kem_public_key=body.kem,
        sign_public_key=body.sign if isinstance(body, Keys) else None,
        statement=row,
        history=history,
    )


def require_keys(statement: Statement, *, kem: bytes, sign: bytes, profile: bytes, generation: int = 1) -> None:
    """Raises: Invalid: ``statement.unexpected`` unless the statement vouches for exactly these."""
    if statement.body != Keys(generation=generation, kem=kem, sign=sign, profile=profile_digest(profile)):
        raise Invalid("statement.unexpected", "The statement vouches for other keys or another profile.")


def _read_first(
    hospital_id: UUID, person_id: UUID, root: dict[str, bytes], registrar: dict[str, bytes], member: dict[str, bytes], enrolment: Enrolment
) -> list[Statement]:
    offered = enrolment.offered
    require_kem(offered["kem"])
    stated = [
        statements.read(root, kind="root", hospital_id=hospital_id, subject=hospital_id, by=hospital_id),
        statements.read(registrar, kind="registrar", hospital_id=hospital_id, subject=person_id, by=hospital_id),
        statements.read(member, kind="member", hospital_id=hospital_id, subject=person_id, by=person_id),
        read_device_statement(enrolment, hospital_id=hospital_id, person_id=person_id),
    ]
    if stated[1].body != Office(sign=offered["sign"]):
        raise Invalid("statement.unexpected", "The registrar's statement is about another key.")
    require_keys(stated[2], kem=offered["kem"], sign=offered["sign"], profile=offered["profile"])
    return stated


def _add_archive(hospital: Hospital, archive: Archive, *, by: UUID, agent: Agent) -> None:
    statement = statements.read(archive.statement, kind="archive", hospital_id=hospital.id, subject=archive.id, by=by)
    profile: Profile = read_profile(archive.profile)
    body = cast(Keys, statement.body)  # the kind decides the body's type
    require_kem(body.kem)
    require_keys(statement, kem=body.kem, sign=body.sign, profile=archive.profile)
    person = person_of(profile, archive.id, archive.profile, kind=Person.Kind.ARCHIVE)
    if Person.objects.filter(pk=person.pk).exists():
        raise Conflict("archive.known", "There is an archive of this id.")
    person.save(force_insert=True)
    row = statements.accept(statement, root=bytes(hospital.root_public_key or b""), agent=agent, subject=person.pseudonym)
    enter(person, hospital)
    add_generation(principal=person.id, kind=PrincipalKey.Kind.ARCHIVE, statement=statement, row=row)
    record(event=Event("identity.add_archive", agent, [hospital.id], subjects={"person": person.pseudonym}))

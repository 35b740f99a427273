"""The only lookups of people, devices and duty roles by id.

Invariant: every lookup starts at the actor. What is not the actor's to see is ``NotFound``, the same as what is not there.
"""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from backend.errors import NotFound
from identity.actors import Actor
from identity.models import (
    Device,
    DeviceLink,
    DutyRole,
    Hospital,
    KeyRenewal,
    Membership,
    OfficersProposal,
    Partnership,
    Person,
    PrincipalKey,
    RegistrarProposal,
    Restoration,
    RoleSeal,
    SignIn,
)
from identity.models.sso import SsoProvider, SsoSubject

Found = TypeVar("Found")


def partner_hospitals(hospital_id: UUID) -> set[UUID]:
    """Hospitals that ``hospital_id`` has accepted and that have accepted it. One query."""
    accepted = Partnership.objects.filter(hospital=hospital_id, ended_at=None)
    return set(
        accepted.filter(partner__partnerships__partner=hospital_id, partner__partnerships__ended_at=None).values_list(
            "partner_id", flat=True
        )
    )


def open_partnerships(hospital_id: UUID) -> QuerySet[Partnership]:
    """What the hospital has accepted, and who has accepted it."""
    return Partnership.objects.filter(Q(hospital=hospital_id) | Q(partner=hospital_id), ended_at=None)


def lock_partners(hospital_id: UUID, others: Iterable[UUID]) -> set[UUID]:
    """Of ``others`` those that are partners now, and stay it until the transaction ends. One query.

    For making something that needs the partnership: whoever ends it meanwhile waits, and then finds what was made.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.partner_id FROM identity_partnership p
            JOIN identity_partnership q ON q.hospital_id = p.partner_id AND q.partner_id = p.hospital_id AND q.ended_at IS NULL
            WHERE p.hospital_id = %s AND p.partner_id = ANY(%s) AND p.ended_at IS NULL
            ORDER BY p.id FOR SHARE OF p, q
            """,
            [hospital_id, list(others)],
        )
        return {partner for (partner,) in cursor.fetchall()}


def partnership_to_end(actor: Actor, partner_id: UUID) -> Partnership:
    """What the actor's hospital has accepted, locked until the transaction ends."""
    return _one(Partnership.objects.select_for_update().filter(hospital=actor.hospital_id, partner=partner_id, ended_at=None).first())


def people_behind(principals: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """Principal -> the people it stands for now: an active person itself; a duty role's present holder. One query.

    A principal with nobody behind it (nobody on duty, membership ended) has an empty list.
    """
    people: dict[UUID, list[UUID]] = {principal: [] for principal in principals}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT person_id, person_id FROM identity_membership WHERE state = 'active' AND person_id = ANY(%(ids)s)
            UNION ALL
            SELECT role_id, person_id FROM identity_holder WHERE role_id = ANY(%(ids)s)
            """,
            {"ids": list(people)},
        )
        for principal, person in cursor.fetchall():
            people[principal].append(person)
    return people


def eligible_people(role_id: UUID) -> list[UUID]:
    """Everybody who may hold the role now. One query."""
    return list(RoleSeal.objects.filter(role=role_id, ended_at=None, role__closed_at=None).values_list("person_id", flat=True))


def registrars_of(hospital_id: UUID) -> list[UUID]:
    """Ids of the hospital's active registrars. One query."""
    active = Membership.objects.filter(hospital=hospital_id, state=Membership.State.ACTIVE, is_registrar=True)
    return list(active.values_list("person_id", flat=True))


def colleagues(hospital_id: UUID) -> list[UUID]:
    """Ids of the active members of a hospital. One query."""
    return list(Membership.objects.filter(hospital=hospital_id, state=Membership.State.ACTIVE).values_list("person_id", flat=True))


def registrars(hospital_id: UUID) -> list[UUID]:
    """Ids of the active registrars of a hospital. One query."""
    active = Membership.objects.filter(hospital=hospital_id, state=Membership.State.ACTIVE, is_registrar=True)
    return list(active.values_list("person_id", flat=True))


def own_device(actor: Actor, device_id: UUID) -> Device:
    """A device of the actor, or, for a registrar, of any member of the hospital, also a former one."""
    devices = Device.objects.select_related("person").filter(pk=device_id)
    if actor.is_registrar:
        devices = devices.filter(person__memberships__hospital=actor.hospital_id).distinct()
    else:
        devices = devices.filter(person=actor.person_id)
    return _one(devices.first())


def renewals_at_own_hospital(actor: Actor) -> QuerySet[KeyRenewal]:
    """Members' next keys that wait for a registrar, oldest first. One query."""
    member = Membership.objects.filter(person=OuterRef("person"), hospital=actor.hospital_id, state=Membership.State.ACTIVE)
    return KeyRenewal.objects.select_related("person").filter(Exists(member), ended_at=None).order_by("created_at", "id")


def renewal_of(person_id: UUID) -> KeyRenewal:
    """What waits of a person whom the actor was found to answer for, locked until the transaction ends."""
    return _one(KeyRenewal.objects.select_for_update().filter(person=person_id, ended_at=None).first())


def own_sign_in(actor: Actor, sign_in_id: UUID) -> SignIn:
    return _one(SignIn.objects.filter(pk=sign_in_id, person=actor.person_id).first())


def own_link(actor: Actor, token_hash: bytes, *, lock: bool = False) -> DeviceLink:
    """A link that this very device made; the person's other devices have nothing of it on their screens."""
    links = DeviceLink.objects.select_for_update(of=["self"]) if lock else DeviceLink.objects.all()
    return _one(links.filter(token_hash=token_hash, created_by=actor.device_id, person=actor.person_id).first())


def devices_at_own_hospital(actor: Actor, person_id: UUID) -> tuple[Person, list[Device]]:
    """Whoever is or was a member of the actor's hospital, an archive included, with all devices, newest first. Two queries."""
    person = _one(Person.objects.filter(pk=person_id, memberships__hospital=actor.hospital_id).first())
    return person, list(Device.objects.filter(person=person).order_by("-created_at"))


def membership_at_own_hospital(actor: Actor, person_id: UUID, *, states: Iterable[str]) -> Membership:
    """The membership of a person at the actor's hospital, in one of ``states``, locked until the transaction ends."""
    return membership_at(actor.hospital_id, person_id, states=states)


def membership_at(hospital_id: UUID, person_id: UUID, *, states: Iterable[str]) -> Membership:
    """The same at a hospital that somebody else than a person speaks for: its sign-on, its roster."""
    found = Membership.objects.select_related("person").select_for_update(of=["self"])
    return _one(found.filter(person=person_id, hospital=hospital_id, state__in=list(states)).first())


def devices_of_who_left(actor: Actor) -> list[Device]:
    """Devices of former members of the actor's hospital that no statement has ended. One query."""
    left = Membership.objects.filter(hospital=actor.hospital_id, person=OuterRef("person"), state=Membership.State.ENDED)
    back = Membership.objects.filter(person=OuterRef("person"), state__in=Membership.OPEN)
    vouched = PrincipalKey.objects.filter(principal=OuterRef("person"), hospital=actor.hospital_id)
    devices = Device.objects.filter(Exists(left), ~Exists(back), Exists(vouched), revoked_at=None)
    return list(devices.order_by("created_at", "id"))


def human_member(actor: Actor, person_id: UUID) -> Membership:
    """An active human member of the actor's hospital, locked until the transaction ends."""
    found = membership_at_own_hospital(actor, person_id, states=[Membership.State.ACTIVE])
    return _one(found if found.person.kind == Person.Kind.HUMAN else None)


def open_proposals(hospital_id: UUID) -> QuerySet[RegistrarProposal]:
    return RegistrarProposal.objects.filter(hospital=hospital_id, ended_at=None, expires_at__gt=timezone.now()).order_by("created_at")


def proposal_of_own_hospital(actor: Actor, proposal_id: UUID) -> RegistrarProposal:
    """A proposal, also one that is over, locked until the transaction ends: of two who confirm, the second finds it over."""
    found = RegistrarProposal.objects.select_for_update(of=["self"]).select_related("candidate")
    return _one(found.filter(pk=proposal_id, hospital=actor.hospital_id).first())


def open_officers_proposals(hospital_id: UUID) -> QuerySet[OfficersProposal]:
    return OfficersProposal.objects.filter(hospital=hospital_id, ended_at=None, expires_at__gt=timezone.now())


def officers_proposal_of_own_hospital(actor: Actor, proposal_id: UUID) -> OfficersProposal:
    """A proposal, also one that is over, locked until the transaction ends: of two who confirm, the second finds it over."""
    return _one(OfficersProposal.objects.select_for_update().filter(pk=proposal_id, hospital=actor.hospital_id).first())


def open_restorations(actor: Actor, *, is_officer: bool) -> QuerySet[Restoration]:
    """Attempts under way: the hospital's for its officers and registrars, for everybody the one about themselves. Oldest first."""
    found = Restoration.objects.select_related("person").filter(ended_at=None, expires_at__gt=timezone.now())
    whose = Q(hospital=actor.hospital_id) if is_officer or actor.is_registrar else Q(person=actor.person_id)
    return found.filter(whose).order_by("created_at", "id")


def restoration_in_sight(actor: Actor, restoration_id: UUID, *, is_officer: bool) -> Restoration:
    """One of those, locked until the transaction ends: of two who decide, the second finds what the first did."""
    return _one(open_restorations(actor, is_officer=is_officer).select_for_update(of=["self"]).filter(pk=restoration_id).first())


def lock_role(actor: Actor, role_id: UUID) -> DutyRole:
    """A role of the own hospital, locked until the transaction ends."""
    own = DutyRole.objects.select_related("hospital").select_for_update(of=["self"], no_key=True)
    return _one(own.filter(pk=role_id, hospital=actor.hospital_id, closed_at=None).first())


def rostered_role(actor: Actor, role_id: UUID) -> DutyRole:
    """A role of the own hospital whose roster is the actor's to read: the registrars' and that of those who may hold it."""
    own = DutyRole.objects.select_related("hospital").filter(pk=role_id, hospital=actor.hospital_id, closed_at=None)
    if not actor.is_registrar:
        own = own.filter(Exists(RoleSeal.objects.filter(role=OuterRef("pk"), person=actor.person_id, ended_at=None)))
    return _one(own.first())


def role_at_own_hospital(actor: Actor, role_id: UUID) -> DutyRole:
    return _one(DutyRole.objects.filter(pk=role_id, hospital=actor.hospital_id, closed_at=None).first())


def role_for_change(actor: Actor, role_id: UUID) -> DutyRole:
    """An open role of the actor's hospital, locked until the transaction ends."""
    return _one(DutyRole.objects.select_for_update().filter(pk=role_id, hospital=actor.hospital_id, closed_at=None).first())


def eligible_role(actor: Actor, role_id: UUID) -> DutyRole:
    """A role of the own hospital whose seed is sealed to the actor; the hospital's other roles look absent: not the actor's to take.

    Role and seal stay locked, in this order: turns of a role change one after the other, and whoever ends the seal in this second waits
    and then sees the turn that was taken.
    """
    seals = RoleSeal.objects.filter(role=OuterRef("pk"), person=actor.person_id, ended_at=None)
    own = DutyRole.objects.filter(Exists(seals), pk=role_id, hospital=actor.hospital_id, closed_at=None)
    role = _one(own.select_for_update(no_key=True).first())
    _one(_seals(role_id, actor.person_id).first())
    return role


def lock_roles_of(person_id: UUID) -> list[DutyRole]:
    """The roles sealed to somebody, locked in one order: before the person's seals, as when a turn is taken."""
    sealed = RoleSeal.objects.filter(role=OuterRef("pk"), person=person_id, ended_at=None)
    return list(
        DutyRole.objects.select_related("hospital").select_for_update(of=["self"], no_key=True).filter(Exists(sealed)).order_by("pk")
    )


def is_eligible(role: DutyRole, person_id: UUID) -> bool:
    """Whether ``role`` is sealed to this person, a human one; the seal stays locked."""
    return _seals(role.pk, person_id).filter(person__kind=Person.Kind.HUMAN).first() is not None


def _seals(role_id: UUID, person_id: UUID) -> QuerySet[RoleSeal]:
    seals = RoleSeal.objects.select_related("role").select_for_update(of=["self"])
    return seals.filter(role=role_id, person=person_id, ended_at=None, role__closed_at=None)


def archive_of_own_hospital(actor: Actor, person_id: UUID) -> Person:
    found = Person.objects.filter(
        pk=person_id, kind=Person.Kind.ARCHIVE, memberships__hospital=actor.hospital_id, memberships__state="active"
    )
    return _one(found.first())


def hospital_to_accept(actor: Actor, hospital_id: UUID) -> Hospital:
    """Another hospital that has been set up; a registrar has its id and root from the other registrar, not from us."""
    return _one(Hospital.objects.filter(pk=hospital_id, root_public_key__isnull=False).exclude(pk=actor.hospital_id).first())


def sso_provider_of(hospital_id: UUID) -> SsoProvider | None:
    """The hospital's own sign-in service, if it has one."""
    return SsoProvider.objects.select_related("hospital").filter(hospital=hospital_id, ended_at=None).first()


def sso_provider_of_device(device_id: UUID) -> SsoProvider | None:
    """For a phone whose owner is not signed in: the provider of whose device it is, while it is one."""
    owners = Membership.objects.filter(state__in=Membership.OPEN, person__devices=device_id, person__devices__revoked_at=None)
    return SsoProvider.objects.select_related("hospital").filter(hospital__in=owners.values("hospital"), ended_at=None).first()


def open_sso_provider(provider_id: UUID) -> SsoProvider:
    """One that this browser was sent to; a registrar may have changed it meanwhile. Raises ``NotFound``."""
    return _one(SsoProvider.objects.select_related("hospital").filter(pk=provider_id, ended_at=None).first())


def sso_providers_of_client(issuer: str, audiences: Iterable[str]) -> list[SsoProvider]:
    """Of all hospitals that are this client of this provider: whoever is asked for has shown a token that names them."""
    found = SsoProvider.objects.filter(issuer=issuer, client_id__in=list(audiences), ended_at=None)
    return list(found.select_related("hospital").order_by("id"))


def open_membership(hospital_id: UUID, person_id: UUID) -> Membership | None:
    """For the clock, which acts for the hospital's provider; locked until the transaction ends."""
    found = Membership.objects.select_related("person").select_for_update(of=["self"])
    return found.filter(person=person_id, hospital=hospital_id, state__in=Membership.OPEN).first()


def sso_subject_at_own_hospital(actor: Actor, person_id: UUID) -> SsoSubject:
    found = SsoSubject.objects.select_related("person").select_for_update(of=["self"]).filter(person=person_id, ended_at=None)
    return _one(found.filter(provider__hospital=actor.hospital_id, provider__ended_at=None).first())


def _one(found: Found | None) -> Found:
    if found is None:
        raise NotFound()
    return found

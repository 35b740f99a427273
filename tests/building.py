"""Puts the cast into the tables in a few statements, with everything signed as the product would have it. See ``tests.cast``."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import NOT_PROVIDED, AutoField, GeneratedField, Model
from django.utils import timezone

from identity.actors import session_digest
from identity.models import (
    Device,
    Duty,
    DutyRole,
    Hospital,
    Membership,
    Partnership,
    Person,
    PrincipalKey,
    RoleSeal,
    SignIn,
    Unit,
)
from identity.models import Statement as StatementRow
from tests.people import Place, Role, Someone, keys_of, new_cookie
from wardline_client.protocol import DeviceKey, Keys, Office, Partner, Profile, Revocation, RoleKeys, Sign, Statement, kid, profile_digest
from wardline_client.protocol.keys import PrincipalKeys, seal_role_seed
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.statements import Body, make_statement

CATEGORIES = ["icu-high", "icu-low"]


class Stage(Protocol):
    """The night, as far as it is needed to put people on it."""

    kreis: Place
    uni: Place
    nord: Place
    mitte: Place
    fern: Place
    places: list[Place]
    adler: Someone

    def cast(self, name: str, someone: Someone) -> None: ...


class Building:
    def __init__(self, night: Stage) -> None:
        self.night = night
        self.hospitals: list[Hospital] = []
        self.people: list[Person] = []
        self.memberships: list[Membership] = []
        self.statements: list[StatementRow] = []
        self.later: list[Any] = []  # rows that refer to the above

    def build(self) -> None:
        night = self.night
        for place in night.places:
            self._place(place)
        kreis, uni = night.kreis, night.uni
        crews = {
            kreis: [("adler", "Adler"), ("conrad", "Conrad")],
            uni: [("brandt", "Brandt"), ("dorn", "Dorn")],
            night.nord: [("north", "Nordmann")],
            night.mitte: [("middle", "Mittler")],
            night.fern: [("outsider", "Fremd")],
        }
        for place, crew in crews.items():
            eligible = [self._named(attribute, place, name) for attribute, name in crew]
            place.role = self.role(place, eligible)
        self._named("egger", kreis, "Egger")
        self._named("former_colleague", kreis, "Ehemals", has_left=True)
        self.lost_phone(night.adler)
        self.waiting(kreis)
        partners = [place for place in night.places if place is not night.fern]
        for place in partners:
            for other in partners:
                if other is not place:
                    self._partner(place, other)
        self.save()

    def _place(self, place: Place) -> None:
        self.hospitals.append(
            Hospital(id=place.id, slug=place.slug, name=f"Klinikum {place.name}", city=place.name, root_public_key=place.root.public)
        )
        self.later.append(Unit(id=place.unit_id, hospital_id=place.id, name="Intensive care"))
        registrar = Someone(place, "Register", cookie=new_cookie())
        place.registrar = registrar
        self._state(self._by_root(place, "root", place.id, Sign(place.root.public)))
        self.office(registrar)
        self.member(registrar, is_registrar=True)
        place.archive = Someone(place, "Archive", cookie=new_cookie())
        self.member(place.archive, kind=Person.Kind.ARCHIVE)

    def office(self, registrar: Someone) -> None:
        """The root's word that this person signs for the hospital."""
        place = registrar.place
        self._state(self._by_root(place, "registrar", registrar.id, Office(registrar.keys.sign.public)))

    def _named(self, attribute: str, place: Place, name: str, *, has_left: bool = False) -> Someone:
        someone = Someone(place, name, cookie=new_cookie())
        self.member(someone, has_left=has_left)
        self.night.cast(attribute, someone)
        return someone

    def member(
        self, someone: Someone, *, kind: Person.Kind = Person.Kind.HUMAN, is_registrar: bool = False, has_left: bool = False
    ) -> None:
        place, now = someone.place, timezone.now()
        self._person(someone, kind)
        state, ended_at = (Membership.State.ENDED, now) if has_left else (Membership.State.ACTIVE, None)
        fields = {"state": state, "ended_at": ended_at, "is_registrar": is_registrar, "started_at": now}
        self.memberships.append(Membership(person_id=someone.id, hospital_id=place.id, **fields))
        is_archive = kind == Person.Kind.ARCHIVE
        body = Keys(1, someone.keys.kem.public, someone.keys.sign.public, profile_digest(someone.profile))
        statement = self._state(place.registrar.states("archive" if is_archive else "member", someone.id, body))
        key_kind = PrincipalKey.Kind.ARCHIVE if is_archive else PrincipalKey.Kind.USER
        self._key(someone.id, key_kind, someone.keys, place, statement, has_sign=True, replaced_at=ended_at)
        self._device(someone, ended_at=ended_at)

    def _person(self, someone: Someone, kind: Person.Kind = Person.Kind.HUMAN) -> None:
        fields = {"kind": kind, "pseudonym": someone.pseudonym, "profile": someone.profile, "name": someone.name, "title": "Dr."}
        self.people.append(Person(id=someone.id, profession="physician", **fields))

    def _device(self, someone: Someone, *, ended_at: datetime | None = None, revoked_at: datetime | None = None) -> None:
        body = DeviceKey(someone.id, someone.device_key.public)
        statement = self._state(someone.states("device", someone.device_id, body))
        fields = {"public_key": someone.device_key.public, "statement_id": statement.digest, "label": "phone", "revoked_at": revoked_at}
        self.later.append(Device(id=someone.device_id, person_id=someone.id, **fields))
        self.later.append(
            SignIn(
                id=someone.sign_in_id,
                person_id=someone.id,
                device_id=someone.device_id,
                session_digest=session_digest(str(someone.session_key)),
                expires_at=timezone.now() + timedelta(hours=12),
                ended_at=ended_at or revoked_at,
            )
        )

    def lost_phone(self, owner: Someone) -> None:
        lost = Someone(owner.place, owner.name, cookie=new_cookie(), device="lost phone")
        lost.id, lost.pseudonym, lost.profile = owner.id, owner.pseudonym, owner.profile
        self._device(lost, revoked_at=timezone.now())
        self._state(owner.states("device-revoked", lost.device_id, Revocation(owner.id, "lost")))
        self.night.cast("revoked_device", lost)

    def waiting(self, place: Place) -> None:
        someone = Someone(place, "Neu", cookie=new_cookie())
        self._person(someone)
        offered = {"offered_kem": someone.keys.kem.public, "offered_sign": someone.keys.sign.public}
        self.memberships.append(Membership(person_id=someone.id, hospital_id=place.id, **offered))
        self._device(someone)
        self.night.cast("pending", someone)

    def role(self, place: Place, eligible: list[Someone], name: str = "Intensive care coordination") -> Role:
        keys = keys_of(f"{place.name} role")
        profile = make_profile(Profile(name=name))
        role_id = uuid4()
        body = RoleKeys(1, keys.kem.public, profile_digest(profile), tuple(person.id for person in eligible))
        statement = self._state(place.registrar.states("role", role_id, body))
        fields = {"name": name, "profile": profile, "categories": CATEGORIES, "unit_id": place.unit_id}
        self.later.append(DutyRole(id=role_id, hospital_id=place.id, **fields))
        self._key(role_id, PrincipalKey.Kind.ROLE, keys, place, statement)
        for person in eligible:
            sealed = seal_role_seed(seed=keys.seed, user_kem=person.keys.kem.public, role_statement=statement.h)
            self.later.append(RoleSeal(role_id=role_id, generation=1, person_id=person.id, kid=person.keys.kem.kid, sealed=sealed))
        self.later.append(Duty(role_id=role_id, person_id=eligible[0].id))
        return Role(role_id, name, keys, statement, eligible, profile)

    def _partner(self, place: Place, other: Place) -> None:
        statement = self._state(place.registrar.states("partner", other.id, Partner(other.root.public)))
        self.later.append(Partnership(hospital_id=place.id, partner_id=other.id, statement_id=statement.digest))

    def _key(
        self,
        principal: UUID,
        kind: PrincipalKey.Kind,
        keys: PrincipalKeys,
        place: Place,
        statement: Statement,
        *,
        has_sign: bool = False,
        replaced_at: datetime | None = None,
    ) -> None:
        self.later.append(
            PrincipalKey(
                principal=principal,
                kind=kind,
                hospital_id=place.id,
                generation=1,
                kid=kid(keys.kem.public),
                kem_public_key=keys.kem.public,
                sign_public_key=keys.sign.public if has_sign else None,
                statement_id=statement.digest,
                replaced_at=replaced_at,
            )
        )

    def _by_root(self, place: Place, kind: str, subject: UUID, body: Body) -> Statement:
        return make_statement(
            kind=kind, hospital=place.id, subject=subject, body=body, by=place.id, key=place.root, at=timezone.now(), prev=None
        )

    def _state(self, statement: Statement) -> Statement:
        fields = {"kind": statement.kind, "subject": statement.subject, "prev": statement.prev}
        self.statements.append(
            StatementRow(digest=statement.digest, hospital_id=statement.hospital, header=statement.h, signature=statement.s, **fields)
        )
        return statement

    @transaction.atomic
    def save(self) -> None:
        for model, rows in (
            (Hospital, self.hospitals),
            (Person, self.people),
            (Membership, self.memberships),
            (StatementRow, self.statements),
        ):
            copy(model, rows)
        for model in (Unit, Device, SignIn, PrincipalKey, DutyRole, RoleSeal, Duty, Partnership):
            copy(model, [row for row in self.later if isinstance(row, model)])


def copy(model: type[Model], rows: Sequence[Model]) -> None:
    """As ``bulk_create``, by COPY: each test begins with some two hundred rows, and as INSERTs they cost more than all their keys."""
    meta = model._meta
    made_here = [field for field in meta.concrete_fields if not isinstance(field, AutoField | GeneratedField)]
    fields = [field for field in made_here if field.db_default is NOT_PROVIDED]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    with connection.cursor() as cursor, cursor.copy(f"COPY {meta.db_table} ({columns}) FROM STDIN") as into:
        for row in rows:
            into.write_row([field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields])

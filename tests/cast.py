"""The people of the night story, in-process, with real keys: ``def test_...(night)``.

Every test gets hospitals and people of its own, committed: no rollback, no flush, so ``on_commit`` rings, other
connections (races, refusals written on their own connection) and triggers behave as they do in service. Ids and slugs
are fresh, so tests do not see each other; assert on your own rows, never on a table's total. The ``night`` fixture
needs no ``django_db`` mark.

Hospitals (``Place``), mutual partners: ``night.kreis`` (acute), ``night.uni`` (university), ``night.nord``,
``night.mitte``; ``night.fern`` is nobody's partner. Each has ``id slug root unit_id registrar archive role``;
``role`` (``Role``: ``id keys generation eligible statement``) is an intensive-care coordination, categories
``icu-high icu-low``.

People (``Someone``), all on a signed-in, unrevoked device unless said otherwise:

- ``night.adler``: physician at kreis, holds ``night.kreis.role``; ``night.conrad`` her colleague, eligible, not on
duty; ``night.egger`` there too, not eligible; - ``night.brandt``: physician at uni, holds ``night.uni.role``;
``night.dorn`` the day shift, eligible, not on duty; - ``night.north``, ``night.middle``: hold the roles of nord and
mitte; - ``night.outsider``: physician at fern, holds its role; - ``night.former_colleague``: was at kreis; the
membership has ended, the cookie was good once; - ``night.revoked_device``: Adler again, on a phone that was revoked;
the cookie was good once; - ``night.pending``: joined kreis, no registrar has approved yet; - ``night.anonymous``:
nobody; each place has a ``registrar`` and an ``archive`` (the archive's device is signed in, too). -
``night.person("outsider")`` finds one by name (for ``parametrize``).

A ``Someone`` acts: ``get(url) post(url, body) put(url, body, **headers) delete(url)``. ``url`` is below ``/api/v1/``
or absolute; a body of ``bytes`` goes as an octet stream. Writes carry a fresh ``Idempotency-Key`` (``key=`` for one
of your own) and the CSRF token. ``posting(url, body)`` is the same for later: ``night.at_once(a.posting(...),
b.posting(...))`` runs calls in threads with connections of their own, all released together, and returns the answers
in order. Keys: ``person.keys`` (``kem``, ``sign``), ``person.device_key.sign(label, *digests)``,
``person.device_id``, ``person.id``, ``person.pseudonym``, ``person.session_key`` (the cookie's value, for the
socket); ``person.actor()`` for a service called directly.

``night.audit_of(hospital)`` lists what is in that hospital's log so far, in order: ``action outcome agent subjects
detail digest``. ``night.clock.advance(minutes=31)`` moves ``timezone.now()``.
"""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from audit.models import IndexEntry
from identity.actors import Actor, actor_of_session, session_digest
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
from wardline_client.protocol import DeviceKey, Keys, Partner, Profile, Revocation, RoleKeys, Sign, Statement, kid, profile_digest
from wardline_client.protocol.keys import PrincipalKeys, seal_role_seed
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import Body, make_statement

CSRF = "c" * 32
CATEGORIES = ["icu-high", "icu-low"]


@cache
def keys_of(name: str) -> PrincipalKeys:
    """Key material is made once per process; what is signed with it is made anew for every test."""
    keys = PrincipalKeys(secrets.token_bytes(32))
    assert keys.kem
    assert keys.sign
    return keys


@cache
def signing_key(name: str) -> SigningKey:
    return SigningKey(secrets.token_bytes(32))


class Caller:
    """An API client with a browser's manners; ``cookie`` is the session's."""

    def __init__(self, cookie: str | None) -> None:
        self.session_key = cookie
        # An address of its own, so that rate limits count each test's people apart.
        octets = secrets.token_bytes(3)
        self.address = f"10.{octets[0]}.{octets[1]}.{octets[2]}"
        self.client = self.new_client()

    def new_client(self) -> Client:
        client = Client(enforce_csrf_checks=True, REMOTE_ADDR=self.address, HTTP_HOST="localhost:8000")
        client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
        if self.session_key:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.session_key
        return client

    def get(self, url: str, **headers: str) -> Any:
        return self.client.get(_path(url), headers=headers)

    def post(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("post", url, body, key, headers)

    def put(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("put", url, body, key, headers)

    def delete(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("delete", url, body, key, headers)

    def posting(self, url: str, body: Any = None, *, key: UUID | None = None) -> Callable[[], Any]:
        """The same call for later, on a client of its own (a thread must not share cookies)."""
        client = self.new_client()
        return lambda: self._write("post", url, body, key, {}, client)

    def _write(self, method: str, url: str, body: Any, key: UUID | None, headers: dict[str, str], client: Client | None = None) -> Any:
        is_raw, client = isinstance(body, bytes), client or self.client
        token = client.cookies[settings.CSRF_COOKIE_NAME].value
        sent = {"Idempotency-Key": str(key or uuid4()), "X-CSRFToken": token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if is_raw else json.dumps({} if body is None else body, default=_plain)
        kind = "application/octet-stream" if is_raw else "application/json"
        return getattr(client, method)(_path(url), data=data, content_type=kind, headers=sent)


class Someone(Caller):
    """A person on a device."""

    def __init__(self, place: "Place", name: str, *, cookie: str | None, device: str = "phone") -> None:
        super().__init__(cookie)
        self.place, self.name = place, name
        self.id, self.pseudonym, self.device_id, self.sign_in_id = uuid4(), uuid4(), uuid4(), uuid4()
        self.keys = keys_of(f"{place.name} {name}")
        self.device_key = signing_key(f"{place.name} {name} {device}")
        self.profile = make_profile(Profile(name=name, title="Dr.", profession="physician"))

    @property
    def hospital(self) -> UUID:
        return self.place.id

    def actor(self) -> Actor:
        found = actor_of_session(self.session_key)
        assert found is not None
        return found

    def states(self, kind: str, subject: UUID, body: Body, prev: Statement | None = None) -> Statement:
        """A statement this person signs with the user key."""
        return make_statement(
            kind=kind, hospital=self.place.id, subject=subject, body=body, by=self.id, key=self.keys.sign, at=timezone.now(), prev=prev
        )


@dataclass(eq=False)
class Role:
    """A duty role of a place; ``statement`` is the latest about it."""

    id: UUID
    name: str
    keys: PrincipalKeys
    statement: Statement
    eligible: list[Someone]
    profile: bytes
    generation: int = 1


@dataclass(eq=False)
class Place:
    """A hospital. ``slug`` is unique to the test; ``name`` is the one of the story."""

    name: str
    id: UUID = field(default_factory=uuid4)
    unit_id: UUID = field(default_factory=uuid4)
    slug: str = ""
    registrar: Someone = None  # type: ignore[assignment]
    archive: Someone = None  # type: ignore[assignment]
    role: Role = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.slug = f"{self.name}-{self.id.hex[:10]}"

    @property
    def root(self) -> SigningKey:
        return signing_key(f"{self.name} root")


class Clock:
    """``timezone.now()`` for everybody in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead, real = timedelta(), timezone.now
        monkeypatch.setattr("django.utils.timezone.now", lambda: real() + self._ahead)

    def advance(self, **span: float) -> datetime:
        self._ahead += timedelta(**span)
        return timezone.now()


class Night:
    """See the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        self.kreis, self.uni, self.nord, self.mitte, self.fern = map(Place, ("kreis", "uni", "nord", "mitte", "fern"))
        self.places = [self.kreis, self.uni, self.nord, self.mitte, self.fern]
        self._people: dict[str, Caller] = {}
        Building(self).build()
        self._people["anonymous"] = Caller(None)

    def __getattr__(self, name: str) -> Someone:
        try:
            return self.__dict__["_people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def person(self, name: str) -> Caller:
        return self._people[name]

    def cast(self, name: str, someone: Caller) -> None:
        self._people[name] = someone

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run the calls in threads of their own, released together; answers in the order given. An exception in one is raised here."""
        gate, answers, problems = threading.Barrier(len(calls)), [None] * len(calls), []

        def run(place: int, call: Callable[[], Any]) -> None:
            try:
                gate.wait(timeout=10)
                answers[place] = call()
            except BaseException as problem:  # noqa: BLE001 -- raised again below, in the test's thread
                problems.append(problem)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run, args=entry) for entry in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        if problems:
            raise problems[0]
        return answers

    def audit_of(self, hospital: "Place | UUID") -> list[SimpleNamespace]:
        """The hospital's events so far, oldest first, as hashed."""
        identifier = hospital.id if isinstance(hospital, Place) else hospital
        entries = IndexEntry.objects.filter(hospitals__contains=[identifier]).order_by("event").select_related("event")
        return [SimpleNamespace(**json.loads(bytes(entry.event.leaf))) for entry in entries]

    def actions_of(self, hospital: "Place | UUID") -> list[str]:
        return [event.action for event in self.audit_of(hospital)]


class Building:
    """Puts the cast into the tables in a few statements, with everything signed as the product would have it."""

    def __init__(self, night: Night) -> None:
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
        self._state(self._by_root(place, "registrar", registrar.id, Sign(registrar.keys.sign.public)))
        self.member(registrar, is_registrar=True)
        place.archive = Someone(place, "Archive", cookie=new_cookie())
        self.member(place.archive, kind=Person.Kind.ARCHIVE)

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
            self.later.append(RoleSeal(role_id=role_id, generation=1, person_id=person.id, sealed=sealed))
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

    def save(self) -> None:
        for model, rows in (
            (Hospital, self.hospitals),
            (Person, self.people),
            (Membership, self.memberships),
            (StatementRow, self.statements),
        ):
            model.objects.bulk_create(rows)  # type: ignore[attr-defined]
        for model in (Unit, Device, SignIn, PrincipalKey, DutyRole, RoleSeal, Duty, Partnership):
            model.objects.bulk_create([row for row in self.later if isinstance(row, model)])  # type: ignore[attr-defined]


def new_cookie() -> str:
    return secrets.token_hex(16)


def _path(url: str) -> str:
    return url if url.startswith("/") else f"/api/v1/{url}"


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)

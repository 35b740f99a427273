"""What a registrar signs: members, duty roles, partners, revocations.

Invariant: a registrar's key signs only what was checked here: a member after people compared the fingerprint, a role sealed to proved
users alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from wardline_client.leaving import sign_owed_revocations
from wardline_client.protocol import (
    Keys,
    Office,
    Partner,
    Profile,
    ProtocolError,
    Revocation,
    RoleKeys,
    Statement,
    decode,
    encode,
    kid,
    parse_profile,
    parse_statement,
    profile_digest,
    verify_statement,
)
from wardline_client.protocol.keys import (
    PrincipalKeys,
    fingerprint,
    new_seed,
    parse_recovery_code,
    root_key,
    seal_history,
    seal_role_seed,
)
from wardline_client.protocol.links import format_invitation
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.statements import Body, make_statement
from wardline_client.session import Session

Json = dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """Somebody who joined and waits. ``fingerprint`` is what the two people compare before ``approve``."""

    person: UUID
    profile: Profile
    fingerprint: str
    keys: Keys


class Registrar:
    def __init__(self, session: Session) -> None:
        self.session = session

    def invite(self, *, name: str, title: str = "", profession: str = "physician", speciality: str = "", unit: str = "") -> str:
        """The invitation's fragment, to be handed over in person or by a channel both trust."""
        body = {"name": name, "title": title, "profession": profession, "speciality": speciality, "unit": unit}
        token = self.session.api.post("invitations", body)["token"]
        return format_invitation(token, self.session.keyring.root)

    def pending(self) -> list[Pending]:
        """Who waits. Raises ``ProtocolError`` when what the service shows is not what the waiting person signed."""
        return [self._read_pending(row) for row in self.session.api.get("members/pending")["results"]]

    def approve(self, pending: Pending) -> Statement:
        """Vouch for the keys whose fingerprint was compared."""
        statement = self.sign("member", pending.person, pending.keys)
        self.session.state(f"members/{pending.person}/approve", statement)
        return statement

    def end_membership(self, person: UUID) -> None:
        """End it at the service, then sign that the person's devices are none any more."""
        self.session.api.post(f"members/{person}/end")
        self.sign_owed_revocations()

    def end_memberships(self, people: Iterable[UUID], *, dry_run: bool = False) -> list[Json]:
        """Several, each in one act: ``[{person, result: ended ended_before refused, code}]``."""
        results: list[Json] = self.session.api.post("members/leavers", {"people": list(map(str, people)), "dry_run": dry_run})["results"]
        if not dry_run:
            self.sign_owed_revocations()
        return results

    def sign_owed_revocations(self) -> list[UUID]:
        """Sign away the devices of all who left, whoever ended their membership; a server that lies cannot keep them alive after that.

        See ``wardline_client.leaving``.
        """
        return sign_owed_revocations(self)

    def create_role(
        self,
        *,
        name: str,
        eligible: Sequence[UUID],
        categories: Iterable[str] = (),
        unit: UUID | None = None,
        id: UUID | None = None,
    ) -> UUID:
        """A duty role with a fresh seed, sealed to each eligible person. With ``id`` of a known role: its next generation.

        The former seed goes along where this registrar has it; else an eligible colleague who stays hands it on.

        Raises:
            ApiError: ``role.history_missing`` when nobody stays who could.
            ProtocolError: ``statement.no_chain``: somebody is not proved, or is no colleague.
        """
        role, book = id or uuid4(), self.session.book
        book.refresh()
        former = book.directory.latest("role", role)
        generation = former.body.generation + 1 if former and isinstance(former.body, RoleKeys) else 1
        keys = PrincipalKeys(new_seed())
        history = self._role_history(role, generation - 1, keys.seed) if generation > 1 else None
        profile = make_profile(Profile(name=name))
        body = RoleKeys(generation, keys.kem.public, profile_digest(profile), tuple(eligible))
        statement = self.sign("role", role, body, prev=former)
        described = {"id": str(role), "name": name, "unit": str(unit) if unit else None, "categories": list(categories)}
        self._post_role(described, profile, statement, [self._seal(person, keys.seed, statement) for person in eligible], history)
        return role

    def describe_role(self, role: UUID, *, name: str, categories: Iterable[str] = (), unit: UUID | None = None) -> None:
        """Another name, unit or categories; keys and eligible people stay."""
        self.session.book.refresh()
        former = self.session.book.directory.latest("role", role)
        if former is None or not isinstance(former.body, RoleKeys):
            raise ProtocolError("statement.no_chain", f"role {role}")
        profile = make_profile(Profile(name=name))
        statement = self.sign("role", role, replace(former.body, profile=profile_digest(profile)), prev=former)
        described = {"id": str(role), "name": name, "unit": str(unit) if unit else None, "categories": list(categories)}
        self._post_role(described, profile, statement, [], None)

    def close_role(self, role: UUID) -> None:
        self.session.api.post(f"roles/{role}/close")

    def roles(self) -> list[Json]:
        """The hospital's roles: ``generation``, ``eligible``, why a new generation is ``due``, whether one ``lacks_history``."""
        rows: list[Json] = self.session.api.get("roles")["results"]
        return rows

    def renew_due_roles(self) -> list[UUID]:
        """The next generation of each role that is due, for those still eligible. One transaction each: stopped in between, the next call
        goes on with what is left.
        """
        renewed = []
        for row in self.roles():
            eligible = self._still_eligible(row)
            if row["due"] and eligible:
                described = {"name": row["name"], "categories": row["categories"], "unit": UUID(row["unit"]) if row["unit"] else None}
                renewed.append(self.create_role(id=UUID(row["id"]), eligible=eligible, **described))
        return renewed

    def _still_eligible(self, row: Json) -> list[UUID]:
        """Of those a registrar signed the ones the service still lists: it can make the list shorter here and not longer."""
        signed = self.session.book.recipient(UUID(row["id"])).statement.body
        listed = {UUID(person) for person in row["eligible"]}
        return [person for person in signed.eligible if person in listed] if isinstance(signed, RoleKeys) else []

    def _seal(self, person: UUID, seed: bytes, statement: Statement) -> Json:
        found = self.session.book.recipient(person)
        if (found.kind, found.hospital) != ("member", self.session.keyring.hospital):
            raise ProtocolError("statement.no_chain", f"no colleague: {person}")
        kem = found.kem
        sealed = seal_role_seed(seed=seed, user_kem=kem, role_statement=statement.h)
        return {"person": str(person), "kid": encode(kid(kem)), "sealed": encode(sealed)}

    def _post_role(self, described: Json, profile: bytes, statement: Statement, seals: list[Json], history: bytes | None) -> None:
        made = {"profile": encode(profile), "seals": seals, "history": encode(history) if history else None}
        self.session.state("roles", statement, {**described, **made})

    def set_escalation(self, role: UUID, normal: Sequence[Json], important: Sequence[Json] = ()) -> Json:
        """Whom the clock alarms if nobody acknowledges a request to ``role``: steps of ``wait target whom how``. Raises ``ApiError``."""
        version = self.session.api.get(f"roles/{role}/escalation")["version"]
        chain = {"normal": list(normal), "important": list(important)}
        answer: Json = self.session.api.put(f"roles/{role}/escalation", chain, If_Match=str(version))
        return answer

    def plan_pattern(
        self, role: UUID, person: UUID, *, begins: str, ends: str, first: date, weekdays: Sequence[int] = range(1, 8), every: int = 1
    ) -> int:
        """Somebody's shift that comes back, times (``"19:00"``) in the hospital's zone; the roster's new version. Raises ``ApiError``."""
        shift = {
            "person": str(person),
            "begins": begins,
            "ends": ends,
            "first": first.isoformat(),
            "weekdays": list(weekdays),
            "every": every,
        }
        return self._write_roster(role, f"patterns/{uuid4()}", shift)

    def plan_shift(self, role: UUID, person: UUID, since: datetime, until: datetime) -> int:
        """One shift, which counts before the patterns; the roster's new version. Raises ``ApiError``."""
        shift = {"person": str(person), "since": since.isoformat(), "until": until.isoformat()}
        return self._write_roster(role, f"shifts/{uuid4()}", shift)

    def import_roster(self, since: datetime, until: datetime, *, csv: str, is_dry_run: bool = False) -> Json:
        """Replace the single shifts that begin in the range, of the roles a file names. Raises ``ApiError``: ``roster.lines``."""
        body = {"since": since.isoformat(), "until": until.isoformat(), "csv": csv, "is_dry_run": is_dry_run}
        answer: Json = self.session.api.post("rosters/import", body)
        return answer

    def read_roster(self, role: UUID, since: datetime, until: datetime) -> Json:
        """Turns, gaps, patterns and shifts of a role. Raises ``ApiError``."""
        span = {"since": since.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
        answer: Json = self.session.api.get(f"rosters/{role}", **span)
        return answer

    def _write_roster(self, role: UUID, what: str, shift: Json) -> int:
        now = datetime.now(UTC)
        version = self.read_roster(role, now, now + timedelta(days=1))["version"]
        answer = self.session.api.put(f"rosters/{role}/{what}", shift, If_Match=str(version))
        return int(answer["version"])

    def accept_partner(self, hospital: UUID, root: bytes) -> None:
        """Accept another hospital, whose root public key came by a channel both trust, never from the service."""
        statement = self.sign("partner", hospital, Partner(root))
        self.session.state("partners", statement, {"hospital": str(hospital)})

    def end_partner(self, hospital: UUID) -> None:
        """Accept another hospital no longer: access is cut both ways at once, and this client seals nothing to it any more."""
        self.session.book.refresh()
        statement = self.sign("partner", hospital, Partner(None))
        self.session.state(f"partners/{hospital}/end", statement)
        self.session.book.refresh()

    def propose_registrar(self, person: UUID) -> UUID:
        """Propose a member, whose fingerprint was compared; a second person confirms within three days."""
        sign = self.session.book.recipient(person).sign
        if sign is None:
            raise ProtocolError("statement.no_chain", "not a person")
        return UUID(self.session.api.post("registrars/proposals", {"person": str(person), "sign": encode(sign)})["id"])

    def confirm_registrar(self, proposal: UUID, person: UUID, root_code: str) -> None:
        """Be the second person: ``root_code`` is the hospital's printed one, and is not sent. Raises ``ProtocolError`` for another one."""
        sign = self.session.book.recipient(person).sign
        statement = self._sign_office(person, sign, root_code)
        self.session.state(f"registrars/proposals/{proposal}/confirm", statement)

    def end_registrar(self, person: UUID, root_code: str) -> None:
        """End an office, also of somebody who has left. Raises as ``confirm_registrar``."""
        self.session.state(f"registrars/{person}/end", self._sign_office(person, None, root_code))

    def _sign_office(self, person: UUID, sign: bytes | None, root_code: str) -> Statement:
        return self.sign_with_root("registrar", person, Office(sign), root_code)

    def sign_with_root(self, kind: str, subject: UUID, body: Body, root_code: str) -> Statement:
        """A statement of the hospital's root, whose printed code is typed in here. Raises ``ProtocolError`` for another code."""
        root, keyring = root_key(parse_recovery_code(root_code)), self.session.keyring
        if root.public != keyring.root:
            raise ProtocolError("signature.invalid", "not this hospital's root")
        self.session.book.refresh()
        return make_statement(
            kind=kind,
            hospital=keyring.hospital,
            subject=subject,
            body=body,
            by=keyring.hospital,
            key=root,
            at=self.session.now(),
            prev=self.session.book.directory.latest(kind, subject),
        )

    def add_unit(self, name: str) -> UUID:
        unit = uuid4()
        self.session.api.post("units", {"id": str(unit), "name": name})
        return unit

    def revoke(self, device: UUID, owner: UUID, reason: str) -> None:
        """End a device: ``lost stolen replaced left other``."""
        statement = self.sign("device-revoked", device, Revocation(owner, reason))
        self.session.state(f"devices/{device}/revoke", statement)

    def sign(self, kind: str, subject: UUID, body: Body, prev: Statement | None = None) -> Statement:
        """A statement signed with the registrar's user key, after the latest of its line."""
        keyring = self.session.keyring
        return make_statement(
            kind=kind,
            hospital=keyring.hospital,
            subject=subject,
            body=body,
            by=keyring.person,
            key=keyring.keys.sign,
            at=self.session.now(),
            prev=prev or self.session.book.directory.latest(kind, subject),
        )

    def _role_history(self, role: UUID, generation: int, current: bytes) -> bytes | None:
        self.session.take_role_seeds()
        former = self.session.keyring.role_seeds.get(role, {}).get(generation)
        return seal_history(former=former, current=current, principal=role, generation=generation) if former else None

    def _read_pending(self, row: Json) -> Pending:
        kem, sign = decode(row["keys"]["kem"]), decode(row["keys"]["sign"])
        profile = decode(row["profile"])
        shown = parse_profile(profile)
        if vars(shown) != {field: row[field] for field in vars(shown)}:
            raise ProtocolError("statement.no_chain", "the profile is not the one listed")
        device = parse_statement(decode(row["statement"]["h"]), decode(row["statement"]["s"]))
        verify_statement(device, sign)
        person = UUID(row["person"])
        if device.by != person:
            raise ProtocolError("statement.no_chain", "a device of somebody else")
        keys = Keys(1, kem, sign, profile_digest(profile))
        return Pending(person=person, profile=shown, fingerprint=fingerprint(kem=kem, sign=sign), keys=keys)

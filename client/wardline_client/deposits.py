"""One's own key, deposited for the hospital's recovery officers, and given back by two of them (protocol 3.6).

Invariant: a seed is sealed only to officers whom the hospital's root names in the key directory, as proved here; an officer's share leaves
her device only for the one device whose fingerprint she compared, and only while she is an officer of the deposit's very statement.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast
from uuid import UUID, uuid4

from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.http import Api
from wardline_client.joining import enrol, make_wrap
from wardline_client.keyring import Keyring
from wardline_client.protocol import Directory, Officers, Principal, ProtocolError, Statement, decode, encode, kid, parse_statement
from wardline_client.protocol.deposits import (
    Ask,
    Deposit,
    hand_on,
    make_ask,
    make_deposit,
    parse_ask,
    parse_deposit,
    restore,
    sign_approval,
)
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import PrincipalKeys, format_recovery_code, new_seed
from wardline_client.protocol.links import parse_restoration
from wardline_client.protocol.signing import SigningKey
from wardline_client.session import Session, utc_now

Json = dict[str, Any]


def keep(session: Session, *, is_wanted_again: bool = False) -> str:
    """Deposit the present seed if that is due; returns how it stands: ``off officer declined kept``.

    Raises:
        ProtocolError: ``statement.no_chain``, a ``directory`` code: nothing is sealed to officers who cannot be proved.
    """
    state: str = session.api.get("deposit")["state"]
    if state != "due" and not (state == "declined" and is_wanted_again):
        return state
    session.book.refresh()
    keyring, named = session.keyring, _named(session)
    deposit, sealed = make_deposit(
        seed=keyring.keys.seed,
        hospital=keyring.hospital,
        person=keyring.person,
        generation=keyring.generation,
        named=named.digest,
        kems=[officer.kem for officer in _officers(session, named)],
        at=session.now(),
    )
    body = {"header": encode(deposit.h), "sealed": [encode(each) for each in sealed], "is_wanted_again": is_wanted_again}
    kept: str = session.api.post("deposit", body)["state"]
    return kept


def decline(session: Session) -> None:
    """No officers for the own key; what was deposited is gone."""
    session.api.post("deposit/decline")


def _named(session: Session) -> Statement:
    """The statement that names the officers now, as the hospital's root signed it and its log shows it."""
    hospital = session.keyring.hospital
    session.book.watching.check(hospital)
    named = session.book.directory.officers(hospital)
    if named is None:
        raise ProtocolError("statement.no_chain", "no officers are named")
    return named


def _officers(session: Session, named: Statement) -> list[Principal]:
    """Proved, and with the keys that the root named: another key of an officer is one that two people did not agree on."""
    found = []
    for person, named_kid in cast(Officers, named.body).officers:
        officer = session.book.recipient(person)
        if officer.hospital != session.keyring.hospital or kid(officer.kem) != named_kid:
            raise ProtocolError("statement.no_chain", f"another key of officer {person}")
        found.append(officer)
    return found


@dataclass(frozen=True)
class Attempt:
    """An attempt under way, as the service shows it. ``fingerprint`` is read out by the person, on the telephone."""

    id: UUID
    person: UUID
    ask: Ask | None
    deposit: Deposit | None
    sealed: bytes | None = field(repr=False)

    @property
    def fingerprint(self) -> str | None:
        return self.ask.fingerprint if self.ask else None


def under_way(session: Session) -> list[Attempt]:
    """For officers, registrars, and the person themselves. Raises ``ProtocolError`` when a device asks for another than it is shown for."""
    return [_read(row, session) for row in session.api.get("restorations")["results"]]


def approve(session: Session, attempt: Attempt) -> None:
    """Hand the own share on, to the device whose fingerprint was compared with the person.

    Raises:
        ProtocolError: ``statement.no_chain``: not of the officers of now, or about another person; ``wrap.unreadable``.
    """
    if attempt.ask is None or attempt.deposit is None or attempt.sealed is None:
        raise ProtocolError("wrap.unreadable", "no device has answered, or there is nothing for this officer")
    session.book.refresh()
    place = _place(session, attempt.deposit)
    known = session.book.recipient(attempt.person)
    about = (attempt.deposit.person, attempt.deposit.hospital, attempt.deposit.kid)
    if about != (attempt.person, session.keyring.hospital, kid(known.kem)):
        raise ProtocolError("statement.no_chain", "not a deposit of this person's present key")
    kem = session.keyring.kem_key(session.keyring.person, _named_kid(session))
    if kem is None:
        raise ProtocolError("wrap.unreadable", "the key that was named is not here")
    handed = hand_on(ask=attempt.ask, deposit=attempt.deposit, place=place, kem=kem, sealed=attempt.sealed)
    signature = sign_approval(attempt.ask, attempt.deposit, handed, key=session.keyring.device_key)
    session.api.post(f"restorations/{attempt.id}/approve", {"sealed": encode(handed), "signature": encode(signature)})


def end(session: Session, attempt: Attempt) -> None:
    """Refuse (an officer, the person) or cancel (a registrar)."""
    session.api.post(f"restorations/{attempt.id}/end")


def _read(row: Json, session: Session) -> Attempt:
    ask = parse_ask(decode(row["ask"])) if row["ask"] else None
    attempt = Attempt(
        id=UUID(row["id"]),
        person=UUID(row["person"]),
        ask=ask,
        deposit=parse_deposit(decode(row["deposit"])) if row["deposit"] else None,
        sealed=decode(row["sealed"]) if row["sealed"] else None,
    )
    if ask and (ask.id, ask.person, ask.hospital) != (attempt.id, attempt.person, session.keyring.hospital):
        raise ProtocolError("statement.no_chain", "the device asks for something else")
    return attempt


def _place(session: Session, deposit: Deposit) -> int:
    """Of this officer, in the statement of now. A deposit for former officers is nothing to hand on."""
    named = _named(session)
    place = cast(Officers, named.body).place_of(session.keyring.person)
    if place is None or deposit.named != named.digest:
        raise ProtocolError("statement.no_chain", "not for the officers of now")
    return place


def _named_kid(session: Session) -> bytes:
    return dict(cast(Officers, _named(session).body).officers)[session.keyring.person]


@dataclass
class Asked:
    """On the new device: ``fingerprint`` is read out to each officer, ``finish`` once two have agreed."""

    api: Api
    token: str
    root: bytes
    ask: Ask
    kem: KemKey = field(repr=False)
    device_seed: bytes = field(repr=False)
    recovery_code: str | None = None

    @classmethod
    def answer(cls, api: Api, link: str) -> Self:
        """Raises ``ApiError`` ``link.claimed`` when another device was quicker: then the link was seen by somebody else."""
        token, root = parse_restoration(link)
        api.get("session")
        looked = api.post("restorations/look", {"token": token})
        kem, device_seed = KemKey(new_seed()), new_seed()
        ask = make_ask(
            id=UUID(looked["id"]),
            hospital=UUID(looked["hospital"]["id"]),
            person=UUID(looked["person"]),
            device=uuid4(),
            sign=SigningKey(device_seed).public,
            kem=kem.public,
            at=utc_now(),
        )
        api.post("restorations/ask", {"token": token, "header": encode(ask.h)})
        return cls(api, token, root, ask, kem, device_seed)

    @property
    def fingerprint(self) -> str:
        return self.ask.fingerprint

    def finish(self, authenticator: SoftwareAuthenticator, *, label: str = "Python") -> Session | None:
        """The device, signed in, with ``recovery_code`` to be printed; ``None`` while an officer is missing.

        Raises:
            ApiError: ``restoration.over``. ProtocolError: ``wrap.unreadable``, ``statement.no_chain``: not the seed of the person's key.
        """
        waited = self.api.post("restorations/wait", {"token": self.token, "device": str(self.ask.device)})
        if waited["deposit"] is None:
            return None
        deposit = parse_deposit(decode(waited["deposit"]))
        handed = {row["place"]: decode(row["sealed"]) for row in waited["handed"]}
        seed = restore(ask=self.ask, deposit=deposit, kem=self.kem, handed=handed)
        generation = self._check(seed, [parse_statement(decode(row["h"]), decode(row["s"])) for row in waited["statements"]])
        keyring = Keyring(
            person=self.ask.person,
            hospital=self.ask.hospital,
            root=self.root,
            authenticator=authenticator,
            seeds={generation: seed},
            device=self.ask.device,
            device_seed=self.device_seed,
        )
        keyring.take_history({row["generation"] - 1: decode(row["history"]) for row in waited["keys"] if row["history"]})
        code = os.urandom(16)
        body = {"wraps": [make_wrap(keyring, "recovery", code)]}
        enrol(self.api, keyring, token=self.token, purpose="recover", label=label, body=body)
        self.recovery_code = format_recovery_code(code)
        return Session(self.api, keyring)

    def _check(self, seed: bytes, statements: Sequence[Statement]) -> int:
        """That the seed is of the key a registrar of this hospital stated for this person; returns its generation."""
        proved = Directory({self.ask.hospital: self.root}, statements).principal(self.ask.person)
        keys = PrincipalKeys(seed)
        if (proved.kem, proved.sign) != (keys.kem.public, keys.sign.public):
            raise ProtocolError("statement.no_chain", "not the seed of this person's key")
        return proved.generation

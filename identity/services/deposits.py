"""What a member leaves for the recovery officers: their seed, sealed for any two of the three (protocol 3.6).

Invariant: a deposit is for the officers and of the key of now, or there is none; it is optional, and who said no has none until they say
otherwise. An officer makes none: the other two alone would be enough for her key, and she is one of the people who look after the rest.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Invalid
from identity.actors import Actor
from identity.models import KeyDeposit, PrincipalKey, Restoration
from identity.services import statements
from identity.services.named_officers import Named, named_of
from identity.services.restoring import end_restorations
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.deposits import SEALED_LENGTHS, Deposit, parse_deposit


class State(StrEnum):
    """``off``: the hospital names nobody; ``officer``: the person is one; ``due``: a device is to make the deposit."""

    OFF = "off"
    OFFICER = "officer"
    DECLINED = "declined"
    DUE = "due"
    KEPT = "kept"


class Standing(NamedTuple):
    """``uses``: each time somebody tried to get this person's key back, newest first."""

    state: State
    officers: list[UUID]
    made_at: datetime | None
    uses: list[Restoration]


@transaction.atomic
def read_own(*, actor: Actor) -> Standing:
    """Whether two officers could give the actor's key back, and when that was tried. Audited. Raises: Forbidden: ``actor.not_human``."""
    actor.require_human()
    named, kept = named_of(actor.hospital_id), KeyDeposit.objects.filter(person=actor.person_id).first()
    state = _state(actor, named, kept)
    uses = list(Restoration.objects.filter(person=actor.person_id).order_by("-created_at")[:20])
    record(event=Event("identity.read_deposit", actor.agent(), [actor.hospital_id]))
    made_at = kept.created_at if kept and state == State.KEPT else None
    return Standing(state, named.people if named else [], made_at, uses)


@transaction.atomic
def make(*, actor: Actor, header: bytes, sealed: list[bytes], is_wanted_again: bool = False) -> Standing:
    """Keep the deposit instead of a former one. ``is_wanted_again``: the person said so, after having declined.

    Raises:
        Forbidden: ``actor.not_human``. Conflict: ``deposit.off``, ``deposit.officer``, ``deposit.declined``, ``deposit.stale`` (other
            officers or another key by now). Invalid: ``deposit.malformed``, a protocol code.
    """
    actor.require_human()
    drafted = _parsed(header, sealed)
    # Whoever names others holds this lock too: no deposit for the former ones comes behind.
    statements.lock_directory()
    named = named_of(actor.hospital_id)
    kept = KeyDeposit.objects.select_for_update().filter(person=actor.person_id).first()
    state = _state(actor, named, kept)
    if named is None:
        raise Conflict("deposit.off", "Your hospital names no recovery officers.")
    if state == State.OFFICER:
        raise Conflict("deposit.officer", "You are a recovery officer yourself: keep your printed code.")
    if state == State.DECLINED and not is_wanted_again:
        raise Conflict("deposit.declined", "You said that you do not want this.")
    _require_present(actor, drafted, named)
    fields = {"statement": named.statement, "generation": drafted.generation, "header": header, "sealed": sealed}
    made, _ = KeyDeposit.objects.update_or_create(
        person_id=actor.person_id, defaults={**fields, "declined_at": None, "created_at": timezone.now()}
    )
    record(event=Event("identity.make_deposit", actor.agent(), [actor.hospital_id], digest=drafted.digest))
    return Standing(State.KEPT, named.people, made.created_at, [])


@transaction.atomic
def decline(*, actor: Actor) -> Standing:
    """No officers for this person: what was deposited is gone, and an attempt under way is over. Raises: Forbidden: ``actor.not_human``."""
    actor.require_human()
    end_restorations(Restoration.objects.filter(person=actor.person_id), reason="superseded", agent=actor.agent())
    nothing = {"statement": None, "generation": None, "header": None, "sealed": None}
    KeyDeposit.objects.update_or_create(person_id=actor.person_id, defaults={**nothing, "declined_at": timezone.now()})
    record(event=Event("identity.withdraw_deposit", actor.agent(), [actor.hospital_id]))
    named = named_of(actor.hospital_id)
    return Standing(State.DECLINED, named.people if named else [], None, [])


def is_present(kept: KeyDeposit, named: Named | None) -> bool:
    """Whether it is for the officers and of the key of now."""
    key = PrincipalKey.objects.filter(principal=kept.person_id, replaced_at=None).first()
    return named is not None and kept.statement_id == named.statement.pk and key is not None and key.generation == kept.generation


def _state(actor: Actor, named: Named | None, kept: KeyDeposit | None) -> State:
    if kept is not None and kept.declined_at is not None:
        return State.DECLINED
    if named is None:
        return State.OFF
    if actor.person_id in named.people:
        return State.OFFICER
    return State.KEPT if kept is not None and is_present(kept, named) else State.DUE


def _parsed(header: bytes, sealed: list[bytes]) -> Deposit:
    try:
        drafted = parse_deposit(header)
    except ProtocolError as error:
        raise Invalid(error.code, "The deposit does not follow the protocol.") from error
    if tuple(len(each) for each in sealed) != SEALED_LENGTHS:
        raise Invalid("deposit.malformed", "A deposit has one sealed share for each of the three officers.")
    return drafted


def _require_present(actor: Actor, drafted: Deposit, named: Named) -> None:
    key = PrincipalKey.objects.get(principal=actor.person_id, replaced_at=None)
    said = (drafted.hospital, drafted.person, drafted.generation, drafted.kid, drafted.named)
    if said != (actor.hospital_id, actor.person_id, key.generation, bytes(key.kid), bytes(named.statement.digest)):
        raise Conflict("deposit.stale", "The officers or your key have changed. Look again.")

"""A member's key given back by two of the hospital's officers (protocol 3.6).

Invariant: it takes a registrar who starts it, one new device that answers, and two officers who each compared its fingerprint with the
person; whoever started it is none of the two. Each step is in the hospital's log, and all devices of the person show it while it runs.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Event
from audit.services import record
from backend.errors import Conflict, Forbidden, Invalid, NotFound
from identity import access
from identity.actors import Actor
from identity.models import KeyDeposit, Membership, PrincipalKey, Restoration, RestorationApproval, Statement
from identity.services.deposits import is_present
from identity.services.enrolment import membership_of_link, require_kem
from identity.services.invitations import link_of, make_link
from identity.services.named_officers import Named, named_of
from identity.services.restoring import NEEDED, end_restorations, require_open, tell
from identity.tokens import token_hash
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.deposits import SEALED_LENGTHS, Ask, parse_ask, parse_deposit, verify_approval

LASTS: Final = timedelta(hours=24)


class Held(NamedTuple):
    """An attempt and, for an officer, the deposit's header with the share sealed to her."""

    restoration: Restoration
    approved_by: list[UUID]
    header: bytes | None
    sealed: bytes | None


class Waited(NamedTuple):
    """What the new device gets: how many have agreed; after two, everything it needs to open the seed and to check it."""

    approvals: int
    handed: list[RestorationApproval]
    deposit: bytes | None
    keys: list[PrincipalKey]
    statements: list[Statement]


@transaction.atomic
def start(*, actor: Actor, person_id: UUID, token: str) -> Restoration:
    """A registrar's one-time link for a member who has neither a device nor the printed code; good for 24 hours.

    Raises:
        NotFound: no active human member. Invalid: ``restoration.oneself``. Conflict: ``restoration.no_deposit``, ``restoration.open``,
            ``link.token_used``.
    """
    actor.require_registrar()
    membership = access.human_member(actor, person_id)
    if person_id == actor.person_id:
        raise Invalid("restoration.oneself", "Another registrar has to start this for you.")
    named = named_of(actor.hospital_id)
    _present_deposit(person_id, named)
    end_restorations(Restoration.objects.filter(person=person_id, expires_at__lte=timezone.now()), reason="expired", agent=actor.agent())
    until = timezone.now() + LASTS
    link = make_link(person_id=person_id, token=token, sealed=b"", expires_at=until, device_id=actor.device_id, is_recovery=True)
    who = {"hospital_id": actor.hospital_id, "person_id": person_id, "started_by_id": actor.person_id}
    try:
        with transaction.atomic():
            made = Restoration.objects.create(link=link, expires_at=until, **who)
    except IntegrityError as error:
        raise Conflict("restoration.open", "A recovery of this person is under way. End it first.") from error
    record(event=Event("identity.start_restoration", actor.agent(), [actor.hospital_id], subjects={"person": membership.person.pseudonym}))
    tell(made)
    return made


@transaction.atomic
def look(token: str) -> tuple[Restoration, Membership]:
    """Whose key a link is about. Raises: as ``link_of`` and ``membership_of_link``. Gone: ``restoration.over``."""
    found, membership = _of_token(token)
    record(event=Event("identity.look_restoration", None, [found.hospital_id], subjects={"person": found.person.pseudonym}))
    return found, membership


@transaction.atomic
def ask(*, token: str, header: bytes) -> Restoration:
    """The first device that answers; the same answer may come twice.

    Raises:
        As ``look``. Invalid: a protocol code, ``restoration.unexpected``, ``keys.malformed``. Conflict: ``link.claimed``.
    """
    found, _ = _of_token(token, lock=True)
    asked = _parsed_ask(header)
    if (asked.id, asked.hospital, asked.person) != (found.id, found.hospital_id, found.person_id):
        raise Invalid("restoration.unexpected", "This asks for another recovery than the link's.")
    require_kem(asked.kem)
    if found.ask is not None:
        if bytes(found.ask) != header:
            raise Conflict("link.claimed", "Another device has answered this link. Tell your registrar.")
        return found
    found.ask, found.asked_at = header, timezone.now()
    found.save(update_fields=["ask", "asked_at"])
    subjects = {"person": found.person.pseudonym, "device": asked.device}
    record(event=Event("identity.ask_restoration", None, [found.hospital_id], subjects=subjects, digest=asked.digest))
    tell(found)
    return found


@transaction.atomic
def wait(*, token: str, device_id: UUID) -> Waited:
    """What the officers have said. That the shares leave is an event; that nothing has happened is none.

    Raises:
        As ``look``. Conflict: ``link.claimed`` for another device than the one that answered.
    """
    found, _ = _of_token(token)
    if found.ask is None or parse_ask(bytes(found.ask)).device != device_id:
        raise Conflict("link.claimed", "Another device has answered this link, or none.")
    handed = list(RestorationApproval.objects.filter(restoration=found).order_by("place"))
    if len(handed) < NEEDED:
        return Waited(len(handed), [], None, [], [])
    deposit = _present_deposit(found.person_id, named_of(found.hospital_id))
    keys = list(PrincipalKey.objects.filter(principal=found.person_id).order_by("generation"))
    subjects = {"person": found.person.pseudonym, "device": device_id}
    record(event=Event("identity.collect_restoration", None, [found.hospital_id], subjects=subjects))
    return Waited(len(handed), handed, bytes(deposit.header or b""), keys, _proof(found))


@transaction.atomic
def read(*, actor: Actor) -> list[Held]:
    """Attempts under way that the actor may see (``access.open_restorations``). A constant number of queries, and the audit event."""
    named = named_of(actor.hospital_id)
    place = named.officers.place_of(actor.person_id) if named else None
    found = list(access.open_restorations(actor, is_officer=place is not None).prefetch_related("approvals"))
    kept = KeyDeposit.objects.filter(person__in=[one.person_id for one in found], declined_at=None)
    deposits = {deposit.person_id: deposit for deposit in kept} if place is not None else {}
    record(event=Event("identity.read_restorations", actor.agent(), [actor.hospital_id]))
    return [_held(one, deposits.get(one.person_id), place) for one in found]


@transaction.atomic
def approve(*, actor: Actor, restoration_id: UUID, sealed: bytes, signature: bytes) -> Restoration:
    """An officer's share, sealed to the device whose fingerprint she compared; ``signature`` by her own device, over exactly that.

    Raises:
        NotFound: none under way, or the actor is no officer. Forbidden: ``restoration.started_by_you``.
        Conflict: ``restoration.not_asked``, ``restoration.no_deposit``, ``restoration.approved`` (by her, or by two already).
        Invalid: ``deposit.malformed``, ``signature.invalid``.
    """
    named = named_of(actor.hospital_id)
    place = named.officers.place_of(actor.person_id) if named else None
    if place is None:
        raise NotFound()
    found = access.restoration_in_sight(actor, restoration_id, is_officer=True)
    if found.started_by_id == actor.person_id:
        raise Forbidden("restoration.started_by_you", "Who started a recovery does not approve it: the other two officers do.")
    if found.ask is None:
        raise Conflict("restoration.not_asked", "No device has answered yet.")
    deposit = _present_deposit(found.person_id, named)
    _require_share(actor, found, deposit, place, sealed, signature)
    _keep_approval(actor, found, place, sealed)
    subjects = {"person": found.person.pseudonym, "device": parse_ask(bytes(found.ask)).device}
    event = Event("identity.approve_restoration", actor.agent(), [actor.hospital_id], subjects=subjects, digest=sha256(sealed).digest())
    record(event=event)
    tell(found)
    return found


@transaction.atomic
def end(*, actor: Actor, restoration_id: UUID) -> Restoration:
    """An officer or the person refuses, a registrar cancels. Raises: NotFound: none under way, or not the actor's to end."""
    named = named_of(actor.hospital_id)
    is_officer = named is not None and actor.person_id in named.people
    found = access.open_restorations(actor, is_officer=is_officer).filter(pk=restoration_id)
    may_refuse = is_officer or found.filter(person=actor.person_id).exists()
    ended = end_restorations(found, reason="refused" if may_refuse else "cancelled", agent=actor.agent())
    if not ended:
        raise NotFound()
    return ended[0]


def _of_token(token: str, *, lock: bool = False) -> tuple[Restoration, Membership]:
    attempts = Restoration.objects.select_related("person", "hospital")
    known = attempts.filter(link__token_hash=token_hash(token)).first()
    if known is None:
        raise NotFound("link.unknown", "This link is not known here.")
    require_open(known)
    link = link_of(token, lock=lock, is_recovery=True)
    membership = membership_of_link(link)
    return (attempts.select_for_update(of=["self"]).get(pk=known.pk) if lock else known), membership


def _parsed_ask(header: bytes) -> Ask:
    try:
        return parse_ask(header)
    except ProtocolError as error:
        raise Invalid(error.code, "What the device asks does not follow the protocol.") from error


def _present_deposit(person_id: UUID, named: Named | None) -> KeyDeposit:
    """Locked, so that naming others waits or is seen."""
    kept = KeyDeposit.objects.select_for_update().filter(person=person_id, declined_at=None).first()
    if kept is None or not is_present(kept, named):
        raise Conflict(
            "restoration.no_deposit", "This person's key is not deposited for the officers. The printed code or an invitation remain."
        )
    return kept


def _require_share(actor: Actor, found: Restoration, deposit: KeyDeposit, place: int, sealed: bytes, signature: bytes) -> None:
    if len(sealed) != SEALED_LENGTHS[place]:
        raise Invalid("deposit.malformed", "This is not an officer's share.")
    asked, deposited = parse_ask(bytes(found.ask or b"")), parse_deposit(bytes(deposit.header or b""))
    try:
        # A share of another attempt, or for another device, was signed over other bytes.
        verify_approval(asked, deposited, sealed, device=actor.device_public_key, signature=signature)
    except ProtocolError as error:
        raise Invalid(error.code, "This approval is for another recovery or another device.") from error


def _keep_approval(actor: Actor, found: Restoration, place: int, sealed: bytes) -> None:
    if RestorationApproval.objects.filter(restoration=found).count() >= NEEDED:
        raise Conflict("restoration.approved", "Two officers have agreed already.")
    who = {"officer_id": actor.person_id, "device_id": actor.device_id, "place": place}
    try:
        with transaction.atomic():
            RestorationApproval.objects.create(restoration=found, sealed=sealed, **who)
    except IntegrityError as error:
        raise Conflict("restoration.approved", "You have agreed already.") from error


def _held(one: Restoration, deposit: KeyDeposit | None, place: int | None) -> Held:
    approved_by = [approval.officer_id for approval in one.approvals.all()]
    if deposit is None or place is None or deposit.sealed is None:
        return Held(one, approved_by, None, None)
    return Held(one, approved_by, bytes(deposit.header or b""), bytes(deposit.sealed[place]))


def _proof(found: Restoration) -> list[Statement]:
    """What proves the person's present key to a device that has the root alone."""
    own = Statement.objects.filter(hospital=found.hospital_id)
    offices = own.filter(kind__in=[Statement.Kind.ROOT, Statement.Kind.REGISTRAR])
    return list((offices | own.filter(kind=Statement.Kind.MEMBER, subject=found.person_id)).order_by("order"))

"""How a device becomes a person's: joining by invitation, linking a further device.

Invariant: passkey, device with its statement, wrapped seeds and the used-up token are one transaction, so that nobody ends with half an
account; whoever joins has a recovery wrap from the first moment.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.events import Agent, Event
from audit.openings import snapshot_of
from audit.services import record
from backend.errors import Conflict, Forbidden, Invalid, Unauthenticated
from backend.realtime import ring_after_commit
from identity import access, challenges, passkeys
from identity.models import Device, DeviceLink, Invitation, LinkClaim, Membership, Passkey, Person, PrincipalKey, SeedWrap, SignIn
from identity.models import Statement as StatementRow
from identity.services import invitations, restoring, sso_proofs, statements
from identity.services.sign_in import begin
from identity.services.sso_subjects import Basis, open_subject, require_vouched
from identity.tokens import token_hash
from wardline_client.protocol import DeviceKey, Profile, ProtocolError, Statement, kid, parse_profile
from wardline_client.protocol.hpke import seal


@dataclass(frozen=True)
class Enrolment:
    """What a new device sends. ``wraps`` are ``{kind, wrap, share}``; ``offered`` (join, set-up) is ``{kem, sign, profile}``."""

    credential: dict[str, Any]
    device_id: UUID
    label: str
    public_key: bytes
    statement: dict[str, bytes]
    wraps: list[dict[str, Any]]
    offered: dict[str, bytes]
    pin: bytes | None = None


def options(*, session: SessionBase, token: str, purpose: challenges.Purpose) -> dict[str, Any]:
    """WebAuthn creation options for the holder of a token. Raises as ``invitations.invitation_of``, ``link_of``, ``setup_of``."""
    known: list[bytes] = []
    if purpose == "join":
        invitation = invitations.invitation_of(token)
        person_id, name = invitation.person_id, invitation.name
    elif purpose in ("link", "recover"):
        link = invitations.link_of(token, is_recovery=purpose == "recover")
        require_compared(link)
        person_id, name = link.person_id, link.person.name
        own = Passkey.objects.filter(person=person_id, revoked_at=None)
        known = [bytes(credential) for credential in own.values_list("credential_id", flat=True)]
    else:
        setup = invitations.setup_of(token)
        person_id, name = setup.person_id, setup.hospital.name
    public_key, challenge = passkeys.creation_options(person_id=person_id, name=name, known=known)
    challenges.keep(session, challenge, purpose=purpose, token_hash=token_hash(token))
    return public_key


def join(*, session: SessionBase, token: str, enrolment: Enrolment) -> SignIn:
    """Use an invitation. The membership waits for a registrar; the sign-in may look after the own account alone.

    Raises:
        Unauthenticated: ``challenge.unknown``. NotFound, Gone: the invitation. Conflict: ``passkey.known``, ``device.known``.
        Invalid: ``passkey.refused``, ``profile.not_as_invited``, ``wraps.recovery_missing``, ``wraps.missing``, ``keys.malformed``,
            a statement's code. Forbidden: ``sso.required``.
    """
    challenge = challenges.take(session, purpose="join", token_hash=token_hash(token))
    proof = sso_proofs.take(session, purpose="join", token=token)
    with transaction.atomic():
        invitation = invitations.invitation_of(token, lock=True)
        require_proof(invitation, proof)
        profile = read_profile(enrolment.offered["profile"])
        if profile != invitations.profile_of(invitation):
            raise Invalid("profile.not_as_invited", "The profile is not the one the registrar wrote.")
        person, membership = _new_person(invitation, profile, enrolment)
        require_wraps(enrolment.wraps, with_recovery=True)
        agent = agent_of(person, invitation.hospital_id, enrolment.device_id)
        statement = read_device_statement(enrolment, hospital_id=invitation.hospital_id, person_id=person.id)
        if statement.kid != kid(enrolment.offered["sign"]):
            raise Invalid("statement.no_chain", "The device's statement is not signed by the key offered.")
        row = statements.accept_of_joining(statement, sign=enrolment.offered["sign"], agent=agent)
        invitation.used_at = timezone.now()
        invitation.save(update_fields=["used_at"])
        device = register(person, enrolment, row, challenge=challenge, generation=1)
        record(event=Event("identity.join", agent, [invitation.hospital_id], subjects={"person": person.pseudonym, "device": device.id}))
        ring_after_commit(registrars(invitation.hospital_id), {"t": "members"})
        basis = sso_proofs.joined_by(proof, person.id) if proof else Basis()
        return begin(session=session, device=device, membership=membership, challenge=challenge, basis=basis)


def link(*, session: SessionBase, token: str, enrolment: Enrolment, is_recovery: bool = False) -> SignIn:
    """Use a device link: the device is vouched for by the person's own key, so no registrar's signature is needed.

    With ``is_recovery`` it is a registrar's link, opened by the printed code or by two officers: that code is spent, or lost, and the
    enrolment brings the next one.

    Raises:
        As ``join``, and Unauthenticated: ``membership.ended``, ``device.revoked``. Conflict, Gone: as ``restoring.take_approved``.
    """
    challenge = challenges.take(session, purpose="recover" if is_recovery else "link", token_hash=token_hash(token))
    with transaction.atomic():
        offer = invitations.link_of(token, lock=True, is_recovery=is_recovery)
        person = offer.person
        membership = membership_of_link(offer)
        require_compared(offer, enrolment)
        require_wraps(enrolment.wraps, with_recovery=is_recovery, may_be_none=person.kind == Person.Kind.ARCHIVE)
        agent = agent_of(person, membership.hospital_id, enrolment.device_id)
        statement = read_device_statement(enrolment, hospital_id=membership.hospital_id, person_id=person.id)
        offer.used_at = timezone.now()
        offer.save(update_fields=["used_at"])
        row = statements.accept(statement, root=bytes(membership.hospital.root_public_key or b""), agent=agent, subject=enrolment.device_id)
        key = present_key(person.id, statement)
        restoration = restoring.take_approved(offer, enrolment.device_id, enrolment.public_key)
        if is_recovery:
            SeedWrap.objects.filter(person=person, kind=SeedWrap.Kind.RECOVERY, ended_at=None).update(ended_at=offer.used_at)
        how = {"is_recovered": is_recovery and restoration is None, "is_restored": restoration is not None}
        device = register(person, enrolment, row, challenge=challenge, generation=key.generation, **how)
        if restoration is not None:
            restoring.finish(restoration)
        action = "identity.restore" if restoration else "identity.recover" if is_recovery else "identity.link_device"
        event = Event(action, agent, [membership.hospital_id], subjects={"person": person.pseudonym, "device": device.id})
        record(event=event)
        ring_after_commit([person.id], {"t": "devices"})
        return begin(session=session, device=device, membership=membership, challenge=challenge)


def register(person: Person, enrolment: Enrolment, statement: StatementRow, *, challenge: bytes, generation: int, **how: bool) -> Device:
    """Passkey, device and wraps of one enrolment. Raises: Conflict: ``passkey.known``, ``device.known``."""
    verified = passkeys.verify_creation(enrolment.credential, challenge)
    try:
        with transaction.atomic():
            passkey = Passkey.objects.create(
                person=person,
                credential_id=verified.credential_id,
                public_key=verified.credential_public_key,
                sign_count=verified.sign_count,
                transports=passkeys.transports(enrolment.credential),
                is_synced=verified.credential_backed_up,
                pin=enrolment.pin,
            )
    except IntegrityError as error:
        raise Conflict("passkey.known", "This passkey is in use already.") from error
    device = make_device(person, enrolment, statement, **how)
    SeedWrap.objects.bulk_create(_wrap(person, wrap, generation, passkey, device) for wrap in enrolment.wraps)
    return device


def make_device(person: Person, enrolment: Enrolment, statement: StatementRow, **how: bool) -> Device:
    """Raises: Conflict: ``device.known``."""
    fields = {"person": person, "public_key": enrolment.public_key, "label": enrolment.label, **how}
    # ``force_insert``: an id that exists is somebody's device and must not be overwritten.
    device = Device(id=enrolment.device_id, statement=statement, last_seen_at=timezone.now(), **fields)
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("device.known", "This device is registered already.") from error
    return device


def require_proof(invitation: Invitation, proof: sso_proofs.Proof | None) -> None:
    """Where the hospital requires its own sign-in service, nobody joins without it. Raises: Forbidden: ``sso.required``."""
    provider = access.sso_provider_of(invitation.hospital_id)
    if provider is not None and provider.is_required and proof is None:
        raise Forbidden("sso.required", "Your hospital wants you to sign in at its own sign-in service.", name=provider.name)


def read_profile(profile: bytes) -> Profile:
    """Raises: Invalid: ``profile.malformed``, also for what the directory's columns cannot hold."""
    try:
        found = parse_profile(profile)
    except ProtocolError as error:
        raise Invalid("profile.malformed", "The profile does not follow the protocol.") from error
    texts = ((found.name, 120), (found.title, 60), (found.profession, 60), (found.speciality, 20), (found.unit, 120))
    if any(len(text) > most or "\0" in text for text, most in texts):
        raise Invalid("profile.malformed", "A text of the profile is too long or not one.")
    return found


def read_device_statement(enrolment: Enrolment, *, hospital_id: UUID, person_id: UUID) -> Statement:
    statement = statements.read(enrolment.statement, kind="device", hospital_id=hospital_id, subject=enrolment.device_id, by=person_id)
    if statement.body != DeviceKey(principal=person_id, sign=enrolment.public_key):
        raise Invalid("statement.unexpected", "The statement is about another device key.")
    return statement


def require_kem(public: bytes) -> None:
    """A key that nobody can seal to would stop every conversation its owner is in. Raises: Invalid: ``keys.malformed``."""
    try:
        seal(public, b"", b"")
    except ProtocolError as error:
        raise Invalid("keys.malformed", "This is not an X-Wing public key.") from error


def present_key(person_id: UUID, statement: Statement) -> PrincipalKey:
    """The generation that vouches for a new device. A lost phone's seed could date a statement back to before it was replaced: what the
    chain would let stand as the past makes no device now.

    Raises:
        Invalid: ``statement.no_chain``.
    """
    key = PrincipalKey.objects.get(principal=person_id, replaced_at=None)
    if statement.kid != kid(bytes(key.sign_public_key or b"")):
        raise Invalid("statement.no_chain", "The device's statement is not signed by its owner's present key.")
    return key


def require_wraps(wraps: list[dict[str, Any]], *, with_recovery: bool, may_be_none: bool = False) -> None:
    kinds = {wrap["kind"] for wrap in wraps}
    if with_recovery and SeedWrap.Kind.RECOVERY not in kinds:
        raise Invalid("wraps.recovery_missing", "A recovery code is compulsory: a lost phone must not lose the history.")
    if not may_be_none and not kinds & {SeedWrap.Kind.PASSKEY, SeedWrap.Kind.DEVICE}:
        raise Invalid("wraps.missing", "The device needs a wrapped seed of its own.")


def require_compared(link: DeviceLink, enrolment: Enrolment | None = None) -> None:
    """A compared link is good for the device whose digits were found equal. Raises: Conflict: ``link.not_approved``, ``link.claimed``."""
    if not link.is_compared:
        return
    claim = LinkClaim.objects.filter(link=link).first()
    if claim is None or claim.approved_at is None:
        raise Conflict("link.not_approved", "The old device has not approved this one yet.")
    if enrolment and (claim.device_id, bytes(claim.public_key)) != (enrolment.device_id, enrolment.public_key):
        raise Conflict("link.claimed", "Another device was approved.")


def registrars(hospital_id: UUID) -> list[UUID]:
    found = Membership.objects.filter(hospital=hospital_id, is_registrar=True, state=Membership.State.ACTIVE)
    return list(found.values_list("person_id", flat=True))


def agent_of(person: Person, hospital_id: UUID, device_id: UUID) -> Agent:
    return Agent(person.pseudonym, hospital_id, None, device_id, person.profession, "passkey", snapshot_of(person.pseudonym))


def person_of(profile: Profile, person_id: UUID, written: bytes, *, kind: Person.Kind = Person.Kind.HUMAN) -> Person:
    """A person with these profile bytes; the columns repeat what ``profile`` says."""
    return Person(id=person_id, profile=written, kind=kind, **vars(profile))


def _new_person(invitation: Invitation, profile: Profile, enrolment: Enrolment) -> tuple[Person, Membership]:
    require_kem(enrolment.offered["kem"])
    person = person_of(profile, invitation.person_id, enrolment.offered["profile"])
    person.save(force_insert=True)
    offered = {"offered_kem": enrolment.offered["kem"], "offered_sign": enrolment.offered["sign"]}
    return person, Membership.objects.create(person=person, hospital=invitation.hospital, **offered)


def membership_of_link(offer: DeviceLink) -> Membership:
    """The link was made while its owner was in; it must not outlive the membership, the device that made it or the registrar's office.

    Raises:
        Unauthenticated: ``device.revoked``, ``membership.ended``, ``sso.refused``.
    """
    if offer.created_by is not None and offer.created_by.revoked_at is not None:
        raise Unauthenticated("device.revoked", "The device that made this link was revoked.")
    membership = Membership.objects.select_related("hospital").filter(person=offer.person_id, state=Membership.State.ACTIVE).first()
    if membership is None:
        raise Unauthenticated("membership.ended", "The membership has ended.")
    # A link or a printed code is no way around the provider's refusal.
    require_vouched(open_subject(offer.person_id))
    is_vouched = not offer.is_recovery or (offer.created_by and offer.created_by.person_id in registrars(membership.hospital_id))
    if not is_vouched:
        raise Unauthenticated("membership.ended", "Who made this link is no registrar any more. Ask for another.")
    return membership


def _wrap(person: Person, wrap: dict[str, Any], generation: int, passkey: Passkey, device: Device) -> SeedWrap:
    return SeedWrap(
        person=person,
        kind=wrap["kind"],
        passkey=passkey if wrap["kind"] == SeedWrap.Kind.PASSKEY else None,
        device=device if wrap["kind"] == SeedWrap.Kind.DEVICE else None,
        generation=generation,
        wrap=wrap["wrap"],
        share=wrap["share"],
    )

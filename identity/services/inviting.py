"""Many invitations at once, and those that are open.

Invariant: of a table either every person is invited or nobody; the same Idempotency-Key gives the same tokens again, which are stored
nowhere. A number of queries that does not depend on the number of lines.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.events import Event
from audit.services import record, record_all
from backend.errors import Conflict, Invalid, NotFound
from identity import sheet
from identity.actors import Actor
from identity.models import Invitation, Membership
from identity.services.invitations import INVITATION_LASTS, invited, profile_of
from identity.sheet import Finding, Row, Sheet
from identity.tokens import token_hash, token_of_action


class Check(NamedTuple):
    rows: list[Row]
    errors: list[Finding]
    warnings: list[Finding]


class Made(NamedTuple):
    line: int
    token: str
    invitation: Invitation


@transaction.atomic
def check(*, actor: Actor, content: bytes) -> Check:
    """What a table says and what is wrong with it; invites nobody. Raises as ``sheet.read``."""
    actor.require_registrar()
    read = sheet.read(content)
    found = Check(read.rows, read.errors, _warnings(actor, read))
    detail: dict[str, str | int | list[str]] = {"lines": len(read.rows), "errors": len(read.errors)}
    record(event=Event("identity.check_invitations", actor.agent(), [actor.hospital_id], detail=detail))
    return found


@transaction.atomic
def invite_all(*, actor: Actor, key: UUID, content: bytes) -> list[Made]:
    """Invite everybody in a table.

    Raises:
        Invalid: as ``sheet.read``, and ``sheet.lines`` (``errors``): nobody was invited. Conflict: ``idempotency.key_reused``.
    """
    actor.require_registrar()
    read = sheet.read(content)
    if read.errors:
        raise Invalid("sheet.lines", "Some lines are wrong. Nobody was invited.", errors=[error._asdict() for error in read.errors])
    tokens = {row.line: token_of_action("invitation", actor.person_id, uuid5(key, str(row.line))) for row in read.rows}
    known = {bytes(one.token_hash): one for one in Invitation.objects.filter(token_hash__in=map(token_hash, tokens.values()))}
    if known:
        return [_again(known, row, tokens[row.line]) for row in read.rows]
    until = timezone.now() + INVITATION_LASTS
    fields = {"hospital_id": actor.hospital_id, "created_by_id": actor.person_id, "expires_at": until}
    made = [Made(row.line, tokens[row.line], _invitation(row, tokens[row.line], fields)) for row in read.rows]
    try:
        with transaction.atomic():
            Invitation.objects.bulk_create(one.invitation for one in made)
    except IntegrityError as error:
        raise Conflict("idempotency.in_progress", "The same table is being sent already. Send it again in a moment.") from error
    record_all(invited(actor, row.who) for row in read.rows)
    return made


@transaction.atomic
def read_open(*, actor: Actor) -> list[Invitation]:
    """The hospital's open invitations, the first to expire first. One query and the audit event."""
    actor.require_registrar()
    found = list(_open(actor).order_by("expires_at", "person_id"))
    record(event=Event("identity.read_invitations", actor.agent(), [actor.hospital_id]))
    return found


@transaction.atomic
def withdraw(*, actor: Actor, person_id: UUID) -> Invitation:
    """Whoever has the link cannot use it any more. Raises: NotFound: no open invitation of this hospital."""
    actor.require_registrar()
    invitation = _open(actor).select_for_update().filter(person_id=person_id).first()
    if invitation is None:
        raise NotFound()
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    record(event=Event("identity.withdraw_invitation", actor.agent(), [actor.hospital_id]))
    return invitation


def _invitation(row: Row, token: str, fields: dict[str, Any]) -> Invitation:
    return Invitation(token_hash=token_hash(token), **vars(row.who), **fields)


def _again(known: dict[bytes, Invitation], row: Row, token: str) -> Made:
    invitation = known.get(token_hash(token))
    if invitation is None or profile_of(invitation) != row.who:
        raise Conflict("idempotency.key_reused", "This key was used for a different table.")
    return Made(row.line, token, invitation)


def _warnings(actor: Actor, read: Sheet) -> list[Finding]:
    """Who is in the table twice, invited already, or a member: two people may share a name, so a person decides."""
    invited_names = _names(_open(actor).values_list("name", flat=True))
    members = Membership.objects.filter(hospital=actor.hospital_id, state__in=Membership.OPEN)
    member_names = _names(members.values_list("person__name", flat=True))
    warnings: list[Finding] = []
    seen: set[str] = set()
    for row in read.rows:
        name = sheet.fold(row.who.name)
        known = {"twice": seen, "invited_already": invited_names, "member_already": member_names}
        warnings += [Finding(row.line, "name", code) for code, names in known.items() if name in names]
        seen.add(name)
    return warnings


def _names(names: Iterable[str]) -> set[str]:
    return {sheet.fold(name) for name in names}


def _open(actor: Actor) -> "QuerySet[Invitation]":
    return Invitation.objects.filter(hospital=actor.hospital_id, used_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

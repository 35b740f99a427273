"""Templates of a hospital: what is usually sought, so that one tap fills the form.

Invariant: a template holds codes of closed lists only. Whoever writes one has seen what they overwrite (``If-Match``; 0: there is none).
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.events import Event
from audit.services import record
from backend.errors import Changed, Conflict, Forbidden
from beds import access
from beds.models import RequestTemplate
from identity.actors import Actor
from identity.models import Hospital
from identity.vocabulary import Speciality

TEMPLATES_AT_MOST = 40
_BY_SPECIALITY = {code: number for number, code in enumerate(Speciality.values)}


class Template(NamedTuple):
    speciality: str
    category: str
    capabilities: Sequence[str]
    urgency: str
    age_band: str = ""
    transport_mode: str = ""


@transaction.atomic
def read_templates(*, actor: Actor) -> list[RequestTemplate]:
    """Those of the actor's hospital, in the order of the specialities."""
    found = list(access.own_templates(actor).order_by("category", "pk"))
    record(event=Event("beds.read_templates", actor.agent(), [actor.hospital_id], detail={"rows": len(found)}))
    return sorted(found, key=lambda template: _BY_SPECIALITY[template.speciality])


@transaction.atomic(savepoint=False)
def save_template(*, actor: Actor, template_id: UUID, version: int, template: Template) -> RequestTemplate:
    """Write a template of the own hospital on top of ``version``; 0 makes it.

    Raises:
        Forbidden: ``template.not_yours``, ``actor.not_human``. NotFound: there is none of this id in the actor's hospital.
        Changed: ``template.changed`` with the present version.
        Conflict: ``template.known``: one says the same, or the id is taken. ``template.too_many``.
    """
    _require_editor(actor)
    fields = template._asdict() | {"capabilities": sorted(set(template.capabilities))}
    saved = RequestTemplate(id=template_id, hospital_id=actor.hospital_id, version=version + 1, **fields)
    if version:
        _seen(actor, template_id, version)
    else:
        _require_room(actor, template_id)
    try:
        with transaction.atomic():
            saved.save(force_insert=not version, force_update=bool(version))
    except IntegrityError:
        raise Conflict("template.known", "There is a template that says the same.") from None
    _record(actor, "beds.save_template", saved)
    return saved


@transaction.atomic(savepoint=False)
def delete_template(*, actor: Actor, template_id: UUID, version: int) -> None:
    """Raises: as ``save_template``."""
    _require_editor(actor)
    template = _seen(actor, template_id, version)
    _record(actor, "beds.delete_template", template)
    template.delete()


def _require_editor(actor: Actor) -> None:
    actor.require_human()
    if not (actor.is_registrar or actor.roles):
        raise Forbidden("template.not_yours", "A registrar or whoever holds a duty role of the hospital writes its templates.")


def _seen(actor: Actor, template_id: UUID, version: int) -> RequestTemplate:
    template = access.own_template(actor, template_id)
    if template.version != version:
        raise Changed("template.changed", "Somebody changed this template since you read it.", version=template.version)
    return template


def _require_room(actor: Actor, template_id: UUID) -> None:
    # One after the other: two who count at once would both find room. Other rows may go on referring to the hospital meanwhile.
    Hospital.objects.select_for_update(no_key=True).get(pk=actor.hospital_id)
    present = access.own_templates(actor).filter(pk=template_id).first()
    if present is not None:
        raise Changed("template.changed", "There is a template of this id already.", version=present.version)
    if access.own_templates(actor).count() >= TEMPLATES_AT_MOST:
        raise Conflict("template.too_many", "Delete a template first.", most=TEMPLATES_AT_MOST)


def _record(actor: Actor, action: str, template: RequestTemplate) -> None:
    detail: dict[str, str | int | list[str]] = {"speciality": template.speciality, "category": template.category}
    detail |= {"capabilities": list(template.capabilities), "urgency": template.urgency}
    record(event=Event(action, actor.agent(), [actor.hospital_id], subjects={"template": template.pk}, detail=detail))

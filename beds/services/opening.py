"""Begin to report a unit's figure.

Invariant: a figure exists once per unit and category, for an open unit, and is recorded from its first value on.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.events import SYSTEM, Event
from audit.services import record
from backend.errors import Conflict, Invalid, NotFound
from beds.models import Capability, Capacity, Category
from beds.services.figures import Figures
from identity.models import Unit


def open_capacity(*, unit_id: UUID, category: str, figures: Figures, capabilities: Sequence[str] = ()) -> Capacity:
    """Open the figure of one category of a unit; the operator's act, until hospitals do it themselves.

    Raises:
        NotFound: no such unit. Conflict: ``capacity.known``. Invalid: ``capacity.out_of_bounds``, ``capacity.unknown_word``.
    """
    if category not in Category.values or not set(capabilities) <= set(Capability.values):
        raise Invalid("capacity.unknown_word", "The category or a capability is not in the vocabulary.")
    if figures.occupied + figures.blocked > figures.staffed:
        raise Invalid("capacity.out_of_bounds", "Occupied and blocked together are more than staffed.")
    unit = Unit.objects.filter(pk=unit_id, closed_at=None).first()
    if unit is None:
        raise NotFound
    try:
        with transaction.atomic():
            capacity = Capacity.objects.create(unit=unit, category=category, capabilities=list(capabilities), **figures._asdict())
            detail = figures._asdict() | {"category": category}
            subjects = {"capacity": capacity.pk, "unit": unit.pk}
            record(event=Event("beds.open_figure", SYSTEM, [unit.hospital_id], subjects=subjects, detail=detail))
    except IntegrityError as error:
        raise Conflict("capacity.known", "This unit reports this category already.") from error
    return capacity

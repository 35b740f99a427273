"""Begin to report a unit's figure.

Invariant: a figure exists once per unit and category, for an open unit, and is recorded from its first value on.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.events import SYSTEM, Event
from audit.services import record
from backend.errors import Conflict, Invalid, NotFound
from beds.models import Bed, Capability, Capacity, Category
from beds.services.figures import Figures
from identity.models import Unit


def open_capacity(
    *, unit_id: UUID, category: str, figures: Figures, capabilities: Sequence[str] = (), beds: Sequence[str] = ()
) -> Capacity:
    """Open the figure of one category of a unit; the operator's act, until hospitals do it themselves.

    ``beds``: the labels of its single beds, each with a digit in it; where there are any, they are the count from the first ``occupied``
    of them lying occupied, and ``figures.staffed`` is how many there are.

    Raises:
        NotFound: no such unit. Conflict: ``capacity.known``. Invalid: ``capacity.out_of_bounds``, ``capacity.unknown_word``,
            ``capacity.beds_and_figure``.
    """
    if beds and (len(beds) != figures.staffed or figures.blocked):
        raise Invalid("capacity.beds_and_figure", "With single beds, staffed is their number and none is blocked to begin with.")
    if category not in Category.values or not set(capabilities) <= set(Capability.values):
        raise Invalid("capacity.unknown_word", "The category or a capability is not in the vocabulary.")
    if figures.occupied + figures.blocked > figures.staffed:
        raise Invalid("capacity.out_of_bounds", "Occupied and blocked together are more than staffed.")
    unit = Unit.objects.filter(pk=unit_id, closed_at=None).first()
    if unit is None:
        raise NotFound
    try:
        with transaction.atomic():
            Bed.objects.bulk_create(
                Bed(unit=unit, category=category, label=label, status="O" if number < figures.occupied else "U")
                for number, label in enumerate(beds)
            )
            words = {"category": category, "capabilities": list(capabilities)}
            capacity = Capacity.objects.create(unit=unit, is_by_bed=bool(beds), **words, **figures._asdict())
            detail = figures._asdict() | {"category": category}
            subjects = {"capacity": capacity.pk, "unit": unit.pk}
            record(event=Event("beds.open_figure", SYSTEM, [unit.hospital_id], subjects=subjects, detail=detail))
    except IntegrityError as error:
        if "bed_label_is_a_number" in str(error):
            raise Invalid("capacity.unknown_word", "A bed's label has a digit in it and no other signs than space . / and -.") from error
        raise Conflict("capacity.known", "This unit reports this category already.") from error
    return capacity

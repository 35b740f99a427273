"""A person's own settings.

Invariant: quiet hours begin and end in the hospital's own time, both or neither; they hold back pushes that can wait, and nothing else.
"""

from datetime import time
from typing import NamedTuple

from django.db import transaction

from audit.events import Event
from audit.services import record
from backend.errors import Invalid
from identity.actors import Actor
from identity.models import Hospital, Person


class Settings(NamedTuple):
    quiet_from: time | None
    quiet_until: time | None
    time_zone: str  # the hospital's


@transaction.atomic
def read_settings(*, actor: Actor) -> Settings:
    record(event=Event("identity.read_settings", actor.agent(), [actor.hospital_id]))
    return _settings(actor)


@transaction.atomic
def change_quiet_hours(*, actor: Actor, begin: time | None, end: time | None) -> Settings:
    """Both ``None``: no quiet hours. An end before the beginning is on the next day.

    Raises:
        Invalid: ``quiet.hours``: one of the two is missing, or they are the same.
    """
    actor.require_human()
    if (begin is None) != (end is None) or (begin is not None and begin == end):
        raise Invalid("quiet.hours", "Quiet hours have a beginning and another end, or neither.")
    Person.objects.filter(pk=actor.person_id).update(quiet_from=begin, quiet_until=end)
    # When somebody sleeps is nobody's to read in a log that is kept for years.
    detail = {"quiet_hours": "none" if begin is None else "set"}
    record(event=Event("identity.change_settings", actor.agent(), [actor.hospital_id], detail=detail))
    return _settings(actor)


def _settings(actor: Actor) -> Settings:
    zone = Hospital.objects.values_list("time_zone", flat=True).get(pk=actor.hospital_id)
    return Settings(*Person.objects.values_list("quiet_from", "quiet_until").get(pk=actor.person_id), zone)

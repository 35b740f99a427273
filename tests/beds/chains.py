"""Chains of the night: a background consultant at uni, whom Brandt's duty role leads to."""

from datetime import timedelta
from uuid import UUID

from backend.clock import database_now
from beds.models import Alarm, Candidate
from identity.models import Duty
from tests.cast import Building, new_cookie
from tests.people import Someone

ALARMED = {"whom": "holder", "how": "alarm"}


def consultant(night, name="Hintergrund", *, at=None):
    """Another physician of uni, on a device of their own."""
    building, place = Building(night), at or night.uni
    someone = Someone(place, name, cookie=new_cookie())
    building.member(someone)
    building.save()
    return someone


def background(night, *eligible, at=None, on_duty=True, name="Background consultant"):
    """A duty role of uni that nobody is asked directly; the first of ``eligible`` holds it."""
    building = Building(night)
    role = building.role(at or night.uni, list(eligible), name=name)
    building.save()
    if not on_duty:
        Duty.objects.filter(role=role.id).delete()
    return role


def step(wait=60, target=None, **how):
    return {"wait": wait, "target": str(target.id) if target else None, **ALARMED, **how}


def write(night, *normal, important=(), version=0, by=None, role=None):
    """The chain of uni's duty role, as its registrar writes it."""
    url = f"roles/{(role or night.uni.role).id}/escalation"
    return (by or night.uni.registrar).put(url, {"normal": list(normal), "important": list(important)}, If_Match=str(version))


def alarms(asked, hospital="uni"):
    """(position, role, failure) of each, in their order."""
    rows = Alarm.objects.filter(candidate=asked[hospital]).order_by("position")
    return [(row.position, row.role_id, row.failure) for row in rows]


def shown(caller, asked, hospital="uni"):
    """The candidate as the API shows it to ``caller``."""
    found = caller.get(f"requests/{asked.id}").json()["candidates"]
    return next(row for row in found if row["id"] == asked[hospital])


def wait_passes(asked, hospital="uni"):
    asked.overdue(hospital)


def half_a_minute_passes(asked, hospital="uni"):
    Alarm.objects.filter(candidate=asked[hospital], reached_at=None, failed_at=None).update(
        raised_at=database_now() - timedelta(seconds=31)
    )


def relieve(role):
    Duty.objects.filter(role=UUID(str(role.id)), ended_at=None).update(ended_at=database_now())


def due_in(asked, hospital="uni"):
    """Seconds until the next step."""
    return round((Candidate.objects.get(pk=asked[hospital]).acknowledge_by - database_now()).total_seconds())

"""The closed lists of beds, figures and requests.

Invariant: whatever a column of this part says in words is one of these, held by a CHECK; there is no other way to say it.
"""

from django.db.models import TextChoices


class Category(TextChoices):
    ICU_HIGH = "icu-high"
    ICU_LOW = "icu-low"
    IMC = "imc"
    WARD = "ward"
    PICU = "picu"
    NICU = "nicu"
    PEDS = "peds"
    BURN = "burn"
    NURSERY = "nursery"
    PSYCH = "psych"
    REHAB = "rehab"
    ED = "ed"
    OBSTETRIC = "obstetric"


class Capability(TextChoices):
    NIV = "niv"
    INVASIVE_VENT = "invasive-vent"
    ECMO = "ecmo"
    CRRT = "crrt"
    OXYGEN = "oxygen"
    TELEMETRY = "telemetry"
    ISOLATION = "isolation"
    BARIATRIC = "bariatric"


class Urgency(TextChoices):
    STAT = "stat"
    ASAP = "asap"
    URGENT = "urgent"
    ROUTINE = "routine"


class AgeBand(TextChoices):
    NEONATE = "neonate"
    INFANT = "infant"
    CHILD = "child"
    ADOLESCENT = "adolescent"
    ADULT = "adult"
    SENIOR = "senior"


class Sex(TextChoices):
    """Only where it matters for the room."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class TransportMode(TextChoices):
    GROUND = "ground"
    AIR = "air"
    OWN = "own"


class Source(TextChoices):
    MANUAL = "manual"
    ADT = "adt"
    API = "api"


FEEDS = frozenset({Source.ADT, Source.API})  # the hospital's own software; what it counts is not counted by hand as well


class Assessment(TextChoices):
    """What the hospital says of itself beyond the number."""

    AVAILABLE = "available"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class Limit(TextChoices):
    """What it is that limits."""

    STAFF = "staff"
    ROOMS = "rooms"
    VENTILATORS = "ventilators"
    MATERIAL = "material"


class Override(TextChoices):
    """Why somebody counts by hand what the hospital's own software counts."""

    FEED_DOWN = "feed-down"
    FEED_WRONG = "feed-wrong"
    FEED_ENDED = "feed-ended"


class Cause(TextChoices):
    """What made the present version of a figure."""

    OPENED = "opened"
    REPORT = "report"
    BED = "bed"  # a single bed changed, and the count with it
    ARRIVAL = "arrival"
    UNDO = "undo"

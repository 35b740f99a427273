"""What the demo's hospitals usually ask for: a first set of request templates, such as a hospital would begin with.

Invariant: written by the registrar through the public API; what is there already stays as somebody may have changed it.
"""

from uuid import UUID, uuid5

from demo.cast import PLACES, VENTILATED
from demo.world import World

NEEDS: tuple[dict[str, object], ...] = (
    {"speciality": "pneumology", "category": "icu-high", "capabilities": ["invasive-vent", "ecmo"], "urgency": "stat", "age_band": "adult"},
    {"speciality": "cardiology", "category": "icu-high", "capabilities": ["telemetry"], "urgency": "stat", "age_band": "adult"},
    {"speciality": "cardiology", "category": "imc", "capabilities": ["telemetry"], "urgency": "urgent", "age_band": "adult"},
    {"speciality": "neurosurgery", "category": "icu-high", "capabilities": ["invasive-vent"], "urgency": "stat", "age_band": "adult"},
    {"speciality": "nephrology", "category": "icu-high", "capabilities": ["crrt"], "urgency": "asap", "age_band": "adult"},
    {"speciality": "trauma", "category": "icu-high", "capabilities": list(VENTILATED[1:3]), "urgency": "asap", "age_band": "adult"},
    {"speciality": "neonatology", "category": "nicu", "capabilities": ["niv"], "urgency": "stat", "age_band": "neonate"},
    {"speciality": "rehabilitation", "category": "rehab", "capabilities": ["oxygen"], "urgency": "routine", "age_band": "adult"},
)


def add_templates(world: World, address: str) -> None:
    for place in PLACES:
        api, hospital = world.account(address, place.registrar.key).api, UUID(world.hospitals[place.slug]["id"])
        present = {row["id"] for row in api.results("request-templates")}
        for number, need in enumerate(NEEDS):
            made = str(uuid5(hospital, f"template {number}"))
            if made not in present:
                api.put(f"request-templates/{made}", need, If_Match="0")
    world.done.append("templates")
    world.write()

"""The hospital's own data as FHIR R4 resources.

Invariant: a resource is made from the row it shows, each time; there is no second copy that could grow old. The one name of a person in
them is that of who is on duty at the hospital's own.
"""

from typing import Any, Final

from django.conf import settings

from beds.models import Bed
from beds.vocabulary import Category
from identity.models import Hospital, Unit

Resource = dict[str, Any]

BED_STATUS: Final = "http://terminology.hl7.org/CodeSystem/v2-0116"
ROLE_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
PHYSICAL_TYPE: Final = "http://terminology.hl7.org/CodeSystem/location-physical-type"
# The nearest that HL7 has, beside our own code, which is finer.
_ROLE_OF: Final = {
    Category.ICU_HIGH: "ICU",
    Category.ICU_LOW: "ICU",
    Category.PICU: "PEDICU",
    Category.NICU: "PEDNICU",
    Category.PEDS: "PEDU",
    Category.PSYCH: "PHU",
    Category.REHAB: "RHU",
    Category.ED: "ER",
}
_OTHER_UNIT: Final = "HU"


def base() -> str:
    """The façade's address, as the configuration has it."""
    return f"{settings.PUBLIC_URL}/fhir"


def category_system() -> str:
    return f"{base()}/CodeSystem/bed-category"


def organization(hospital: Hospital) -> Resource:
    found = {"resourceType": "Organization", "id": str(hospital.pk), "active": True, "name": hospital.name}
    return found | ({"address": [{"city": hospital.city}]} if hospital.city else {})


def unit_location(unit: Unit) -> Resource:
    """A unit with the categories it has figures for; ``capacities`` is to be fetched with it."""
    categories = sorted(capacity.category for capacity in unit.capacities.all())
    return _location(str(unit.pk), unit.name, "wa", str(unit.hospital_id), categories)


def bed_location(bed: Bed) -> Resource:
    """A single bed, where the hospital tracks them; ``unit`` is to be fetched with it."""
    return _location(str(bed.pk), bed.label, "bd", str(bed.unit.hospital_id), [bed.category]) | {
        "meta": {"versionId": str(bed.version), "lastUpdated": bed.changed_at.isoformat(timespec="milliseconds")},
        "operationalStatus": {"system": BED_STATUS, "code": bed.status},
        "partOf": {"reference": f"Location/{bed.unit_id}"},
    }


def _location(id: str, name: str, physical: str, hospital: str, categories: list[str]) -> Resource:
    found = {
        "resourceType": "Location",
        "id": id,
        "status": "active",
        "name": name,
        "mode": "instance",
        "physicalType": {"coding": [{"system": PHYSICAL_TYPE, "code": physical}]},
        "managingOrganization": {"reference": f"Organization/{hospital}"},
    }
    return found | ({"type": [_type(category) for category in categories]} if categories else {})


def _type(category: str) -> Resource:
    nearest = _ROLE_OF.get(Category(category), _OTHER_UNIT)
    return {"coding": [{"system": ROLE_CODE, "code": nearest}, {"system": category_system(), "code": category}]}


def own_role(role: Any) -> Resource:
    """A duty role of the hospital's own, and who holds it now; ``access`` reads both."""
    found = _role(role, {"reference": f"Organization/{role.hospital_id}"})
    if role.turn_person is None:
        return found
    name = " ".join(filter(None, (role.turn_title, role.turn_name)))
    return found | {"practitioner": {"identifier": {"system": f"{base()}/person", "value": str(role.turn_person)}, "display": name}}


def partner_role(role: Any) -> Resource:
    """A duty role of another hospital that may be asked."""
    return _role(role, {"identifier": {"system": f"{base()}/hospital", "value": str(role.hospital_id)}, "display": role.hospital.name})


def _role(role: Any, organization: Resource) -> Resource:
    """``period`` is the turn that runs; where nobody is on duty there is none. No ``specialty``: it answers for every category."""
    found: Resource = {
        "resourceType": "PractitionerRole",
        "id": str(role.pk),
        "active": True,
        "organization": organization,
        "code": [{"text": role.name}],
    }
    if role.turn_since:
        ends = {"end": role.turn_until.isoformat(timespec="milliseconds")} if role.turn_until else {}
        found["period"] = {"start": role.turn_since.isoformat(timespec="milliseconds")} | ends
    if role.categories:
        found["specialty"] = [{"coding": [{"system": category_system(), "code": each}]} for each in role.categories]
    return found

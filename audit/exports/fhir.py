"""An event as a FHIR R4 AuditEvent (NDJSON), after the patterns of IHE BALP.

Invariant: one leaf, one resource, one line; everything in it is in the leaf, its openings or its place in the log, so that it can be held
against the signed bundle. Times keep the hospital's zone. A patient is the pseudonym of a case, never more.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from audit.exports import disclosure
from audit.exports.balp import APPLICATION, DESTINATION, PROFILES, RECIPIENT, SOURCE, Coding, Pattern, pattern_of, purpose_of
from audit.exports.rows import Row

ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
UUIDS = "urn:ietf:rfc:3986"
URI = "5"  # network-type
OUTCOMES = {"success": "0", "refused": "4", "failed": "8"}
CASES = ("request", "conversation")  # pseudonyms of a patient's case, the wider one first

Json = dict[str, Any]


class Place(NamedTuple):
    """Whose log it is and where it is kept: what every event of one export has in common. ``base`` is the service's public address."""

    log: UUID
    hospital: UUID
    base: str
    zone: ZoneInfo


def ndjson(rows: Iterable[Row], place: Place) -> bytes:
    return b"".join(json.dumps(audit_event(row, place), separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for row in rows)


def audit_event(row: Row, place: Place) -> Json:
    """The resource. ``row.content`` is there: withheld rows have no line."""
    event: Json = json.loads(row.content or b"")
    pattern, is_success = pattern_of(event["action"]), event["outcome"] == "success"
    roles = pattern.value
    case = next((event["subjects"][kind] for kind in CASES if kind in event["subjects"]), None)
    subtypes = [roles.subtype] if pattern is Pattern.DELETE else [roles.subtype, _action(event, place)]
    resource: Json = {"resourceType": "AuditEvent", "id": f"{place.log}.{row.place}"}
    to = disclosure.learned(event, place.hospital)
    if to:
        resource["meta"] = {"profile": [PROFILES + disclosure.PROFILE]}
    elif roles.profile and is_success:  # the patterns are about what succeeded; a refusal is the base resource
        resource["meta"] = {"profile": [f"{PROFILES}{'Patient' if case else ''}{roles.profile}"]}
    return resource | {
        "type": coding(disclosure.EXPORT if to else roles.type),
        "subtype": [coding(each) for each in [*([disclosure.DISCLOSE] if to else []), *subtypes]],
        "action": disclosure.LETTER if to else roles.letter,
        "recorded": recorded(event["at"], place.zone),
        "outcome": OUTCOMES[event["outcome"]],
        **({} if is_success else {"outcomeDesc": str(event["detail"].get("code", event["outcome"]))}),
        "purposeOfEvent": [{"coding": [coding(purpose_of(event))]}],
        "agent": _disclosing(event, row, pattern, place, to) if to else _agents(event, row, pattern, place),
        "source": {
            "observer": _observer(place),
            "type": [coding((SOURCE_TYPE, "4", "Application Server"))],
        },
        "entity": _entities(event, row, pattern, case, place),
    }


def recorded(at: str, zone: ZoneInfo) -> str:
    """The instant with the hospital's own offset at that moment: 02:30 twice in the night the clocks go back, and told apart."""
    return datetime.fromisoformat(at).astimezone(zone).isoformat(timespec="microseconds")


def coding(each: Coding) -> Json:
    system, code, display = each
    return {"system": system, "code": code, "display": display}


def _action(event: Json, place: Place) -> Coding:
    return (f"{place.base}/fhir/CodeSystem/audit-action", event["action"], event["action"])


def _agents(event: Json, row: Row, pattern: Pattern, place: Place) -> list[Json]:
    agent, roles = event["agent"], pattern.value
    device = f"urn:uuid:{agent['device']}" if agent["device"] else place.base
    client = {"type": _concept(roles.client), "who": _named(device), "network": {"address": device, "type": URI}}
    server = {"type": _concept(roles.server), "who": _named(place.base), "network": {"address": place.base, "type": URI}}
    is_somebody = agent["person"] is not None
    others = [{**client, "requestor": not is_somebody}, {**server, "requestor": False}]
    return [_user(event, row, pattern), *others] if is_somebody else others


def _disclosing(event: Json, row: Row, pattern: Pattern, place: Place, to: list[str]) -> list[Json]:
    """The service that gave the data out, which is also who observed it; the hospital that got them (of several the first, the others
    beside); the hospital that answers for them; and behind it the human with the device."""
    agent, (first, *more) = event["agent"], [f"urn:uuid:{hospital}" for hospital in to]
    source = {"type": _concept(SOURCE), "who": _observer(place), "network": {"address": place.base, "type": URI}}
    recipient = {"type": _concept(DESTINATION), "who": _organization(first), "network": {"address": first, "type": URI}}
    custodian = {"type": _concept(disclosure.RECORDS), "who": _organization(f"urn:uuid:{place.hospital}")}
    others = [{"type": _concept(RECIPIENT), "who": _organization(hospital)} for hospital in more]
    device = [{"type": _concept(APPLICATION), "who": _named(f"urn:uuid:{agent['device']}")}] if agent["device"] else []
    is_somebody = agent["person"] is not None
    sides = [{**source, "requestor": not is_somebody}, *({**each, "requestor": False} for each in [recipient, custodian, *others, *device])]
    return [_user(event, row, pattern), *sides] if is_somebody else sides


def _observer(place: Place) -> Json:
    return _named(f"{place.base}/audit/logs/{place.log}", "Wardline")


def _organization(address: str) -> Json:
    return {"type": "Organization", **_named(address)}


def _user(event: Json, row: Row, pattern: Pattern) -> Json:
    """The human behind it, with the name of that time unless it was erased."""
    agent = event["agent"]
    known = json.loads(row.openings["agent"].value) if "agent" in row.openings else {}
    name = " ".join(filter(None, (known.get("title"), known.get("name"))))
    profession = known.get("profession") or agent["profession"]
    duty = [{"coding": [{"system": UUIDS, "code": f"urn:uuid:{agent['role']}"}]}] if agent["role"] else []
    role = duty + ([{"text": profession}] if profession else [])
    return {
        "type": _concept(pattern.value.user),
        **({"role": role} if role else {}),
        "who": _named(f"urn:uuid:{agent['person']}", name),
        **({"name": name} if name else {}),
        "requestor": True,
        "purposeOfUse": [{"coding": [coding(purpose_of(event))]}],
    }


def _entities(event: Json, row: Row, pattern: Pattern, case: str | None, place: Place) -> list[Json]:
    """The case as patient, the one object the pattern asks for, the other subjects, and the leaf itself."""
    found: list[Json] = []
    if case:
        patient = {"type": "Patient", "identifier": {"system": UUIDS, "value": f"urn:uuid:{case}"}}
        found.append({"what": patient, "type": _entity_type("1", "Person"), "role": _object_role("1", "Patient")})
    subjects = [(kind, subject) for kind, subject in sorted(event["subjects"].items()) if subject != case]
    if pattern is Pattern.QUERY:
        asked = json.dumps({"action": event["action"], "detail": event["detail"]}, sort_keys=True)
        query = {"query": b64encode(asked.encode()).decode()}
        found.append({"type": _entity_type("2", "System Object"), "role": _object_role("24", "Query"), **query})
    else:
        kind, subject = subjects.pop(0) if subjects else ("hospital", event["agent"]["hospital"] or str(place.log))
        found.append(_object(kind, subject, _entity_type("2", "System Object")))
    found += [_object(kind, subject, _entity_type("4", "Other")) for kind, subject in subjects]
    return [*found, _leaf(event, row, place)]


def _object(kind: str, subject: str, entity_type: Json) -> Json:
    role = _object_role("20", "Job") if kind == "export" else _object_role("4", "Domain Resource")
    return {"what": {"identifier": {"system": UUIDS, "value": f"urn:uuid:{subject}"}, "display": kind}, "type": entity_type, "role": role}


def _leaf(event: Json, row: Row, place: Place) -> Json:
    """Where it stands in the log, so that it can be proved; and what the event says beside."""
    said = [{"type": "action", "valueString": event["action"]}, {"type": "leaf-hash", "valueBase64Binary": b64encode(row.digest).decode()}]
    if event["digest"]:
        said.append({"type": "ciphertext-sha256", "valueString": event["digest"]})
    to = json.loads(row.openings["recipients"].value) if "recipients" in row.openings else []
    said += [{"type": "recipient", "valueString": f"{each['kind']}:{each['principal']}@{each['hospital']}"} for each in to]
    said += [{"type": name, "valueString": _text(value)} for name, value in sorted(event["detail"].items()) if _text(value)]
    what = {"identifier": {"system": f"{place.base}/audit/logs/{place.log}", "value": str(row.place)}}
    return {"what": what, "type": _entity_type("4", "Other"), "role": _object_role("13", "Security Resource"), "detail": said}


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(value: str, display: str = "") -> Json:
    return {"identifier": {"system": UUIDS, "value": value}, **({"display": display} if display else {})}


def _concept(each: Coding) -> Json:
    return {"coding": [coding(each)]}


def _entity_type(code: str, display: str) -> Json:
    return coding((ENTITY_TYPE, code, display))


def _object_role(code: str, display: str) -> Json:
    return coding((OBJECT_ROLE, code, display))

"""AuditEvents: by ``fhir.resources``, by HL7's own schema, and by what IHE BALP asks for and neither of them looks at."""

import json
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from audit.events import CLOCK, SYSTEM, Agent, Event
from audit.exports.fhir import Place, audit_event
from audit.exports.rows import Row
from audit.leaves import leaf_of
from audit.merkle import leaf_hash
from audit.openings import Opening
from identity.models import Hospital
from tests.audit.exporting import auditor, content, made
from tests.beds.asking import Ward
from tests.cast import Night

DCM, HTTP = "http://dicom.nema.org/resources/ontology/DCM", "http://terminology.hl7.org/CodeSystem/"
SOURCE, DESTINATION, APPLICATION = f"{DCM}|110153", f"{DCM}|110152", f"{DCM}|110150"
CUSTODIAN = f"{HTTP}provenance-participant-type|custodian"
RECIPIENT, AUTHOR = f"{HTTP}v3-ParticipationType|IRCP", f"{HTTP}v3-ParticipationType|AUT"
# What the BALP profiles demand, written down from them: profile, action, interaction, client, server, user.
DEMANDED = {
    "Create": ("C", "create", SOURCE, DESTINATION, AUTHOR),
    "Read": ("R", "read", DESTINATION, SOURCE, RECIPIENT),
    "Update": ("U", "update", SOURCE, DESTINATION, AUTHOR),
    "Delete": ("D", "delete", APPLICATION, CUSTODIAN, AUTHOR),
    "Query": ("E", "search", SOURCE, DESTINATION, RECIPIENT),
}
BY_ACTION = {
    "messaging.send": "Create",
    "beds.request": "Create",
    "identity.appoint_auditor": "Create",
    "messaging.read": "Read",
    "messaging.open_image": "Read",
    "beds.read_request": "Read",
    "beds.read_requests": "Query",
    "identity.read_directory": "Query",
    "audit.search": "Query",
    "messaging.acknowledge": "Update",
    "beds.confirm": "Update",
    "audit.delete_export": "Delete",
    "identity.revoke_device": "Delete",
}
ZONE = ZoneInfo("Europe/Berlin")
OWN, THEIRS, THIRD = uuid4(), uuid4(), uuid4()
PLACE = Place(log=uuid4(), hospital=OWN, base="https://wardline.test", zone=ZONE)


@cache
def schema() -> jsonschema.Draft6Validator:
    return jsonschema.Draft6Validator(json.loads((Path(__file__).parent / "fhir" / "auditevent.schema.json").read_text()))


def is_valid(resource: dict[str, Any]) -> None:
    schema().validate(resource)
    AuditEvent.model_validate(resource)


def codes(concept: dict[str, Any]) -> str:
    (coding,) = concept["coding"]
    return f"{coding['system']}|{coding['code']}"


def follows_balp(resource: dict[str, Any]) -> str | None:
    """The profile it claims, once it was held against what that demands; ``None`` when it claims none."""
    profiles = resource.get("meta", {}).get("profile", [])
    if not profiles:
        return None
    (address,) = profiles
    if address.endswith("PrivacyDisclosure.Source"):
        return follows_disclosure(resource)
    name = address.removeprefix("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
    action, interaction, client, server, user = DEMANDED[name.removeprefix("Patient")]
    assert (resource["type"]["system"], resource["type"]["code"]) == (f"{HTTP}audit-event-type", "rest")
    assert resource["action"] == action
    assert [each["code"] for each in resource["subtype"] if each["system"] == "http://hl7.org/fhir/restful-interaction"] == [interaction]
    assert action != "D" or len(resource["subtype"]) == 1
    assert resource["outcome"] == "0", "the patterns are about what succeeded"
    agents = {codes(agent["type"]): agent for agent in resource["agent"]}
    assert len(agents) == len(resource["agent"]) >= 2
    for side in (client, server):
        assert agents[side]["who"]["identifier"]["value"]
        assert agents[side]["network"]["type"] == "5"
        assert agents[side]["requestor"] is (user not in agents and side == client)
        assert not {"media", "altId", "location", "policy"} & agents[side].keys()
    if user in agents:
        assert agents[user]["requestor"] is True
        assert agents[user]["who"]["identifier"]["value"].startswith("urn:uuid:")
        assert not {"network", "media"} & agents[user].keys()
    assert agents.keys() <= {client, server, user}
    has_entities(resource, is_query=action == "E", has_patient=name.startswith("Patient"))
    return name


def follows_disclosure(resource: dict[str, Any]) -> str:
    """IHE BALP, Privacy Disclosure at Source."""
    assert (resource["type"]["system"], resource["type"]["code"], resource["action"]) == (DCM, "110106", "R")
    assert f"{HTTP}iso-21089-lifecycle|disclose" in {f"{each['system']}|{each['code']}" for each in resource["subtype"]}
    assert resource["outcome"] == "0"
    assert resource["purposeOfEvent"]
    by_type: dict[str, list[dict[str, Any]]] = {}
    for agent in resource["agent"]:
        by_type.setdefault(codes(agent["type"]), []).append(agent)
    (source,), (recipient,) = by_type[SOURCE], by_type[DESTINATION]
    assert source["who"] == resource["source"]["observer"], "the audit source is this agent too"
    assert source["network"]["address"]
    assert recipient["network"]["address"]
    assert recipient["who"]["type"] == "Organization"
    assert len(by_type.get("http://snomed.info/sct|159541003", [])) <= 1
    (patient,) = (each for each in resource["entity"] if each["type"]["code"] == "1")
    assert (patient["role"]["code"], patient["what"]["type"]) == ("1", "Patient")
    assert len(resource["entity"]) >= 2
    return "Disclosure"


def has_entities(resource: dict[str, Any], *, is_query: bool, has_patient: bool) -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for entity in resource["entity"]:
        assert entity["type"]["system"] == f"{HTTP}audit-entity-type"
        by_type.setdefault(entity["type"]["code"], []).append(entity)
    (system_object,) = by_type["2"]
    assert system_object["role"]["system"] == f"{HTTP}object-role"
    if is_query:
        assert system_object["role"]["code"] == "24"
        assert json.loads(b64decode(system_object["query"]))
        assert not {"what", "lifecycle", "detail"} & system_object.keys()
    else:
        assert system_object["role"]["code"] in {"3", "4", "20"}  # value set RestObjectRoles, required
        assert system_object["what"]["identifier"]["value"]
        assert not {"name", "query", "detail", "lifecycle"} & system_object.keys()
    assert len(by_type.get("1", [])) == has_patient
    for patient in by_type.get("1", []):
        assert (patient["role"]["code"], patient["what"]["type"]) == ("1", "Patient")
        assert patient["what"].keys() == {"type", "identifier"}


def resource_of(event: Event, openings: dict[str, Opening] | None = None, place: Place = PLACE) -> dict[str, Any]:
    content = leaf_of(event).content
    return audit_event(Row(17, content, leaf_hash(content), openings or {}), place)


def an_event(action: str, **more: Any) -> Event:
    agent = Agent(person=uuid4(), hospital=OWN, role=uuid4(), device=uuid4(), profession="physician", method="passkey")
    return Event(action, more.pop("agent", agent), [OWN], **more)


@pytest.mark.parametrize(("action", "profile"), BY_ACTION.items())
@pytest.mark.parametrize("is_about_a_case", [True, False])
def test_the_roles_of_client_and_server_follow_the_verb(action: str, profile: str, is_about_a_case: bool) -> None:
    subjects = {"request": uuid4(), "candidate": uuid4()} if is_about_a_case else {"device": uuid4(), "role": uuid4()}
    resource = resource_of(an_event(action, subjects=subjects, detail={"rows": 3}))

    is_valid(resource)
    assert follows_balp(resource) == f"{'Patient' if is_about_a_case else ''}{profile}"


@pytest.mark.parametrize("action", [*BY_ACTION, "identity.sign_in", "identity.sign_out", "audit.export", "api.refused", "beds.escalate"])
@pytest.mark.parametrize("agent", [SYSTEM, None], ids=["system", "nobody"])
@pytest.mark.parametrize("outcome", ["success", "refused", "failed"])
def test_without_a_person_and_whatever_the_outcome_it_is_valid(action: str, agent: Agent | None, outcome: Any) -> None:
    resource = resource_of(an_event(action, agent=agent, outcome=outcome, detail={"code": "device.unknown"}))

    is_valid(resource)
    follows_balp(resource)
    assert resource["outcome"] == {"success": "0", "refused": "4", "failed": "8"}[outcome]
    assert [agent["requestor"] for agent in resource["agent"]] == [True, False]


@pytest.mark.parametrize(
    ("action", "by", "recipients"),
    [
        ("messaging.send", OWN, [THEIRS, THIRD]),
        ("beds.ask_next", None, [THEIRS, THIRD]),
        ("messaging.read", THEIRS, [THEIRS]),
        ("messaging.read", OWN, []),
        ("messaging.send", THEIRS, []),
        ("messaging.acknowledge", OWN, []),
    ],
)
def test_what_reached_another_hospital_is_a_disclosure_to_it(action: str, by: UUID | None, recipients: list[UUID]) -> None:
    agent = Agent(person=uuid4(), hospital=by, device=uuid4(), method="passkey") if by else CLOCK
    subjects = {"request": uuid4(), "conversation": uuid4()}
    resource = resource_of(Event(action, agent, [OWN, THEIRS, THIRD], subjects=subjects))

    is_valid(resource)
    assert (follows_balp(resource) == "Disclosure") is bool(recipients)
    assert [agent["requestor"] for agent in resource["agent"]].count(True) == 1
    if recipients:
        got = [a["who"]["identifier"]["value"] for a in resource["agent"] if a["who"].get("type") == "Organization"]
        first, *others = sorted(map(str, recipients))
        assert got == [f"urn:uuid:{hospital}" for hospital in (first, OWN, *others)]


@pytest.mark.parametrize(
    "changed", [{"outcome": "refused"}, {"hospitals": [OWN]}, {"subjects": {}}], ids=["refused", "nobody else", "of no case"]
)
def test_what_reached_nobody_or_is_of_no_case_is_none(changed: dict[str, Any]) -> None:
    given = {"hospitals": [OWN, THEIRS], "subjects": {"request": uuid4()}, "agent": Agent(person=uuid4(), hospital=OWN)} | changed
    resource = resource_of(Event("messaging.send", **given))

    is_valid(resource)
    assert follows_balp(resource) != "Disclosure"


def test_a_refusal_claims_no_pattern_and_says_its_code() -> None:
    resource = resource_of(an_event("messaging.read", outcome="refused", detail={"code": "not_found"}))
    assert ("meta" in resource, resource["outcomeDesc"]) == (False, "not_found")


def test_a_sign_in_is_a_dicom_login() -> None:
    resource = resource_of(an_event("identity.sign_in"))
    assert (resource["type"]["code"], resource["subtype"][0]["code"]) == ("110114", "110122")


@pytest.mark.parametrize(
    ("at", "recorded"),
    [
        ("2026-07-01T01:00:00.120000Z", "2026-07-01T03:00:00.120000+02:00"),
        ("2026-12-01T01:00:00.000001Z", "2026-12-01T02:00:00.000001+01:00"),
        ("2026-10-25T00:30:00.000000Z", "2026-10-25T02:30:00.000000+02:00"),
        ("2026-10-25T01:30:00.000000Z", "2026-10-25T02:30:00.000000+01:00"),
    ],
)
def test_the_hospitals_zone_is_kept_also_in_the_night_of_two_half_past_twos(at: str, recorded: str) -> None:
    content = json.dumps(json.loads(leaf_of(an_event("beds.confirm")).content) | {"at": at}).encode()
    resource = audit_event(Row(0, content, leaf_hash(content), {}), PLACE)

    assert resource["recorded"] == recorded
    is_valid(resource)


def test_who_it_was_is_shown_until_it_is_erased() -> None:
    opening = Opening("agent", bytes(32), json.dumps({"name": "Adler", "title": "Dr.", "profession": "Ärztin"}))
    known, erased = (resource_of(an_event("beds.confirm"), openings) for openings in ({"agent": opening}, {}))

    assert (known["agent"][0]["name"], known["agent"][0]["who"]["display"]) == ("Dr. Adler", "Dr. Adler")
    assert known["agent"][0]["role"][-1] == {"text": "Ärztin"}
    assert "name" not in erased["agent"][0]
    for resource in (known, erased):
        is_valid(resource)
        follows_balp(resource)


def test_each_validator_would_say_no() -> None:
    """The control: both look, and each misses something."""
    resource = resource_of(an_event("beds.confirm", subjects={"request": uuid4()}))
    with pytest.raises(jsonschema.ValidationError):
        schema().validate(resource | {"action": "X"})
    with pytest.raises(jsonschema.ValidationError):
        schema().validate(resource | {"contained": [{"resourceType": "Patient"}]})
    with pytest.raises(ValueError, match="source"):
        AuditEvent.model_validate({name: value for name, value in resource.items() if name != "source"})
    swapped = json.loads(json.dumps(resource).replace("110153", "swap").replace("110152", "110153").replace("swap", "110152"))
    is_valid(swapped)
    read = resource | {"action": "R"}
    is_valid(read)
    with pytest.raises(AssertionError):
        follows_balp(read)


def test_a_night_as_the_auditor_gets_it(night: Night) -> None:
    """Every event of a log, through the job, line by line."""
    Hospital.objects.filter(pk=night.kreis.id).update(time_zone="Europe/Lisbon")
    Ward(night).asks("uni")
    night.adler.get("board")
    night.outsider.get(f"members/{uuid4()}/end")
    egger = auditor(night, night.egger)
    ready = made(egger, "fhir")

    resources = [json.loads(line) for line in content(egger, ready).splitlines()]

    assert len(resources) == ready["progress"]["events"] == ready["size"]
    for resource in resources:
        is_valid(resource)
        follows_balp(resource)
        assert resource["recorded"].endswith("+00:00")
    assert len({resource["id"] for resource in resources}) == len(resources)
    assert "Disclosure" in {follows_balp(resource) for resource in resources}
    names = {agent.get("name") for resource in resources for agent in resource["agent"]}
    assert {"Dr. Adler", "Dr. Register"} <= names

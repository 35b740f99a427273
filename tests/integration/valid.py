"""Whether an answer is FHIR R4: by the official schema, by ``fhir.resources`` (R4B, of the same shapes here), and by what neither sees."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from fhir.resources.R4B import get_fhir_model_class

HERE = Path(__file__).parent
FHIR_JSON = "application/fhir+json"


@cache
def schema() -> jsonschema.Draft6Validator:
    found = json.loads((HERE / "fhir" / "resources.schema.json").read_text())
    shared = json.loads((HERE.parent / "audit" / "fhir" / "auditevent.schema.json").read_text())
    found["definitions"]["CapabilityStatement"]["properties"]["fhirVersion"]["enum"].append("4.0.1")  # the schema is 4.0.0's
    return jsonschema.Draft6Validator(
        found | {"definitions": shared["definitions"] | found["definitions"], "$ref": "#/definitions/ResourceList"}
    )


def is_valid(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource itself. The schema of its own type first: what fails then says where."""
    own = schema().evolve(schema=schema().schema | {"$ref": f"#/definitions/{resource['resourceType']}"})
    own.validate(resource)
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert None not in resource.values()
    assert [] not in resource.values()
    for entry in resource.get("entry", []):
        assert entry["fullUrl"].endswith(f"/{entry['resource']['resourceType']}/{entry['resource']['id']}")
        is_valid(entry["resource"])
    return resource


def answered(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == FHIR_JSON
    return is_valid(answer.json())


def refused(answer: Any) -> tuple[int, str, str]:
    """Status, FHIR's code and ours."""
    (issue,) = answered(answer, answer.status_code)["issue"]
    assert issue["diagnostics"]
    return answer.status_code, issue["code"], issue["details"]["text"]


def rows(bundle: dict[str, Any]) -> list[str]:
    """The ids in a search's answer."""
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]

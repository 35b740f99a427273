"""What the façade says it can (CapabilityStatement, R4).

Invariant: it is made from the tables that decide what is served (``scopes.OFFERED``, ``searching.SEARCHED``), so it says neither more nor
less.
"""

from typing import Final

from integration.assertions import audience
from integration.resources import Resource, base
from integration.scopes import OFFERED
from integration.searching import INCLUDED, SEARCHED

SINCE: Final = "2026-11-29"  # of the last change of what is said here
INTERACTIONS: Final = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search-type"}
CONDITIONAL: Final = frozenset({"ServiceRequest"})  # If-None-Exist
EXPORT: Final = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"
_OAUTH: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def capability_statement() -> Resource:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": SINCE,
        "kind": "instance",
        "implementation": {"description": "Wardline", "url": base()},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(kind) for kind in OFFERED],
                "operation": [{"name": "export", "definition": EXPORT}],
            }
        ],
    }


def _security() -> Resource:
    service = {"coding": [{"system": _SECURITY, "code": "SMART-on-FHIR"}]}
    return {"extension": [{"url": _OAUTH, "extension": [{"url": "token", "valueUri": audience()}]}], "service": [service]}


def _resource(kind: str) -> Resource:
    return {
        "type": kind,
        "interaction": [{"code": INTERACTIONS[letter]} for letter in OFFERED[kind]],
        "versioning": "versioned-update" if "u" in OFFERED[kind] else "no-version",
        "conditionalCreate": kind in CONDITIONAL,
        "conditionalRead": "not-match",
        **_included(kind),
        "searchParam": [{"name": name, "type": form} for name, form in SEARCHED[kind].items()],
    }


def _included(kind: str) -> Resource:
    by, names = INCLUDED.get(kind, ("", ()))
    return {"searchInclude" if by == "_include" else "searchRevInclude": list(names)} if names else {}

"""A case in FHIR R4: a DocumentReference with its PDF, and a Provenance with the signatures.

Invariant: the same version of the same case has the same identifiers, whoever files it and however often, so a record can tell a repetition
from a new version. Provenance holds verified signatures alone.
"""

import hashlib
import json
from base64 import b64encode
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from wardline_client.protocol import encode
from wardline_client.protocol.bodies import Identity
from wardline_gateway.cases import Case, Entry, Who
from wardline_gateway.kept import Filing

Json = dict[str, Any]

URI: Final = "urn:ietf:rfc:3986"
PDF_NAME: Final = "document.pdf"
_NAMESPACE: Final = UUID("5b0c1d4e-6c0a-4a8e-9d57-2a3c7f0b9e11")
_AUTHORS_SIGNATURE: Final = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1", "display": "Author's Signature"}
_REFERRAL_NOTE: Final = {"system": "http://loinc.org", "code": "57133-1", "display": "Referral note"}
_RESTRICTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R", "display": "restricted"}
_PDFA: Final = {"system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": "urn:ihe:iti:xds-sd:pdf:2008"}
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def document_id(filing: Filing) -> UUID:
    """Of this version of the document: made of what is in it."""
    return uuid5(_NAMESPACE, f"{filing.case} {filing.fingerprint}")


def document_identifier(filing: Filing) -> Json:
    return {"system": URI, "value": document_id(filing).urn}


def document_reference(case: Case, filing: Filing, pdf: bytes, *, at: datetime, language: str, replaces: Filing | None) -> Json:
    """With the PDF beside it: ``content.attachment.url`` is relative; ``with_data`` puts it inside instead."""
    resource = {
        "resourceType": "DocumentReference",
        "id": str(document_id(filing)),
        "contained": [_organization(case.own), *([_patient(case.identity)] if case.identity else [])],
        "masterIdentifier": document_identifier(filing),
        "identifier": [document_identifier(filing), {"system": URI, "value": case.id.urn}],
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [_REFERRAL_NOTE]},
        "date": _instant(at),
        "author": [{"reference": "#hospital"}],
        "custodian": {"reference": "#hospital"},
        "securityLabel": [{"coding": [_RESTRICTED]}],
        "content": [{"attachment": _attachment(pdf, at, language), "format": _PDFA}],
        "context": {
            "period": {"start": _instant(case.created_at), "end": _instant(case.ended_at)},
            "related": [{"type": "ServiceRequest", "identifier": {"system": URI, "value": case.id.urn}}],
        },
    }
    if case.identity:
        resource["subject"] = {"reference": "#patient"}
    if replaces:
        resource["relatesTo"] = [{"code": "replaces", "target": _target(replaces)}]
    return resource


def with_data(resource: Json, pdf: bytes) -> Json:
    """The PDF inside the resource, for a server that takes one call."""
    (content,) = resource["content"]
    attachment = {name: value for name, value in content["attachment"].items() if name != "url"}
    return {**resource, "content": [{**content, "attachment": {**attachment, "data": b64encode(pdf).decode()}}]}


def provenance(case: Case, filing: Filing, *, target: str, gateway: UUID, at: datetime) -> Json:
    """``target`` is the DocumentReference's address, relative to the base."""
    proved = [entry for _, entry in case.entries if entry.proof]
    authors = {entry.by.id: entry.by for entry in proved}
    resource = {
        "resourceType": "Provenance",
        "id": str(uuid5(document_id(filing), "provenance")),
        "target": [{"reference": target, "identifier": document_identifier(filing)}],
        "occurredPeriod": {"start": _instant(case.created_at), "end": _instant(case.ended_at)},
        "recorded": _instant(at),
        "agent": [
            {"type": _role("assembler"), "who": _person(Who(gateway, "wardline-gateway")), "onBehalfOf": _person(case.own)},
            *({"type": _role("author"), "who": _person(author)} for author in authors.values()),
        ],
    }
    if proved:
        resource["entity"] = [{"role": "source", "what": {"identifier": {"system": URI, "value": entry.id.urn}}} for entry in proved]
        resource["signature"] = [_signature(entry) for entry in proved]
    return resource


def _attachment(pdf: bytes, at: datetime, language: str) -> Json:
    return {
        "contentType": "application/pdf",
        "language": language,
        "url": PDF_NAME,
        "size": len(pdf),
        # R4 says SHA-1; it tells a broken copy, the signatures are in the Provenance.
        "hash": b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode(),
        "title": "Wardline",
        "creation": _instant(at),
    }


def _target(former: Filing) -> Json:
    """``where`` is an address on a FHIR server, or a folder's name."""
    reference = {"reference": former.where} if former.where.startswith("DocumentReference/") else {}
    return {**reference, "type": "DocumentReference", "identifier": document_identifier(former)}


def _signature(entry: Entry) -> Json:
    proof = entry.proof
    assert proof is not None and entry.at is not None  # noqa: S101, PT018 -- for the type checker
    members = {
        "h": encode(proof.h),
        "c_sha256": encode(proof.ciphertext_digest),
        "s": encode(proof.signature),
        "device": str(proof.device),
        "key": encode(proof.key),
    }
    return {
        "type": [_AUTHORS_SIGNATURE],
        "when": _instant(entry.at),
        "who": _person(entry.by),
        "targetFormat": "application/vnd.wardline.message",
        "sigFormat": "application/json",
        "data": b64encode(json.dumps(members, sort_keys=True).encode()).decode(),
    }


def _person(who: Who) -> Json:
    shown = " ".join(part for part in (who.title, who.name) if part)
    return {"identifier": {"system": URI, "value": who.id.urn}} | ({"display": shown} if shown else {})


def _organization(own: Who) -> Json:
    made = {"resourceType": "Organization", "id": "hospital", "identifier": [{"system": URI, "value": own.id.urn}]}
    return made | ({"name": own.name} if own.name else {})


def _patient(identity: Identity) -> Json:
    names = {"family": identity.family, "given": [identity.given] if identity.given else []}
    return {
        "resourceType": "Patient",
        "id": "patient",
        "name": [{name: value for name, value in names.items() if value}],
        "gender": identity.sex,
        "birthDate": identity.birth_date,
    }


def _role(code: str) -> Json:
    return {"coding": [{"system": _TYPES, "code": code}]}


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")

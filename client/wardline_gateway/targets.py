"""Where documents go: a folder of the record, or its FHIR endpoint.

Invariant: a version is there whole or not at all, and once, however often it is put and wherever the gateway was killed.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

import httpx

from wardline_gateway.config import Config, ConfigError, FhirTarget, read_secret, trusting
from wardline_gateway.documents import PDF_NAME, URI, document_identifier, with_data
from wardline_gateway.kept import Filing, sync_folder

Json = dict[str, Any]
# Bad request, conflict, more than one there already, too large, unprocessable.
_OF_DOCUMENT: Final = frozenset({400, 409, 412, 413, 422})
_FHIR_JSON: Final = "application/fhir+json"


class TargetError(Exception):
    """The record did not take it; ``code`` is for the health endpoint and says nothing of the case. ``is_of_document``: it would take
    others."""

    def __init__(self, code: str, *, is_of_document: bool = False) -> None:
        super().__init__(code)
        self.code, self.is_of_document = code, is_of_document


@dataclass(frozen=True)
class Document:
    """What is put: ``provenance`` is made for the address that the DocumentReference gets."""

    filing: Filing
    pdf: bytes
    reference: Json
    provenance: Json


class Target(Protocol):
    def find(self, filing: Filing) -> str | None:
        """What the target calls this version, if it is there. Raises ``TargetError``."""

    def put(self, document: Document) -> str:
        """Returns what ``find`` would. Raises ``TargetError``."""


def target_of(config: Config) -> Target:
    """Raises ``ConfigError``."""
    if config.fhir:
        return FhirEndpoint(config.fhir)
    if config.folder is None or not config.folder.is_dir():
        raise ConfigError(f"{config.folder} is no folder. It is the record's; the gateway does not make it.")
    return Folder(config.folder)


class Folder:
    """A folder per version: the document, its DocumentReference, its Provenance. It appears under its name with all three in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for draft in path.glob(".wardline-*"):
            shutil.rmtree(draft)  # of a gateway that was killed

    def find(self, filing: Filing) -> str | None:
        name = _name(filing)
        return name if self.path.joinpath(name).is_dir() else None

    def put(self, document: Document) -> str:
        name = _name(document.filing)
        try:
            return self.find(document.filing) or self._write(name, document)
        except OSError as error:
            raise TargetError(f"folder.{error.errno and os.strerror(error.errno).lower().replace(' ', '_')}") from None

    def _write(self, name: str, document: Document) -> str:
        draft = self.path / f".wardline-{uuid4()}"
        draft.mkdir(mode=0o750)
        try:
            _write(draft / PDF_NAME, document.pdf)
            _write(draft / "document-reference.json", _json(document.reference))
            _write(draft / "provenance.json", _json(document.provenance))
            sync_folder(draft)
            draft.rename(self.path / name)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        sync_folder(self.path)
        return name


class FhirEndpoint:
    """DocumentReference with the PDF inside, then its Provenance, each by conditional create: what is there already is not made again."""

    def __init__(self, target: FhirTarget) -> None:
        headers = {"Accept": _FHIR_JSON, "Content-Type": _FHIR_JSON}
        self._target = target
        self._http = httpx.Client(
            base_url=target.address + "/", headers=headers, timeout=target.seconds, verify=trusting(target.ca), trust_env=False
        )

    def find(self, filing: Filing) -> str | None:
        found = self._call("GET", "DocumentReference", params={"identifier": _token(document_identifier(filing))}).json()
        rows = [entry["resource"] for entry in found.get("entry", []) if entry["resource"]["resourceType"] == "DocumentReference"]
        return f"DocumentReference/{rows[0]['id']}" if rows else None

    def put(self, document: Document) -> str:
        where = self._create(with_data(document.reference, document.pdf), f"identifier={_token(document_identifier(document.filing))}")
        (aim,) = document.provenance["target"]
        self._create({**document.provenance, "target": [{**aim, "reference": where}]}, f"target={where}")
        return where

    def _create(self, resource: Json, unless: str) -> str:
        """The relative address of what was made, or was there."""
        kind = resource["resourceType"]
        made = {name: value for name, value in resource.items() if name != "id"}  # the server's to give
        answer = self._call("POST", kind, content=_json(made), headers={"If-None-Exist": unless})
        id = _id_of(answer, kind)
        if id is None:
            raise TargetError("fhir.no_location")
        return f"{kind}/{id}"

    def _call(self, verb: str, path: str, headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
        secret = {"Authorization": f"Bearer {read_secret(self._target.token).decode()}"} if self._target.token else {}
        try:
            answer = self._http.request(verb, path, headers={**secret, **(headers or {})}, **given)
        except httpx.TransportError as error:
            raise TargetError("fhir.timeout" if isinstance(error, httpx.TimeoutException) else "fhir.unreachable") from None
        if not answer.is_success:
            raise TargetError(f"fhir.status_{answer.status_code}", is_of_document=answer.status_code in _OF_DOCUMENT)
        return answer


def _id_of(answer: httpx.Response, kind: str) -> str | None:
    """By the ``Location`` (``[base]/Kind/id/_history/1``), else by the body."""
    parts = answer.headers.get("Location", "").split("/")
    if kind in parts[:-1]:
        return str(parts[parts.index(kind) + 1])
    try:
        body = answer.json()
    except ValueError:
        return None
    return str(body["id"]) if isinstance(body, dict) and body.get("resourceType") == kind and "id" in body else None


def _token(identifier: Json) -> str:
    return f"{URI}|{identifier['value']}"


def _name(filing: Filing) -> str:
    return f"wardline-{filing.case}-{filing.version:03d}-{filing.fingerprint[:16]}"


def _json(resource: Json) -> bytes:
    return json.dumps(resource, ensure_ascii=False, indent=1).encode()


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())

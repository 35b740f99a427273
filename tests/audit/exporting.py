"""Auditors who ask for exports, and the worker that makes them."""

from pathlib import Path
from typing import Any

from audit.exports.jobs import run_exports
from tests.audit.bundles import publish
from tests.cast import Night, Someone


def auditor(night: Night, someone: Someone) -> Someone:
    """``someone``, appointed by the registrar."""
    answer = someone.place.registrar.post(f"members/{someone.id}/auditor", {"reason": "data_protection_officer"})
    assert answer.status_code == 201, answer.content
    return someone


def ask(reader: Someone, format: str = "bundle", **more: Any) -> Any:
    """The answer to asking for an export of what is recorded by now."""
    publish(reader.hospital)
    return reader.post("audit/exports", {"format": format, **more})


def made(reader: Someone, format: str = "bundle", **more: Any) -> dict[str, Any]:
    """An export that the worker has finished."""
    answer = ask(reader, format, **more)
    assert answer.status_code == 202, answer.content
    while run_exports(seconds=30):
        pass
    found: dict[str, Any] = reader.get(answer.json()["status_url"]).json()
    assert found["state"] == "ready", found
    return found


def content(reader: Someone, export: dict[str, Any], **headers: str) -> bytes:
    answer = reader.get(export["content_url"], **headers)
    assert answer.status_code in (200, 206), answer.content
    return b"".join(answer.streaming_content)


def saved(reader: Someone, path: Path, format: str = "bundle", **more: Any) -> Path:
    path.write_bytes(content(reader, made(reader, format, **more)))
    return path

"""A hospital's log taken by its registrar and judged by ``wardline-verify``."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from audit.checkpoints import sign_checkpoint, verifier_keys
from audit.models import Log
from audit.sequencer import integrate
from tests.people import Someone
from wardline_verify.bundle import Report, judge
from wardline_verify.notes import Checkpoint, Key, Policy


def publish(hospital: UUID) -> str:
    """Sequence and sign everything of this hospital's log; the note."""
    while integrate(hospital):
        pass
    return sign_checkpoint(Log.objects.get(hospital=hospital).pk)


def policy_of(hospital: UUID) -> Policy:
    log = Log.objects.get(hospital=hospital).pk
    return Policy(logs=[Key.parse(verifier_keys([log])[log])])


def judged(path: Path, hospital: UUID, saved: Checkpoint | None = None) -> Report:
    with path.open("rb") as file:
        return judge(file, policy=policy_of(hospital), saved=saved)


def take(reader: Someone, path: Path) -> Path:
    """The whole log of the reader's hospital, published and fetched now."""
    publish(reader.hospital)
    answer = reader.get("audit/export")
    assert answer.status_code == 200, answer.content
    path.write_bytes(b"".join(answer.streaming_content))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]

"""Clients that nobody here wrote, against a real server process; and the quick start, word for word as the document has it."""

import os
import re
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, OperationOutcome, ResourceNotFound

from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import Software, occupancy, public
from tests.integration.valid import is_valid
from tests.messaging.conftest import server as server
from tests.messaging.server import Server

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "integration.md"


def told(*what: Any, **more: Any) -> dict[str, Any]:
    """``fhirpy`` names the type itself."""
    return {name: value for name, value in occupancy(*what, **more).items() if name != "resourceType"}


def test_fhirpy_finds_the_unit_and_tells_its_occupancy(night: Night, server: Server) -> None:
    ward, his = Ward(night), Software(night.uni.registrar).entered()
    url, unit = f"{server.origin}/fhir", night.uni.unit_id
    config = {"proxies": {"http": "", "https": ""}}
    client = SyncFHIRClient(url, authorization=f"Bearer {his.token()}", requests_config=config)

    assert client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"
    (found,) = [each for each in client.resources("Location").search(organization=str(night.uni.id)).fetch_all() if each.id == str(unit)]
    assert found.to_reference().reference == f"Location/{unit}"
    at = timezone.now()
    saved = client.resource("MeasureReport", **told(unit, 5, at, beds=6, available=0))
    saved.save()

    assert ward.figure("uni")["occupied"] == 5
    report = client.reference("MeasureReport", saved.id).to_resource()
    assert is_valid(report.serialize())["subject"] == {"reference": f"Location/{unit}"}
    newest = client.resources("MeasureReport").search(subject=f"Location/{unit}").limit(1).fetch()
    assert [each.id for each in newest] == [saved.id]
    with pytest.raises(ResourceNotFound):
        client.reference("Location", str(night.kreis.unit_id)).to_resource()
    with pytest.raises(OperationOutcome, match=r"fhir\.newer_known|conflict"):
        client.resource("MeasureReport", **told(unit, 4, at - timedelta(minutes=1))).save()
    with pytest.raises(OperationOutcome):
        client.resources("Location").search(color="red").fetch()
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(url, authorization="Bearer x", requests_config=config).resources("Location").fetch()


def program_in(heading: str) -> str:
    """The Python of a section of the document."""
    (section,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return textwrap.dedent(block)


def test_the_program_that_asks_for_a_bed_does_what_it_says(night: Night, server: Server, tmp_path: Path) -> None:
    """``fhirpy`` alone: whom to ask, a conditional create, the Tasks, and one of them moved; a second run finds the first one's request."""
    ward, his = Ward(night), Software(night.kreis.registrar).entered()
    given = os.environ | {"WARDLINE": server.origin, "TOKEN": his.token(), "ORDER": "4711", "NO_PROXY": "*"}
    run = [sys.executable, "-c", program_in("Requests, both ways")]

    done = subprocess.run(run, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    task, *rest = done.stdout.splitlines()
    assert task.split()[1:] == ["requested"]
    assert rest == ["revoked"]
    asked = ward.night.adler.get("requests?state=closed").json()["results"][0]
    assert (asked["software"], asked["candidates"][0]["id"], asked["candidates"][0]["reason"]) == ("KIS", task.split()[0], "improved")
    again = subprocess.run(run, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0].split()[0] == task.split()[0], "the same request, and no second one"


def test_the_quick_start_does_what_it_says(night: Night, server: Server, tmp_path: Path) -> None:
    ward, his = Ward(night), Software(night.uni.registrar)
    his.entered()
    (tmp_path / "key.pem").write_bytes(his.key.as_pem(private=True))
    program = program_in("Quick start")
    given = os.environ | {
        "WARDLINE": server.origin,
        "CLIENT": str(his.id),
        "KEY_ID": public(his.key)["kid"],
        "NO_PROXY": "*",
    }

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert str(night.uni.unit_id) in done.stdout
    unit = ward.figure("uni")
    assert (unit["staffed"], unit["occupied"], unit["blocked"], unit["source"]) == (12, 9, 1, "api")

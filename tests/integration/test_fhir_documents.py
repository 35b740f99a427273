"""docs/integration.md is true: its calls are made as they stand there, and its codes and tables are those of the code."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from audit.exports.jobs import run_exports
from beds.transitions import STEPS, Side, State
from integration.scopes import OFFERED, SCOPES, put_together
from integration.searching import SEARCHED
from integration.workflow import STANDING, states_with
from tests.audit.bundles import publish
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.software import Software
from tests.integration.valid import answered

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "integration.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


def section(heading: str) -> str:
    (found,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return str(found)


def commands(text: str) -> list[str]:
    return [line.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if "curl" in line]


def curl(line: str, given: dict[str, str], files: dict[str, Any]) -> Any:
    """What ``curl`` sends, sent: the words of the line as a shell reads them."""
    for name, value in given.items():
        line = line.replace(f"${name}", value)
    words = iter(shlex.split(line.replace("\\$", "$"))[1:])
    method, headers, body, address = "", {"Content-Type": "application/x-www-form-urlencoded"}, None, ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "--data":
                data = next(words)
                body = json.dumps(files[data[1:]]).encode() if data.startswith("@") else data
            case "-i":
                pass
            case _:
                address = word.partition(settings.PUBLIC_URL)[2]
    http, kind = Client(HTTP_HOST="localhost:8000"), headers.pop("Content-Type")
    if body is None:
        return http.get(address, headers=headers)
    return http.generic(method or "POST", address, body, content_type=kind, headers=headers)


def test_the_calls_about_requests_are_answered(night: Night, ward: Ward, his: Software) -> None:
    """By kreis, which asks; the Task is moved by uni, which is asked."""
    origin = Software(night.kreis.registrar).entered()
    (order,) = re.findall(r"```json\n(.*?)```", section("Requests, both ways"), re.DOTALL)
    for there, here in {
        "https://wardline.example": settings.PUBLIC_URL,
        "00000000-0000-0000-0000-00000000000a": str(night.kreis.role.id),
        "00000000-0000-0000-0000-00000000000b": str(night.uni.role.id),
    }.items():
        order = order.replace(there, here)
    given, files = {"WARDLINE": settings.PUBLIC_URL, "TOKEN": origin.token()}, {"order.json": json.loads(order)}
    roles, ask, tasks, posted, move, found = commands(section("Requests, both ways"))

    assert answered(curl(roles, given, files))["total"] >= 4
    request = answered(curl(ask, given, files), 201)
    assert answered(curl(ask, given, files))["id"] == request["id"]
    (task,) = [
        entry["resource"]
        for entry in answered(curl(tasks, given, files))["entry"]
        if entry["resource"].get("focus") == {"reference": f"ServiceRequest/{request['id']}"}
    ]
    assert task["id"] in curl(posted, given, files).content.decode()
    theirs = given | {"TASK": task["id"], "TOKEN": his.token()}
    assert answered(curl(move, theirs, {"task.json": task | {"status": "received"}}))["status"] == "received"
    assert [entry["resource"]["resourceType"] for entry in answered(curl(found, given, files))["entry"]] == ["ServiceRequest", "Task"]


def test_the_calls_about_the_log_are_answered(night: Night, his: Software) -> None:
    publish(night.uni.id)
    given = {"WARDLINE": settings.PUBLIC_URL, "TOKEN": his.token()}
    search, ask, look, fetch = commands(section("The log in bulk"))

    assert answered(curl(search, given, {}))["type"] == "searchset"
    begun = curl(ask, given, {})
    assert begun.status_code == 202, begun.content
    given["EXPORT"] = begun.headers["Content-Location"].rpartition("/")[2]
    while run_exports(seconds=30):
        pass
    assert curl(look, given, {}).json()["output"][0]["type"] == "AuditEvent"
    assert b"".join(curl(fetch, given, {}).streaming_content)


def test_the_call_about_subscriptions_is_answered(his: Software) -> None:
    (body,) = re.findall(r"```json\n(.*?)```", section("Subscriptions"), re.DOTALL)
    (ask,) = commands(section("Subscriptions"))
    body = body.replace("https://wardline.example", settings.PUBLIC_URL)
    given = {"WARDLINE": settings.PUBLIC_URL, "TOKEN": his.token()}

    assert answered(curl(ask, given, {"subscription.json": json.loads(body)}), 201)["status"] == "requested"


def test_the_tables_are_those_of_the_code() -> None:
    assert set(re.findall(r"`(system/[A-Za-z]+\.[a-z]+)`", section("Signing in"))) == set(put_together(SCOPES).split())
    rows = {kind: line for kind in OFFERED for line in section("Resources").splitlines() if line.startswith(f"| `{kind}` |")}
    assert rows.keys() == OFFERED.keys()
    for kind, line in rows.items():
        searched = set(re.findall(r"`([a-z_A-Z-]+)`", line.rstrip("| ").rpartition(" | ")[2]))
        assert set(SEARCHED[kind]) <= searched, kind
        for letter, word in {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}.items():
            assert (word in line.split("|")[2]) == (letter in OFFERED[kind]), (kind, word)


def test_the_table_of_tasks_is_that_of_the_steps() -> None:
    """Each standing has a line, and each line the reasons of the step that leads there."""
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in section("Requests, both ways").splitlines() if line.startswith("| `")
    ]
    said = {
        (status.strip("`"), business): reasons
        for status, businesses, _, reasons in lines
        for business in re.findall(r"`([a-z-]+[a-z])`", businesses) or [""]
    }
    assert said.keys() == {(each.status, each.business) for each in STANDING.values()}
    for step in STEPS.values():
        standing = STANDING[step.target]
        if step.by != Side.CLOCK:
            reasons = said[standing.status, standing.business]
            assert step.reasons - {"other-hospital-confirmed"} <= set(reasons.strip("`").split()), standing
    assert states_with(["failed"]) == [State.NO_RESPONSE, State.EXPIRED, State.WITHDRAWN, State.DIVERTED]


def test_every_code_that_the_facade_raises_is_in_the_catalogue() -> None:
    """By what stands in the source; what a shape refuses is ``invalid``."""
    sources = [
        *(ROOT / "integration").glob("*.py"),
        *(ROOT / "integration" / "services").glob("*.py"),
        *(ROOT / "integration" / "views").glob("*.py"),
    ]
    sources += [ROOT / "beds" / "services" / "by_software.py", ROOT / "audit" / "exports" / "queue.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    raised = set(
        re.findall(
            r'(?:Invalid|Conflict|Forbidden|Changed|NotFound|Gone)\(\s*"((?:fhir|task|candidate|request|export|subscription|webhook)\.[a-z_]+)"',
            text,
        )
    )
    ours = {code for code in raised if code != "candidate.other_side"}  # the façade finds no such step before it is taken

    assert len(raised) > 20
    assert {code for code in ours if f"`{code}`" not in TEXT} == set()

"""The manners of every call of beds: a true example, its error codes, one write per key, nothing overwritten unseen, few queries."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker

from beds import services
from beds.examples import SHOWN
from beds.urls import urlpatterns
from tests.platform.test_lists import Scene, counted

ROOT = Path(services.__file__).resolve().parents[2]
DOCUMENT = SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
WRITES = sorted(name for name, (method, _, _) in OPERATIONS.items() if method != "get")
READS = sorted(name for name, (method, _, _) in OPERATIONS.items() if method == "get")
# Written by whoever comes first, whatever was seen: the table and the state decide, not a version.
UNCONDITIONAL = {"begin_conversation", "create_request", "cancel_request", "take_step"}
# Asked by the framework or by identity before a call of beds begins.
OF_EVERY_CALL = {"invalid", "not_found", "session.ended"}
# Of the operator's command that opens a figure; no call raises them.
OF_COMMANDS = {"capacity.known", "capacity.unknown_word", "capacity.beds_and_figure"}
# Of the hospital API, whose catalogue is docs/integration.md.
OF_SOFTWARE = {"candidate.changed", "candidate.needs_signature", "candidate.other_side", "request.no_such_role"}


def strict(schema, *, is_answer):
    """JSON Schema of an OpenAPI 3.0 schema that takes no member it does not know and, for an answer, misses none."""
    if "$ref" in schema:
        return strict(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], is_answer=is_answer)
    made = {key: value for key, value in schema.items() if key not in ("nullable", "allOf", "oneOf", "properties", "items", "required")}
    for key in ("allOf", "oneOf"):
        if key in schema:
            made["anyOf" if key == "oneOf" else key] = [strict(one, is_answer=is_answer) for one in schema[key]]
    if "items" in schema:
        made["items"] = strict(schema["items"], is_answer=is_answer)
    if "properties" in schema:
        made["properties"] = {name: strict(one, is_answer=is_answer) for name, one in schema["properties"].items()}
        made |= {"additionalProperties": False, "required": [*made["properties"]] if is_answer else schema.get("required", [])}
    return {"anyOf": [{"type": "null"}, made]} if schema.get("nullable") else made


def faults(example, schema, *, is_answer):
    validator = Draft202012Validator(strict(schema, is_answer=is_answer), format_checker=FormatChecker())
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(example)]


def contents(operation):
    """Of what is sent and what is answered: ``(content, whether it is an answer)``."""
    sent = operation.get("requestBody", {}).get("content", {}).values()
    answered = [
        content for status, answer in operation["responses"].items() if status != "default" for content in answer["content"].values()
    ]
    return [(content, False) for content in sent] + [(content, True) for content in answered]


def test_every_operation_has_its_example_and_no_other_has():
    assert set(SHOWN) == set(OPERATIONS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_example_is_what_the_operation_takes_and_gives(name):
    found = contents(OPERATIONS[name][2])

    assert found
    for content, is_answer in found:
        assert faults(content["example"], content["schema"], is_answer=is_answer) == []


def test_an_example_that_rots_is_found():
    schema = {"$ref": "#/components/schemas/TemplateOut"}
    good = SHOWN["save_request_template"].answer

    assert faults(good, schema, is_answer=True) == []
    for rotten in (good | {"more": 1}, good | {"urgency": "now"}, good | {"id": 7}, {key: good[key] for key in good if key != "version"}):
        assert faults(rotten, schema, is_answer=True) != []


def codes_of(operation):
    return set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", operation["responses"]["default"]["description"])) - {"code"}


def raised(*parts):
    text = "\n".join(path.read_text() for part in parts for path in (ROOT / part).rglob("*.py") if path.name != "examples.py")
    return set(re.findall(r'"([a-z]+\.[a-z_]+)"', text)) | {f"{part}.version_missing" for part in ("capacity", "template", "escalation")}


def test_every_listed_code_is_one_that_is_raised():
    listed = set().union(*(codes_of(operation) for _, _, operation in OPERATIONS.values()))

    assert listed - OF_EVERY_CALL - raised("beds", "backend", "identity", "messaging", "client/wardline_client/protocol") == set()


def test_every_code_beds_raises_is_listed_somewhere():
    text = "\n".join(path.read_text() for path in (ROOT / "beds").rglob("*.py"))
    thrown = set(re.findall(r'(?:Invalid|Conflict|Forbidden|Changed|NotFound|refusal)\(\s*"([a-z]+\.[a-z_]+)"', text))
    listed = set().union(*(codes_of(operation) for _, _, operation in OPERATIONS.values()))

    assert len(thrown) > 20
    assert thrown - listed - OF_COMMANDS - OF_SOFTWARE == set()


# --- what every write does


def url_of(scene, path):
    """An address of the operation; of things that are there where the scene has them."""
    [capacity] = {scene.ward.figures["kreis"].pk}
    ids = {
        "capacity_id": capacity,
        "unit_id": scene.night.kreis.unit_id,
        "role": scene.night.kreis.role.id,
        "candidate_id": scene.asked["uni"],
    }
    names = re.findall(r"{(\w+)}", path)
    known = {"request_id": scene.asked.id, "action": "withdraw", **ids}
    return path.lstrip("/").format(**{name: known.get(name, uuid4()) for name in names})


def call(person, method, url, body=None, **headers):
    sent = {"X-CSRFToken": person.client.cookies["csrftoken"].value, **headers}
    return getattr(person.client, method)(f"/api/v1/{url}", data=body or {}, content_type="application/json", headers=sent)


@pytest.mark.parametrize("name", WRITES)
def test_a_write_demands_its_key(night, name):
    method, path, operation = OPERATIONS[name]
    scene = Scene(night)

    answer = call(night.adler, method, url_of(scene, path), SHOWN[name].body, **{"If-Match": "1"})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key_missing")
    assert {"idempotency.key_missing", "idempotency.key_reused"} <= codes_of(operation)


@pytest.mark.parametrize("name", sorted(set(WRITES) - UNCONDITIONAL))
def test_a_write_over_something_demands_the_version_seen(night, name):
    method, path, operation = OPERATIONS[name]
    scene = Scene(night)
    keyed = {"Idempotency-Key": str(uuid4())}

    answer = call(night.adler, method, url_of(scene, path), SHOWN[name].body, **keyed)

    code = answer.json()["code"]
    assert (answer.status_code, code.rpartition(".")[2]) == (400, "version_missing")
    assert code in codes_of(operation)
    assert [given["required"] for given in operation["parameters"] if given["name"] == "If-Match"] == [True]


@pytest.mark.parametrize("name", READS)
def test_a_read_takes_few_queries(night, name):
    scene = Scene(night)
    if name == "receipt":
        scene.asked.at("uni", "hold", "confirm")
    url = url_of(scene, OPERATIONS[name][1])

    if name == "statistics_csv":
        assert night.adler.get(url).status_code == 200
    else:
        _, queries = counted(night.adler, url)
        # BEGIN and COMMIT among them; that none grows with the rows is in tests/platform/test_lists.py.
        assert len(queries) <= 14


def test_pages_stay_stable_while_rows_are_added(night, ward):
    made = [str(candidates[0].request_id) for candidates in ward.many(5, "uni")]
    first = night.adler.get("requests?limit=2").json()
    ward.many(3, "uni")

    second = night.adler.get(first["next"].replace("http://localhost:8000", "")).json()

    assert [row["id"] for row in first["results"] + second["results"]] == made[::-1][:4]

"""The official R4 examples, and our own bodies spoilt at every place: read or refused, never an error of ours."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from backend.errors import DomainError
from integration.measures import pushed
from integration.orders import moving, ordered
from integration.scopes import OFFERED
from integration.views.door import FhirParser, FhirRenderer
from tests.cast import Night
from tests.integration.examples import KINDS, examples
from tests.integration.software import FHIR_JSON, Software, occupancy, order
from tests.integration.valid import refused

Json = dict[str, Any]
ID = str(uuid4())
TASK: Json = {
    "resourceType": "Task",
    "id": ID,
    "meta": {"versionId": "1.0"},
    "status": "rejected",
    "intent": "order",
    "businessStatus": {"coding": [{"system": "http://x", "code": "under-review"}]},
    "statusReason": {"coding": [{"system": "http://x", "code": "no-bed"}]},
}
READ: dict[str, tuple[Json, Callable[[Any], object]]] = {
    "ServiceRequest": (order(uuid4(), uuid4(), uuid4()), ordered),
    "MeasureReport": (occupancy(uuid4(), 5, timezone.now(), beds=9, available=1), pushed),
    "Task": (TASK, lambda body: moving(body, ID)),
}
SPOILT: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**400, "", " ", "x" * 70_000, "\0", "\ud800", [], {}, [None], [[]], [{}], {"": ""})


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


def test_there_are_examples_of_every_type_that_is_served() -> None:
    assert {each["resourceType"] for each in examples()} == set(KINDS) == set(OFFERED)
    assert len(examples()) == 67


def test_each_example_comes_out_as_it_went_in() -> None:
    for example in examples():
        body = json.dumps(example).encode()
        read = FhirParser().parse(io.BytesIO(body), FHIR_JSON)
        assert json.loads(FhirRenderer().render(read)) == example


def test_each_example_is_refused_in_words(his: Software) -> None:
    """None of them says what is sought here in codes and nothing of a patient: each is refused, by an outcome."""
    for example in examples():
        kind, body = example["resourceType"], json.dumps(example).encode()
        made = refused(his.pushes(body, to=kind))[0]
        assert made == (400 if "c" in OFFERED[kind] else 405), (kind, example["id"])
        put = his.http.put(f"/fhir/{kind}/{example['id']}", data=body, content_type=FHIR_JSON, headers=his._bearing(None))
        assert refused(put)[0] in ((400, 404) if "u" in OFFERED[kind] else (405,)), (kind, example["id"])


def test_an_example_in_our_codes_is_read(his: Software) -> None:
    """Of the official examples, what is left when our codes are put in and all else is taken out."""
    for example in examples():
        kind = example["resourceType"]
        if kind in READ:
            own, read = READ[kind]
            assert read(
                {name: example.get(name, value) if name in ("id", "meta", "authoredOn") else value for name, value in own.items()}
                | {"id": ID}
            )


@pytest.mark.parametrize("kind", READ)
def test_a_body_spoilt_anywhere_is_read_or_refused(kind: str) -> None:
    own, read = READ[kind]
    assert read(own)
    tried = refusals = 0
    for body in spoilt(own):
        tried += 1
        try:
            read(body)
        except (DomainError, ValidationError):
            refusals += 1
    assert tried > 250
    assert refusals > tried / 2


@pytest.mark.parametrize("kind", READ)
def test_a_required_element_is_required(kind: str) -> None:
    own, read = READ[kind]
    optional = {"period", "businessStatus", "statusReason", "meta", "priority", "orderDetail", "extension"}
    optional |= {"intent"} if kind == "Task" else set()
    for name in own.keys() - optional:
        with pytest.raises((DomainError, ValidationError)):
            read({key: value for key, value in own.items() if key != name})


def spoilt(body: Any) -> Iterator[Any]:
    """The body with each part of it replaced by each of ``SPOILT``."""
    yield from SPOILT
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for place, part in inner:
        for other in spoilt(part):
            copy = dict(body) if isinstance(body, dict) else list(body)
            copy[place] = other
            yield copy

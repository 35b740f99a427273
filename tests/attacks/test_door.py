"""What never reaches a view: methods nobody serves, and bodies in an encoding of the sender's choice."""

import json
import tracemalloc
import zlib
from typing import Any

import pytest

from tests.attacks.knocking import knock
from tests.cast import CSRF
from tests.integration.valid import is_valid

CHARSETS = ["zlib_codec", "bz2", "utf-7", "utf-16", "idna", "undefined", "rot13", "no-such-thing", "utf-8; charset*=utf-8''hex"]
READINGS = [b"[" * 200_000, b'{"a":' * 100_000, b'{"token":"a","token":"b"}', b'{"token":NaN}', b"\xff{}", b"9" * 5000]
BROWSER = {"cookie": f"csrftoken={CSRF}", "x-csrftoken": CSRF}


@pytest.fixture(scope="module")
def night(shared_night: Any) -> Any:
    return shared_night


@pytest.mark.parametrize("method", ["FRAU-MUSTER-ZIMMER-4", "TRACE", "CONNECT", "PROPFIND", "A" * 70_000])
def test_a_method_is_no_way_to_write_into_logs_metrics_and_audit(night: Any, method: str) -> None:
    answer = knock(method, "/api/v1/directory")

    assert (answer.status, b'"method_not_allowed"' in answer.body) == (405, True)
    assert method.encode() not in answer.body


@pytest.mark.parametrize(
    "charset", ["zlib_codec", "bz2", "utf-7", "utf-16", "idna", "undefined", "rot13", "no-such-thing", "utf-8\"; charset*=utf-8''hex"]
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_is_utf_8_or_refused(night: Any, kind: str, charset: str) -> None:
    """Python knows "encodings" that decompress, and some that fail on any query string."""
    headers = BROWSER | {"content-type": f"{kind}; Charset={charset}"}

    answer = knock("POST", "/api/v1/session", b"{}", query=b"after=%31", headers=headers)

    assert (answer.status, b'"unsupported_media_type"' in answer.body) == (415, True)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_utf_8_by_its_name_is_welcome(night: Any, charset: str) -> None:
    answer = knock("POST", "/api/v1/session", b"{}", headers=BROWSER | {"content-type": f"application/json; charset={charset}"})

    assert (answer.status, b'"invalid"' in answer.body) == (400, True)


def test_a_small_body_does_not_become_a_large_one(night: Any) -> None:
    kind = "application/json; charset=zlib_codec"
    bomb = zlib.compress(b" " * 64 * 1024 * 1024)
    tracemalloc.start()
    try:
        knock("POST", "/api/v1/session", bomb, headers=BROWSER | {"content-type": kind})
        night.anonymous.client.generic("POST", "/api/v1/session", bomb, content_type=kind, headers=BROWSER)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 100_000, b'{"token":"a","token":"b"}', b'{"token":NaN}', b"\xff{}", b"9" * 5000]
)
def test_json_has_one_reading(night: Any, body: bytes) -> None:
    answer = night.anonymous.client.generic(
        "POST", "/api/v1/invitations/look", body, content_type="application/json", headers={"X-CSRFToken": CSRF}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [("TRACE", {}, 405), ("POST", {"content-length": "4194305"}, 413), ("POST", {"content-type": "application/fhir+xml"}, 415)],
)
def test_the_hospitals_software_is_refused_in_its_own_words(method: str, headers: dict[str, str], status: int) -> None:
    answer = knock(method, "/fhir/MeasureReport", b"{}", headers=headers)

    assert answer.status == status
    assert is_valid(json.loads(answer.body))["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("length", ["4194305", "-1", "x", "9" * 30])
def test_a_length_nobody_takes(length: str) -> None:
    answer = knock("POST", "/api/v1/session", headers={"content-length": length})

    assert answer.status == 413
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'"

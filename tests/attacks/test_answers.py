"""What every answer carries, whoever asks, and what it must not."""

import io
import logging
from http.cookies import Morsel
from uuid import uuid4

import pytest
from django.test import Client

from backend.logs import configure
from tests.attacks.knocking import knock
from tests.cast import CSRF, Night

ADDRESSES = [
    "/",
    "/api/v1/session",
    "/api/v1/session/unlock",
    "/api/v1/directory",
    "/api/v1/nowhere",
    "/audit/logs/",
    "/audit/logs",
    "/healthz",
]
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"]
EVERYBODY = ["anonymous", "pending", "adler", "former_colleague", "revoked_device"]


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.mark.parametrize("who", EVERYBODY)
def test_every_answer_forbids_scripts_of_others_frames_and_guessing(night: Night, who: str) -> None:
    for address in [*ADDRESSES, f"/audit/logs/{uuid4()}/checkpoint"]:
        answer = night.person(who).get(address)
        b"".join(answer)
        answer.close()
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_browser_keeps_no_answer_of_the_api(night: Night, who: str) -> None:
    """A phone's cache on disk outlives the lock screen: it must not hold a share, a directory, a sealed message."""
    for address in (address for address in ADDRESSES if address.startswith("/api/")):
        assert "no-store" in night.person(who).get(address).headers["Cache-Control"]
    assert "no-store" in night.person(who).post("invitations/look", {"token": "a"}).headers["Cache-Control"]


def test_the_cookies_are_for_this_site_and_the_session_for_no_script(night: Night) -> None:
    visitor = Client(HTTP_HOST="localhost:8000", enforce_csrf_checks=True)
    visitor.get("/api/v1/session")
    token = visitor.cookies["csrftoken"]
    visitor.post("/api/v1/session/options", data="{}", content_type="application/json", headers={"X-CSRFToken": token.value})

    session: Morsel[str] = visitor.cookies["wardline"]
    assert (session["httponly"], session["samesite"], session["path"], session["domain"]) == (True, "Strict", "/", "")
    assert (token["samesite"], token["domain"]) == ("Strict", "")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:8000@evil.example", "evil.example#localhost"])
def test_another_host_is_no_address_of_ours_and_stands_in_no_log(night: Night, host: str) -> None:
    root = logging.getLogger()
    former = list(root.handlers)
    configure({})  # as every process does at its start
    root.handlers[0].setStream(written := io.StringIO())  # type: ignore[attr-defined]
    try:
        answer = Client(raise_request_exception=False).get("/api/v1/session", HTTP_HOST=host)
    finally:
        root.handlers[:] = former

    assert answer.status_code == 400
    assert host.encode() not in answer.content
    assert "evil" not in written.getvalue()


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "//evil.example/audit/logs",
        "/\\evil.example/audit/logs",
        "/%2f%2fevil.example",
        "/audit/logs?next=//evil.example",
    ],
)
def test_nobody_is_sent_elsewhere(night: Night, path: str) -> None:
    answer = Client(HTTP_HOST="localhost:8000").get(path)

    target = answer.headers.get("Location", "/")
    b"".join(answer)
    answer.close()
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8001", "https://localhost:8000", "http://localhost:8000.evil.example"]
)
def test_a_page_of_another_origin_writes_nothing_even_with_the_token(night: Night, origin: str) -> None:
    answer = night.adler.post("device-links", {"token": "a" * 43, "sealed": "AA"}, Origin=origin)

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf.failed")


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain"]
)
def test_a_form_is_no_request(night: Night, kind: str) -> None:
    """What another site's page can post without asking first."""
    cookies = f"csrftoken={CSRF}; wardline={night.adler.session_key}"
    headers = {"cookie": cookies, "x-csrftoken": CSRF, "idempotency-key": str(uuid4()), "content-type": kind}

    answer = knock("POST", "/api/v1/device-links", b"token=a", headers=headers)

    assert (answer.status, b'"unsupported_media_type"' in answer.body) == (415, True)

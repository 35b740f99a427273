"""``/healthz``, ``/readyz``, ``/metrics``, and what a request leaves behind in the log."""

import io
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from backend.logs import configure


def test_alive_asks_nobody(client: Client) -> None:
    # No database mark: a query would fail the test.
    assert client.get("/healthz").json() == {"status": "alive"}


@pytest.mark.django_db
def test_ready_when_database_and_redis_answer(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "redis": True})


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    try:
        answer = client.get("/readyz")
    finally:
        connection.close()
    assert (answer.status_code, answer.json()) == (503, {"database": False, "redis": True})


@pytest.mark.django_db
def test_not_ready_without_redis(client: Client, settings: object) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": True, "redis": False})


@pytest.mark.django_db
class TestMetrics:
    def test_loopback_reads_them(self, client: Client) -> None:
        client.get("/healthz")
        text = client.get("/metrics").content.decode()
        assert 'route="healthz"' in text
        assert "wardline_audit_pending_age_seconds" in text

    def test_a_proxys_caller_does_not(self, client: Client) -> None:
        assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 404

    def test_another_machine_does_not(self, client: Client) -> None:
        assert client.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 404

    def test_with_a_token_only_the_token(self, client: Client, settings: object) -> None:
        settings.METRICS_TOKEN = "right"  # type: ignore[attr-defined]
        assert client.get("/metrics").status_code == 404
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
        assert client.get("/metrics", REMOTE_ADDR="203.0.113.5", headers={"Authorization": "Bearer right"}).status_code == 200


@pytest.mark.django_db
class TestLog:
    @pytest.fixture
    def lines(self) -> Iterator[Callable[[], list[dict[str, Any]]]]:
        root = logging.getLogger()
        former = list(root.handlers)
        configure({})
        written = io.StringIO()
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
        root.handlers[:] = former

    def test_a_request_is_its_route_and_nothing_of_its_path_or_query(
        self, client: Client, lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        id = uuid.uuid4()
        answer = client.get(f"/api/v1/requests/{id}?note=Erika-Mustermann", headers={"X-Request-ID": "Erika Mustermann"})
        written = lines()
        assert [line["event"] for line in written] == ["request"]
        assert written[0]["status"] == answer.status_code
        assert written[0]["request_id"] == answer["X-Request-ID"]
        text = json.dumps(written)
        assert str(id) not in text
        assert "Mustermann" not in text

    def test_an_exception_is_its_type_and_place_without_its_message(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        try:
            raise ValueError("Erika Mustermann")
        except ValueError:
            logging.getLogger("wardline.test").exception("It failed.")
        (line,) = lines()
        assert line["exception"]["type"] == "ValueError"
        assert "test_health.py" in line["exception"]["places"][0]
        assert "Mustermann" not in json.dumps(line)

"""The web client's files as a browser gets them."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def visitor(tmp_path: Path, settings: Any) -> Client:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Wardline</title>")
    (tmp_path / "assets" / "index-Ab3_x-9Z.css").write_text("body { margin: 0 }")
    settings.WHITENOISE_ROOT = tmp_path
    return Client(HTTP_HOST="localhost:8000")


def test_what_carries_its_hash_may_be_kept_and_the_page_is_asked_for_again(visitor: Client) -> None:
    kept, asked = visitor.get("/assets/index-Ab3_x-9Z.css"), visitor.get("/")

    assert b"margin" in kept.getvalue()
    assert (kept.status_code, kept["Content-Type"], "immutable" in kept["Cache-Control"]) == (200, 'text/css; charset="utf-8"', True)
    assert (asked.status_code, asked["Cache-Control"]) == (200, "no-cache")
    assert b"Wardline" in asked.getvalue()


@pytest.mark.parametrize("path", ["/assets/index-0000000Z.css", "/assets/index-0000000Z.js", "/assets/", "/request/1"])
def test_a_stale_page_does_not_get_the_new_page_for_its_styles(visitor: Client, path: str) -> None:
    answer = visitor.get(path)

    assert answer.status_code == 404
    assert b"Wardline" not in answer.content

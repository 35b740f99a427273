"""A database that is away, briefly: the caller is told to repeat, in the shape of every error."""

import pytest
from django.db import connection

from tests.cast import Night


def test_a_call_is_to_be_repeated(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        connection.close()
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        away.setitem(connection.settings_dict, "OPTIONS", {})
        answer = night.adler.get("requests")
        connection.close()

    assert (answer.status_code, answer.json()["code"]) == (503, "service.try_again")
    assert answer.headers["Retry-After"] == "1"
    assert night.adler.get("requests").status_code == 200

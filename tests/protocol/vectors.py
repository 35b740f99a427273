"""Reads `tests/vectors/`: every case becomes one test named after it."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from wardline_client.protocol.encoding import decode
from wardline_client.protocol.errors import ProtocolError

FOLDER = Path(__file__).parent.parent / "vectors"

type_case = dict[str, Any]


@functools.cache
def layer(file: str) -> type_case:
    return json.loads((FOLDER / f"{file}.json").read_text("utf-8"))


def each(file: str, *lists: str) -> pytest.MarkDecorator:
    """Parametrize ``case`` with the cases of the lists."""
    cases = [case for name in lists for case in layer(file)[name]]
    assert cases, f"no case in {file} {lists}"
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def binary(case: type_case, *names: str) -> list[bytes]:
    return [decode(case[name]) for name in names]


def refused(case: type_case) -> "pytest.RaisesExc[ProtocolError]":
    """Expects exactly the case's stable code."""
    return pytest.raises(ProtocolError, check=lambda error: error.code == case["error"])

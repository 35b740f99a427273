"""What the documents name is there: calls of the API, functions, files."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PARTS = "audit|backend|beds|demo|identity|integration|messaging|wardline_client|wardline_verify|wardline_witness"
# What an audit event or an error is called looks like a module's member: those names belong to logs and answers.
CODE = re.compile(rf"`((?:{PARTS})(?:\.[A-Za-z_]+)+)(?:\([^`]*\))?`")
LISTED = re.compile(rf"^((?:{PARTS})(?:\.[A-Za-z_]+)+)", re.MULTILINE)  # in a block of Python
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|ts|json|yaml|md|svelte))`")


def test_the_contract_has_every_call_and_no_other() -> None:
    contract = (ROOT / "docs" / "api-contract.md").read_text()
    named = {(verb, re.sub(r"<[^>]+>", "{}", path)) for verb, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)", contract)}
    described = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())["paths"]
    calls = {
        (verb.upper(), re.sub(r"\{[^}]+\}", "{}", path.removeprefix("/api/v1")))
        for path, verbs in described.items()
        for verb in verbs.keys() & {"get", "post", "put", "patch", "delete"}
    }

    assert {call for call in named if not call[1].startswith("/audit/logs/")} == calls


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_code_and_files_exist(document: Path) -> None:
    text = document.read_text()
    events = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', "\n".join(path.read_text() for path in python_files())))

    names = CODE.findall(text) + LISTED.findall("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)))

    assert [name for name in names if name not in events and not resolves(name)] == []
    assert [name for name in FILE.findall(text) if not any((folder / name).exists() for folder in (ROOT, ROOT / "client"))] == []


def python_files() -> list[Path]:
    return [path for part in ("audit", "backend", "beds", "identity", "integration", "messaging") for path in (ROOT / part).rglob("*.py")]


def resolves(name: str) -> bool:
    """A module, a member of one, or a member of a class."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for member in parts[length:]:
            if not hasattr(found, member):
                return False
            found = getattr(found, member)
        return True
    return False

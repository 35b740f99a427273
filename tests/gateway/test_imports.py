"""The gateway runs in a hospital without the service: it imports nothing of it, and the service nothing of the gateway."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = ("audit", "backend", "beds", "identity", "integration", "messaging")


def imported(folder: Path) -> set[str]:
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found


def test_the_gateway_imports_nothing_of_the_service():
    found = imported(ROOT / "client" / "wardline_gateway")

    assert "wardline_client" in found
    assert found.isdisjoint({*SERVER, "django"})


def test_nobody_imports_the_gateway():
    for part in (*SERVER, "client/wardline_client", "client/wardline_verify", "client/wardline_witness"):
        assert "wardline_gateway" not in imported(ROOT / part), part

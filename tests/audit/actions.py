"""Every action the product has, read from its code and from the walks that do all of it once."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from beds.transitions import STEPS
from tests.audit.test_clock_complete import CLOCK
from tests.audit.walk import ROWS

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("audit", "beds", "identity", "integration", "messaging", "backend")
_is_code = re.compile(r"(api|audit|beds|identity|integration|messaging|privacy)\.[a-z_]+").fullmatch
# Who takes a code of that form that is no action: errors and their answers, the process's own log, Django.
OTHERS = {"Answer.refused", "Conflict", "Forbidden", "Gone", "Invalid", "NotFound", "TooMany", "Unavailable", "include", "str"}
# Words of the process's own log (docs/audit-log.md, "Running it").
ALARMS = {
    "audit.cannot_publish",
    "audit.fork_refused",
    "audit.witness_ahead",
    "audit.witness_fork",
}


@cache
def all_actions() -> list[str]:
    walked = {event.partition(":")[0] for row in ROWS.values() for event in row.events}
    timed = {event.partition(":")[0] for rows in CLOCK.values() for row in rows for event in row.events}
    steps = {f"beds.{step.replace('-', '_')}" for step in STEPS}
    written = {code for part in PARTS for path in (ROOT / part).rglob("*.py") if "migrations" not in path.parts for code in _codes(path)}
    return sorted((walked | timed | steps | written) - ALARMS)


def _codes(path: Path) -> Iterator[str]:
    """Literal actions, and the verbs that ``beds`` puts its name before."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "verb"
            and isinstance(node.value, ast.Constant)
            and path.is_relative_to(ROOT / "beds")
        ):
            yield f"beds.{node.value.value.replace('-', '_')}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_code(node.value) and not _is_taken(node, above):
            yield node.value


def _is_taken(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """By a call that is about something else."""
    while node in above and not isinstance(node, ast.Call | ast.stmt):
        node = above[node]
    callee = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return callee in OTHERS or callee.partition(".")[0] in ("log", "logger")

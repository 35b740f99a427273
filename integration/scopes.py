"""What a hospital's software may be allowed (SMART App Launch 2.2, scopes of system level).

Invariant: the list is closed: a scope is one of ``SCOPES``, and what is asked for in other words (``system/*.rs``, ``.crs``) is taken
apart into them. There is none that reaches a conversation or another hospital. No Django.
"""

from collections.abc import Iterable

# Resource type and what of c(reate), r(ead), u(pdate), d(elete), s(earch) there is.
OFFERED = {
    "Organization": "rs",
    "Location": "rs",
    "PractitionerRole": "rs",
    "ServiceRequest": "crs",
    "Task": "rus",
    "MeasureReport": "crs",
    "AuditEvent": "rs",
    "Subscription": "crds",
}
SCOPES = tuple(f"system/{kind}.{letter}" for kind, letters in OFFERED.items() for letter in letters)


def taken_apart(asked: str) -> frozenset[str]:
    """The single scopes in what a client asks for; words that are none of ours stand for nothing."""
    found: set[str] = set()
    for word in asked.split():
        level, _, rest = word.partition("/")
        kind, _, letters = rest.partition(".")
        kinds = OFFERED if kind == "*" else {kind}
        found |= {f"{level}/{each}.{letter}" for each in kinds for letter in letters}
    return frozenset(found) & frozenset(SCOPES)


def put_together(scopes: Iterable[str]) -> str:
    """As SMART writes them, one per resource type: ``system/MeasureReport.crs``."""
    held = set(scopes)
    letters = {kind: "".join(letter for letter in offered if f"system/{kind}.{letter}" in held) for kind, offered in OFFERED.items()}
    return " ".join(f"system/{kind}.{each}" for kind, each in letters.items() if each)

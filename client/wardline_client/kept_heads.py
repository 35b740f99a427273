"""What a client keeps of the directory's logs from one start to the next.

Invariant: nothing secret is in it, and everything that must not be forgotten is: how far each log had grown, the key its heads are signed
with, and what did not fit.
"""

from typing import Any
from uuid import UUID

from wardline_client.protocol import decode, encode
from wardline_client.protocol.notes import LogKey, as_head, head_members
from wardline_client.protocol.watching import Claim, Head, Log, Trouble, Watching

Json = dict[str, Any]


def dump(watching: Watching) -> Json:
    """JSON-ready."""
    key = watching.key
    logs = {str(hospital): _dump_log(log) for hospital, log in watching.logs.items()}
    return {"key": [key.base, encode(key.public)] if key else None, "logs": logs}


def load(own: UUID, kept: Json | None) -> Watching:
    """``None``: a device that has seen nothing yet."""
    if kept is None:
        return Watching(own)
    key = kept["key"]
    logs = {UUID(hospital): _load_log(log) for hospital, log in kept["logs"].items()}
    return Watching(own, LogKey(key[0], decode(key[1])) if key else None, logs)


def _dump_log(log: Log) -> Json:
    known = log.head if len(log.tree) >= (log.known.size if log.known else 0) else log.known
    return {
        "known": _head(known) if known and known.size else None,
        "signed": head_members(log.signed) if log.signed else None,
        "claims": [[str(claim.by), head_members(claim.head)] for claim in log.claims],
        "trouble": _dump_trouble(log.lasting) if log.lasting else None,
        "stated": [encode(leaf) for leaf in sorted(log.stated)],
    }


def _load_log(kept: Json) -> Log:
    return Log(
        known=_read(kept["known"]) if kept["known"] else None,
        signed=as_head(kept["signed"]) if kept["signed"] else None,
        claims=[Claim(as_head(head), UUID(by)) for by, head in kept["claims"]],
        lasting=_load_trouble(kept["trouble"]) if kept["trouble"] else None,
        stated={decode(leaf) for leaf in kept["stated"]},
    )


def _dump_trouble(trouble: Trouble) -> Json:
    by = str(trouble.by) if trouble.by else None
    return {"code": trouble.code, "mine": _head(trouble.mine), "shown": _head(trouble.shown), "by": by}


def _load_trouble(kept: Json) -> Trouble:
    by = UUID(kept["by"]) if kept["by"] else None
    return Trouble(kept["code"], _read(kept["mine"]), _read(kept["shown"]), by)


def _head(head: Head) -> list[int | str]:
    return [head.size, encode(head.root)]


def _read(kept: list[Any]) -> Head:
    return Head(kept[0], decode(kept[1]))

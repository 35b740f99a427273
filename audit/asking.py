"""``add-checkpoint`` over HTTP.

Invariant: whatever a witness does (silence, a drip, a flood, a redirect) costs seconds and kilobytes. Runs in threads of its own and
touches no database.
"""

import time
from dataclasses import dataclass

import httpx

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 5.0, 10.0
ROUND_SECONDS = 60.0  # less than a claim's lease
MOST_BYTES = 16 * 1024
# What goes to this machine does not go through the proxy for the rest of the world.
_DIRECT: dict[str, httpx.BaseTransport | None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}


@dataclass(frozen=True, slots=True)
class Reply:
    """``status`` 0: none came."""

    status: int
    body: str


SILENCE = Reply(0, "")


def ask_all(url: str, bodies: list[bytes]) -> list[Reply]:
    """One request after the other on one connection; after the first that gets no answer the rest are not tried."""
    replies: list[Reply] = []
    deadline = time.monotonic() + ROUND_SECONDS
    with httpx.Client(timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), mounts=_DIRECT) as client:
        for body in bodies:
            is_silent = SILENCE in replies or time.monotonic() > deadline
            replies.append(SILENCE if is_silent else _ask(client, f"{url}/add-checkpoint", body))
    return replies


def _ask(client: httpx.Client, url: str, body: bytes) -> Reply:
    deadline, content = time.monotonic() + WHOLE_SECONDS, b""
    try:
        with client.stream("POST", url, content=body, headers={"Content-Type": "text/plain; charset=utf-8"}) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MOST_BYTES or time.monotonic() > deadline:
                    return SILENCE
            return Reply(answer.status_code, content.decode(errors="replace"))
    except (httpx.HTTPError, httpx.InvalidURL):
        return SILENCE

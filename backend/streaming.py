"""Long answers.

Invariant: however long the file, an answer holds one piece of it in memory, under WSGI and ASGI alike.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request

NEVER = "private, no-store"


def streamed(
    request: Request, pieces: Iterator[bytes], *, content_type: str, headers: dict[str, str], status: int = 200
) -> StreamingHttpResponse:
    # An ASGI server would gather an ordinary iterator in memory before it sends the first byte.
    content = _in_turns(pieces) if isinstance(request._request, ASGIRequest) else pieces
    return StreamingHttpResponse(content, status=status, content_type=content_type, headers=headers)


async def _in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = partial(next, pieces, None)
    while (piece := await sync_to_async(following)()) is not None:
        yield piece

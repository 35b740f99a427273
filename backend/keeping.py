"""What a browser may keep of an answer.

Invariant: of the API nothing, unless the view says otherwise: a cache on a phone's disk outlives the lock screen.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

API = ("/api/", "/fhir/")


@sync_and_async_middleware
def keep_nothing(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if asyncio.iscoroutinefunction(get_response):
        return _keep_nothing_async(get_response)

    def middleware(request: HttpRequest) -> HttpResponse:
        return _mark(request, get_response(request))

    return middleware


def _keep_nothing_async(get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    async def middleware(request: HttpRequest) -> HttpResponse:
        return _mark(request, await get_response(request))

    return middleware


def _mark(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if request.path.startswith(API):
        response.headers.setdefault("Cache-Control", "no-store")
    return response

"""The service as JSON over HTTP: cookies, CSRF, idempotency keys, errors by code.

Invariant: a write keeps its idempotency key over every repetition, so a lost answer never means a thing done twice.
"""

import ssl
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

Json = dict[str, Any]

_ATTEMPTS: Final = 3
_CSRF_COOKIE: Final = "csrftoken"


class ApiError(Exception):
    """The service refused. ``code`` is stable, ``extra`` holds the facts beside it, e.g. ``state``."""

    def __init__(self, status: int, body: Json) -> None:
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail", ""))
        self.extra = {name: value for name, value in body.items() if name not in ("code", "detail")}
        super().__init__(f"{status} {self.code}: {self.detail}")


class Api:
    """One browser-like connection to one service; paths are below ``/api/v1/``."""

    def __init__(
        self,
        address: str,
        *,
        origin: str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 30,
        verify: bool | ssl.SSLContext = True,
    ) -> None:
        """``origin`` is the service's public one where ``address`` reaches it another way, e.g. past its proxy."""
        parts = urlsplit(address)
        self.address = f"{parts.scheme}://{parts.netloc}"
        self.origin = origin or self.address
        headers = {"Origin": self.origin, "Referer": self.origin + "/", "Accept": "application/json"}
        self._http = httpx.Client(
            base_url=self.address + "/api/v1/", transport=transport, timeout=timeout, verify=verify, headers=headers, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def cookie_header(self) -> str:
        """The session's cookies, for the socket."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._http.cookies.jar)

    def get(self, path: str, **parameters: object) -> Any:
        """Raises ``ApiError``; ``httpx.TransportError`` when the service cannot be reached."""
        chosen: dict[str, Any] = {name: value for name, value in parameters.items() if value is not None}
        return self._checked(self._send("GET", path, params=chosen))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Raises like ``get``. Repeats itself with the same key when the connection breaks."""
        return self._checked(self._send("POST", path, json=dict(body or {}), headers=self._write_headers()))

    def put(self, path: str, body: Mapping[str, Any], **headers: str) -> Any:
        chosen = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._checked(self._send("PUT", path, json=dict(body), headers=self._write_headers() | chosen))

    def delete(self, path: str) -> Any:
        return self._checked(self._send("DELETE", path, headers=self._write_headers()))

    def put_bytes(self, path: str, data: bytes) -> Any:
        headers = self._write_headers() | {"Content-Type": "application/octet-stream"}
        return self._checked(self._send("PUT", path, content=data, headers=headers))

    def stream(self, path: str) -> Iterator[bytes]:
        """The body of an answer in parts, as they arrive."""
        with self._http.stream("GET", path) as response:
            if response.is_error:
                response.read()
                self._checked(response)
            yield from response.iter_bytes()

    def results(self, path: str, **parameters: object) -> list[Json]:
        """All rows of a list, over all its pages."""
        answer = self.get(path, **parameters)
        rows: list[Json] = answer["results"]
        while following := answer.get("next"):
            answer = self.get(following)
            rows.extend(answer["results"])
        return rows

    def _write_headers(self) -> dict[str, str]:
        headers = {"Idempotency-Key": str(uuid4())}
        if token := self._http.cookies.get(_CSRF_COOKIE):
            headers["X-CSRFToken"] = token
        return headers

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._http.request(method, path, **arguments)
            except httpx.TransportError:
                time.sleep(0.2 * attempt)
        return self._http.request(method, path, **arguments)

    @staticmethod
    def _checked(response: httpx.Response) -> Any:
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
        if response.is_error:
            raise ApiError(response.status_code, body if isinstance(body, dict) else {"detail": response.text[:200]})
        return body

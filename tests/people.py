"""Somebody with keys, a device and an API client; and the hospital and role they belong to. See ``tests.cast``."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client
from django.utils import timezone

from identity.actors import Actor, actor_of_session
from wardline_client.protocol import Profile, Statement
from wardline_client.protocol.keys import PrincipalKeys
from wardline_client.protocol.profiles import make_profile
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import Body, make_statement

CSRF = "c" * 32


@cache
def keys_of(name: str) -> PrincipalKeys:
    """Key material is made once per process; what is signed with it is made anew for every test."""
    keys = PrincipalKeys(secrets.token_bytes(32))
    assert keys.kem
    assert keys.sign
    return keys


@cache
def signing_key(name: str) -> SigningKey:
    return SigningKey(secrets.token_bytes(32))


class Caller:
    """An API client with a browser's manners; ``cookie`` is the session's."""

    def __init__(self, cookie: str | None) -> None:
        self.session_key = cookie
        # An address of its own, so that rate limits count each test's people apart.
        octets = secrets.token_bytes(3)
        self.address = f"10.{octets[0]}.{octets[1]}.{octets[2]}"
        self.client = self.new_client()

    def new_client(self) -> Client:
        client = Client(enforce_csrf_checks=True, REMOTE_ADDR=self.address, HTTP_HOST="localhost:8000")
        client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
        if self.session_key:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.session_key
        return client

    def get(self, url: str, **headers: str) -> Any:
        return self.client.get(_path(url), headers=headers)

    def post(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("post", url, body, key, headers)

    def put(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("put", url, body, key, headers)

    def patch(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("patch", url, body, key, headers)

    def delete(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Any:
        return self._write("delete", url, body, key, headers)

    def posting(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Callable[[], Any]:
        """The same call for later, on a client of its own (a thread must not share cookies)."""
        client = self.new_client()
        return lambda: self._write("post", url, body, key, headers, client)

    def putting(self, url: str, body: Any = None, *, key: UUID | None = None, **headers: str) -> Callable[[], Any]:
        client = self.new_client()
        return lambda: self._write("put", url, body, key, headers, client)

    def _write(self, method: str, url: str, body: Any, key: UUID | None, headers: dict[str, str], client: Client | None = None) -> Any:
        is_raw, client = isinstance(body, bytes), client or self.client
        token = client.cookies[settings.CSRF_COOKIE_NAME].value
        sent = {"Idempotency-Key": str(key or uuid4()), "X-CSRFToken": token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if is_raw else json.dumps({} if body is None else body, default=_plain)
        kind = "application/octet-stream" if is_raw else "application/json"
        return getattr(client, method)(_path(url), data=data, content_type=kind, headers=sent)


class Someone(Caller):
    """A person on a device."""

    def __init__(self, place: "Place", name: str, *, cookie: str | None, device: str = "phone") -> None:
        super().__init__(cookie)
        self.place, self.name = place, name
        self.id, self.pseudonym, self.device_id, self.sign_in_id = uuid4(), uuid4(), uuid4(), uuid4()
        self.keys = keys_of(f"{place.name} {name}")
        self.device_key = signing_key(f"{place.name} {name} {device}")
        self.profile = make_profile(Profile(name=name, title="Dr.", profession="physician", speciality="anaesthesia"))

    @property
    def hospital(self) -> UUID:
        return self.place.id

    def actor(self) -> Actor:
        found = actor_of_session(self.session_key)
        assert found is not None
        return found

    def states(self, kind: str, subject: UUID, body: Body, prev: Statement | None = None) -> Statement:
        """A statement this person signs with the user key."""
        return make_statement(
            kind=kind, hospital=self.place.id, subject=subject, body=body, by=self.id, key=self.keys.sign, at=timezone.now(), prev=prev
        )


@dataclass(eq=False)
class Role:
    """A duty role of a place; ``statement`` is the latest about it."""

    id: UUID
    name: str
    keys: PrincipalKeys
    statement: Statement
    eligible: list[Someone]
    profile: bytes
    generation: int = 1


@dataclass(eq=False)
class Place:
    """A hospital. ``slug`` is unique to the test; ``name`` is the one of the story."""

    name: str
    id: UUID = field(default_factory=uuid4)
    unit_id: UUID = field(default_factory=uuid4)
    slug: str = ""
    registrar: Someone = None  # type: ignore[assignment]
    archive: Someone = None  # type: ignore[assignment]
    role: Role = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.slug = f"{self.name}-{self.id.hex[:10]}"

    @property
    def root(self) -> SigningKey:
        return signing_key(f"{self.name} root")


def new_cookie() -> str:
    return secrets.token_hex(16)


def _path(url: str) -> str:
    return url if url.startswith("/") else f"/api/v1/{url}"


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)

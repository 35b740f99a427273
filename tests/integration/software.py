"""A hospital's software, with keys of its own, signing in as ``authlib`` has it.

``Software(registrar)`` is let in by the registrar through the API; ``signs(**claims)`` makes an assertion with claims changed at will,
``asks(assertion)`` takes it to the token address, ``token()`` does both. ``reads(path)`` and ``pushes(report)`` call the façade, with a
token of everything it may unless another is given.
"""

import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from django.conf import settings
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from integration.scopes import SCOPES
from tests.cast import Night, Someone
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.epochs import seal_epoch

FHIR_JSON = "application/fhir+json"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Software:
    def __init__(self, registrar: Someone, scopes: tuple[str, ...] = SCOPES, *, is_rsa: bool = False) -> None:
        self.registrar, self.scopes, self.id = registrar, scopes, uuid4()
        self.key = new_key(is_rsa=is_rsa)
        self.kept = ""
        octets = secrets.token_bytes(3)
        self.http = Client(REMOTE_ADDR=f"10.{octets[0]}.{octets[1]}.{octets[2]}", HTTP_HOST="localhost:8000")

    def enters(self, **changed: Any) -> Any:
        return self.registrar.put(f"integration-clients/{self.id}", self.draft(**changed))

    def draft(self, **changed: Any) -> dict[str, Any]:
        return {"name": "KIS", "scopes": list(self.scopes), "jwks": {"keys": [public(self.key)]}} | changed

    def entered(self) -> "Software":
        assert self.enters().status_code == 201
        return self

    def signs(self, *, key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        key = key or self.key
        algorithm = "RS384" if key.key_type == "RSA" else "ES384"
        given = {"iss": str(self.id), "sub": str(self.id), "aud": token_endpoint(), "exp": int(time.time()) + 240, "jti": uuid4().hex}
        claims = {name: value for name, value in (given | changed).items() if value is not None}
        head = {"alg": algorithm, "typ": "JWT", "kid": key.kid} | (header or {})
        return jwt.encode(head, claims, key, algorithms=[head["alg"]])

    def asks(self, assertion: str, scope: str = "system/*.cruds", **changed: str) -> Any:
        given = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": assertion, "scope": scope}
        body = urlencode(given | changed)
        return self.http.post("/fhir/token", data=body, content_type="application/x-www-form-urlencoded")

    def token(self, scope: str = "system/*.cruds") -> str:
        answer = self.asks(self.signs(), scope)
        assert answer.status_code == 200, answer.content
        return str(answer.json()["access_token"])

    def reads(self, path: str, token: str | None = None, **headers: str) -> Any:
        return self.http.get(f"/fhir/{path}", headers=self._bearing(token) | headers)

    def pushes(self, report: Any, token: str | None = None, *, kind: str = FHIR_JSON, to: str = "MeasureReport") -> Any:
        body = report if isinstance(report, bytes) else json.dumps(report).encode()
        return self.http.post(f"/fhir/{to}", data=body, content_type=kind, headers=self._bearing(token))

    def searches(self, kind: str, asked: str, token: str | None = None, *, path: str = "") -> Any:
        """By ``POST``: what is asked stands in the body, and in ``path`` perhaps."""
        form = "application/x-www-form-urlencoded"
        return self.http.post(f"/fhir/{kind}/_search{path}", data=asked, content_type=form, headers=self._bearing(token))

    def deletes(self, path: str, token: str | None = None) -> Any:
        return self.http.delete(f"/fhir/{path}", headers=self._bearing(token))

    def asks_for(self, order: dict[str, Any], token: str | None = None, *, once: bool | str = False) -> Any:
        """A ServiceRequest; ``once``: as a conditional create on its identifier, or on what is given."""
        headers = self._bearing(token)
        if once is not False:
            (named,) = order["identifier"]
            own = "identifier=" + quote(f"{named['system']}|{named['value']}")
            headers |= {"If-None-Exist": own if once is True else once}
        return self.http.post("/fhir/ServiceRequest", data=json.dumps(order).encode(), content_type=FHIR_JSON, headers=headers)

    def subscribes(self, endpoint: str, token: str | None = None, **changed: Any) -> Any:
        """To its Tasks."""
        body = subscription(endpoint) | changed
        return self.http.post("/fhir/Subscription", data=json.dumps(body).encode(), content_type=FHIR_JSON, headers=self._bearing(token))

    def moves(
        self, task: dict[str, Any], to: str, business: str = "", *, reason: str = "", token: str | None = None, **headers: str
    ) -> Any:
        """A Task as it was read, with another status."""
        body = task | {"status": to}
        body |= {"businessStatus": _code("task-business-status", business)} if business else {}
        body |= {"statusReason": _code("task-reason", reason)} if reason else {}
        url = f"/fhir/Task/{task['id']}"
        return self.http.put(url, data=json.dumps(body).encode(), content_type=FHIR_JSON, headers=self._bearing(token) | headers)

    def _bearing(self, token: str | None) -> dict[str, str]:
        if token is None:
            self.kept = self.kept or self.token()
            token = self.kept
        return {"Authorization": f"Bearer {token}"} if token else {}


def subscription(endpoint: str) -> dict[str, Any]:
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Bed requests into the ward's list",
        "criteria": f"{settings.PUBLIC_URL}/fhir/SubscriptionTopic/tasks",
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": FHIR_JSON},
    }


def order(role: object, *asked: object, **changed: Any) -> dict[str, Any]:
    """As the hospital's software orders an intensive bed for its duty role ``role``, asking others."""
    masked = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "urn:oid:1.2.276.0.76.3.1.1", "value": uuid4().hex}],
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "code": _code("bed-category", "icu-high"),
        "orderDetail": [_code("bed-capability", "invasive-vent")],
        "subject": {"extension": [masked]},
        "requester": {"reference": f"PractitionerRole/{role}"},
        "performer": [{"reference": f"PractitionerRole/{one}"} for one in asked],
        "extension": [{"url": f"{settings.PUBLIC_URL}/fhir/StructureDefinition/age-band", "valueCode": "adult"}],
    } | changed


def begins(night: Night, by: Someone, candidate: object, role: Any, others: list[Any]) -> Callable[[], Any]:
    """The first of two sides, kreis and uni, who writes about what software asked, in ``role``; sealed to ``others`` as well."""
    talk = uuid4()
    keys = {one.id: one.keys.kem.public for one in (role, *others, night.kreis.archive, night.uni.archive)}
    acting: dict[str, Any] = {"conversation": talk, "epoch": 1, "prev": None, "by": by.id, "role": role.id, "device": by.device_id}
    sealed = seal_epoch(at=timezone.now(), recipients=keys, retention="standard", signing_key=by.device_key, **acting)
    epoch = {"h": encode(sealed.h), "w": [encode(wrap) for wrap in sealed.w], "s": encode(sealed.s)}
    return by.posting(f"candidates/{candidate}/conversation", {"id": str(talk), "epoch": epoch, "role": str(role.id)})


def _code(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{settings.PUBLIC_URL}/fhir/CodeSystem/{system}", "code": code}]}


def occupancy(unit: object, occupied: int, at: datetime, *, beds: int | None = None, available: int | None = None) -> dict[str, Any]:
    """As the hospital's software tells it; intensive beds."""
    base = f"{settings.PUBLIC_URL}/fhir"
    told = {"numTotBeds": beds, "numTotBedsOcc": occupied, "numTotBedsAvail": available}
    saner = "http://hl7.org/fhir/uv/saner/CodeSystem/MeasuredValues"
    counts = [{"code": {"coding": [{"system": saner, "code": name}]}, "count": n} for name, n in told.items() if n is not None]
    category = {"coding": [{"system": f"{base}/CodeSystem/bed-category", "code": "icu-high"}]}
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": f"{base}/Measure/bed-occupancy",
        "subject": {"reference": f"Location/{unit}"},
        "date": at.isoformat(),
        "period": {"start": at.isoformat(), "end": at.isoformat()},
        "group": [{"code": category, "population": counts}],
    }


def new_key(*, is_rsa: bool = False) -> Any:
    named: dict[str, Any] = {"kid": uuid4().hex}
    return RSAKey.generate_key(2048, named) if is_rsa else ECKey.generate_key("P-384", named)


def public(key: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def token_endpoint() -> str:
    return f"{settings.PUBLIC_URL}/fhir/token"

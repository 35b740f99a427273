"""A client signs in with its own key, once per assertion, for five minutes, and while its registrar wants it."""

import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from django.conf import settings
from django.db import connections
from django.utils import timezone

from integration import assertions
from integration.actors import actor_of_token
from integration.models import AccessToken, Client
from integration.scopes import OFFERED, SCOPES, put_together, taken_apart
from tests.cast import Night
from tests.integration.software import Software, new_key, public, token_endpoint
from tests.messaging.server import Server
from wardline_client.protocol import encode


def refused(answer: Any) -> tuple[int, str, str]:
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()["error"], answer.json()["code"]


@pytest.fixture
def software(night: Night) -> Software:
    return Software(night.kreis.registrar).entered()


@pytest.fixture
def server(night: Night) -> Any:
    with Server.started() as server:
        yield server


@pytest.mark.parametrize("is_rsa", [True, False], ids=["RS384", "ES384"])
def test_a_client_that_nobody_here_wrote_signs_in(night: Night, server: Server, is_rsa: bool) -> None:
    software = Software(night.kreis.registrar, is_rsa=is_rsa).entered()
    base = f"http://127.0.0.1:{server.port}/fhir"
    claims = {"exp": int(time.time()) + 300}
    method = PrivateKeyJWT(token_endpoint(), claims=claims, headers={"kid": software.key.kid}, alg="RS384" if is_rsa else "ES384")
    with OAuth2Session(str(software.id), software.key, token_endpoint_auth_method=method, scope="system/MeasureReport.crs") as session:
        session.trust_env = False
        found = session.get(f"{base}/.well-known/smart-configuration", withhold_token=True).json()
        assert found["token_endpoint"] == token_endpoint()
        token = session.fetch_token(f"{base}/token", grant_type="client_credentials")

    assert (token["scope"], token["expires_in"], token["token_type"]) == ("system/MeasureReport.crs", 300, "bearer")
    actor = actor_of_token(token["access_token"])
    assert actor
    assert (actor.client_id, actor.hospital_id) == (software.id, night.kreis.id)
    event = night.audit_of(night.kreis)[-1]
    assert (event.action, event.agent["person"], event.agent["device"]) == ("integration.issue_token", None, str(software.id))


def test_the_token_is_known_to_its_client_alone(software: Software) -> None:
    token = software.token()

    (kept,) = AccessToken.objects.filter(client=software.id)
    assert token.encode() not in bytes(kept.digest)
    assert bytes(kept.digest).hex() != token


def test_an_assertion_counts_once(night: Night, software: Software) -> None:
    assertion = software.signs()
    assert software.asks(assertion).status_code == 200

    assert refused(software.asks(assertion)) == (401, "invalid_client", "assertion.replayed")
    told = [event for event in night.audit_of(night.kreis) if event.action == "integration.refuse_token"]
    assert [(event.outcome, event.detail["code"]) for event in told] == [("refused", "assertion.replayed")]
    other = Software(night.uni.registrar).entered()
    jti = uuid4().hex
    assert [each.asks(each.signs(jti=jti)).status_code for each in (software, other)] == [200, 200], "a jti is the client's own"


@pytest.mark.race
def test_of_two_copies_at_once_one_counts(night: Night, software: Software) -> None:
    assertion = software.signs()

    answers = night.at_once(*[lambda: software.asks(assertion)] * 4)

    connections.close_all()
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"aud": "https://elsewhere.test/token"}, "assertion.other_audience"),
        ({"aud": [token_endpoint(), "https://elsewhere.test"]}, "assertion.other_audience"),
        ({"exp": int(time.time()) + 3600}, "assertion.too_long"),
        ({"exp": int(time.time()) - 60}, "assertion.expired"),
        ({"nbf": int(time.time()) + 3600}, "assertion.expired"),
        ({"exp": None}, "assertion.malformed"),
        ({"jti": None}, "assertion.malformed"),
        ({"jti": 7}, "assertion.malformed"),
        ({"sub": str(uuid4())}, "assertion.malformed"),
        ({"iss": str(uuid4())}, "client.refused"),
        ({"iss": "KIS"}, "client.refused"),
        ({"header": {"kid": uuid4().hex}}, "client.refused"),
        ({"header": {"jku": "https://elsewhere.test/keys"}}, "client.refused"),
        ({"key": new_key()}, "client.refused"),
    ],
)
def test_what_the_assertion_has_to_say(software: Software, changed: dict[str, Any], expected: str) -> None:
    assert refused(software.asks(software.signs(**changed))) == (401, "invalid_client", expected)


def test_a_public_key_is_no_secret_to_sign_with(software: Software) -> None:
    """Algorithm confusion, and no algorithm at all."""
    pem = software.key.as_pem(private=False)
    claims = {"iss": str(software.id), "sub": str(software.id), "aud": token_endpoint(), "exp": int(time.time()) + 60, "jti": "x"}
    for algorithm in ("HS384", "none"):
        head = {"kid": software.key.kid, "alg": algorithm}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        signature = encode(hmac.digest(pem, signed.encode(), "sha384")) if algorithm == "HS384" else ""
        assert refused(software.asks(f"{signed}.{signature}")) == (401, "invalid_client", "client.refused")


def test_form_and_scope_in_oauths_words(software: Software) -> None:
    assertion = software.signs()
    assert refused(software.asks(assertion, grant_type="password")) == (400, "unsupported_grant_type", "token.grant_type")
    assert refused(software.asks(assertion, client_assertion_type="x")) == (400, "invalid_request", "token.assertion_type")
    assert refused(software.asks("x.y"))[:2] == (401, "invalid_client")
    assert refused(software.asks(assertion, scope="system/Patient.rs openid")) == (400, "invalid_scope", "client.no_such_scope")
    answer = software.http.post("/fhir/token", data="{}", content_type="application/json")
    assert refused(answer)[:2] == (415, "invalid_request")
    assert software.asks(assertion).status_code == 200, "none of this used the assertion up"


def test_no_more_is_granted_than_the_registrar_allowed(night: Night) -> None:
    software = Software(night.kreis.registrar, ("system/Location.r", "system/Location.s")).entered()

    assert software.asks(software.signs(), "system/*.cruds").json()["scope"] == "system/Location.rs"
    assert refused(software.asks(software.signs(), "system/MeasureReport.c"))[2] == "client.no_such_scope"


def test_scopes_are_taken_apart_and_put_together() -> None:
    assert taken_apart("system/*.cruds user/Location.r system/Patient.r launch") == set(SCOPES)
    assert put_together(SCOPES) == " ".join(f"system/{kind}.{letters}" for kind, letters in OFFERED.items())
    assert put_together(taken_apart("system/Task.u system/Task.s system/Location.r")) == "system/Location.r system/Task.us"


@pytest.mark.parametrize("way", ["revoke", "rotate", "expire"])
def test_a_token_ends_with_what_it_rests_on(night: Night, software: Software, way: str) -> None:
    token, former = software.token(), software.key
    assert actor_of_token(token)

    if way == "revoke":
        assert night.kreis.registrar.post(f"integration-clients/{software.id}/revoke").status_code == 200
    elif way == "rotate":
        software.key = new_key()
        assert software.enters(jwks={"keys": [public(software.key)]}).status_code == 200
    else:
        night.clock.advance(minutes=5, seconds=1)

    assert actor_of_token(token) is None
    if way != "expire":
        assert refused(software.asks(software.signs(key=former))) == (401, "invalid_client", "client.refused")
    if way == "rotate":
        assert software.token()
    if way == "revoke":
        assert software.enters().status_code == 404, "revoked is for good"


def test_what_is_over_is_not_kept(night: Night, software: Software) -> None:
    for _ in range(3):
        software.token()
    AccessToken.objects.filter(client=software.id).update(expires_at=timezone.now() - timedelta(seconds=1))

    software.token()

    assert AccessToken.objects.filter(client=software.id).count() == 1


def test_strangers_are_slowed(software: Software) -> None:
    answers = [software.asks("x.y") for _ in range(31)]

    assert (answers[-1].status_code, answers[-1].json()["error"]) == (429, "temporarily_unavailable")
    assert settings.PUBLIC_URL not in answers[-1].content.decode()


def test_the_token_opens_nothing_of_the_peoples_api(software: Software) -> None:
    bearer = {"Authorization": f"Bearer {software.token()}"}

    answers = [software.http.get(f"/api/v1/{path}", headers=bearer) for path in ("board", "directory", "sync", "integration-clients")]

    assert [answer.status_code for answer in answers] == [401] * 4


def test_a_key_changed_while_an_assertion_is_read_is_good_for_nothing(software: Software, monkeypatch: pytest.MonkeyPatch) -> None:
    former, read = software.key, assertions.verified

    def rotated_meanwhile(*given: Any) -> dict[str, Any]:
        claims = read(*given)
        software.key = new_key()
        assert software.enters().status_code == 200
        return claims

    monkeypatch.setattr(assertions, "verified", rotated_meanwhile)

    assert refused(software.asks(software.signs(key=former))) == (401, "invalid_client", "client.refused")
    assert not AccessToken.objects.filter(client=software.id).exists()


def test_a_token_of_a_revoked_client_is_none_even_where_it_was_left(software: Software) -> None:
    token = software.token()
    Client.objects.filter(pk=software.id).update(revoked_at=timezone.now())

    assert actor_of_token(token) is None

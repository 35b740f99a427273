"""Which software a hospital lets in is its registrar's word, and only public keys are taken."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey

from integration.models import Client
from tests.cast import Night
from tests.integration.software import Software, new_key, public
from wardline_client.protocol import encode

# A public RSA key of 1,024 bits; only its size matters.
SHORT = {"kty": "RSA", "kid": "a", "e": "AQAB", "n": encode(((1 << 1023) + 1).to_bytes(128, "big"))}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def software(night: Night) -> Software:
    return Software(night.kreis.registrar)


def test_what_is_let_in_is_listed_and_known_to_nobody_else(night: Night, software: Software) -> None:
    answer = software.enters()

    assert answer.status_code == 201
    listed = night.kreis.registrar.get("integration-clients").json()
    (row,) = listed["results"]
    assert (row["id"], row["last_used_at"], row["revoked_at"]) == (str(software.id), None, None)
    assert listed["token_endpoint"].endswith("/fhir/token")
    software.token()
    assert night.kreis.registrar.get("integration-clients").json()["results"][0]["last_used_at"]
    assert night.uni.registrar.get("integration-clients").json()["results"] == []
    added = [event for event in night.audit_of(night.kreis) if event.action == "integration.add_client"]
    assert [event.subjects for event in added] == [{"client": str(software.id)}]


def test_another_hospitals_client_is_neither_changed_nor_put_out(night: Night, software: Software) -> None:
    software.entered()
    other = night.uni.registrar

    answers = [other.put(f"integration-clients/{software.id}", software.draft()), other.post(f"integration-clients/{software.id}/revoke")]

    assert [code(answer) for answer in answers] == [(404, "not_found")] * 2
    assert code(other.post(f"integration-clients/{uuid4()}/revoke")) == (404, "not_found")
    assert software.token()


def test_a_private_key_is_refused_and_nothing_of_it_is_stored(software: Software) -> None:
    answer = software.enters(jwks={"keys": [dict(software.key.as_dict(private=True))]})

    assert code(answer) == (400, "client.key_private")
    assert not Client.objects.filter(pk=software.id).exists()


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["x"],
        [{"kty": "oct", "kid": "a"}],
        [public(ECKey.generate_key("P-256", {"kid": "a"}))],
        [SHORT],
        [{name: value for name, value in public(new_key()).items() if name != "kid"}],
        [public(new_key()) | {"use": "enc"}],
        [public(new_key()) | {"alg": "RS256"}],
        [public(new_key()) | {"kid": "a"}, public(new_key()) | {"kid": "a"}],
    ],
    ids=["none", "no object", "symmetric", "P-256", "RSA 1024", "unnamed", "for encryption", "other algorithm", "one name twice"],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_keys_that_do_not_fit_are_refused(software: Software, keys: Any) -> None:
    assert code(software.enters(jwks={"keys": keys})) == (400, "client.keys_unfit")


def test_keys_are_given_or_published_one_of_the_two(software: Software) -> None:
    assert code(software.enters(jwks_url="http://127.0.0.1:1/")) == (400, "client.one_kind_of_keys")
    assert code(software.enters(jwks=None)) == (400, "client.one_kind_of_keys")
    assert code(software.enters(jwks=None, jwks_url="ftp://127.0.0.1/")) == (400, "client.keys_address")
    assert code(software.enters(jwks=None, jwks_url="http://127.0.0.1:1/")) == (503, "client.keys_unreachable")


def test_scopes_are_of_the_list(software: Software) -> None:
    assert software.enters(scopes=["system/Patient.r"]).status_code == 400
    assert software.enters(scopes=[]).status_code == 400


class Publisher:
    """An address that publishes ``keys``; ``asked`` counts the calls."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                body = json.dumps({"keys": publisher.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def test_a_client_that_publishes_its_keys_changes_them_by_itself(software: Software, publisher: Publisher) -> None:
    publisher.keys = [public(software.key)]
    assert software.enters(jwks=None, jwks_url=publisher.url).status_code == 201
    assert software.token()

    former, software.key = software.key, new_key()
    publisher.keys = [public(software.key)]

    assert software.token(), "the unknown key is looked for"
    assert code(software.asks(software.signs(key=former))) == (401, "client.refused")
    before = publisher.asked
    for _ in range(5):
        assert code(software.asks(software.signs(key=new_key()))) == (401, "client.refused")
    assert publisher.asked == before, "who invents key ids does not have the address asked each time"

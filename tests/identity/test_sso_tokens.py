"""Tokens that are not what they say: each is right but for one thing, and each is refused."""

import hmac
import json
import time
from collections.abc import Iterator

import pytest

from tests.cast import Night
from tests.identity.browser import Browser
from tests.identity.sso import Sso
from tests.oidc.rogue import Claims, Rogue
from wardline_client.protocol import encode


@pytest.fixture(scope="module")
def night(shared_night: Night) -> Night:
    return shared_night


@pytest.fixture(scope="module")
def rogue() -> Iterator[Rogue]:
    with Rogue() as running:
        yield running


@pytest.fixture(scope="module")
def sso(night: Night, rogue: Rogue) -> Sso:
    return Sso(night, rogue)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def phone(night: Night, sso: Sso) -> Browser:
    return sso.phone_of(night.adler)


@pytest.fixture(autouse=True)
def honest(rogue: Rogue) -> Iterator[None]:
    yield
    rogue.forge = rogue.sign


def symmetric(rogue: Rogue, claims: Claims) -> str:
    """HS256 with the public key as the secret: what a verifier takes that lets the token choose."""
    parts = ".".join(map(part, ({"alg": "HS256", "kid": rogue.key.thumbprint()}, claims)))
    return f"{parts}.{encode(hmac.digest(rogue.key.as_pem(private=False), parts.encode(), 'sha256'))}"


def part(members: Claims) -> str:
    return encode(json.dumps(members).encode())


def renamed(rogue: Rogue, claims: Claims) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = rogue.sign(claims).split(".")
    return ".".join([head, part({**claims, "exp": claims["exp"] + 1}), signature])


FORGED = {
    "none": lambda rogue, claims: rogue.unsigned(claims),
    "symmetric": symmetric,
    "renamed": renamed,
    "other key": lambda rogue, claims: rogue.sign(claims, key=rogue.other_key),
    "unknown key": lambda rogue, claims: rogue.sign(claims, header={"kid": "unknown"}, key=rogue.other_key),
    "empty": lambda rogue, claims: "",
    "logout token": lambda rogue, claims: rogue.sign(claims, header={"typ": "logout+jwt"}),
    "access token": lambda rogue, claims: rogue.sign(claims, header={"typ": "at+jwt"}),
}
HOUR = 3600
WRONG: dict[str, Claims] = {
    "issuer": {"iss": "http://127.0.0.1:1"},
    "audience": {"aud": "another-client"},
    "one audience of two": {"aud": ["wardline", "another-client"]},
    "authorized party": {"azp": "another-client"},
    "nonce": {"nonce": "of-another-attempt"},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(time.time()) - HOUR, "iat": int(time.time()) - HOUR},
    "made long ago": {"iat": int(time.time()) - HOUR},
    "made later": {"iat": int(time.time()) + HOUR},
    "signed in long ago": {"auth_time": int(time.time()) - 24 * HOUR},
    "no time of signing in": {"auth_time": None},
    "time that is none": {"auth_time": "now"},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "long subject": {"sub": "x" * 256},
    "events": {"events": {}},
}


def changed(changes: Claims):
    def forge(rogue: Rogue, claims: Claims) -> str:
        return rogue.sign({name: value for name, value in {**claims, **changes}.items() if value is not None})

    return forge


@pytest.mark.parametrize("how", [*FORGED, *WRONG])
def test_is_refused(night: Night, sso: Sso, rogue: Rogue, phone: Browser, how: str) -> None:
    forge = FORGED.get(how) or changed(WRONG[how])
    rogue.forge = lambda claims: forge(rogue, claims)

    answer = sso.proves(phone, sso.account_of(night.adler))

    assert (answer.status_code, answer.json()["code"]) == (401, "sso.token_refused")


def test_the_same_without_a_fault_is_taken(night: Night, sso: Sso, phone: Browser) -> None:
    assert sso.signs_in(phone, sso.account_of(night.adler)).status_code == 200

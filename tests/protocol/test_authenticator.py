"""The software authenticator against the library the server verifies with."""

import json

import pytest
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidRegistrationResponse

from wardline_client.authenticator import AuthenticatorError, SoftwareAuthenticator, prf_output, with_prf, without_prf_results

ORIGIN, RP_ID = "https://ward.example:8443", "ward.example"


@pytest.fixture
def authenticator():
    return SoftwareAuthenticator(ORIGIN)


def creation(user=b"adler"):
    options = generate_registration_options(rp_id=RP_ID, rp_name="Wardline", user_name="Adler", user_id=user)
    return with_prf(json.loads(options_to_json(options)))


def request():
    return with_prf(json.loads(options_to_json(generate_authentication_options(rp_id=RP_ID))))


def registered(credential, options, origin=ORIGIN):
    return verify_registration_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(options["challenge"]),
        expected_rp_id=RP_ID,
        expected_origin=origin,
        require_user_verification=True,
    )


def signed_in(credential, options, known):
    return verify_authentication_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(options["challenge"]),
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
        credential_public_key=known.credential_public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )


def test_the_server_accepts_a_new_passkey_and_then_a_sign_in(authenticator):
    options = creation()
    known = registered(authenticator.create(options), options)
    asked = request()
    answer = authenticator.get(asked)

    assert signed_in(answer, asked, known).new_sign_count == 1
    assert base64url_to_bytes(answer["response"]["userHandle"]) == b"adler"


def test_an_answer_to_another_challenge_is_refused(authenticator):
    options = creation()
    known = registered(authenticator.create(options), options)

    with pytest.raises(InvalidAuthenticationResponse):
        signed_in(authenticator.get(request()), request(), known)
    with pytest.raises(InvalidRegistrationResponse):
        registered(authenticator.create(creation(b"brandt")), options)


def test_an_answer_for_another_origin_is_refused(authenticator):
    options = creation()
    with pytest.raises(InvalidRegistrationResponse):
        registered(authenticator.create(options), options, origin="https://elsewhere.example")


def test_prf_is_the_same_at_every_sign_in_and_different_for_every_passkey(authenticator):
    first = prf_output(authenticator.create(creation()))

    assert first is not None
    assert len(first) == 32
    assert prf_output(authenticator.get(request())) == first
    assert prf_output(authenticator.create(creation(b"brandt"))) != first


def test_prf_does_not_go_to_the_server(authenticator):
    credential = authenticator.create(creation())
    sent = without_prf_results(credential)

    assert prf_output(sent) is None
    assert "results" not in json.dumps(sent)
    assert sent["clientExtensionResults"]["prf"] == {"enabled": True}


def test_it_answers_only_where_its_passkey_belongs(authenticator):
    authenticator.create(creation())

    with pytest.raises(AuthenticatorError, match="SecurityError"):
        authenticator.get(request() | {"rpId": "bank.example"})
    with pytest.raises(AuthenticatorError, match="NotAllowedError"):
        authenticator.get(request() | {"allowCredentials": [{"id": "AAAA", "type": "public-key"}]})
    with pytest.raises(AuthenticatorError, match="NotAllowedError"):
        SoftwareAuthenticator(ORIGIN).get(request())


def test_an_excluded_passkey_is_not_made_twice(authenticator):
    made = authenticator.create(creation())

    with pytest.raises(AuthenticatorError, match="InvalidStateError"):
        authenticator.create(creation() | {"excludeCredentials": [{"id": made["id"], "type": "public-key"}]})

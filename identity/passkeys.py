"""WebAuthn, thin over the library.

Invariant: user verification is always required (the passkey is both factors), the credential is discoverable, and no attestation is asked
for: a hospital's trust comes from its registrar, not from a phone maker.
"""

import json
from typing import Any
from uuid import UUID

import webauthn
from django.conf import settings
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from backend.errors import Invalid, Unauthenticated
from wardline_client.protocol import ProtocolError, decode

RP_NAME = "Wardline"
# What a hostile body can make the parser raise beside its own exceptions.
_REFUSED = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError)


def creation_options(*, person_id: UUID, name: str, known: list[bytes]) -> tuple[dict[str, Any], bytes]:
    """``(publicKey, challenge)``; ``known`` are credentials the person has: an authenticator that holds one refuses to make another."""
    options = webauthn.generate_registration_options(
        rp_id=settings.WEBAUTHN_RP_ID,
        rp_name=RP_NAME,
        user_id=person_id.bytes,
        user_name=name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, require_resident_key=True, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=credential) for credential in known],
    )
    return json.loads(webauthn.options_to_json(options)), options.challenge


def request_options() -> tuple[dict[str, Any], bytes]:
    """``(publicKey, challenge)`` for whoever the authenticator knows."""
    options = webauthn.generate_authentication_options(
        rp_id=settings.WEBAUTHN_RP_ID, user_verification=UserVerificationRequirement.REQUIRED
    )
    return json.loads(webauthn.options_to_json(options)), options.challenge


def verify_creation(credential: dict[str, Any], challenge: bytes) -> VerifiedRegistration:
    """Raises: Invalid: ``passkey.refused``."""
    try:
        return webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=settings.WEBAUTHN_RP_ID,
            expected_origin=settings.WEBAUTHN_ORIGINS,
            require_user_verification=True,
        )
    except _REFUSED as error:
        raise Invalid("passkey.refused", "The passkey could not be verified.") from error


def verify_assertion(credential: dict[str, Any], challenge: bytes, *, public_key: bytes, sign_count: int) -> VerifiedAuthentication:
    """Raises: Unauthenticated: ``passkey.refused``, also for a counter that went back (a cloned authenticator)."""
    try:
        return webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=settings.WEBAUTHN_RP_ID,
            expected_origin=settings.WEBAUTHN_ORIGINS,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except _REFUSED as error:
        raise Unauthenticated("passkey.refused", "The passkey could not be verified.") from error


def credential_id(credential: dict[str, Any]) -> bytes:
    """Raises: Invalid: ``passkey.malformed``."""
    try:
        return decode(str(credential["id"]))
    except (KeyError, ProtocolError):
        raise Invalid("passkey.malformed", "This is not a WebAuthn credential.") from None


def transports(credential: dict[str, Any]) -> list[str]:
    """How the browser may reach the authenticator next time; a hint, kept only if it is the closed list of WebAuthn."""
    known = {"usb", "nfc", "ble", "hybrid", "internal", "smart-card"}
    response = credential.get("response")
    given = response.get("transports") if isinstance(response, dict) else None
    return sorted(known.intersection(item for item in given if isinstance(item, str))) if isinstance(given, list) else []

"""How a webhook proves that it came from here: Standard Webhooks 1.0, symmetric (``v1``, HMAC-SHA256).

Invariant: a secret is derived from this service's own secret when it is needed and stored nowhere, so a copy of the database signs nothing.
"""

import base64
import hmac
from typing import Final
from uuid import UUID

from django.utils.crypto import salted_hmac

PREFIX: Final = "whsec_"


def secret_of(webhook_id: UUID, generation: int) -> str:
    """As the receiver's library takes it: ``whsec_`` and the base64 of 32 bytes."""
    return PREFIX + base64.b64encode(_key(webhook_id, generation)).decode()


def headers_of(webhook_id: UUID, generation: int, *, notice: str, at: int, body: bytes) -> dict[str, str]:
    """``webhook-id``, ``webhook-timestamp`` (``at``: seconds since 1970) and ``webhook-signature`` over both and the body."""
    signed = b".".join([notice.encode(), str(at).encode(), body])
    signature = base64.b64encode(hmac.digest(_key(webhook_id, generation), signed, "sha256")).decode()
    return {"webhook-id": notice, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


def _key(webhook_id: UUID, generation: int) -> bytes:
    return salted_hmac("wardline.integration.webhook", f"{webhook_id}:{generation}", algorithm="sha256").digest()

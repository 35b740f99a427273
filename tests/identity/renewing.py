"""A person's next keys, step by step, so that a test can spoil any one of them."""

import os
from typing import Any
from uuid import UUID

from django.utils import timezone

from identity.models import Statement as StatementRow
from tests.cast import Someone
from tests.identity.browser import Browser, shown, wrap
from wardline_client.protocol import DeviceKey, Keys, Revocation, Statement, encode, parse_statement
from wardline_client.protocol.keys import PrincipalKeys, seal_history
from wardline_client.protocol.signing import SigningKey
from wardline_client.protocol.statements import make_statement


class Phone:
    """The device that ``owner`` keeps. ``keys`` are the next generation."""

    def __init__(self, owner: Someone) -> None:
        self.owner, self.keys = owner, PrincipalKeys(os.urandom(32))

    def loses(self, other: Browser) -> None:
        statement = self.owner.states("device-revoked", other.device_id, Revocation(self.owner.id, "lost"))
        assert self.owner.post(f"devices/{other.device_id}/revoke", {"statement": shown(statement)}).status_code == 200

    def stated(self, *, key: bytes | None = None, is_anew: bool = False) -> Statement:
        """That the device stays, by the next key: with its own public key, unless another is given, and after what was stated of it."""
        owner, body = self.owner, DeviceKey(self.owner.id, key or self.owner.device_key.public)
        prev = None if is_anew else _latest("device", owner.device_id)
        about = {"kind": "device", "hospital": owner.hospital, "subject": owner.device_id, "prev": prev}
        return make_statement(**about, body=body, by=owner.id, key=self.keys.sign, at=timezone.now())

    def ending(self, other: Browser, *, reason: str = "replaced", key: SigningKey | None = None, by: UUID | None = None) -> dict[str, str]:
        """The end of another device, by the present key unless another is given."""
        about = {"kind": "device-revoked", "hospital": self.owner.hospital, "subject": other.device_id, "by": by or self.owner.id}
        body = Revocation(self.owner.id, reason)
        return shown(make_statement(**about, body=body, key=key or self.owner.keys.sign, at=timezone.now(), prev=None))

    def draft(self) -> dict[str, Any]:
        owner = self.owner
        history = seal_history(former=owner.keys.seed, current=self.keys.seed, principal=owner.id, generation=1)
        return {
            "generation": 2,
            "kem": encode(self.keys.kem.public),
            "sign": encode(self.keys.sign.public),
            "history": encode(history),
            "device": shown(self.stated()),
            "ends": [],
            "wraps": [
                wrap("device", self.keys.seed, os.urandom(32), owner.id),
                wrap("recovery", self.keys.seed, os.urandom(16), owner.id),
            ],
        }

    def vouched(self, registrar: Someone) -> Statement:
        former = _latest("member", self.owner.id)
        body = Keys(2, self.keys.kem.public, self.keys.sign.public, former.body.profile)
        return registrar.states("member", self.owner.id, body, prev=former)


def _latest(kind: str, subject: Any) -> Statement:
    row = StatementRow.objects.filter(kind=kind, subject=subject).order_by("-order").first()
    assert row is not None
    return parse_statement(bytes(row.header), bytes(row.signature))

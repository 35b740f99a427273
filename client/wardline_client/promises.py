"""Promising a bed and taking it, with what both devices sign; and the receipt of it.

Invariant: nothing is signed that was not read from the service just now, and no offer is accepted whose signer is not proved from this
device's own pins.
"""

from typing import Any
from uuid import UUID

from wardline_client.protocol import ProtocolError, Signed, decode, encode, need_digest, parse_offer, parse_receipt, sha256, verify_offer
from wardline_client.protocol import verify_receipt as verified
from wardline_client.protocol.promises import Acceptance, Offer, sign_acceptance, sign_offer
from wardline_client.protocol.receipts import Proved, prove_signer
from wardline_client.session import Session

Json = dict[str, Any]
NEED = ("category", "capabilities", "urgency", "age_band", "sex", "transport_mode")


class Promises:
    def __init__(self, session: Session) -> None:
        self.session = session

    def hold(self, request: Json, candidate: Json, *, unit: Json, role: UUID, minutes: int = 30, bed: UUID | None = None) -> Json:
        """Offer a bed of ``unit`` (a row of the board) for ``minutes``, acting in ``role``. Rows as the service gave them.

        Raises:
            ApiError.
        """
        offer = Offer(
            **self._shared(request, candidate),
            need=need_digest(**{name: request[name] for name in NEED}),
            capacity=UUID(unit["capacity"]),
            unit=UUID(unit["unit"]),
            bed=bed,
            category=unit["category"],
            minutes=minutes,
            role=role,
        )
        body = {"role": str(role), "offer": _json(sign_offer(offer, self.session.keyring.device_key))}
        answer: Json = self.session.api.post(f"candidates/{candidate['id']}/hold", body)
        return answer

    def confirm(self, request: Json, candidate: Json, *, role: UUID | None = None) -> Json:
        """Take the offer shown with ``candidate``, once its signer is proved.

        Raises:
            ApiError.
            ProtocolError: what ``check_offer`` raises; nothing is sent.
        """
        offer = self.check_offer(request, candidate)
        acceptance = Acceptance(**self._shared(request, candidate), offer=sha256(offer.h), role=role)
        signed = sign_acceptance(acceptance, self.session.keyring.device_key)
        body = {"role": str(role) if role else None, "acceptance": _json(signed)}
        answer: Json = self.session.api.post(f"candidates/{candidate['id']}/confirm", body)
        return answer

    def check_offer(self, request: Json, candidate: Json) -> Signed:
        """The offer shown with ``candidate``: of this need, signed by a proved device of the hospital asked.

        Raises:
            ProtocolError: ``promise.mismatch``, ``signature.invalid``, or a ``statement``, ``header`` or ``encoding`` code.
        """
        given = candidate["offer"]
        if given is None:
            raise ProtocolError("promise.mismatch", "no offer")
        signed = Signed(decode(given["h"]), decode(given["s"]))
        offer = parse_offer(signed.h)
        facts = {name: value for name, value in self._shared(request, candidate).items() if name not in ("by", "device", "at")}
        facts["need"] = need_digest(**{name: request[name] for name in NEED})
        for member, fact in facts.items():
            if getattr(offer, member) != fact:
                raise ProtocolError("promise.mismatch", member)
        self.session.book.refresh()
        verify_offer(signed, prove_signer(self.session.book.directory, offer, offer.destination))
        return signed

    def receipt(self, candidate: UUID) -> tuple[bytes, Proved]:
        """The receipt of a confirmed candidate, as bytes to keep, and what it proves from this device's pinned root.

        Raises:
            ApiError.
            ProtocolError: it proves nothing; the code says why.
        """
        data = b"".join(self.session.api.stream(f"candidates/{candidate}/receipt"))
        keyring = self.session.keyring
        return data, verified(parse_receipt(data), {keyring.hospital: keyring.root})

    def _shared(self, request: Json, candidate: Json) -> dict[str, Any]:
        keyring = self.session.keyring
        ends = {"origin": UUID(request["origin"]), "destination": UUID(candidate["hospital"])}
        signer = {"by": keyring.person, "device": keyring.device, "at": self.session.now()}
        return {"request": UUID(request["id"]), "candidate": UUID(candidate["id"])} | ends | signer


def _json(signed: Signed) -> Json:
    return {"h": encode(signed.h), "s": encode(signed.s)}

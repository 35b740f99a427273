"""Signing in, and what everything after it shares.

Invariant: a sign-in proves two things at once, the passkey and which device it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wardline_client.authenticator import prf_output, with_prf, without_prf_results
from wardline_client.book import Book
from wardline_client.http import Api
from wardline_client.keyring import Keyring
from wardline_client.protocol import ProtocolError, decode, encode, format_time, sha256
from wardline_client.protocol.keys import unwrap_seed

Json = dict[str, Any]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Session:
    """A signed-in device: how to reach the service, what it holds, whom it believes, what time it is."""

    api: Api
    keyring: Keyring
    now: Callable[[], datetime] = utc_now
    retention: str = "standard"
    book: Book = field(init=False)

    def __post_init__(self) -> None:
        self.book = Book(self.api, self.keyring)

    def sign_in(self) -> Json:
        """Sign in with the passkey and take in what the server keeps sealed for this person. Raises ``ApiError``."""
        self.api.get("session")
        options = self.api.post("session/options")["publicKey"]
        credential = self.keyring.authenticator.get(with_prf(options))
        at = format_time(self.now())
        signature = self.keyring.device_key.sign("sign-in", sha256(decode(options["challenge"])))
        session: Json = self.api.post(
            "session",
            {
                "credential": without_prf_results(credential),
                "device": str(self.keyring.device),
                "signature": encode(signature),
                "at": at,
            },
        )
        if session["state"] == "active":
            self._unlock(credential)
        return session

    def _unlock(self, credential: Json) -> None:
        """Open the passkey's copy of the present seed, then the earlier generations behind it."""
        unlock = self.api.get("session/unlock")
        secret = prf_output(credential)
        for row in unlock["wraps"]:
            if secret and row["kind"] == "passkey" and row["credential_id"] == credential["id"]:
                self.keyring.seeds[row["generation"]] = unwrap_seed(
                    kind="passkey",
                    wrap=decode(row["wrap"]),
                    secret=secret,
                    share=decode(row["share"]),
                    person=self.keyring.person,
                )
        # ``history`` of generation n+1 holds the seed of n.
        history = {row["generation"] - 1: decode(row["history"]) for row in unlock["keys"] if row["history"]}
        self.keyring.take_history(history)

    def sign_out(self) -> None:
        self.api.delete("session")

    def take_role_seeds(self) -> list[Json]:
        """Open the seed of every role this person is eligible for; returns the roles with their holders."""
        self.book.refresh()
        rows: list[Json] = self.api.get("duty")["results"]
        for row in rows:
            role = UUID(row["role"])
            if row["sealed"]:
                self.keyring.take_role_seed(
                    role=role,
                    generation=row["generation"],
                    sealed=decode(row["sealed"]),
                    line=self.book.directory.line("role", role),
                    history={key["generation"] - 1: decode(key["history"]) for key in row.get("keys", ()) if key["history"]},
                )
        return rows

    def principal_key(self, principal: UUID, kid: bytes) -> bool:
        """Whether this device can open what is sealed to ``kid``; fetches role seeds once if it cannot."""
        if self.keyring.kem_key(principal, kid) is None and principal != self.keyring.person:
            self.take_role_seeds()
        return self.keyring.kem_key(principal, kid) is not None

    def device_of(self, device: UUID, person: UUID) -> bytes:
        """The proved public key of a person's device, revoked or not: old messages stay readable. Raises ``statement.no_chain``."""
        try:
            found = self.book.directory.device_ever(device)
        except ProtocolError:
            self.book.refresh()
            found = self.book.directory.device_ever(device)
        if found.principal != person:
            raise ProtocolError("statement.no_chain", "the device of somebody else")
        return found.sign

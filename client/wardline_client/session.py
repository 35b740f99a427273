"""Signing in, and what everything after it shares.

Invariant: a sign-in proves two things at once, the passkey and which device it is.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from wardline_client.authenticator import prf_output, with_prf, without_prf_results
from wardline_client.book import Book
from wardline_client.http import Api, ApiError
from wardline_client.keyring import Keyring
from wardline_client.protocol import ProtocolError, Statement, decode, encode, format_time, sha256
from wardline_client.protocol.keys import seal_history, unwrap_seed

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

    def state(self, path: str, statement: Statement, body: Json | None = None) -> None:
        """Hand in a statement that was made here. Raises ``ApiError``."""
        self.book.sign(statement)
        self.api.post(path, {**(body or {}), "statement": {"h": encode(statement.h), "s": encode(statement.s)}})
        self.book.expect(statement)

    def take_role_seeds(self) -> list[Json]:
        """Open the seeds of every role this person is eligible for; returns the roles with their holders. Former seeds that only this
        device and its like can open are handed on to those who became eligible since.
        """
        self.book.refresh()
        rows: list[Json] = self.api.get("duty")["results"]
        for row in rows:
            role, line = UUID(row["role"]), self.book.directory.line("role", UUID(row["role"]))
            self.keyring.take_role_seed(role=role, generation=row["generation"], sealed=decode(row["sealed"]), line=line)
            self._take_former_seeds(role, line, {key["generation"] - 1: key["history"] for key in row["keys"] if key["generation"] > 1})
        return rows

    def _take_former_seeds(self, role: UUID, line: tuple[Statement, ...], kept: dict[int, str | None]) -> None:
        """``kept``: former generation -> its seed under the next one's, ``None`` while nobody has handed it on."""
        opened = {generation: decode(history) for generation, history in kept.items() if history}
        self.keyring.take_role_history(role=role, history=opened, line=line)
        seeds = self.keyring.role_seeds[role]
        if kept.keys() <= seeds.keys() and None not in kept.values():
            return
        for seal in self.api.get(f"duty/{role}/seals")["results"]:
            with suppress(ProtocolError):
                self.keyring.take_role_seed(role=role, generation=seal["generation"], sealed=decode(seal["sealed"]), line=line)
        self.keyring.take_role_history(role=role, history=opened, line=line)
        for generation, history in kept.items():
            if generation in seeds and generation + 1 in seeds:
                made = encode(seal_history(former=seeds[generation], current=seeds[generation + 1], principal=role, generation=generation))
                if made != history:
                    self._hand_on(role, generation + 1, made)

    def _hand_on(self, role: UUID, generation: int, history: str) -> None:
        try:
            self.api.post(f"duty/{role}/history", {"generation": generation, "history": history})
        except ApiError as error:
            # Known by history alone, or no longer eligible: then it is for another to hand it on.
            if error.code not in ("role.no_former_seal", "not_found"):
                raise

    def principal_key(self, principal: UUID, kid: bytes) -> bool:
        """Whether this device can open what is sealed to ``kid``; fetches role seeds once if it cannot."""
        if self.keyring.kem_key(principal, kid) is None and principal != self.keyring.person:
            self.take_role_seeds()
        return self.keyring.kem_key(principal, kid) is not None

    def device_of(self, device: UUID, person: UUID, at: datetime) -> bytes:
        """The proved public key of a device that was a person's when it signed: old messages stay readable, also of one revoked since.

        Raises ``statement.no_chain``, ``statement.revoked``.
        """
        try:
            found = self.book.directory.device_ever(device)
        except ProtocolError:
            self.book.refresh()
            found = self.book.directory.device_ever(device)
        if found.principal != person:
            raise ProtocolError("statement.no_chain", "the device of somebody else")
        if found.revoked and at >= found.revoked.at:
            raise ProtocolError("statement.revoked", f"device {device}")
        return found.sign

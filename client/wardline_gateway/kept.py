"""What the gateway keeps between two starts: its keys, sealed, and how far it has filed.

Invariant: a file here is the old one or the new one, never a part; one process holds the folder. Of a case nothing is kept but ids, numbers
and digests. Without the key file the folder is worth nothing, so the two are backed up apart.
"""

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.account import Account
from wardline_client.http import Api
from wardline_client.protocol import decode, encode
from wardline_gateway.config import ConfigError, read_secret

Json = dict[str, Any]
_LABEL: Final = b"wardline-gateway account/1"
_NONCE: Final = 12


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file; a power cut leaves the former one or this one."""
    draft = path.with_name(f".{path.name}.draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class Vault:
    """The archive's account, sealed under the key of a file of its own."""

    def __init__(self, folder: Path, key: Path) -> None:
        self.path, self._key_path = folder / "account.sealed", key

    def prepare(self) -> None:
        """Make the key if there is none. Raises ``ConfigError`` for one that is unfit."""
        if not self._key_path.exists():
            with open(os.open(self._key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(encode(AESGCM.generate_key(256)) + "\n")
        self._aead()

    def save(self, account: Account, *, sign_ins_ahead: int = 0) -> None:
        """``sign_ins_ahead``: of those that begin before this is saved again. A passkey counts its uses, and the service refuses a count
        it has seen: a kill after the sign-in must not bring an old one back."""
        dumped = account.dump()
        for credential in dumped["authenticator"]["credentials"]:
            credential["sign_count"] += sign_ins_ahead
        nonce = os.urandom(_NONCE)
        write_durably(self.path, nonce + self._aead().encrypt(nonce, json.dumps(dumped).encode(), _LABEL))

    def load(self, api: Api) -> Account:
        """Raises ``ConfigError``."""
        try:
            sealed = self.path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}. `enrol` makes it.") from None
        try:
            dumped = json.loads(self._aead().decrypt(sealed[:_NONCE], sealed[_NONCE:], _LABEL))
        except InvalidTag:
            raise ConfigError(f"{self.path} does not open with {self._key_path}: take both from the same backup, or enrol anew.") from None
        return Account.load(api, dumped)

    def _aead(self) -> AESGCM:
        try:
            return AESGCM(decode(read_secret(self._key_path).decode("ascii")))
        except ValueError:
            raise ConfigError(f"{self._key_path} does not hold a key of 256 bits.") from None


@dataclass(frozen=True)
class Filing:
    """One version of a case's document; ``fingerprint`` is of everything in it that is signed or recorded, ``where`` what the target calls
    it."""

    case: UUID
    version: int
    fingerprint: str
    where: str = ""


class Positions:
    """How far each case is filed. ``marks`` say, cheaply, whether a case has to be looked at again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "positions.json"
        self.lock = folder.joinpath("lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise ConfigError(f"Another gateway works with {folder}.") from None
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
            self.marks: dict[UUID, str] = {UUID(case): mark for case, mark in kept.get("marks", {}).items()}
            self._filed, self._intended = _filings(kept, "filed"), _filings(kept, "intended")
        except (ValueError, TypeError, AttributeError):
            self.lock.close()
            raise ConfigError(f"{self._path} cannot be read. Take it from a backup: without it every case would be filed again.") from None

    def close(self) -> None:
        self.lock.close()

    def filed(self, case: UUID) -> Filing | None:
        return self._filed.get(case)

    def intended(self, case: UUID) -> Filing | None:
        """What was to be filed when the gateway last stopped, if it was never said to be."""
        return self._intended.get(case)

    def intend(self, filing: Filing) -> None:
        self._keep(lambda: self._intended.update({filing.case: filing}))

    def note_filed(self, filing: Filing) -> None:
        def change() -> None:
            self._filed[filing.case] = filing
            self._intended.pop(filing.case, None)

        self._keep(change)

    def mark(self, case: UUID, mark: str) -> None:
        self._keep(lambda: self.marks.update({case: mark}))

    def _keep(self, change: Callable[[], None]) -> None:
        change()
        members = {
            "marks": {str(case): mark for case, mark in self.marks.items()},
            "filed": [asdict(filing) for filing in self._filed.values()],
            "intended": [asdict(filing) for filing in self._intended.values()],
        }
        write_durably(self._path, json.dumps(members, default=str).encode())


def _filings(kept: Json, name: str) -> dict[UUID, Filing]:
    rows = [Filing(UUID(row["case"]), int(row["version"]), str(row["fingerprint"]), str(row["where"])) for row in kept.get(name, [])]
    return {filing.case: filing for filing in rows}

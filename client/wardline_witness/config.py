"""The witness's configuration, a TOML file.

Invariant: what is missing or makes no sense stops the start with one sentence; relative paths are those of the file's folder.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from wardline_verify.notes import LOG, Key, Unusable


class ConfigError(Exception):
    """The message is a sentence for a person."""


@dataclass(frozen=True)
class Config:
    """``name`` is the key's name, a host and path without ``https://``; ``host`` and ``port`` are where it listens, behind a proxy that
    does TLS."""

    name: str
    key: Path
    state: Path
    host: str
    port: int
    logs: list[Key]

    @classmethod
    def read(cls, path: Path) -> "Config":
        try:
            members = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}.") from None
        if unknown := members.keys() - {"name", "key", "state", "listen", "logs"}:
            raise ConfigError(f"{path} has a word that means nothing: {min(unknown)}.")
        name, listen, logs = members.get("name"), members.get("listen", "127.0.0.1:8070"), members.get("logs", [])
        if not isinstance(name, str) or not name or any(character.isspace() or character == "+" for character in name):
            raise ConfigError(f"{path}: name is the witness's name, without spaces and plus signs.")
        folder = path.parent
        host, port = _listen(listen)
        return cls(
            name, folder / _text(members, "key", "witness.key"), folder / _text(members, "state", "witness.state"), host, port, _logs(logs)
        )

    def signing_key(self) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(self.key.read_bytes(), password=None)
        except OSError as error:
            raise ConfigError(f"{self.key} cannot be read: {error.strerror}. `init` makes it.") from None
        except (ValueError, TypeError):
            raise ConfigError(f"{self.key} does not hold an unencrypted private key in PEM.") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{self.key} holds a key of another kind than Ed25519.")
        return key

    def create_key(self) -> None:
        """Make a new key, readable by this account alone; a key that is there is left alone.

        Raises:
            ConfigError: it is there already, or the folder cannot be written.
        """
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            with open(os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"{self.key} cannot be made: {error.strerror}.") from None


def _text(members: dict[str, object], name: str, default: str) -> str:
    value = members.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text.")
    return value


def _listen(value: object) -> tuple[str, int]:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError('listen is an address and a port, e.g. "127.0.0.1:8070".')
    return host.strip("[]"), int(port)


def _logs(value: object) -> list[Key]:
    if not isinstance(value, list):
        raise ConfigError("logs is a list of verifier keys.")
    keys = []
    for text in value:
        try:
            keys.append(Key.parse(str(text)))
        except Unusable:
            raise ConfigError(f"logs: {text} is not a verifier key.") from None
        if keys[-1].kind != LOG:
            raise ConfigError(f"logs: {text} is the key of a witness, not of a log.")
    return keys

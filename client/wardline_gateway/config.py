"""The gateway's configuration, a TOML file.

Invariant: what is missing or makes no sense stops the start with one sentence; relative paths are those of the file's folder; a secret that
other accounts of the machine can read is not used.
"""

import os
import ssl
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from wardline_gateway.words import LANGUAGES


class ConfigError(Exception):
    """The message is a sentence for a person."""


@dataclass(frozen=True)
class FhirTarget:
    """``address`` is the FHIR base; ``token`` a file with a bearer token; ``seconds`` how long an answer is waited for."""

    address: str
    token: Path | None
    ca: Path | None
    seconds: float


@dataclass(frozen=True)
class Config:
    """``origin`` is the service's public address where ``service`` reaches it another way; of ``folder`` and ``fhir`` one is set."""

    service: str
    origin: str
    ca: Path | None
    state: Path
    key: Path
    language: str
    zone: ZoneInfo
    poll_seconds: float
    health: tuple[str, int]
    folder: Path | None
    fhir: FhirTarget | None
    witness: Path | None

    @classmethod
    def read(cls, path: Path) -> "Config":
        """Raises ``ConfigError``."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}.") from None
        return _parse(_Table(values, "", path.absolute().parent))


class _Table:
    """A table of the file whose words are taken one by one; what is left in the end means nothing."""

    def __init__(self, values: Mapping[str, Any], name: str, folder: Path) -> None:
        self.values, self.name, self.folder = dict(values), name, folder

    def text(self, word: str, default: str | None = None) -> str:
        value = self.values.pop(word, default)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.name}{word} is missing, or no text.")
        return value

    def path(self, word: str, default: str | None = None) -> Path | None:
        return self.folder / self.text(word, default) if default or word in self.values else None

    def address(self, word: str, default: str | None = None) -> str:
        value = self.text(word, default).rstrip("/")
        parts = urlsplit(value)
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
            raise ConfigError(f"{self.name}{word} is an address with https://; http:// is for this machine alone.")
        return value

    def seconds(self, word: str, default: float) -> float:
        value = self.values.pop(word, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 3_600:
            raise ConfigError(f"{self.name}{word} is a number of seconds, at most an hour.")
        return float(value)

    def table(self, word: str) -> "_Table | None":
        value = self.values.pop(word, None)
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f"{word} is a table: [{word}].")
        return None if value is None else _Table(value, f"{word}.", self.folder)

    def finish(self) -> None:
        if self.values:
            raise ConfigError(f"The configuration has a word that means nothing: {self.name}{min(self.values)}.")


def _parse(table: _Table) -> Config:
    service = table.address("service")
    folder, fhir, witness = table.table("folder"), table.table("fhir"), table.table("witness")
    if (folder is None) == (fhir is None):
        raise ConfigError("Name one place to file into: [folder] or [fhir].")
    config = Config(
        service=service,
        origin=table.address("origin", service),
        ca=table.path("ca"),
        state=table.folder / table.text("state", "state"),
        key=table.folder / table.text("key", "gateway.key"),
        language=_language(table.text("language", "de")),
        zone=_zone(table.text("time_zone", "Europe/Berlin")),
        poll_seconds=table.seconds("poll_seconds", 15),
        health=_loopback(table.text("health", "127.0.0.1:8071")),
        folder=folder.folder / folder.text("path") if folder else None,
        fhir=_fhir(fhir) if fhir else None,
        witness=witness.folder / witness.text("config") if witness else None,
    )
    for each in (table, folder, fhir, witness):
        if each:
            each.finish()
    return config


def read_secret(path: Path) -> bytes:
    """A file only this account may read. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
                raise ConfigError(f"{path} must belong to this account and be readable by it alone: chmod 600.")
            return file.read().strip()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None


def trusting(ca: Path | None) -> ssl.SSLContext | bool:
    """What ``httpx`` verifies certificates with: the usual ones, or the hospital's own authority. Raises ``ConfigError``."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"{ca} is no file of certificates: {error.strerror or 'not PEM'}.") from None


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise ConfigError(f"language is one of: {', '.join(LANGUAGES)}.")
    return value


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError):
        raise ConfigError(f"time_zone {value} is not known.") from None


def _fhir(table: _Table) -> FhirTarget:
    return FhirTarget(table.address("address"), table.path("token"), table.path("ca"), table.seconds("timeout_seconds", 60))


def _loopback(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    host = host.strip("[]")
    if not _is_loopback(host) or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError('health is an address of this machine alone and a port, e.g. "127.0.0.1:8071".')
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

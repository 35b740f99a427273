"""The keys that sign checkpoints, and nothing else: Ed25519, and where it is set ML-DSA-44 beside it.

Invariant: a service in production never makes its own key silently; a log whose key changed unnoticed is a log nobody can check.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Key = Ed25519PrivateKey | MLDSA44PrivateKey


def signing_key() -> Ed25519PrivateKey:
    """The key in ``settings.AUDIT_KEY_FILE``; made on the spot in demo mode when there is none.

    Raises:
        ImproperlyConfigured: no such file in production, or not an Ed25519 key in PEM.
    """
    path = Path(settings.AUDIT_KEY_FILE)
    key = _read(path, Ed25519PrivateKey.generate)
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} holds a key of another kind than Ed25519.")
    return key


def second_key() -> MLDSA44PrivateKey | None:
    """The key in ``settings.AUDIT_MLDSA_KEY_FILE``; ``None`` when there is no such setting. Raises as ``signing_key``."""
    path: Path | None = settings.AUDIT_MLDSA_KEY_FILE
    if path is None:
        return None
    key = _read(path, MLDSA44PrivateKey.generate)
    if not isinstance(key, MLDSA44PrivateKey):
        raise ImproperlyConfigured(f"{path} holds a key of another kind than ML-DSA-44.")
    return key


def create_keys() -> None:
    """Make those that the settings name and that are not there yet."""
    _create(Path(settings.AUDIT_KEY_FILE), Ed25519PrivateKey.generate)
    if settings.AUDIT_MLDSA_KEY_FILE is not None:
        _create(settings.AUDIT_MLDSA_KEY_FILE, MLDSA44PrivateKey.generate)


def _read(path: Path, generate: Callable[[], Key]) -> object:
    if not path.exists() and settings.MODE == "demo":
        _create(path, generate)
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise ImproperlyConfigured(f"There is no audit key in {path}. Make one, once, with `manage.py audit_key --create`.") from None
    except (ValueError, TypeError):
        raise ImproperlyConfigured(f"{path} does not hold an unencrypted private key in PEM.") from None


def _create(path: Path, generate: Callable[[], Key]) -> None:
    """Make a new key, readable by the service's account alone; a key that is there is left alone."""
    pem = generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails when web and worker start together and the other was first: then its key is the key
    except FileExistsError:
        return
    finally:
        draft.unlink()

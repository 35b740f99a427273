"""The service's one private key: it signs checkpoints and nothing else.

Invariant: a service in production never makes its own key silently; a log whose key changed unnoticed is a log nobody can check.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def signing_key() -> Ed25519PrivateKey:
    """The key in ``settings.AUDIT_KEY_FILE``; made on the spot in demo mode when there is none.

    Raises:
        ImproperlyConfigured: no such file in production, or not an Ed25519 key in PEM.
    """
    path = Path(settings.AUDIT_KEY_FILE)
    if not path.exists() and settings.MODE == "demo":
        create(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise ImproperlyConfigured(f"There is no audit key in {path}. Make one, once, with `manage.py audit_key --create`.") from None
    except (ValueError, TypeError):
        raise ImproperlyConfigured(f"{path} does not hold an unencrypted private key in PEM.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} holds a key of another kind than Ed25519.")
    return key


def create(path: Path) -> None:
    """Make a new key, readable by the service's account alone; a key that is there is left alone."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
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

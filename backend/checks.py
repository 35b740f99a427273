"""What a production deployment may not be.

Invariant: a process with ``WARDLINE_MODE=production`` that would run with demo secrets, debugging, plain http, an open host list or without
its audit key does not start; neither does a demo that would be reachable from elsewhere. Every sentence names the variable to set.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from audit.policy import read_policy

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
KNOWN_SECRETS = ("demo-", "tests-", "unused", "django-insecure-", "change")
SHORTEST_SECRET = 50


def refuse_unsafe() -> None:
    """Stop the start.

    Raises:
        ImproperlyConfigured: one sentence per thing that is unsafe.
    """
    if problems := list(_problems()):
        raise ImproperlyConfigured(" ".join(sentence for _, sentence in problems))


@register(Tags.security)
def report_unsafe(app_configs: Any, **options: Any) -> list[Error]:
    """The same for ``manage.py check``."""
    return [Error(sentence, id=f"backend.{code}") for code, sentence in _problems()]


def _problems() -> Iterator[tuple[str, str]]:
    match settings.MODE:
        case "production":
            yield from _unsafe_production()
        case "demo":
            if urlsplit(settings.PUBLIC_URL).hostname not in LOOPBACK:
                yield "demo_in_public", "WARDLINE_MODE=demo serves this machine alone: PUBLIC_URL must be on localhost."
        case _:
            yield "mode_unknown", "WARDLINE_MODE is either production or demo."


def _unsafe_production() -> Iterator[tuple[str, str]]:
    if settings.DEBUG:
        yield "debug", "DEBUG shows internals to strangers: unset it in production."
    if not settings.IS_HTTPS:
        yield "http", "PUBLIC_URL must begin with https:// in production: passkeys, cookies and keys travel by it."
    if not settings.WEBAUTHN_RP_ID or settings.WEBAUTHN_RP_ID in LOOPBACK or settings.WEBAUTHN_RP_ID.endswith("example.org"):
        yield "host_default", "PUBLIC_URL must name this deployment's own host in production."
    if any(host.startswith(("*", ".")) for host in settings.ALLOWED_HOSTS):
        yield "hosts_open", "ALLOWED_HOSTS must list hosts one by one in production."
    if settings.SECRET_KEY.startswith(KNOWN_SECRETS) or len(settings.SECRET_KEY) < SHORTEST_SECRET:
        yield "secret_weak", f"SECRET_KEY must be {SHORTEST_SECRET} random characters or more, made for this deployment."
    if not settings.AUDIT_KEY_FILE.is_file():
        yield "audit_key_missing", "AUDIT_KEY_FILE must name this deployment's audit key: no action may go unsigned."
    try:
        read_policy()
    except ImproperlyConfigured as error:
        yield "audit_policy", str(error)

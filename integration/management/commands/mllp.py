"""Listen for ADT messages (HL7 v2 over MLLP) until SIGTERM or SIGINT; then finish what is under way, answer it, and end."""

import asyncio
import logging
import signal
import ssl
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend import roles
from backend.checks import refuse_unsafe
from integration.listener import Limits, Listener

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unsafe()
        roles.refuse_owner()
        tls = _tls()
        if tls is None and not _is_loopback(settings.MLLP_HOST):
            raise CommandError(
                "MLLP_CERTIFICATE_FILE is not set: in clear this listens on loopback alone (MLLP_HOST); messages name patients."
            )
        asyncio.run(_listen(tls))


async def _listen(tls: ssl.SSLContext | None) -> None:
    limits = Limits(
        largest=settings.MLLP_LARGEST,
        connections=settings.MLLP_CONNECTIONS,
        workers=settings.MLLP_WORKERS,
        message_within=settings.MLLP_MESSAGE_WITHIN,
        first_within=settings.MLLP_FIRST_WITHIN,
    )
    listener, is_over = Listener(limits, tls), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, is_over.set)
    port = await listener.start(settings.MLLP_HOST, settings.MLLP_PORT)
    log.info("listening for ADT messages on port %s, %s", port, "with TLS" if tls else "in clear, for this machine alone")
    await is_over.wait()
    await listener.stop()


def _tls() -> ssl.SSLContext | None:
    if not settings.MLLP_CERTIFICATE_FILE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.MLLP_CERTIFICATE_FILE, settings.MLLP_PRIVATE_FILE or None)
        if settings.MLLP_CLIENT_CA_FILE:
            context.load_verify_locations(settings.MLLP_CLIENT_CA_FILE)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise CommandError(
            f"MLLP_CERTIFICATE_FILE, MLLP_PRIVATE_FILE or MLLP_CLIENT_CA_FILE cannot be used: {type(error).__name__}."
        ) from error
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

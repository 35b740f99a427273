"""``manage.py push_key``: the public key that names this service to push services; with ``--create`` the private one, once."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from py_vapid import Vapid02

from messaging.pushes import application_server_key


class Command(BaseCommand):
    help = "Print the application server key of Web Push (RFC 8292)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--create", action="store_true", help="make the private key in VAPID_KEY_FILE when there is none")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.VAPID_KEY_FILE)
        if options["create"] and not path.exists():
            key = Vapid02()
            key.generate_keys()
            # Exclusive: of two starts at once one makes the key, and a subscription made for it stays good.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key.private_pem())
        self.stdout.write(application_server_key())

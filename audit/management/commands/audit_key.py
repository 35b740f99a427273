"""``manage.py audit_key``: the public keys of the logs; with ``--create`` the private key, once."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.checkpoints import verifier_keys
from audit.keys import create
from audit.models import Log


class Command(BaseCommand):
    help = "Print the verifier keys of the audit logs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--create", action="store_true", help="make the private key in AUDIT_KEY_FILE when there is none")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["create"]:
            create(Path(settings.AUDIT_KEY_FILE))
        logs = Log.objects.order_by("created_at", "id").values_list("id", flat=True)
        for key in verifier_keys(logs).values():
            self.stdout.write(key)

"""``manage.py audit_key``: the public keys of the logs; with ``--create`` the private keys, once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.checkpoints import origin_of, verifier_keys
from audit.keys import create_keys, second_key
from audit.models import Log
from audit.second import second_verifier_key


class Command(BaseCommand):
    help = "Print the verifier keys of the audit logs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--create", action="store_true", help="make the private keys that the settings name and that are not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["create"]:
            create_keys()
        logs = Log.objects.order_by("created_at", "id").values_list("id", flat=True)
        for key in verifier_keys(logs).values():
            self.stdout.write(key)
        if (second := second_key()) is not None:
            for log in logs:
                self.stdout.write(second_verifier_key(origin_of(log), second))

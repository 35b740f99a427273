"""``manage.py audit_republish``: let a log be signed again whose published checkpoint is lost, or was overruled by a restore on purpose."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from audit.checkpoints import republish


class Command(BaseCommand):
    help = "Take the newest checkpoint of the database for what was published last. Whoever saved a later one will see a fork."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", type=UUID, help="the log, as audit_status names it")

    def handle(self, *args: Any, log: UUID, **options: Any) -> None:
        try:
            size = republish(log)
        except LookupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"log {log} goes on from {size} leaves; the log itself says that you decided so")

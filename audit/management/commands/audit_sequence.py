"""``manage.py audit_sequence``: sequence and sign without Celery, once or for ever."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.checkpoints import sign_checkpoints
from audit.sequencer import integrate_all


class Command(BaseCommand):
    help = "Sequence the audit events that wait and sign the logs that have grown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="go on until interrupted")
        parser.add_argument("--interval", type=float, default=1.0, help="seconds between two looks with --watch")

    def handle(self, *args: Any, watch: bool, interval: float, **options: Any) -> None:
        while True:
            leaves, checkpoints = integrate_all(), sign_checkpoints()
            if leaves or checkpoints or not watch:
                self.stdout.write(f"{leaves} leaves, {checkpoints} checkpoints")
            if not watch:
                return
            time.sleep(interval)

"""``manage.py audit_sequence``: sequence and sign without Celery, once or for ever. Exit code 1 when one log could not be, others were."""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.checkpoints import sign_checkpoints
from audit.published import ForkRefused
from audit.sequencer import MissingEvent, integrate_all


class Command(BaseCommand):
    help = "Sequence the audit events that wait and sign the logs that have grown; exit code 1 when a log could not be."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="go on until interrupted, whatever one log does")
        parser.add_argument("--interval", type=float, default=1.0, help="seconds between two looks with --watch")
        parser.add_argument("--json", action="store_true", help="a JSON object a line instead of text")

    def handle(self, *args: Any, watch: bool, interval: float, **options: Any) -> None:
        while True:
            problems = self._once(is_json=options["json"], is_quiet=watch)
            if problems and not watch:
                sys.exit(1)
            if not watch:
                return
            time.sleep(interval)

    def _once(self, *, is_json: bool, is_quiet: bool) -> list[str]:
        """What went wrong; with ``is_quiet`` nothing is said when nothing was done."""
        leaves, checkpoints, problems = 0, 0, []
        try:
            leaves = integrate_all()
        except MissingEvent as error:
            problems.append(f"audit.event_missing: event {error} was taken away; its log stands still")
        try:
            checkpoints = sign_checkpoints()
        except ForkRefused as error:
            problems.append(f"audit.fork_refused: {error}")
        except OSError as error:
            problems.append(f"audit.cannot_publish: {error}")
        if is_json and (leaves or checkpoints or problems or not is_quiet):
            self.stdout.write(json.dumps({"leaves": leaves, "checkpoints": checkpoints, "problems": problems}))
        elif leaves or checkpoints or not is_quiet:
            self.stdout.write(f"{leaves} leaves, {checkpoints} checkpoints")
        if not is_json and problems:
            self.stderr.write("\n".join(f"! {problem}" for problem in problems))
        return problems

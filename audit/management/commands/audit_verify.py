"""``manage.py audit_verify``: recompute every log from the database. Exit code 0 when everything agrees, 1 when something does not."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from audit.verification import Finding, verify_logs

SENTENCES = {
    "gap": "the leaf with this index is missing, or another one stands in its place",
    "event_missing": "the event of the leaf with this index is gone",
    "leaf_differs": "the event of the leaf with this index is not the one that was hashed",
    "foreign_event": "the event of the leaf with this index does not belong into this log, or cannot be read",
    "node_differs": "the stored node with this index is missing, or is not what the leaves make",
    "nodes_too_many": "there are other nodes than this many",
    "size_differs": "the log says that it has this many leaves",
    "frontier_differs": "the stored edge of the tree is not what the leaves make",
    "checkpoint_differs": "the checkpoint of this size is not over the root that the leaves make",
    "checkpoint_unsigned": "the checkpoint of this size has no signature of the present key",
    "checkpoint_ahead": "there is a checkpoint of this size, and fewer leaves",
    "published_differs": "what was published at this size has another root",
    "published_unreadable": "the note of what was published cannot be read",
    "published_ahead": "this size was published, and there are fewer leaves",
    "misplaced_event": "the event with this number is not in the logs that it names, once in each",
}


class Command(BaseCommand):
    help = "Recompute the audit logs from the database and say what is wrong; exit code 1 when something is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--log", type=UUID, help="this log alone; then events are not looked for in the other ones")
        parser.add_argument("--json", action="store_true", help="a JSON object a line instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        is_well = True
        for log, count, findings in verify_logs(options["log"]):
            is_well = is_well and not findings
            if options["json"]:
                facts = [dataclasses.asdict(finding) for finding in findings]
                self.stdout.write(json.dumps({"log": log, "count": count, "findings": facts}, default=str))
            else:
                counted = f"log {log}: {count} leaves recomputed" if log else f"{count} events looked for in their logs"
                lines = [f"{counted}, {len(findings)} findings", *map(_line, findings)]
                self.stdout.write("\n".join(lines))
        if not is_well:
            sys.exit(1)


def _line(finding: Finding) -> str:
    return f"  ! {finding.at}: {finding.code}: {SENTENCES[finding.code]}"

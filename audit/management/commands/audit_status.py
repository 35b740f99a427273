"""``manage.py audit_status``: how the logs are doing. Exit code 0 when all is well, 1 when something needs a person."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit.leaves import OPERATOR
from audit.status import LogStatus, Status, WitnessStatus, status

SENTENCES = {
    "unsequenced": "Events have been waiting for their place in a log: is the worker running?",
    "one_role": "The role of DATABASE_URL could change the audit log: owner and service have to be two (docs/operations.md).",
    "no_key": "AUDIT_KEY_FILE, or AUDIT_MLDSA_KEY_FILE where it is set, holds no usable key, so nothing can be signed.",
    "no_policy": "AUDIT_POLICY_FILE cannot be read, so no witness is asked.",
    "witness_fork": "A witness holds another history of this log. Find out which is right before anything else.",
    "witness_ahead": "A witness has cosigned more than is in this database: it was set back, or somebody else signs.",
    "witness_missing": "A witness has not been asked for a minute: is the worker running, and has the witness an address?",
    "witness_unreachable": "A witness does not answer.",
    "witness_unknown_log": "A witness does not know this log: its operator has to add the log's key.",
    "witness_unknown_key": "A witness does not believe the signature: it has another key of this log.",
    "witness_no_proof": "The tree in the database is not whole: manage.py audit_verify says where.",
    "witness_misbehaves": "A witness answers what makes no sense, or its cosignature does not verify.",
    "set_back": "Less is in the database than was published: it was set back, or leaves were removed. Nothing more is signed.",
    "published_unreadable": "The note of what was published cannot be read, so nothing more is signed: restore it, or audit_republish.",
    "published_lost": "Nothing is noted of what was published: was the state folder lost, or is it not mounted? See audit_republish.",
    "unsigned": "The log has grown and is not signed: is the worker running, or did it refuse a fork (audit.fork_refused)?",
}


class Command(BaseCommand):
    help = "Say how the audit logs are doing; exit code 1 when something needs a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        found = status()
        if options["json"]:
            self.stdout.write(json.dumps(_facts(found), default=str))
        else:
            self.stdout.write("\n".join(_lines(found)))
        if found.problems:
            sys.exit(1)


def _facts(found: Status) -> dict[str, Any]:
    return dataclasses.asdict(found) | {"problems": [{"code": code, "log": log} for code, log in found.problems]}


def _lines(found: Status) -> list[str]:
    lines = [f"waiting: {found.pending} events, the oldest for {found.oldest_seconds:.0f} s"]
    lines.append(f"the service's role can {'only add to' if found.is_append_only else 'CHANGE'} the logs")
    lines += [_line(log) for log in found.logs]
    lines += [_witness_line(witness) for witness in found.witnesses]
    lines += [f"! {log or 'all logs'}: {code}. {SENTENCES[code]}" for code, log in found.problems]
    return lines if found.problems else [*lines, "all is well"]


def _line(log: LogStatus) -> str:
    whose = "operator" if log.hospital == OPERATOR else f"hospital {log.hospital}"
    signed = f"signed {log.signed} at {log.signed_at:%Y-%m-%d %H:%M:%S} UTC" if log.signed_at else "never signed"
    return f"log {log.id} ({whose}): {log.size} leaves, {signed}, published {'?' if log.published is None else log.published}"


def _witness_line(witness: WitnessStatus) -> str:
    last = f"cosigned {witness.size} at {witness.cosigned_at:%Y-%m-%d %H:%M:%S} UTC" if witness.cosigned_at else "never cosigned"
    behind = f", behind for {witness.behind_seconds:.0f} s" if witness.behind_seconds else ""
    return f"witness {witness.witness} of log {witness.log}: {witness.state}, {last}{behind}"

"""Say how the ADT feeds are doing; exit code 1 when one was refused something, or sent nothing, in the last 24 hours."""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integration.hl7v2.refusals import REASONS
from integration.services.feed_status import FeedStatus, Problem, read_status


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        found = read_status()
        if options["json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(feed) for feed in found], default=str))
        else:
            self.stdout.write("\n".join(line for feed in found for line in _lines(feed)) or "no feed is set up")
        if not all(feed.is_well for feed in found):
            sys.exit(1)


def _lines(feed: FeedStatus) -> list[str]:
    last = f"the last at {feed.last_at:%Y-%m-%d %H:%M:%S} UTC" if feed.last_at else "never one"
    name = f"{feed.application}|{feed.facility}"
    head = f"feed {feed.id} ({feed.hospital}, {name}): {feed.taken} messages in 24 hours, {last}; {feed.wards} points of care"
    return [head, *map(_problem_line, feed.problems)]


def _problem_line(problem: Problem) -> str:
    last = f"{problem.count} times, the last at {problem.last_at:%Y-%m-%d %H:%M:%S} UTC"
    message = f", MSH-10 {problem.control_id}" if problem.control_id else ""
    return f"! {problem.code} {problem.place}: {last}{message}. {REASONS[problem.code].sentence}"

"""Set up who may send ADT messages (docs/integration.md): ``add``, ``map``, ``end``."""

import csv
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.errors import DomainError
from integration.services import feed_setup
from integration.services.feed_setup import Ward


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        add = acts.add_parser("add", help="let a sender in; prints the feed's id")
        add.add_argument("hospital", help="its slug")
        add.add_argument("--application", required=True, help="MSH-3.1")
        add.add_argument("--facility", default="", help="MSH-4.1")
        add.add_argument("--certificate", action="append", default=[], type=Path, help="PEM file; several while one is replaced")
        add.add_argument("--network", action="append", default=[], help="where it comes from, e.g. 10.20.0.7/32")
        map_ = acts.add_parser(
            "map", help="set the whole map from lines `point of care;unit;label` on standard input; unit - is not kept here"
        )
        map_.add_argument("feed", type=UUID)
        acts.add_parser("end", help="take no more from it").add_argument("feed", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(getattr(self, f"_{options['act']}")(options))
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error

    def _add(self, options: dict[str, Any]) -> str:
        certificates = [path.read_bytes() for path in options["certificate"]]
        names = {"slug": options["hospital"], "application": options["application"], "facility": options["facility"]}
        return str(feed_setup.add_feed(**names, certificates=certificates, networks=options["network"]).pk)

    def _map(self, options: dict[str, Any]) -> str:
        rows = [row for row in csv.reader(sys.stdin, delimiter=";") if row]
        if any(not 2 <= len(row) <= 3 for row in rows):
            raise CommandError("Each line is `point of care;unit` or `point of care;unit;label`.")
        wards = [Ward(*(cell.strip() for cell in row)) for row in rows]
        return f"{feed_setup.map_feed(feed_id=options['feed'], wards=wards)} points of care"

    def _end(self, options: dict[str, Any]) -> str:
        feed_setup.end_feed(feed_id=options["feed"])
        return "ended"

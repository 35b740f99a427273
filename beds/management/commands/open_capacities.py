"""Open units' figures: JSON lines ``{unit, category, staffed, occupied, blocked, capabilities, beds?}`` on standard input."""

import json
import sys
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from backend.errors import DomainError
from beds.services.figures import Figures
from beds.services.opening import open_capacity


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for number, line in enumerate(sys.stdin, start=1):
            try:
                row = json.loads(line)
                figures = Figures(row["staffed"], row["occupied"], row["blocked"])
                unit_id = UUID(row["unit"])
                words = {"capabilities": row.get("capabilities", []), "beds": row.get("beds", [])}
                capacity = open_capacity(unit_id=unit_id, category=row["category"], figures=figures, **words)
            except (ValueError, KeyError) as error:
                raise CommandError(f"Line {number} is not such an object.") from error
            except DomainError as error:
                raise CommandError(f"Line {number}: {error.code}: {error.detail}") from error
            self.stdout.write(str(capacity.pk))

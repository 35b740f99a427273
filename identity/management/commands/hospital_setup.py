"""Prepare a hospital and print the one-time link for its first registrar."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from identity.services.hospitals import prepare


class Command(BaseCommand):
    help = "Prepare a hospital and print the one-time link for its first registrar, who makes the hospital's root key in the own browser."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("name")
        parser.add_argument("--city", default="")
        parser.add_argument("--latitude", type=float)
        parser.add_argument("--longitude", type=float)
        parser.add_argument("--hours", type=int, default=24, help="how long the link is good")

    def handle(self, *args: Any, **options: Any) -> None:
        fields = {field: options[field] for field in ("slug", "name", "city", "latitude", "longitude")}
        try:
            _, token = prepare(**fields, lasts=timedelta(hours=options["hours"]))
        except IntegrityError as error:
            raise CommandError(f"There is a hospital {options['slug']} already.") from error
        self.stdout.write(f"{settings.PUBLIC_URL}/#/setup/{token}")

"""``manage.py migrate``, as the owner where there is one (``MIGRATE_DATABASE_URL``), and then the service's role gets its rights."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import ProgrammingError, connections, transaction

from backend import roles


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        if "owner" in settings.DATABASES:
            parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        role = roles.app_role()
        if role is not None and options["database"] == "owner" and not options["plan"] and not options["check_unapplied"]:
            self._grant(role)

    def _grant(self, role: str) -> None:
        try:
            with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
                if roles.create(cursor, role, str(settings.DATABASES["default"]["PASSWORD"])):
                    self.stdout.write(f"Made the role {role}, which the service uses.")
                roles.grant(cursor, role)
        except ProgrammingError as error:  # which insufficient privilege is
            raise CommandError(f"The owner may not make or equip the role {role}: let the database's operator do CREATE ROLE.") from error

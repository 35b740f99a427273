"""Be the second person for a hospital that has one registrar and no auditor."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.errors import DomainError
from identity.models import RegistrarProposal
from identity.services.registrars import agree_as_operator


class Command(BaseCommand):
    help = "Agree, as the operator, that a hospital's only registrar makes a second one. Ask the hospital first, by another channel."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("proposal", type=UUID)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            proposal = agree_as_operator(proposal_id=options["proposal"])
        except RegistrarProposal.DoesNotExist as error:
            raise CommandError("There is no such proposal.") from error
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Agreed for {proposal.hospital.name}. Who proposed may confirm it now, until {proposal.expires_at}.")

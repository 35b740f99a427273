"""Software that is acting.

Invariant: a ``ClientActor`` exists only while its token runs and its client is not revoked, at this moment; nothing of it is cached. It is
no person: it holds no role and no key, and there is no way from here to what people say to each other.
"""

from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from audit.events import Agent
from backend.errors import Forbidden
from beds.services import Software
from identity.tokens import token_hash
from integration.models import AccessToken

METHOD = "smart"


@dataclass(frozen=True, slots=True)
class ClientActor:
    """A hospital's software with what this token allows it; ``name`` is its registrar's word for it."""

    client_id: UUID
    hospital_id: UUID
    name: str
    scopes: frozenset[str]

    # What every part asks of an actor; nobody to be pending, archive or registrar.
    is_pending = False

    def agent(self) -> Agent:
        """In the words of the audit log: no person, the client as the device it came from."""
        return agent_of(self.client_id, self.hospital_id)

    def software(self) -> Software:
        """In the words of ``beds``."""
        return Software(self.hospital_id, self.name, self.agent())

    def require_scope(self, kind: str, letter: str) -> None:
        """Raises: Forbidden: ``client.scope_missing``."""
        if f"system/{kind}.{letter}" not in self.scopes:
            raise Forbidden("client.scope_missing", "This client's token does not allow it. A registrar decides what it may.")


def agent_of(client_id: UUID, hospital_id: UUID) -> Agent:
    return Agent(hospital=hospital_id, device=client_id, method=METHOD)


def actor_of_token(token: str) -> ClientActor | None:
    """Whose token this is, if it is good at this moment. One query."""
    live = AccessToken.objects.filter(digest=token_hash(token), expires_at__gt=timezone.now(), client__revoked_at=None)
    found = live.values_list("client_id", "client__hospital_id", "client__name", "scopes").first()
    return None if found is None else ClientActor(*found[:3], frozenset(found[3]))

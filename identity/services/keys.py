"""Public keys of principals.

Invariant: a key is handed out only while its principal is in force; the statement that vouches for it travels beside it, and clients
check it.
"""

from collections.abc import Iterable
from uuid import UUID

from identity.models import PrincipalKey


def current_keys(principals: Iterable[UUID]) -> dict[UUID, PrincipalKey]:
    """Principal -> its current generation. One query; principals without a current key (pending, ended, unknown) are missing."""
    return {key.principal: key for key in PrincipalKey.objects.filter(principal__in=list(principals), replaced_at=None)}

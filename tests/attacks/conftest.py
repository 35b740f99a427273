"""A server process of its own, and bed requests."""

from tests.beds.conftest import ward
from tests.messaging.conftest import server

__all__ = ["server", "ward"]

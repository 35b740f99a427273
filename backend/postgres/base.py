"""Django's PostgreSQL connections, lent from a pool.

Invariant: a connection that PostgreSQL has closed is not lent. One that died did not die alone (a restart, a network that broke), so the
whole pool is looked through at once. The pool's own check would cost a round trip each time, and wait a second, two, four ... between dead
ones.
"""

import select
from typing import Any

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if self.pool and has_word_from_server(connection):
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection


def has_word_from_server(connection: Any) -> bool:
    """Nothing was asked on an idle connection: what can be read is a farewell, or its end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))

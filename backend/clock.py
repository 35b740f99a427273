"""One clock for all processes: the database's."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock at this statement: not the transaction's start, which may lie before a wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
        return found

"""What transactions wrote, as the database itself counts it.

Invariant: while ``Watch`` is on, every row that is added, changed or deleted in any table of the service, by whatever code in whatever
process, by an ORM call or by SQL, is noted under its transaction's id by a trigger. A transaction that wrote and has no event shows,
whoever forgot it.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from django.db import connection, transaction

# Tables that say nothing that a person did, saw or was told. Each with its reason; a table that is not here needs an event.
BOOKKEEPING = {
    "django_session": "the session store's; who signed in is identity_signin",
    "backend_firstanswer": "the stored answer of a write that has its own event",
    "audit_pending": "the queue of the events themselves",
    "audit_log": "the logs' own",
    "audit_leaf": "the logs' own",
    "audit_node": "the logs' own",
    "audit_checkpoint": "the logs' own",
    "audit_cosignature": "the logs' own",
    "identity_directoryhead": "the logs' own: a head of the key directory, signed",
    "audit_witness": "who of the witnesses is how far",
    "messaging_pendingpush": "a device is owed a ring; what it rings about is messaging.send",
    "messaging_pushsweep": "how far the worker has looked",
}
_INSTALL = """
    CREATE SCHEMA watch;
    CREATE TABLE watch.touched (tx text, name text, PRIMARY KEY (tx, name));
    CREATE TABLE watch.mute (is_on boolean);
    CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO watch.touched VALUES (pg_current_xact_id()::text, TG_TABLE_NAME) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE FUNCTION watch.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM watch.mute) THEN RAISE EXCEPTION 'the audit log takes nothing'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER watch_refuse BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION watch.refuse();
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('django_migrations', 'django_content_type')"


class Watch:
    """Counts, while it is on, in the present database."""

    @classmethod
    @contextmanager
    def on(cls) -> Iterator[Self]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_INSTALL)
            cursor.execute(_TABLES)
            for (table,) in cursor.fetchall():
                cursor.execute(
                    f"CREATE TRIGGER watch_note AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION watch.note()"
                )
        try:
            yield cls()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA watch CASCADE")

    def begin(self) -> None:
        """Forget what was so far."""
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM watch.touched")

    @contextmanager
    def mute(self) -> Iterator[None]:
        """The log takes no event: whatever would write one fails."""
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO watch.mute VALUES (true)")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM watch.mute")

    def written(self) -> dict[str, set[str]]:
        """Transaction to the tables that it wrote, of those that committed."""
        found = defaultdict(set)
        with connection.cursor() as cursor:
            cursor.execute("SELECT tx, name FROM watch.touched")
            for tx, name in cursor.fetchall():
                found[tx].add(name)
        return found

    def without_event(self, *besides: str) -> list[set[str]]:
        """What was written by transactions that have no event; ``besides`` are tables that need none here."""
        silent = (tables - BOOKKEEPING.keys() - set(besides) for tables in self.written().values() if "audit_event" not in tables)
        return [tables for tables in silent if tables]

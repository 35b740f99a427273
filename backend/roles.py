"""Two roles in the database: one owns the tables and migrates, the other is the service.

Invariant: the service's role owns nothing and may only read and add in the log's tables, so that who has taken over the service can write
no history anew: not by UPDATE, DELETE or TRUNCATE, and not by taking a trigger or a table away. The database's own operator still can;
against that there are witnesses (docs/audit-log.md).
"""

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.utils import CursorWrapper
from psycopg import sql

CONNECT_SECONDS = 5
# FOR UPDATE asks for the right to UPDATE some column: the queue's rows are locked and deleted, never changed.
RIGHTS = {
    "audit_event": "SELECT, INSERT",
    "audit_leaf": "SELECT, INSERT",
    "audit_node": "SELECT, INSERT",
    "audit_checkpoint": "SELECT, INSERT",
    "audit_cosignature": "SELECT, INSERT",
    "audit_opening": "SELECT, INSERT, DELETE",
    "audit_review": "SELECT, INSERT",
    "audit_log": "SELECT, INSERT, UPDATE (size, frontier)",
    "audit_pending": "SELECT, INSERT, DELETE, UPDATE (event)",
    "beds_signedstep": "SELECT, INSERT",
    "identity_directoryhead": "SELECT, INSERT",
    "identity_statement": "SELECT, INSERT",
    "django_migrations": "SELECT",
}
APPEND_ONLY = [table for table, rights in RIGHTS.items() if rights == "SELECT, INSERT"]

_TOO_MUCH = """
    SELECT rolsuper OR EXISTS (
        SELECT FROM pg_class WHERE relname = ANY (%s) AND relnamespace = 'public'::regnamespace
            AND (pg_has_role(current_user, relowner, 'MEMBER') OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')))
    FROM pg_roles WHERE rolname = current_user"""


def app_role() -> str | None:
    """The service's role, where the owner's is another one."""
    owner, app = settings.DATABASES.get("owner", {}).get("USER"), settings.DATABASES["default"]["USER"]
    return str(app) if owner not in (None, app) else None


def grant(cursor: CursorWrapper, role: str) -> None:
    """Give ``role`` what the service needs of all tables there are now, and no more. As the owner, inside a transaction."""
    name = sql.Identifier(role)
    for statement in (
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}",
    ):
        cursor.execute(sql.SQL(statement).format(name))
    for table, rights in RIGHTS.items():
        cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(sql.Identifier(table), name))
        cursor.execute(sql.SQL("GRANT " + rights + " ON {} TO {}").format(sql.Identifier(table), name))


def create(cursor: CursorWrapper, role: str, password: str) -> bool:
    """Make ``role`` if it is not there; whether it was made. The password leaves this process as a SCRAM verifier only.

    Raises:
        InsufficientPrivilege: (psycopg) the owner may not make roles; then the database's operator makes it.
    """
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    if cursor.fetchone() is not None:
        return False
    statement = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(sql.Identifier(role))
    if password:
        raw: psycopg.Connection[object] = cursor.connection
        verifier = raw.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier))
    cursor.execute(statement)
    return True


def has_too_much(cursor: "CursorWrapper | psycopg.Cursor[tuple[bool]]") -> bool:
    """Whether the connected role could change the log's tables."""
    cursor.execute(_TOO_MUCH, [APPEND_ONLY])
    row = cursor.fetchone()
    return bool(row and row[0])


def refuse_owner() -> None:
    """Stop the start of a production process that is connected as the tables' owner. A database that does not answer stops nothing: it may
    come back, and the role does not change meanwhile.

    Raises:
        ImproperlyConfigured: with what to do.
    """
    if settings.MODE != "production":
        return
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=CONNECT_SECONDS) as connection, connection.cursor() as cursor:
            is_too_much = has_too_much(cursor)
    except psycopg.OperationalError:
        return
    if is_too_much:
        raise ImproperlyConfigured(
            "DATABASE_URL is a role that can change the audit log: name one that owns no table, give MIGRATE_DATABASE_URL to "
            "`manage.py migrate` alone, and run it once (docs/operations.md)."
        )

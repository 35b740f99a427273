"""The service's own role in the database: it can do everything the service does, and nothing to the log."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from psycopg.errors import InsufficientPrivilege

from audit.status import status
from audit.witnessing import gather
from backend import roles
from tests.audit.conftest import Hospital
from tests.audit.signed import Signer
from wardline_verify.notes import Checkpoint

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "of tests alone"


@pytest.fixture(scope="module")
def role(django_db_setup, django_db_blocker):
    """A role made and equipped by what ``manage.py migrate`` runs, in the test database."""
    name = f"wardline_app_{uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        with transaction.atomic(), connection.cursor() as cursor:
            assert roles.create(cursor, name, PASSWORD)
            assert not roles.create(cursor, name, PASSWORD)
            roles.grant(cursor, name)
        yield name
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {name}")
            cursor.execute(f"DROP ROLE {name}")
        connection.close()


@pytest.fixture
def app(role):
    """Connected as that role, in a transaction that is rolled back."""
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("dbname", "host", "port") if parameters.get(name)}
    with psycopg.connect(**address, user=role, password=PASSWORD) as own:
        yield own
        own.rollback()


@contextmanager
def as_role(name):
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {name}")
        try:
            yield
        finally:
            cursor.execute("RESET ROLE")


@pytest.mark.parametrize("table", [*roles.APPEND_ONLY, "audit_log", "audit_pending", "django_migrations"])
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_it_may_not_change_a_log(app, table, statement):
    column = {
        "audit_event": "leaf",
        "audit_leaf": "leaf_hash",
        "audit_node": "node_hash",
        "audit_checkpoint": "note",
        "audit_cosignature": "line",
        "audit_review": "finding",
        "beds_signedstep": "id",
        "identity_directoryhead": "id",
        "identity_statement": "header",
        "audit_log": "id",
        "audit_pending": "hospital",
        "django_migrations": "name",
    }[table]
    if (table, statement.split()[0]) == ("audit_pending", "DELETE"):
        return  # the queue is what is emptied
    with pytest.raises(InsufficientPrivilege, match="permission denied"):
        app.execute(statement.format(table, column))


@pytest.mark.parametrize("table", [*roles.APPEND_ONLY, "audit_log", "audit_pending"])
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER append_only ON {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} OWNER TO CURRENT_USER",
        "ALTER TABLE {} RENAME TO another",
        "CREATE TRIGGER another BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE another AS ON INSERT TO {} DO INSTEAD NOTHING",
        "DROP TABLE {} CASCADE",
        "GRANT ALL ON {} TO CURRENT_USER",
    ],
)
def test_it_may_not_take_the_guards_away(app, table, statement):
    if statement.startswith("GRANT"):
        app.execute(statement.format(table))  # a warning and nothing given, says PostgreSQL
        with pytest.raises(InsufficientPrivilege):
            app.execute(f"TRUNCATE {table} CASCADE")
        return
    with pytest.raises((InsufficientPrivilege, psycopg.errors.UndefinedObject)):
        app.execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION audit_refuse_change() CASCADE",
        "CREATE TABLE public.audit_event2 ()",
        "CREATE ROLE somebody SUPERUSER",
        "SET ROLE postgres",
        "COPY audit_event TO PROGRAM 'cat'",
    ],
)
def test_it_may_not_step_round_them(app, statement):
    with pytest.raises(InsufficientPrivilege):
        app.execute(statement)


def test_it_writes_sequences_signs_and_is_cosigned(role, hospital, settings, tmp_path):
    """The same code as ever, as that role."""
    with as_role(role):
        hospital.writes(300)
        note = hospital.publishes()
        assert len(hospital.leaves()) == 300
        assert Checkpoint.parse(note).size == 300
        key = "w+9e3c5f4b"
        settings.AUDIT_POLICY_FILE = tmp_path / "policy"
        signer = Signer("w", kind=4)
        settings.AUDIT_POLICY_FILE.write_text(f"witness w {signer.verifier_key} http://127.0.0.1:9\nquorum w\n")
        assert gather() == 0, "it asked, and nobody was there"
        with connection.cursor() as cursor:
            insert = "INSERT INTO audit_cosignature (log, size, witness, line) VALUES (%s, 300, %s, 'x')"
            cursor.execute(insert, [hospital.log.id, key])


def test_the_guarded_tables_are_those_with_guards(role):
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only' AND tgenabled = 'A'")
        assert {table for (table,) in cursor.fetchall()} == set(roles.APPEND_ONLY)


def test_who_has_too_much(app, role):
    with app.cursor() as cursor:
        assert not roles.has_too_much(cursor)
    with connection.cursor() as cursor:
        assert roles.has_too_much(cursor), "a superuser"
        cursor.execute(f"GRANT DELETE ON audit_leaf TO {role}")
        try:
            with app.cursor() as own:
                assert roles.has_too_much(own)
        finally:
            cursor.execute(f"REVOKE DELETE ON audit_leaf FROM {role}")


def url(role, database=None):
    parameters = connection.get_connection_params()
    host, port = quote(parameters.get("host") or "", safe=""), parameters.get("port")
    return f"postgresql://{role}:{quote(PASSWORD)}@/{database or parameters['dbname']}?host={host}" + (f"&port={port}" if port else "")


@pytest.mark.parametrize("mode", ["production", "demo"])
def test_production_refuses_to_start_as_the_owner(settings, role, mode):
    settings.MODE = mode
    settings.DATABASE_URL = url(role)
    roles.refuse_owner()
    settings.DATABASE_URL = url(connection.settings_dict["USER"])
    if mode == "demo":
        roles.refuse_owner()
    else:
        with pytest.raises(ImproperlyConfigured, match="MIGRATE_DATABASE_URL"):
            roles.refuse_owner()
    settings.DATABASE_URL = "postgresql://nobody@127.0.0.1:1/none"
    roles.refuse_owner()


@pytest.mark.long
def test_migrating_makes_and_equips_the_role_as_an_owner_who_is_no_superuser(role):
    """A database of its own, as a hospital's operator would hand it over."""
    owner, app, database = (f"{name}_{uuid4().hex[:8]}" for name in ("wardline_owner", "wardline_app", "wardline"))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
        cursor.execute(f"CREATE DATABASE {database} OWNER {owner}")
    environment = os.environ | {"DATABASE_URL": url(app, database), "MIGRATE_DATABASE_URL": url(owner, database)}
    try:
        for _ in range(2):
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        with psycopg.connect(url(app, database)) as own, own.cursor() as cursor:
            assert not roles.has_too_much(cursor)
            assert cursor.execute("SELECT count(*) FROM audit_event").fetchone() == (0,)
        with psycopg.connect(url(owner, database)) as own, own.cursor() as cursor:
            assert roles.has_too_much(cursor)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {database}")
            cursor.execute(f"DROP ROLE {app}")
            cursor.execute(f"DROP ROLE {owner}")


def test_another_hospital_is_written_by_the_same_role(role):
    with as_role(role):
        each = Hospital()
        each.writes(2)
        each.publishes()
        assert len(each.leaves()) == 2


def test_audit_status_says_when_owner_and_service_are_one(role):
    assert ("one_role", None) in status().problems
    with as_role(role):
        assert ("one_role", None) not in status().problems

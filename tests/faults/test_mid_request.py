"""The exact moments: a step cut off before its commit is not there, one cut off after it is not done again.

The phone repeats what was not answered with the same key; it cannot know which of the two happened.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connections

from tests.faults import books
from tests.faults.conftest import leave_database
from tests.faults.stack import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
FIRST = "server-1"


@contextmanager
def somebody_else_has(stack, asked):
    """The request's row is locked, so a step of it waits in the middle of its transaction."""
    holder = psycopg.connect(stack.database_url)
    try:
        holder.execute("SELECT 1 FROM beds_request WHERE id = %s FOR UPDATE", [asked.id])
        yield
    finally:
        holder.close()


def waits_for_a_lock(stack):
    with psycopg.connect(stack.database_url, autocommit=True) as look:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return look.execute(waiting).fetchone()[0] > 0


@pytest.fixture
def phone(ward):
    """Brandt acknowledges, first at the first server, and repeats it until it is answered."""
    with ThreadPoolExecutor(1) as thread:

        def acknowledge(asked):
            ward.night.brandt.client.begin_at(FIRST)
            return thread.submit(_closing, lambda: asked.take("uni", "acknowledge"))

        yield acknowledge


def _closing(work):
    try:
        return work()
    finally:
        connections.close_all()


def check(ward, asked, ledger, answer):
    leave_database()
    assert answer.status_code == 200
    assert answer.json()["state"] == "acknowledged"
    [tried] = [tried for tried in ledger.attempts.values() if len(tried) > 1]
    assert tried[-1] == 200
    wait_until(lambda: books.waiting_events() == 0, seconds=60, what="every event is in its log")
    assert books.check_candidates(ward.night.kreis.id) == {asked["uni"]: ["acknowledge"]}
    books.check_logs()
    books.check_answers(ledger.attempts)


def test_a_server_dies_before_the_commit(ward, stack, ledger, phone):
    asked = ward.asks("uni")
    with somebody_else_has(stack, asked):
        answer = phone(asked)
        wait_until(lambda: waits_for_a_lock(stack), seconds=20, what="the step waits in its transaction")
        stack.kill(FIRST)
        wait_until(lambda: ledger.broken() == 1, seconds=20, what="the phone lost the connection")
        # The repetition meets the first attempt's key, whose transaction PostgreSQL has not given up yet.
        time.sleep(0.5)
    check(ward, asked, ledger, answer.result())
    assert ledger.replayed == 0, "the first attempt was never done"


def test_postgres_dies_before_the_commit(ward, stack, ledger, phone):
    asked = ward.asks("uni")
    with somebody_else_has(stack, asked):
        answer = phone(asked)
        wait_until(lambda: waits_for_a_lock(stack), seconds=20, what="the step waits in its transaction")
        stack.kill("postgres")
    check(ward, asked, ledger, answer.result())
    assert ledger.replayed == 0


def test_a_server_dies_between_the_commit_and_the_answer(ward, stack, ledger, phone):
    """Redis hangs, so the ring after the commit does, and with it the answer."""
    asked = ward.asks("uni")
    with stack.frozen("redis"):
        answer = phone(asked)
        wait_until(lambda: asked.row("uni").state == "acknowledged", seconds=20, what="the step is committed")
        stack.kill(FIRST)
        wait_until(lambda: ledger.broken() == 1, seconds=20, what="the phone lost the connection")
    check(ward, asked, ledger, answer.result())
    assert ledger.replayed == 1, "the first attempt's answer, again"

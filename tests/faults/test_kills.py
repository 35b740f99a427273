"""Parts of the service die while requests are under way; nobody repairs anything; in the end the books are right."""

import time

import pytest

from tests.faults import books
from tests.faults.conftest import leave_database
from tests.faults.load import Load
from tests.faults.stack import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
BEFORE, AFTER = 1.5, 2.5  # seconds of load on either side of a fault


@pytest.fixture
def load(ward, ledger, stack):
    """Runs through the test; afterwards everything must be there once."""
    load = Load(ward)
    with load.running():
        time.sleep(BEFORE)
        yield load
        stack.wait_until_ready()
        time.sleep(AFTER)
    settle(ward, load, ledger)


def settle(ward, load, ledger):
    leave_database()  # this process's own connections may be those of a server that died
    kreis = ward.night.kreis.id
    took = wait_until(lambda: books.waiting_events() == 0, seconds=60, what="the worker has put every event into its log")
    histories = books.check_candidates(kreis)
    books.check_journeys(load.journeys, histories)
    books.check_promises()
    books.check_closing(kreis)
    books.check_logs()
    books.check_answers(key for key, tried in ledger.attempts.items() if tried[-1] is not None and tried[-1] < 300)
    print(
        f"{len(load.journeys)} journeys, {len(ledger.attempts)} writes, {ledger.broken()} broken, {ledger.failed()} failed, "
        f"{ledger.replayed} replayed, at most {ledger.slowest()} attempts, logs complete after {took:.1f} s"
    )


def test_a_worker_dies(stack, load):
    stack.kill("worker")


def test_redis_dies(stack, load):
    with stack.outage("redis"):
        time.sleep(3)


def test_postgres_dies(stack, load, ledger):
    with stack.outage("postgres"):
        time.sleep(2)
    stack.wait_until_ready()
    assert "automatic recovery in progress" in stack.log_of("postgres")


@pytest.mark.parametrize("server", ["server-1", "server-2"])
def test_a_server_dies(stack, load, server):
    stack.kill(server)

"""After an outage: what fell due is done late and once, sockets learn that they missed something, and nothing needs a hand."""

import json
import time
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from backend.clock import database_now
from beds.models import Candidate
from tests.faults import books
from tests.faults.conftest import leave_database
from tests.faults.stack import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
SWEEPS = 6.0  # seconds in which the clock looks at least once more


@pytest.mark.parametrize("also", [("beat", "redis"), ("postgres",)], ids="+".join)
def test_what_fell_due_in_an_outage_is_done_late_and_once(ward, stack, also):
    """An hour, by the columns: a dozen waits of a stat request were missed."""
    unheard, held = [ward.asks("uni") for _ in range(3)], [ward.asks("nord").at("nord", "acknowledge", "hold") for _ in range(3)]
    with stack.outage("worker"):
        an_hour_ago = database_now() - timedelta(hours=1)
        Candidate.objects.filter(pk__in=[asked["uni"] for asked in unheard]).update(acknowledge_by=an_hour_ago)
        for asked in held:
            asked.run_out("nord")
        with ExitStack() as outages:
            for part in also:
                outages.enter_context(stack.outage(part))
            time.sleep(1)
    stack.wait_until_ready()
    leave_database()

    wait_until(lambda: {asked.row("uni").escalation for asked in unheard} == {1}, seconds=60, what="each was raised")
    wait_until(lambda: {asked.states()["nord"] for asked in held} == {"expired"}, seconds=30, what="each hold has ended")
    time.sleep(SWEEPS)

    wait_until(lambda: books.waiting_events() == 0, seconds=60, what="every event is in its log")
    histories = books.check_candidates(ward.night.kreis.id)
    assert [histories[asked["uni"]] for asked in unheard] == [["escalate"]] * 3
    assert [histories[asked["nord"]] for asked in held] == [["acknowledge", "hold", "expire"]] * 3
    books.check_closing(ward.night.kreis.id)
    books.check_logs()


def test_after_a_restart_of_postgres_nobody_meets_its_dead_connections(ward, stack):
    """Every server has idle connections; those of the former PostgreSQL are dead, and it is not a person who finds out."""
    adler, brandt = ward.night.adler, ward.night.brandt
    ward.night.at_once(*[partial(who.get, "requests") for who in (adler, brandt) * 8])
    stack.kill("postgres")
    wait_until(partial(answers, stack.database_url), seconds=60, what="PostgreSQL is back")
    leave_database()

    seen = [who.client.once("GET", "/api/v1/requests").status_code for who in (adler, brandt) * 8]

    assert seen == [200] * 16


def answers(url):
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


class Phone:
    """Somebody's open socket at one server."""

    def __init__(self, who, address):
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={who.session_key}"}
        url = address.replace("http", "ws", 1) + "/ws/v1/"
        self.socket = connect(url, origin=settings.PUBLIC_URL, additional_headers=headers, proxy=None, compression=None)
        assert self.next() == "hello"

    def next(self):
        return json.loads(self.socket.recv(timeout=30))["t"]

    def until(self, kind):
        while self.next() != kind:
            pass


def test_sockets_are_told_what_redis_lost(ward, stack):
    phones = [Phone(ward.night.brandt, address) for address in stack.addresses()]
    with stack.outage("redis"):
        ward.asks("uni")  # its ring is lost

    for phone in phones:
        phone.until("resync")
    ward.asks("uni")
    for phone in phones:
        phone.until("request")
        phone.socket.close()


def test_a_phone_finds_the_restarted_server(ward, stack):
    address, *_ = stack.addresses()
    phone = Phone(ward.night.brandt, address)
    stack.kill("server-1")

    with pytest.raises(ConnectionClosed):
        phone.until("the end")
    stack.wait_until_ready()
    again = Phone(ward.night.brandt, address)
    ward.asks("uni")
    again.until("request")
    again.socket.close()

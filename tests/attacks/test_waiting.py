"""Who acts while something else is being decided: what was true when the call came in may be over when its turn comes."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction

from beds.models import Request
from tests.cast import Night


def in_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Started at once; what is returned waits for its answer."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(call())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()

    def answer() -> Any:
        thread.join(timeout=30)
        return answers[0]

    return answer


def wait_until_somebody_waits_for_a_lock() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.05)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("action", ["acknowledge", "decline"])
def test_who_lost_the_duty_while_waiting_does_not_act_in_it(night: Night, ward: Any, action: str) -> None:
    asked = ward.asks("uni")
    details = {"reason": "no-bed"} if action == "decline" else {}

    with transaction.atomic():
        Request.objects.select_for_update().get(pk=asked.id)
        acting = in_thread(night.brandt.posting(asked.url("uni", action), details))
        wait_until_somebody_waits_for_a_lock()
        in_thread(lambda: ward.take_over(night.uni.role, night.dorn))()
    answer = acting()

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")
    assert asked.states() == {"uni": "submitted"}


def test_who_handed_over_while_waiting_does_not_cancel(night: Night, ward: Any) -> None:
    """Conrad holds the role of the request and is not the requester."""
    asked = ward.asks("uni", role=night.kreis.role)
    ward.take_over(night.kreis.role, night.conrad)

    with transaction.atomic():
        Request.objects.select_for_update().get(pk=asked.id)
        acting = in_thread(night.conrad.posting(f"requests/{asked.id}/cancel", {"reason": "other"}))
        wait_until_somebody_waits_for_a_lock()
        in_thread(lambda: ward.take_over(night.kreis.role, night.adler))()
    answer = acting()

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")
    assert asked.states() == {"uni": "submitted"}

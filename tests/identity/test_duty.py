"""Duty: one holder at a time, always somebody eligible, and the race for it."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from backend.clock import database_now
from identity.models import Duty, DutyRole
from identity.services import turns
from wardline_client.protocol import decode
from wardline_client.protocol.keys import open_role_seed


@pytest.fixture
def role(night):
    """Kreis' role: Adler holds it, Conrad is eligible, Egger is not."""
    return night.kreis.role


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def holders(role) -> list:
    return list(Duty.objects.filter(role=role.id, ended_at=None).values_list("person_id", flat=True))


def test_shows_what_one_may_hold_with_its_sealed_seed(night, role):
    (row,) = night.conrad.get("duty").json()["results"]

    assert (row["role"], row["holder"], row["generation"]) == (str(role.id), str(night.adler.id), 1)
    seed = open_role_seed(sealed=decode(row["sealed"]), user_kem=night.conrad.keys.kem, role_statement=role.statement.h)
    assert seed == role.keys.seed
    assert row["keys"] == [{"generation": 1, "history": None}]
    assert night.egger.get("duty").json()["results"] == []
    assert night.actions_of(night.kreis)[-2] == "identity.read_duty"


def test_taking_it_ends_the_former_holders_turn(night, role, ear):
    assert night.adler.actor().roles == {role.id}

    answer = night.conrad.post(f"duty/{role.id}/take", {"until": timezone.now() + timedelta(hours=8)})

    assert (answer.status_code, answer.json()["holder"]) == (200, str(night.conrad.id))
    assert holders(role) == [night.conrad.id]
    # At the very next request.
    assert night.adler.actor().roles == set()
    assert night.conrad.get("session").json()["roles_on_duty"] == [str(role.id)]
    event = [event for event in night.audit_of(night.kreis) if event.action == "identity.take_duty"][-1]
    assert (event.agent["person"], event.subjects["former"]) == (str(night.conrad.pseudonym), str(night.adler.pseudonym))
    assert [frame.text for frame in ear.frames(">", night.adler.id)] == ['{"t":"duty"}']


def test_taking_what_one_holds_changes_the_planned_end_alone(night, role):
    since = Duty.objects.get(role=role.id, ended_at=None).started_at

    answer = night.adler.post(f"duty/{role.id}/take", {"until": timezone.now() + timedelta(hours=1)})

    duty = Duty.objects.get(role=role.id, ended_at=None)
    assert answer.status_code == 200
    assert (duty.started_at, duty.person_id) == (since, night.adler.id)
    assert duty.until is not None


@pytest.mark.race
def test_of_many_who_take_it_at_once_one_holds_it(night):
    role, others = night.kreis.role, [night.adler, night.conrad]
    for _ in range(10):
        Duty.objects.filter(role=role.id, ended_at=None).update(ended_at=timezone.now())
        answers = night.at_once(*[someone.posting(f"duty/{role.id}/take") for someone in others])

        assert len(holders(role)) == 1
        winners = {answer.json()["holder"] for answer in answers if answer.status_code == 200}
        assert str(holders(role)[0]) in winners
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert all(code(answer) == (409, "duty.taken") for answer in answers if answer.status_code != 200)


@pytest.mark.race
def test_who_waited_while_somebody_else_took_it_is_told_and_displaces_nobody(night, role):
    answers = []
    waiting = threading.Thread(target=lambda: (answers.append(night.conrad.post(f"duty/{role.id}/take")), connections.close_all()))
    with transaction.atomic():
        row = DutyRole.objects.select_related("hospital").select_for_update(of=["self"]).get(pk=role.id)
        waiting.start()
        somebody_waits()
        turns.begin(row, night.adler.id, None, database_now())
    waiting.join(timeout=20)

    assert code(answers[0]) == (409, "duty.taken")
    assert holders(role) == [night.adler.id]


def somebody_waits() -> None:
    """Until a statement of another connection waits for a row."""
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot(), EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone()[1]:
                return
            time.sleep(0.05)
    raise AssertionError("nobody waits")


def test_a_retry_takes_it_once(night, role):

    key = uuid4()
    first = night.conrad.post(f"duty/{role.id}/take", key=key)
    night.adler.post(f"duty/{role.id}/take")
    again = night.conrad.post(f"duty/{role.id}/take", key=key)

    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert holders(role) == [night.adler.id]


def test_hands_it_over(night, role):
    answer = night.adler.post(f"duty/{role.id}/hand-over", {"to": night.conrad.id})

    assert (answer.status_code, answer.json()["holder"]) == (200, str(night.conrad.id))
    assert night.actions_of(night.kreis)[-1] == "identity.hand_over_duty"


def test_only_the_holder_hands_it_over(night, role):
    assert code(night.conrad.post(f"duty/{role.id}/hand-over", {"to": night.adler.id})) == (409, "duty.not_holder")
    assert code(night.conrad.post(f"duty/{role.id}/hand-over", {"to": night.conrad.id})) == (409, "duty.not_holder")
    assert holders(role) == [night.adler.id]


def test_only_to_somebody_eligible(night, role):
    for someone in (night.egger, night.brandt, night.former_colleague, night.pending, night.kreis.registrar):
        assert code(night.adler.post(f"duty/{role.id}/hand-over", {"to": someone.id})) == (409, "duty.not_eligible")
    assert holders(role) == [night.adler.id]


@pytest.mark.race
def test_handing_over_and_taking_over_at_once_leaves_one_holder(night, role):
    for _ in range(5):
        night.adler.post(f"duty/{role.id}/take")
        night.at_once(
            night.adler.posting(f"duty/{role.id}/hand-over", {"to": night.conrad.id}), night.conrad.posting(f"duty/{role.id}/take")
        )
        assert holders(role) == [night.conrad.id]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("egger", 404),
        ("brandt", 404),
        ("outsider", 404),
        ("pending", 403),
        ("former_colleague", 401),
        ("revoked_device", 401),
        ("anonymous", 401),
    ],
)
def test_for_others_it_does_not_exist(night, role, name, status):
    someone = night.person(name)
    assert someone.post(f"duty/{role.id}/take").status_code == status
    assert someone.post(f"duty/{role.id}/hand-over", {"to": night.conrad.id}).status_code == status
    assert holders(role) == [night.adler.id]


@pytest.mark.parametrize("hours", [-1, 24 * 7 + 1])
def test_a_turn_ends_within_a_week(night, role, hours):
    until = {"until": timezone.now() + timedelta(hours=hours)}

    assert code(night.conrad.post(f"duty/{role.id}/take", until)) == (400, "duty.until")


@pytest.mark.race
def test_who_is_leaving_does_not_take_it_in_the_same_second(night, role):
    end = night.kreis.registrar.posting(f"members/{night.conrad.id}/end")

    night.at_once(end, night.conrad.posting(f"duty/{role.id}/take"))

    assert night.conrad.id not in holders(role)

"""Recording an event: with its transaction or not at all, in one statement, and refusals on their own."""

import asyncio
import json
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from audit.events import Agent, Event
from audit.leaves import OPERATOR, leaf_of
from audit.models import IndexEntry, Pending, Recorded
from audit.services import leaf_ctes, record, record_all, record_refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hospital(hospital):
    return hospital.id


def events_of(hospital):
    events = Pending.objects.filter(hospital=hospital).order_by("event").values_list("event", flat=True)
    return [json.loads(bytes(Recorded.objects.get(pk=event).leaf)) for event in events]


def test_outside_a_transaction_it_refuses_and_writes_nothing(hospital):
    with pytest.raises(TransactionManagementError):
        record(event=Event(action="beds.confirm", agent=Agent(), hospitals=[hospital]))

    assert events_of(hospital) == []


def test_goes_with_the_transaction_that_rolls_back(hospital):
    before = Recorded.objects.count()
    with transaction.atomic():
        record(event=Event(action="beds.confirm", agent=Agent(), hospitals=[hospital]))
        transaction.set_rollback(True)

    assert (events_of(hospital), Recorded.objects.count()) == ([], before)
    assert not IndexEntry.objects.filter(hospitals=[hospital]).exists()


def test_says_who_did_what_to_what_in_one_statement(hospital, django_assert_num_queries):
    person, request, digest = uuid4(), uuid4(), bytes(range(32))
    agent = Agent(person=person, hospital=hospital, profession="physician", method="passkey")
    event = Event(
        action="beds.decline", agent=agent, hospitals=[hospital], subjects={"request": request}, detail={"reason": "no_bed"}, digest=digest
    )
    with transaction.atomic(), django_assert_num_queries(1):
        record(event=event)

    (leaf,) = events_of(hospital)
    assert leaf["agent"]["person"] == str(person)
    assert leaf["subjects"] == {"request": str(request)}
    assert (leaf["action"], leaf["outcome"], leaf["detail"]) == ("beds.decline", "success", {"reason": "no_bed"})
    assert IndexEntry.objects.get(subjects__contains=[request]).agent == person


def test_lands_in_the_log_of_every_hospital_it_concerns_with_the_same_bytes(hospital):
    other = uuid4()
    with transaction.atomic():
        record(event=Event(action="beds.hold", agent=Agent(), hospitals=[hospital, other, hospital]))

    assert len(events_of(hospital)) == 1
    assert events_of(hospital) == events_of(other)


def test_several_are_one_statement_and_each_is_as_if_it_were_alone(hospital, django_assert_num_queries):
    other, person, role, subject = uuid4(), uuid4(), uuid4(), uuid4()
    events = [
        Event("beds.first", Agent(person=person, role=role), [hospital, other, hospital], subjects={"request": subject, "other": uuid4()}),
        Event("beds.second", Agent(), [other], outcome="refused", detail={"code": 'a "quoted" \\ code'}),
        Event("beds.third", None, [hospital]),
    ]
    with transaction.atomic(), django_assert_num_queries(1):
        record_all(events)

    assert [leaf["action"] for leaf in events_of(hospital)] == ["beds.first", "beds.third"]
    assert [leaf["action"] for leaf in events_of(other)] == ["beds.first", "beds.second"]
    ids = list(Pending.objects.filter(hospital__in=[hospital, other]).order_by("event").values_list("event", flat=True).distinct())
    index = list(IndexEntry.objects.filter(event__in=ids).order_by("event"))
    for entry, event in zip(index, events, strict=True):
        leaf = json.loads(bytes(Recorded.objects.get(pk=entry.event_id).leaf))
        assert (entry.action, entry.outcome, leaf["action"]) == (event.action, event.outcome, event.action)
        assert (entry.hospitals, set(entry.subjects)) == (list(dict.fromkeys(event.hospitals)), set(event.subjects.values()))
        assert entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z") == leaf["at"]
    assert [(entry.agent, entry.role) for entry in index] == [(person, role), (None, None), (None, None)]


def test_several_go_with_their_transaction_too_and_none_is_nothing(hospital, django_assert_num_queries):
    event = Event("beds.confirm", Agent(), [hospital])
    with pytest.raises(TransactionManagementError):
        record_all([event])
    with transaction.atomic(), django_assert_num_queries(0):
        record_all([])
    with transaction.atomic():
        record_all([event, event])
        transaction.set_rollback(True)

    assert events_of(hospital) == []


def test_without_a_hospital_it_lands_in_the_operators_log():
    marker = uuid4()
    with transaction.atomic():
        record(event=Event(action="operator.test", agent=Agent(), subjects={"marker": marker}))

    assert events_of(OPERATOR)[-1]["subjects"] == {"marker": str(marker)}


def test_a_refusal_outlives_the_transaction_around_it(hospital):
    with transaction.atomic():
        record_refused(Event(action="api.refused", agent=None, hospitals=[hospital], outcome="refused", detail={"code": "not_found"}))
        transaction.set_rollback(True)

    (leaf,) = events_of(hospital)
    assert (leaf["outcome"], leaf["agent"]["person"], leaf["detail"]) == ("refused", None, {"code": "not_found"})


def test_two_equal_events_have_different_leaves():
    event = Event(action="beds.hold", agent=Agent())
    assert leaf_of(event).content != leaf_of(event).content


def test_a_leaf_is_canonical_json():
    leaf = leaf_of(Event(action="beds.hold", agent=Agent(profession="Ärztin"), detail={"b": 1, "a": ["x"]})).content
    assert leaf == json.dumps(json.loads(leaf), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("value", [1.5, True, None, b"x", {"a": "b"}, [1]])
def test_a_detail_is_a_code_or_a_number(value):
    with pytest.raises(TypeError):
        leaf_of(Event(action="beds.hold", agent=Agent(), detail={"reason": value}))


def test_a_leaf_that_no_bundle_could_carry_is_refused():
    with pytest.raises(ValueError, match="65535"):
        leaf_of(Event(action="beds.hold", agent=Agent(), detail={"reason": "x" * 65_536}))


@pytest.mark.parametrize("is_new", [True, False])
def test_another_statement_can_carry_the_event_and_it_is_written_only_when_that_did_something(hospital, is_new):
    statement = f"WITH done AS (SELECT 1 WHERE %(is_new)s), {leaf_ctes(given='done')} SELECT count(*) FROM done"
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"is_new": is_new, **leaf_of(Event(action="messaging.send", agent=Agent(), hospitals=[hospital])).parameters()}
        )

    assert len(events_of(hospital)) == is_new


def test_it_runs_in_an_asynchronous_pipeline_with_server_side_parameters(hospital):
    """As the message hot path does: prepared, several statements on the way at once."""
    statement = f"WITH {leaf_ctes()} SELECT"
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}

    async def send():
        async with await psycopg.AsyncConnection.connect(**address, prepare_threshold=0) as own, own.pipeline():
            for number in range(5):
                event = Event(action="messaging.send", agent=Agent(), hospitals=[hospital], detail={"number": number})
                await own.execute(statement, leaf_of(event).parameters())

    asyncio.run(send())

    assert [leaf["detail"]["number"] for leaf in events_of(hospital)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("table", ["audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_cosignature"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_the_database_refuses_to_change_what_is_written(table, statement, role):
    column = {
        "audit_event": "leaf",
        "audit_leaf": "leaf_hash",
        "audit_node": "node_hash",
        "audit_checkpoint": "note",
        "audit_cosignature": "line",
    }[table]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = {role}")
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(statement.format(table, column, column))
        transaction.set_rollback(True)

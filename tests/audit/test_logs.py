"""The public addresses of the logs, read as a stranger with C2SP tlog-tiles would, and the entries, which are not public."""

import json
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client

from audit.api.tile_paths import Tile, parse, spell
from audit.checkpoints import sign_checkpoint
from audit.events import Agent, Event
from audit.leaves import OPERATOR
from audit.merkle import Range, leaf_hash
from audit.sequencer import integrate
from audit.services import record
from tests.audit.conftest import Hospital
from tests.audit.people import Somebody, make_hospital
from tests.audit.test_merkle import root_by_the_book

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def registrar(hospital):
    return Somebody(make_hospital(hospital.id), is_registrar=True)


@pytest.fixture
def colleague(registrar):
    return Somebody(registrar.membership.hospital, is_registrar=False)


@pytest.fixture
def outsider(db):
    """Has a log too: just not this one."""
    elsewhere = Hospital()
    elsewhere.writes(3)
    elsewhere.publishes()
    return Somebody(make_hospital(elsewhere.id), is_registrar=True)


@pytest.fixture
def stranger():
    return Client()


def url(hospital, rest):
    return f"/audit/logs/{hospital.log.id}/{rest}"


@pytest.mark.parametrize(
    ("index", "spelt"),
    [(0, "000"), (7, "007"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067"), (10**9, "x001/x000/x000/000")],
)
def test_tile_numbers_are_spelt_in_groups_of_three(index, spelt):
    assert spell(index) == spelt
    assert parse("3", spelt, None) == Tile(level=3, index=index, width=256)


@pytest.mark.parametrize("index", ["1", "0001", "x000/001", "001/002", "x001", "x001/x002", "/001", "001/", "\u0660\u0660\u0661", ""])
@pytest.mark.parametrize("width", [None, "1"])
def test_another_spelling_is_no_address(index, width):
    assert parse("0", index, width) is None


@pytest.mark.parametrize("width", ["0", "256", "01", "999", "1000", "-1", ""])
def test_a_partial_tile_has_1_to_255(width):
    assert parse("0", "000", width) is None


def test_the_list_names_every_log_and_its_key_in_one_query(stranger, hospital, django_assert_num_queries):
    for each in (hospital, Hospital()):
        each.writes(1)
        each.publishes()
    with django_assert_num_queries(1):
        answer = stranger.get("/audit/logs/")

    logs = {log["id"]: log for log in answer.json()["results"]}
    own = logs[str(hospital.log.id)]
    assert own["hospital"] == str(hospital.id)
    assert own["key"].startswith(own["origin"] + "+")
    assert [log["hospital"] for log in logs.values()].count(None) == 1, "the operator's"


def test_a_stranger_reads_the_newest_checkpoint(stranger, hospital):
    hospital.writes(2)
    hospital.publishes()
    hospital.writes(1)
    note = hospital.publishes()

    answer = stranger.get(url(hospital, "checkpoint"), headers={"accept": "text/plain"})

    assert (answer.status_code, answer.content.decode()) == (200, note)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_a_stranger_puts_the_root_together_from_tiles(stranger, hospital, size):
    hospital.writes(size)
    hospital.publishes()

    def tile(level, index, width):
        partial = "" if width == 256 else f".p/{width}"
        answer = stranger.get(url(hospital, f"tile/{level}/{spell(index)}{partial}"))
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]
        assert len(answer.content) == width * 32
        return [answer.content[at : at + 32] for at in range(0, len(answer.content), 32)]

    leaves = [digest for index in range(0, size, 256) for digest in tile(0, index // 256, min(256, size - index))]
    assert root_by_the_book(leaves) == root_by_the_book(hospital.hashes())
    if size >= 256:
        mixed = Range()
        for digest in tile(1, 0, size // 256):
            list(mixed.append_subtree(8, digest))
        for digest in leaves[mixed.size :]:
            list(mixed.append(digest))
        assert mixed.root() == root_by_the_book(leaves)


def test_a_tile_costs_the_same_whatever_its_size(stranger, hospital, django_assert_num_queries):
    hospital.writes(300)
    hospital.publishes()
    for path in [url(hospital, rest) for rest in ("tile/0/000", "tile/0/001.p/3", "tile/1/000.p/1")]:
        with django_assert_num_queries(2):  # newest checkpoint, hashes
            assert stranger.get(path).status_code == 200


@pytest.mark.parametrize(
    "rest", ["tile/0/000", "tile/0/000.p/4", "tile/0/001.p/1", "tile/1/000.p/1", "tile/0/x000/000.p/1", "tile/8/000.p/1", "tile/-1/000.p/1"]
)
def test_there_is_nothing_beyond_what_is_signed_and_no_second_address(stranger, hospital, rest):
    hospital.writes(3)
    hospital.publishes()
    hospital.writes(300)
    integrate(hospital.id)  # committed, not yet signed

    assert stranger.get(url(hospital, "tile/0/000.p/3")).status_code == 200
    assert stranger.get(url(hospital, rest)).status_code == 404


def test_an_unknown_log_is_not_found(stranger):
    assert stranger.get(f"/audit/logs/{uuid4()}/checkpoint").status_code == 404


def test_the_registrar_reads_the_entries_and_the_log_says_so(registrar, hospital, django_assert_num_queries):
    hospital.writes(3)
    hospital.publishes()

    path = url(hospital, "tile/entries/000.p/3")
    with django_assert_num_queries(7):  # actor, log, checkpoint, BEGIN, event, COMMIT, entries
        answer = registrar.get(path)

    content, leaves = answer.content, []
    while content:
        end = 2 + int.from_bytes(content[:2], "big")
        leaves.append(content[2:end])
        content = content[end:]
    assert [leaf_hash(leaf) for leaf in leaves] == hospital.hashes()
    assert [json.loads(leaf)["detail"]["number"] for leaf in leaves] == [0, 1, 2]
    assert "no-store" in answer["Cache-Control"]
    integrate(hospital.id)
    read = hospital.leaves()[-1]
    assert (read["action"], read["agent"]["person"]) == ("audit.read", str(registrar.person.pseudonym))


@pytest.mark.parametrize(("who", "status"), [("stranger", 401), ("outsider", 404), ("colleague", 403)])
def test_nobody_else_reads_entries(request, registrar, hospital, who, status):
    hospital.writes(3)
    hospital.publishes()
    path = url(hospital, "tile/entries/000.p/3")

    assert registrar.get(path).status_code == 200
    assert request.getfixturevalue(who).get(path).status_code == status


def test_the_operators_log_has_no_entries_for_any_registrar(registrar, stranger, hospital):
    hospital.writes(1)
    hospital.publishes()
    with transaction.atomic():
        record(event=Event(action="operator.test", agent=Agent()))
    integrate(OPERATOR)
    operator = next(log for log in stranger.get("/audit/logs/").json()["results"] if log["hospital"] is None)
    sign_checkpoint(operator["id"])
    assert registrar.get(f"/audit/logs/{operator['id']}/checkpoint").status_code == 200
    assert registrar.get(f"/audit/logs/{operator['id']}/tile/entries/000.p/1").status_code == 404

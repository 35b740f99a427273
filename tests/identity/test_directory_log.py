"""Each hospital's statements as a log: places without a gap, heads that only grow, and what is shown of them."""

import json
from uuid import UUID

import pytest
from django.conf import settings as service
from django.db import DatabaseError, connection, transaction

from audit.checkpoints import ForkRefused
from audit.keys import signing_key
from audit.models import Recorded
from audit.notes import parse
from audit.published import published
from identity.models import DirectoryHead, Statement
from identity.services import heads
from identity.services.heads import origin_of, sign_heads
from tests.identity.test_hospitals import accepting
from wardline_client.protocol import Tree, decode, encode, leaf_hash
from wardline_client.protocol.notes import parse_note


@pytest.fixture(autouse=True)
def state_folder(settings, tmp_path):
    settings.STATE_DIR = tmp_path


@pytest.fixture(autouse=True)
def own_alone(night, monkeypatch):
    """Tests share tables: what others have left unsigned, of thousands of hospitals, is theirs."""
    places, grown = {place.id for place in night.places}, heads._grown
    monkeypatch.setattr(heads, "_grown", lambda: [hospital for hospital in grown() if hospital in places])


def page(someone, query=""):
    return someone.get(f"statements{query}").json()


def tree_shown(answer, hospital):
    """Made of what the answer shows, as every client makes it."""
    tree = Tree()
    for row in answer["results"]:
        if row["hospital"] == str(hospital):
            assert row["place"] == len(tree)
            tree.append(decode(row["leaf"]) if row["leaf"] else leaf_hash(decode(row["h"]), decode(row["s"])))
    return tree


def test_everybody_who_may_see_a_hospital_can_make_its_whole_tree(night):
    sign_heads()
    public = signing_key().public_key().public_bytes_raw()
    for someone in (night.adler, night.brandt, night.uni.registrar):
        answer = page(someone)
        assert {row["hospital"] for row in answer["heads"]} == {row["hospital"] for row in answer["results"]}
        for row in answer["heads"]:
            head, _ = parse_note(row["note"], UUID(row["hospital"]), decode(row["key"]))
            tree = tree_shown(answer, head.hospital)
            assert (row["key"], head.size, head.root) == (encode(public), len(tree), tree.root)


def test_whom_a_partner_accepts_is_shown_as_a_bare_leaf(night):
    hidden = [row for row in page(night.adler)["results"] if row["h"] is None]
    seen = [place.id for place in night.places if place not in (night.kreis, night.fern)]
    partners = Statement.objects.filter(kind="partner", hospital__in=seen)

    assert {decode(row["leaf"]) for row in hidden} == {bytes(leaf) for leaf in partners.values_list("leaf", flat=True)}
    assert all(row["s"] is None for row in hidden)


def test_one_hospital_can_be_asked_for_and_a_strangers_is_empty(night):
    of_uni = page(night.adler, f"?after=0&hospital={night.uni.id}")

    assert {row["hospital"] for row in of_uni["results"]} == {str(night.uni.id)}
    assert page(night.adler, f"?hospital={night.fern.id}") == {"next": None, "previous": None, "results": [], "heads": []}


def test_a_head_comes_once_and_with_the_last_page(night, monkeypatch):
    sign_heads()
    whole = page(night.adler)
    seen = max(row["order"] for row in whole["heads"])
    assert page(night.adler, f"?after=0&heads={seen}")["heads"] == []

    monkeypatch.setattr("identity.services.directory.PAGE", 7)
    first = page(night.adler)
    assert (len(first["results"]), first["heads"]) == (7, [])


def test_a_statement_grows_the_log_and_the_audit_log_says_to_what(night):
    assert accepting(night.kreis.registrar, night.fern).status_code == 201
    tree = tree_shown(page(night.adler), night.kreis.id)

    leaves = [json.loads(bytes(leaf)) for leaf in Recorded.objects.order_by("-id").values_list("leaf", flat=True)[:10]]
    newest = next(leaf for leaf in leaves if leaf["action"] == "identity.statement")
    assert newest["hospitals"] == [str(night.kreis.id)]
    assert newest["detail"] == {"kind": "partner", "size": len(tree), "root": tree.root.hex()}


def test_signing_again_signs_what_has_grown_and_nothing_else(night):
    sign_heads()
    before = DirectoryHead.objects.count()
    assert sign_heads() == 0
    assert accepting(night.kreis.registrar, night.fern).status_code == 201
    assert sign_heads() == 1

    assert DirectoryHead.objects.count() == before + 1
    note = parse(DirectoryHead.objects.order_by("-order")[0].note)
    assert note.origin == f"{service.AUDIT_ORIGIN}/directory/{night.kreis.id}" == origin_of(night.kreis.id)


@pytest.mark.parametrize("size", [10_000, 2])
def test_a_directory_that_contradicts_what_was_published_is_not_signed(night, size):
    """More was published than there is, as after a restore; or something else was."""
    with published(f"directory-{night.kreis.id}") as last:
        last.write(f"{origin_of(night.kreis.id)}\n{size}\n{'A' * 43}=\n\n")
    with pytest.raises(ForkRefused):
        sign_heads()

    assert not DirectoryHead.objects.filter(hospital=night.kreis.id).exists()
    assert DirectoryHead.objects.filter(hospital=night.uni.id).exists()


def test_places_are_given_by_the_database(night):
    last = Statement.objects.filter(hospital=night.kreis.id).order_by("-place")[0]
    made = Statement.objects.create(
        digest=bytes(32), hospital_id=night.kreis.id, kind="device", subject=last.subject, header=b"h", signature=bytes(64), place=77
    )
    made.refresh_from_db()

    assert (made.place, bytes(made.leaf)) == (last.place + 1, leaf_hash(b"h", bytes(64)))


@pytest.mark.parametrize("sql", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
@pytest.mark.parametrize(("table", "column"), [("identity_statement", "place"), ("identity_directoryhead", "size")])
def test_what_was_stated_or_signed_stays(night, sql, table, column):
    sign_heads()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table, column, column))

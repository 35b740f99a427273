"""Who it was, beside the log: committed to in the leaf, shown in the export, gone after the erasure, and the tree none the worse."""

import hashlib
import json
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import IndexEntry, Opening
from identity.models import Membership, Person
from tests.audit.bundles import judged, lines_of, publish, take
from tests.audit.exporting import content, made
from tests.beds.asking import Ward
from tests.cast import Night, Someone
from wardline_verify.bundle import Verdict
from wardline_verify.notes import Checkpoint


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


def acts(someone: Someone) -> dict[str, Any]:
    """Does something that both the own hospital's log and nobody else's tells; the event as hashed."""
    assert someone.get("duty").status_code == 200
    entry = IndexEntry.objects.filter(agent=someone.pseudonym).order_by("-event").select_related("event").first()
    assert entry is not None
    event: dict[str, Any] = json.loads(bytes(entry.event.leaf))
    return event


def leaves(night: Night, someone: Someone) -> None:
    assert someone.place.registrar.post(f"members/{someone.id}/end").status_code == 200


def erase(night: Night, someone: Someone) -> Any:
    return someone.place.registrar.post("audit/erasures", {"person": someone.id})


def values_in(path: Path) -> list[str]:
    return [json.loads(line["openings"]["agent"]["value"])["name"] for line in lines_of(path) if "openings" in line]


def test_a_leaf_commits_to_who_it_was_and_says_no_name(night: Night) -> None:
    event = acts(night.adler)

    commitment = b64decode(event["commitments"]["agent"])
    opening = Opening.objects.get(commitment=commitment)
    assert json.loads(opening.value) == {"name": "Adler", "title": "Dr.", "profession": "physician"}
    assert len(bytes(opening.salt)) == 32
    text = b"wardline-audit/1 opening\0agent\0" + bytes(opening.salt) + opening.value.encode()
    assert hashlib.sha256(text).digest() == commitment
    assert "Adler" not in json.dumps(event)


def test_one_opening_for_a_person_until_the_person_changes(night: Night) -> None:
    first, second = acts(night.adler), acts(night.adler)
    Person.objects.filter(pk=night.adler.id).update(name="Adler-Nord")
    third = acts(night.adler)
    Person.objects.filter(pk=night.adler.id).update(language="en")
    fourth = acts(night.adler)

    said = [event["commitments"]["agent"] for event in (first, second, third, fourth)]
    assert said[0] == said[1] != said[2] == said[3]
    versions = Opening.objects.filter(subject=night.adler.pseudonym).order_by("made_at")
    assert [json.loads(opening.value)["name"] for opening in versions] == ["Adler", "Adler-Nord"]


def test_two_people_of_one_name_have_different_commitments_and_salts(night: Night) -> None:
    Person.objects.filter(pk=night.conrad.id).update(name="Adler")
    values = Opening.objects.filter(subject__in=[night.adler.pseudonym, night.conrad.pseudonym], value__contains='"Adler"')

    assert len({bytes(opening.salt) for opening in values}) == len({bytes(opening.commitment) for opening in values}) == 2


def test_it_costs_no_statement_more(night: Night) -> None:
    with CaptureQueriesContext(connection) as caught:
        night.adler.get("duty")

    assert not [query["sql"] for query in caught.captured_queries if re.match(r"SELECT.*FROM audit_opening", query["sql"])]


def test_the_export_says_who_it_was_and_verifies(night: Night, bundle: Path) -> None:
    acts(night.adler)
    take(night.kreis.registrar, bundle)

    report = judged(bundle, night.kreis.id)

    assert (report.verdict, report.erased) == (Verdict.INTACT, 0)
    assert "Adler" in values_in(bundle)


def test_another_name_in_the_table_is_tampering(night: Night, bundle: Path) -> None:
    acts(night.adler)
    Opening.objects.filter(subject=night.adler.pseudonym).update(value='{"name": "Brandt"}')
    take(night.kreis.registrar, bundle)

    report = judged(bundle, night.kreis.id)

    assert (report.verdict, report.findings[0][1]) == (Verdict.TAMPERED, "wrong_opening")


def test_a_name_that_vanished_without_an_event_is_incomplete(night: Night, bundle: Path) -> None:
    acts(night.adler)
    Opening.objects.filter(subject=night.adler.pseudonym).delete()
    take(night.kreis.registrar, bundle)

    assert judged(bundle, night.kreis.id).verdict is Verdict.INCOMPLETE


def test_somebody_elses_erasure_excuses_nothing(night: Night, bundle: Path) -> None:
    acts(night.adler)
    acts(night.egger)
    leaves(night, night.egger)
    assert erase(night, night.egger).status_code == 201
    Opening.objects.filter(subject=night.adler.pseudonym).delete()
    take(night.kreis.registrar, bundle)

    report = judged(bundle, night.kreis.id)

    assert {finding[1] for finding in report.findings} == {"erased", "openings_missing"}
    assert report.verdict is Verdict.INCOMPLETE


def test_erased_the_tree_still_verifies_and_says_so(night: Night, bundle: Path) -> None:
    event = acts(night.egger)
    leaves(night, night.egger)
    before = publish(night.kreis.id)

    done = erase(night, night.egger)

    assert (done.status_code, done.json()) == (201, {"values": 1, "logs": 1})
    assert not Opening.objects.filter(subject=night.egger.pseudonym).exists()
    take(night.kreis.registrar, bundle)
    report = judged(bundle, night.kreis.id, Checkpoint.parse(before))
    assert (report.verdict, report.erased) == (Verdict.ERASED, 1)
    assert report.checked == ["signature", "root", "saved"]
    assert "Egger" not in bundle.read_text()
    (erased,) = [each for each in night.audit_of(night.kreis) if each.action == "privacy.erased"]
    assert erased.detail == {"commitments": [event["commitments"]["agent"]], "person": str(night.egger.pseudonym)}
    assert b64encode(b64decode(erased.detail["commitments"][0])).decode() == erased.detail["commitments"][0]


def test_no_column_leads_from_the_log_to_the_person_any_more(night: Night) -> None:
    acts(night.egger)
    leaves(night, night.egger)
    erase(night, night.egger)

    former = night.egger.pseudonym
    assert not IndexEntry.objects.filter(agent=former).exists()
    assert not IndexEntry.objects.filter(subjects__contains=[former]).exists()
    assert Person.objects.get(pk=night.egger.id).pseudonym != former
    assert not Opening.objects.filter(subject=Person.objects.get(pk=night.egger.id).pseudonym).exists()


def test_the_name_is_nowhere_any_more_but_in_the_persons_own_row(night: Night, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In no table, in no file of the state folder (exports that were made, of any format), in no line of the process's log."""
    name = f"Egger-{uuid4().hex}"
    Person.objects.filter(pk=night.egger.id).update(name=name)
    acts(night.egger)
    registrar = night.kreis.registrar
    assert registrar.get("directory").status_code == 200
    for format in ("bundle", "fhir", "csv"):
        assert name.encode() in content(registrar, made(registrar, format))
    assert {"audit_opening", "identity_person"} <= tables_with(name)
    assert [path for path in Path(settings.STATE_DIR).rglob("*.export") if name.encode() in path.read_bytes()]
    leaves(night, night.egger)

    assert erase(night, night.egger).status_code == 201

    assert tables_with(name) == {"identity_person"}
    assert [path for path in Path(settings.STATE_DIR).rglob("*") if path.is_file() and name.encode() in path.read_bytes()] == []
    assert name not in caplog.text


def tables_with(text: str) -> set[str]:
    """The tables that hold a text anywhere, also as bytes; stored answers of the API among them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = set()
        for name in names:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {name} t WHERE t::text LIKE %s OR t::text LIKE %s)", [f"%{text}%", f"%{text.encode().hex()}%"]
            )
            found |= {name} if cursor.fetchone()[0] else set()
    return found


def test_the_other_hospital_learns_of_it_from_its_own_log(night: Night, bundle: Path) -> None:
    """A request is in both logs: both must be able to tell an erasure from a hole."""
    Ward(night).asks("uni")
    leaves(night, night.adler)

    assert erase(night, night.adler).json() == {"values": 1, "logs": 2}

    take(night.uni.registrar, bundle)
    report = judged(bundle, night.uni.id)
    assert (report.verdict, report.erased > 0) == (Verdict.ERASED, True)


def test_who_still_acts_is_not_erased(night: Night) -> None:
    refused = erase(night, night.adler)

    assert (refused.status_code, refused.json()["code"]) == (409, "privacy.still_member")
    assert Opening.objects.filter(subject=night.adler.pseudonym).exists()


def test_who_left_for_another_hospital_still_acts(night: Night) -> None:
    leaves(night, night.egger)
    Membership.objects.create(person_id=night.egger.id, hospital_id=night.uni.id, state="pending")

    assert erase(night, night.egger).json()["code"] == "privacy.still_member"


def test_twice_is_told_and_two_at_once_erase_once(night: Night) -> None:
    leaves(night, night.egger)
    registrar, body = night.kreis.registrar, {"person": night.egger.id}

    answers = night.at_once(*[registrar.posting("audit/erasures", body) for _ in range(3)])

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert erase(night, night.egger).json()["code"] == "privacy.nothing_left"


@pytest.mark.parametrize(("who", "status"), [("outsider", 403), ("adler", 403), ("former_colleague", 401)])
def test_nobody_but_a_registrar_erases(night: Night, who: str, status: int) -> None:
    assert night.person(who).post("audit/erasures", {"person": night.former_colleague.id}).status_code == status


def test_a_registrar_of_elsewhere_finds_nobody(night: Night) -> None:
    assert night.uni.registrar.post("audit/erasures", {"person": night.former_colleague.id}).status_code == 404

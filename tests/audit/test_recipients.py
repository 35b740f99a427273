"""To whom it was sent: an event of a conversation commits to its members of that moment, by pseudonym, and every export shows them."""

import csv
import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.events import CLOCK
from audit.models import IndexEntry, Opening
from benchmarks.people import Talk
from identity.models import Person
from messaging.models import Member
from messaging.services import admit
from tests.audit.bundles import judged, lines_of, publish, take
from tests.audit.exporting import auditor, content, made
from tests.cast import Night
from tests.messaging.people import seal, send, sent, start_talk
from wardline_verify.bundle import Verdict


@pytest.fixture
def talk(night: Night) -> Talk:
    return start_talk(night)


def circle_of(talk: Talk) -> set[tuple[str, str, str]]:
    """As the members' rows have it; a person, and an archive, by pseudonym."""
    known = dict(Person.objects.values_list("pk", "pseudonym"))
    rows = Member.objects.filter(conversation=talk.id, removed_at=None)
    return {(str(known.get(row.principal, row.principal)), row.kind, str(row.hospital_id)) for row in rows}


def committed(action: str) -> set[tuple[str, str, str]]:
    """What the newest event of this action commits to."""
    entry = IndexEntry.objects.filter(action=action).order_by("-event").select_related("event").first()
    assert entry is not None
    commitment = json.loads(bytes(entry.event.leaf))["commitments"]["recipients"]
    return told(json.loads(Opening.objects.get(commitment=b64decode(commitment), field="recipients").value))


def told(found: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(each["principal"], each["kind"], each["hospital"]) for each in found}


def test_what_is_sent_delivered_and_acknowledged_says_to_whom(night: Night, talk: Talk) -> None:
    id = sent(night.adler, talk)
    night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 1})
    night.brandt.post(f"conversations/{talk.id}/messages/{id}/acknowledge", {"role": str(night.uni.role.id)})

    expected = circle_of(talk)

    assert {kind for _, kind, _ in expected} == {"user", "role", "archive"}
    for action in ("messaging.create_conversation", "messaging.send", "messaging.deliver", "messaging.acknowledge"):
        assert committed(action) == expected, action
    assert str(night.adler.id) not in Opening.objects.filter(field="recipients").latest("made_at").value


def test_one_value_until_somebody_comes_and_a_remembered_circle_is_not_believed(night: Night, talk: Talk) -> None:
    """The process that sends has seen the circle before: the statement itself finds that it is another one."""
    for _ in range(2):
        sent(night.adler, talk)
    before = committed("messaging.send")
    assert Opening.objects.filter(subject=talk.id).count() == 1

    admit(conversation_id=talk.id, principals={night.conrad.id}, agent=CLOCK)

    assert committed("messaging.admit") == circle_of(talk) > before
    _, sealed = seal(night.adler, talk)
    send(night.adler, talk, sealed)
    assert committed("messaging.send") == circle_of(talk)


def test_with_the_clock_set_back_the_newest_is_still_the_one_made_last(night: Night, talk: Talk) -> None:
    sent(night.adler, talk)
    Opening.objects.filter(subject=talk.id).update(made_at=timezone.now() + timedelta(hours=1))

    admit(conversation_id=talk.id, principals={night.conrad.id}, agent=CLOCK)
    sent(night.adler, talk)

    assert committed("messaging.admit") == committed("messaging.send") == circle_of(talk)


def test_every_export_and_the_screen_show_them_and_another_circle_in_the_table_is_tampering(
    night: Night, talk: Talk, tmp_path: Path
) -> None:
    sent(night.adler, talk)
    expected, egger = circle_of(talk), auditor(night, night.egger)

    publish(night.kreis.id)
    (seen,) = egger.get("audit/events?action=messaging.send").json()["results"]
    assert told(seen["to"]) == expected
    flat = {f"{kind}:{principal}@{hospital}" for principal, kind, hospital in expected}
    rows = list(csv.DictReader(content(egger, made(egger, "csv", filter={"action": ["messaging.send"]})).decode().splitlines()))
    assert [set(row["recipients"].split()) for row in rows] == [flat]
    (resource,) = map(json.loads, content(egger, made(egger, "fhir", filter={"action": ["messaging.send"]})).splitlines())
    assert {each["valueString"] for each in resource["entity"][-1]["detail"] if each["type"] == "recipient"} == flat

    bundle = take(night.kreis.registrar, tmp_path / "bundle")
    shown = [json.loads(line["openings"]["recipients"]["value"]) for line in lines_of(bundle) if "recipients" in line.get("openings", {})]
    assert {frozenset(told(each)) for each in shown} == {frozenset(expected)}
    assert judged(bundle, night.kreis.id).verdict is Verdict.INTACT
    Opening.objects.filter(subject=talk.id).update(value="[]")
    assert judged(take(night.kreis.registrar, bundle), night.kreis.id).verdict is Verdict.TAMPERED

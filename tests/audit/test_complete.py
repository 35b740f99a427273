"""Every action, access and refusal leaves its event, in the transaction of what it reports.

The endpoints are read from the API's description, the socket's commands and the clock's tasks from the code: one without a row here
fails. Each is done once on the way (``tests/audit/walk``), and the database itself says (``tests/audit/transactions``) what was written
and whether an event was written with it; then once more while the log takes nothing, and nothing may have been written or shown.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from py_vapid import Vapid02
from pytest_django import DjangoDbBlocker

from audit.events import Event
from audit.leaves import OPERATOR
from audit.services import record
from beds.models import Candidate
from identity.models import Person
from integration.scopes import OFFERED
from tests.audit.transactions import Watch
from tests.audit.walk import ROWS, Attempt, Scene
from tests.audit.walk.seen import last_event, told_since
from tests.audit.walk.talks import SHORT, Said
from tests.cast import Night
from tests.identity.browser import Browser
from tests.identity.sso import Sso
from tests.identity.test_hospitals import prepared_token
from tests.messaging.server import Server
from tests.messaging.test_attachments import announced
from tests.messaging.test_socket import ask, opened
from tests.served import commands

DONE = {200, 201, 202, 204}
ROOT = Path(__file__).resolve().parents[2]
# What writes no event, and why that is no gap (docs/audit-log.md).
SILENT = {
    "GET session": "says to the browser itself whether it is signed in",
    "POST session/options": "a challenge that anybody may ask for; what is done with it is identity.sign_in",
    "POST sso/start": "where the browser goes to prove who it is; what it comes back with is identity.prove_sso",
    "POST enrolment/options": "a challenge; looking at the offer before and joining after it are events",
    "GET statements": "public: signed statements about keys, without names",
    "GET sync": "ids and numbers of the own conversations, asked for at every ring",
    "GET conversations/{conversation_id}": "members and numbers of the own conversation, asked for at every ring",
    "GET attachments/{attachment_id}": "which chunks of the own upload have arrived",
    "GET push-subscriptions/key": "the service's public key",
    "SOCKET ping": "the line is alive",
    "SOCKET watch": "wants to hear that the board has changed, not what is on it; reading the board is beds.read_board",
}


@pytest.fixture(scope="module")
def watch(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Watch]:
    with django_db_blocker.unblock(), Watch.on() as watching:
        yield watching


@pytest.fixture
def scene(night: Night, settings: Any, tmp_path: Path, blob_dir: Path) -> Scene:
    settings.PUSH_HOSTS = ["127.0.0.1"]
    return Scene(night)


def make_vapid(folder: Path) -> Path:
    key = Vapid02()
    key.generate_keys()
    key.save_key(str(folder / "vapid.pem"))
    return folder / "vapid.pem"


def events_since(event: int, night: Night) -> list[str]:
    names = {place.id: place.name for place in night.places} | {OPERATOR: "operator"}
    return [f"{told.action}: {' '.join(sorted(names.get(id, 'new') for id in told.logs))}" for told in told_since(event)]


def status_of(attempt: Any, server: Server | None) -> int:
    if isinstance(attempt, Said):
        assert server
        with opened(server, attempt.by) as socket:
            return int(ask(socket, attempt.do, **attempt.details)["status"])
    answer = attempt()
    if getattr(answer, "streaming", False):
        b"".join(answer.streaming_content)
    return int(answer.status_code)


def described() -> set[str]:
    document = SchemaGenerator().get_schema(request=None, public=True)
    return {f"{method.upper()} {path.removeprefix('/api/v1/')}" for path, methods in document["paths"].items() for method in methods}


def facade() -> set[str]:
    """What software may do, which is not in the description of the people's API."""
    forms = {"c": "POST fhir/{}", "r": "GET fhir/{}/{{id}}", "u": "PUT fhir/{}/{{id}}", "d": "DELETE fhir/{}/{{id}}", "s": "GET fhir/{}"}
    found = {forms[letter].format(kind) for kind, letters in OFFERED.items() for letter in letters}
    export = {"GET fhir/$export", *(f"{method} fhir/$export/{{export}}" for method in ("GET", "DELETE"))}
    found |= export | {"GET fhir/$export/{export}/AuditEvent.ndjson"}
    return found | {f"POST fhir/{kind}/_search" for kind, letters in OFFERED.items() if "s" in letters}


def test_every_endpoint_and_command_is_walked() -> None:
    walked = {" ".join(name.split()[:2]) for name in ROWS}

    assert walked.isdisjoint(SILENT)
    assert described() | facade() | {f"SOCKET {command}" for command in commands()} == walked | SILENT.keys()


@pytest.mark.parametrize("name", ROWS)
def test_it_leaves_its_events_in_the_transaction_that_did_it(scene: Scene, watch: Watch, server: Server, name: str) -> None:
    attempt, since = ROWS[name].prepare(scene), last_event()
    watch.begin()

    status = status_of(attempt, server)

    assert status in DONE, status
    assert events_since(since, scene.night) == ROWS[name].events
    assert watch.without_event() == []


@pytest.mark.parametrize("name", ROWS)
def test_without_its_event_nothing_is_done_or_shown(
    scene: Scene, watch: Watch, server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    attempt = ROWS[name].prepare(scene)
    monkeypatch.setattr(Client, "check_exception", lambda *_: None)  # the answer, as a browser gets it
    watch.begin()

    with watch.mute():
        status = status_of(attempt, server)

    assert status >= 500
    assert not watch.written()


def quiet_calls(scene: Scene) -> dict[str, Attempt]:
    adler, talk, id = scene.night.adler, scene.talk, announced(scene.night.adler, scene.talk, SHORT)
    token, browser = prepared_token(), Browser()
    Sso(scene.night)
    return {
        "GET session": lambda: adler.get("session"),
        "POST session/options": lambda: browser.post("session/options"),
        "POST sso/start": lambda: browser.post("sso/start", {"purpose": "sign-in", "device": str(adler.device_id)}),
        "POST enrolment/options": lambda: browser.post("enrolment/options", {"token": token, "purpose": "setup"}),
        "GET statements": lambda: adler.get("statements"),
        "GET sync": lambda: adler.get("sync"),
        "GET conversations/{conversation_id}": lambda: adler.get(f"conversations/{talk.id}"),
        "GET attachments/{attachment_id}": lambda: adler.get(f"attachments/{id}"),
        "GET push-subscriptions/key": lambda: adler.get("push-subscriptions/key"),
    }


def test_what_leaves_no_event_changes_nothing(scene: Scene, watch: Watch, tmp_path: Path, settings: Any) -> None:
    settings.VAPID_KEY_FILE = make_vapid(tmp_path)
    calls = quiet_calls(scene)
    assert {name for name in SILENT if not name.startswith("SOCKET")} == calls.keys()
    watch.begin()

    assert {name: call().status_code for name, call in calls.items()} == dict.fromkeys(calls, 200)

    assert watch.without_event() == []


def test_the_watch_catches_a_bulk_write_without_an_event(scene: Scene, watch: Watch) -> None:
    requests, adler = scene.ward.asks("uni"), Person.objects.filter(pk=scene.night.adler.id)
    watch.begin()

    Candidate.objects.filter(request=requests.id).update(escalation=3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE identity_device SET label = 'x' WHERE person_id = %s", [scene.night.adler.id])
    with transaction.atomic():
        adler.update(title="")
        record(event=Event("identity.change_settings", None))

    assert sorted(map(sorted, watch.without_event())) == [["beds_candidate"], ["identity_device"]]

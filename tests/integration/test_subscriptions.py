"""A hospital's software is told of every Task that is new or changed: ids alone, signed, in order, once or more."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from integration.models import Webhook
from integration.services.notices import owe_notices, send_notices
from integration.services.subscribing import MOST
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.receiver import Receiver, receiver
from tests.integration.software import Software, order
from tests.integration.valid import FHIR_JSON, answered, is_valid, refused, rows


@pytest.fixture
def ward(night: Night) -> Ward:
    return Ward(night)


@pytest.fixture
def listening() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def no_others(night: Night) -> None:
    """Tests share tables: other tests' webhooks are theirs."""
    Webhook.objects.filter(ended_at=None).update(ended_at=timezone.now())


@pytest.fixture
def software(night: Night) -> Software:
    return Software(night.uni.registrar).entered()


@pytest.fixture
def subscribed(software: Software, listening: Receiver) -> dict[str, Any]:
    made = answered(software.subscribes(listening.url), 201)
    assert send_notices() == 1
    return made


def secret_of(made: dict[str, Any]) -> str:
    (extension,) = made["channel"]["extension"]
    return str(extension["valueString"])


def told(listening: Receiver, secret: str) -> list[dict[str, Any]]:
    """Of each call what its status says, by name; ``focus`` and ``number`` where there are any."""
    found = []
    for bundle in listening.opened(secret):
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "history")
        (parameters, *others) = bundle["entry"]
        is_valid(parameters["resource"])
        said = {each["name"]: each for each in parameters["resource"]["parameter"]}
        event = {each["name"]: each for each in said.get("notification-event", {}).get("part", [])}
        assert [entry["fullUrl"] for entry in others] == ([event["focus"]["valueReference"]["reference"]] if event else [])
        assert not any("resource" in entry for entry in others)
        found.append(
            {
                "type": said["type"]["valueCode"],
                "status": said["status"]["valueCode"],
                "number": int(event["event-number"]["valueString"]) if event else 0,
                "task": event["focus"]["valueReference"]["reference"].rpartition("/")[2] if event else "",
            }
        )
    return found


def work() -> None:
    owe_notices()
    send_notices()


def test_it_is_active_once_the_receiver_has_answered(software: Software, listening: Receiver) -> None:
    listening.answers = [500]
    made = answered(software.subscribes(listening.url), 201)
    send_notices()
    assert answered(software.reads(f"Subscription/{made['id']}"))["status"] == "requested"
    Webhook.objects.filter(pk=made["id"]).update(not_before=timezone.now())

    send_notices()

    assert answered(software.reads(f"Subscription/{made['id']}"))["status"] == "active"
    assert [(one["type"], one["status"]) for one in told(listening, secret_of(made))] == [("handshake", "requested")] * 2
    assert listening.taken[0][0]["content-type"] == FHIR_JSON


def test_a_task_is_followed_from_the_asking_to_its_end(
    night: Night, ward: Ward, software: Software, listening: Receiver, subscribed: dict[str, Any]
) -> None:
    asked = ward.asks("uni")
    work()
    for action in ("acknowledge", "decline"):
        assert asked.take("uni", action).status_code == 200
    work()

    events = [one for one in told(listening, secret_of(subscribed)) if one["type"] == "event-notification"]
    assert [(one["number"], one["task"], one["status"]) for one in events] == [(n, asked["uni"], "active") for n in (1, 2, 3)]
    assert answered(software.reads(f"Task/{asked['uni']}"))["status"] == "rejected"
    assert listening.ids()[1:] == [f"{subscribed['id']}.{n}" for n in (1, 2, 3)]


def test_who_asked_follows_it_too_and_nobody_else(night: Night, ward: Ward, listening: Receiver) -> None:
    with receiver() as theirs, receiver() as strangers:
        mine = Software(night.kreis.registrar).entered()
        secrets = [secret_of(answered(mine.subscribes(theirs.url), 201))]
        stranger = Software(night.nord.registrar).entered()
        secrets.append(secret_of(answered(stranger.subscribes(strangers.url), 201)))
        send_notices()
        asked = ward.asks("uni")
        work()

        assert [one["task"] for one in told(theirs, secrets[0])] == ["", asked["uni"]]
        assert [one["task"] for one in told(strangers, secrets[1])] == [""]


def test_a_request_made_by_software_is_followed_by_it(
    night: Night, ward: Ward, software: Software, listening: Receiver, subscribed: dict[str, Any]
) -> None:
    made = answered(software.asks_for(order(night.uni.role.id, night.nord.role.id)), 201)
    (task,) = rows(answered(software.reads(f"Task?focus={made['id']}")))
    work()

    assert [one["task"] for one in told(listening, secret_of(subscribed))] == ["", task]


def test_nothing_but_ids_leaves(night: Night, ward: Ward, listening: Receiver, subscribed: dict[str, Any]) -> None:
    ward.asks("uni")
    work()

    known = [night.adler.name, night.brandt.name, str(night.adler.id), str(night.brandt.id), "icu-high"]
    assert not [each for each in known for _, body in listening.taken if each in body.decode()]


def test_a_secret_is_shown_once(software: Software, subscribed: dict[str, Any]) -> None:
    assert "extension" not in answered(software.reads(f"Subscription/{subscribed['id']}"))["channel"]


def test_what_is_deleted_is_called_no_more(
    night: Night, ward: Ward, software: Software, listening: Receiver, subscribed: dict[str, Any]
) -> None:
    assert software.deletes(f"Subscription/{subscribed['id']}").status_code == 204
    ward.asks("uni")
    work()

    assert len(listening.taken) == 1
    assert refused(software.reads(f"Subscription/{subscribed['id']}")) == (404, "not-found", "not_found")
    assert software.deletes(f"Subscription/{subscribed['id']}").status_code == 404


def test_it_ends_with_its_client(night: Night, ward: Ward, software: Software, listening: Receiver, subscribed: dict[str, Any]) -> None:
    assert night.uni.registrar.post(f"integration-clients/{software.id}/revoke").status_code == 200
    ward.asks("uni")
    work()

    assert len(listening.taken) == 1


def test_another_client_of_the_same_hospital_has_none_of_it(night: Night, subscribed: dict[str, Any]) -> None:
    other = Software(night.uni.registrar).entered()

    assert rows(answered(other.reads("Subscription"))) == []
    assert other.reads(f"Subscription/{subscribed['id']}").status_code == 404
    assert other.deletes(f"Subscription/{subscribed['id']}").status_code == 404
    assert subscribed["id"] not in night.uni.registrar.get("webhooks").content.decode()


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"criteria": "Task?status=requested"}, (400, "invalid", "subscription.no_such_topic")),
        ({"channel": {"type": "websocket", "endpoint": "https://his.example/"}}, (400, "invalid", "invalid")),
        ({"channel": {"type": "rest-hook", "endpoint": "ftp://his.example/"}}, (400, "invalid", "webhook.address_refused")),
        (
            {"channel": {"type": "rest-hook", "endpoint": "https://his.example/", "header": ["Authorization: Bearer x"]}},
            (400, "invalid", "fhir.element_not_taken"),
        ),
        ({"end": "2030-01-01T00:00:00Z"}, (400, "invalid", "fhir.element_not_taken")),
        ({"status": "off"}, (400, "invalid", "invalid")),
    ],
)
def test_what_is_not_done_here_is_refused(software: Software, changed: dict[str, Any], answer: tuple[int, str, str]) -> None:
    assert refused(software.subscribes("https://his.example/", **changed)) == answer
    assert rows(answered(software.reads("Subscription"))) == []


def test_there_is_an_end_to_how_many(software: Software) -> None:
    for _ in range(MOST):
        answered(software.subscribes("http://127.0.0.1:9/"), 201)

    assert refused(software.subscribes("http://127.0.0.1:9/"))[2] == "subscription.too_many"

"""A hospital's pager system hears of every escalation step: once or more, in order, signed, and nothing else."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from beds.models import Candidate
from beds.services import sweep
from integration.models import Notice, Webhook
from integration.services import notices
from integration.services.notices import GIVE_UP, OVERLAP, backoff, owe_notices, send_notices
from tests.beds.asking import Ward
from tests.beds.chains import background, consultant, step, wait_passes, write
from tests.cast import Night
from tests.integration.receiver import Receiver, receiver
from tests.people import Role

Raise = Callable[[], Any]


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def ward(night: Night) -> Ward:
    return Ward(night)


@pytest.fixture(autouse=True)
def no_others(night: Night) -> None:
    """Tests share tables: other tests' webhooks are theirs."""
    Webhook.objects.filter(ended_at=None).update(ended_at=timezone.now())


@pytest.fixture
def background_role(night: Night) -> Role:
    someone = consultant(night)
    role: Role = background(night, someone)
    assert write(night, step(60, role), step(60, role, whom="eligible")).status_code == 200
    role.holder = someone  # type: ignore[attr-defined]
    return role


@pytest.fixture
def raised(night: Night, ward: Ward, background_role: Role) -> Raise:
    """A request to uni that nobody answers, one step up the chain."""
    ward.background = {"uni": [background_role]}

    def once() -> Any:
        asked = ward.asks("uni")
        wait_passes(asked)
        sweep()
        return asked

    return once


def hook(night: Night, url: str, *, by: Any = None, id: Any = None, **changed: Any) -> Any:
    draft = {"topic": "alarms", "name": "Pager", "endpoint": url} | changed
    return (by or night.uni.registrar).put(f"webhooks/{id or uuid4()}", draft)


@pytest.fixture
def paged(night: Night, pager: Receiver) -> Any:
    answer = hook(night, pager.url)
    assert answer.status_code == 201, answer.content
    return SimpleNamespace(**answer.json())


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def time_passes(paged: Any) -> None:
    Webhook.objects.filter(pk=paged.id).update(not_before=timezone.now())


def told(night: Night, action: str) -> list[Any]:
    return [event for event in night.audit_of(night.uni) if event.action == action]


def test_a_step_of_the_chain_calls_the_hospitals_own_pager_system(
    night: Night, pager: Receiver, paged: Any, raised: Raise, background_role: Role
) -> None:
    asked = raised()
    assert owe_notices() == 1
    assert send_notices() == 1

    [message] = pager.opened(paged.secret)
    assert message["type"] == "alarm.raised"
    assert message["data"] == {
        "number": 1,
        "role": str(background_role.id),
        "request": str(asked.id),
        "candidate": asked["uni"],
        "urgency": "stat",
        "step": 1,
        "whom": "holder",
        "how": "alarm",
        "link": f"http://localhost:8000/#/incoming/{asked['uni']}",
    }
    assert [event.detail["number"] for event in told(night, "integration.notify")] == [1]
    assert owe_notices() == send_notices() == 0


def test_nothing_but_ids_and_codes_leaves(night: Night, pager: Receiver, paged: Any, raised: Raise, background_role: Role) -> None:
    raised()
    owe_notices()
    send_notices()

    headers, body = pager.taken[0]
    known = {night.adler.name, night.brandt.name, background_role.name, str(night.adler.id), str(night.brandt.id)}
    assert not [each for each in known if each in body.decode() or each in json.dumps(headers)]


def test_another_secret_opens_nothing_and_a_new_one_signs_from_the_next_call_on(
    night: Night, pager: Receiver, paged: Any, raised: Raise
) -> None:
    url = f"webhooks/{paged.id}/secret"
    renewed = night.uni.registrar.put(url, {"generation": 2}).json()["secret"]
    assert code(night.uni.registrar.put(url, {"generation": 2})) == (409, "webhook.other_generation")
    raised()
    owe_notices()
    send_notices()

    assert len(pager.opened(renewed)) == 1
    with pytest.raises(WebhookVerificationError):
        pager.opened(paged.secret)


def test_what_fails_is_called_again_with_the_same_id_and_what_is_next_waits_its_turn(pager: Receiver, paged: Any, raised: Raise) -> None:
    pager.answers = [500, 307, 200]
    for _ in range(2):
        raised()
    assert owe_notices() == 2

    for _ in range(3):
        send_notices()
        time_passes(paged)

    assert pager.ids() == [f"{paged.id}.{number}" for number in (1, 1, 1, 2)]
    assert [message["data"]["number"] for message in pager.opened(paged.secret)] == [1, 1, 1, 2]


def test_between_two_attempts_it_is_left_alone_longer_and_longer(pager: Receiver, paged: Any, raised: Raise) -> None:
    pager.answers = [500] * 9
    raised()
    owe_notices()
    send_notices()

    assert send_notices() == 0
    waits = [backoff(attempts).total_seconds() for attempts in (1, 2, 3, 9, 10_000)]
    assert waits == [5, 10, 20, 900, 900]


def dies(*_: object) -> bool:
    raise KeyboardInterrupt


def test_a_worker_that_dies_in_the_middle_of_a_call_leaves_it_to_the_next(
    pager: Receiver, paged: Any, raised: Raise, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised()
    owe_notices()
    with monkeypatch.context() as patch:
        patch.setattr(notices, "_settle", dies)
        with pytest.raises(KeyboardInterrupt):
            send_notices()
    assert send_notices() == 0, "it is claimed"

    time_passes(paged)
    assert send_notices() == 1
    assert pager.ids() == [f"{paged.id}.1"] * 2


def test_an_answer_that_comes_too_late_counts_for_nothing(pager: Receiver, paged: Any, raised: Raise) -> None:
    """Another worker has the turn since the lease was over: else two of them could skip one."""
    raised()
    owe_notices()
    [late] = notices._claim(None)
    time_passes(paged)
    [claim] = notices._claim(None)

    assert not notices._settle(late, 500)
    assert Webhook.objects.get(pk=paged.id).failing_since is None
    assert notices._settle(claim, 200)


def test_two_workers_at_once_owe_once_and_send_in_order(night: Night, pager: Receiver, paged: Any, raised: Raise) -> None:
    for _ in range(3):
        raised()

    night.at_once(owe_notices, owe_notices)
    night.at_once(send_notices, send_notices)
    send_notices()

    assert list(Notice.objects.filter(webhook=paged.id).order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert pager.ids() == [f"{paged.id}.{number}" for number in (1, 2, 3)]


def test_a_slow_receiver_holds_up_no_other_hospital(night: Night, pager: Receiver, paged: Any, raised: Raise) -> None:
    """It is tried once in a round; the others go on without it."""
    with receiver() as slow:
        slow.answers = [500] * 5
        assert hook(night, slow.url).status_code == 201
        for _ in range(2):
            raised()
        assert owe_notices() == 4

        send_notices()

        assert (len(pager.taken), len(slow.taken)) == (2, 1)


def test_a_worker_that_was_away_owes_late(night: Night, pager: Receiver, paged: Any, raised: Raise) -> None:
    raised()
    Webhook.objects.filter(pk=paged.id).update(
        looked_until=timezone.now() - timedelta(hours=3), created_at=timezone.now() - timedelta(days=1)
    )

    assert owe_notices() == 1


def test_what_was_before_it_is_not_told(night: Night, pager: Receiver, raised: Raise) -> None:
    raised()
    assert hook(night, pager.url).status_code == 201

    assert owe_notices() == 0


def test_the_asking_itself_is_no_escalation_and_another_hospitals_alarm_is_not_ours(night: Night, pager: Receiver, raised: Raise) -> None:
    assert hook(night, pager.url, by=night.kreis.registrar).status_code == 201
    raised()

    assert owe_notices() == 0


def test_after_a_day_it_is_given_up_and_shown_and_a_registrar_sets_it_going(
    night: Night, pager: Receiver, paged: Any, raised: Raise
) -> None:
    pager.answers = [503, 503]
    raised()
    owe_notices()
    send_notices()
    Webhook.objects.filter(pk=paged.id).update(failing_since=timezone.now() - GIVE_UP - OVERLAP)
    time_passes(paged)
    send_notices()

    [shown] = [row for row in night.uni.registrar.get("webhooks").json()["results"] if row["id"] == paged.id]
    assert (shown["last_status"], shown["halted_at"] is not None) == (503, True)
    assert [event.detail["status"] for event in told(night, "integration.halt_webhook")] == [503]
    time_passes(paged)
    assert send_notices() == 0

    assert hook(night, pager.url, id=paged.id).status_code == 200
    assert send_notices() == 1
    assert pager.ids() == [f"{paged.id}.1"] * 3


def test_one_that_says_it_is_gone_is_given_up_at_once(pager: Receiver, paged: Any, raised: Raise) -> None:
    pager.answers = [410]
    raised()
    owe_notices()
    send_notices()

    assert Webhook.objects.get(pk=paged.id).halted_at is not None


def test_an_ended_one_is_called_no_more(night: Night, pager: Receiver, paged: Any, raised: Raise) -> None:
    raised()
    owe_notices()
    assert night.uni.registrar.post(f"webhooks/{paged.id}/end", {}).status_code == 200

    assert owe_notices() == send_notices() == 0
    assert pager.taken == []
    assert code(night.uni.registrar.post(f"webhooks/{paged.id}/end", {})) == (404, "not_found")
    assert code(hook(night, pager.url, id=paged.id)) == (404, "not_found")


def test_a_registrar_tries_it_and_sees_the_answer(night: Night, pager: Receiver, paged: Any) -> None:
    pager.answers = [418]
    tried = night.uni.registrar.post(f"webhooks/{paged.id}/try", {}).json()

    assert tried["status"] == 418
    assert pager.opened(paged.secret)[0]["type"] == "ping"
    assert Webhook.objects.get(pk=paged.id).last_status is None


def test_a_secret_is_shown_when_it_is_made_and_stored_nowhere(night: Night, paged: Any) -> None:
    assert paged.secret.startswith("whsec_")
    assert "secret" not in night.uni.registrar.get("webhooks").json()["results"][0]
    row = json.dumps(Webhook.objects.filter(pk=paged.id).values().get(), default=str)
    assert paged.secret.removeprefix("whsec_") not in row
    assert "secret" not in hook(night, paged.endpoint, id=paged.id).json()


@pytest.mark.parametrize("url", ["ftp://pager.example/", "https://u:p@pager.example/", "pager.example", "https:///x"])
def test_where_it_may_not_go_it_is_not_set_up(night: Night, url: str) -> None:
    assert code(hook(night, url)) == (400, "webhook.address_refused")


def test_loopback_and_plain_http_are_of_the_demo_alone(night: Night, pager: Receiver, paged: Any, raised: Raise, settings: Any) -> None:
    settings.MODE = "production"
    assert code(hook(night, "http://pager.example/")) == (400, "webhook.address_refused")
    Webhook.objects.filter(pk=paged.id).update(endpoint=pager.url.replace("http://", "https://"))
    raised()
    owe_notices()
    send_notices()

    assert (Webhook.objects.get(pk=paged.id).last_status, pager.taken) == (0, [])


def test_it_is_for_registrars_of_its_own_hospital(night: Night, pager: Receiver, paged: Any) -> None:
    for actor, status in ((night.brandt, 403), (night.kreis.registrar, 404)):
        for call in ("try", "end"):
            assert actor.post(f"webhooks/{paged.id}/{call}", {}).status_code == status
        assert actor.put(f"webhooks/{paged.id}/secret", {"generation": 2}).status_code == status
        assert hook(night, pager.url, by=actor, id=paged.id).status_code == status
    assert night.kreis.registrar.get("webhooks").json()["results"] == []
    assert pager.taken == []


def test_the_same_again_is_the_same_and_what_it_tells_stays(night: Night, pager: Receiver, paged: Any) -> None:
    assert hook(night, pager.url, id=paged.id).status_code == 200
    assert code(hook(night, pager.url, id=paged.id, topic="beds"))[0] == 400


def test_a_candidate_that_moved_on_meanwhile_is_told_all_the_same(pager: Receiver, paged: Any, raised: Raise) -> None:
    asked = raised()
    owe_notices()
    Candidate.objects.filter(pk=asked["uni"]).update(state="acknowledged")

    assert send_notices() == 1

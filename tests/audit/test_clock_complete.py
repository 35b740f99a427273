"""What the clock and the operator's commands do leaves its events too, in the transaction that did it (see ``test_complete``).

Tests share the tables, so a sweep may do what another test left to do: asserted is what it did to this test's own, and that no transaction
of it wrote without an event. Every task of the schedule and every command that writes has a row.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.conf import settings as service
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from audit.models import Export
from audit.tasks import gather_cosignatures, integrate_audit, make_exports
from beds.models import Alarm, BedFact, Candidate
from beds.tasks import sweep_overdue_requests
from beds.transitions import ESCALATIONS_AT_MOST
from identity.models import DeviceLink, Duty, DutyRole, Invitation, Restoration, SignIn, SsoSubject, Unit
from identity.tasks import (
    check_sso_accounts,
    expire_restorations,
    lay_out_rosters,
    sign_directory_heads,
    tell_shift_changes,
    tidy_up,
    warn_of_gaps,
)
from integration.models import FeedProblem, TakenMessage, Webhook
from integration.tasks import deliver_notices, forget_messages
from messaging.models import PendingPush, PushSubscription
from messaging.tasks import deliver_pushes, note_ended_emergencies
from tests.audit.bundles import publish
from tests.audit.exporting import made
from tests.audit.test_complete import events_since, make_vapid
from tests.audit.transactions import Watch
from tests.audit.walk import Scene
from tests.audit.walk.seen import last_event
from tests.beds.chains import half_a_minute_passes
from tests.beds.test_waves import late
from tests.cast import Night
from tests.identity.browser import new_token
from tests.identity.restoring import Trio
from tests.identity.sso import Sso
from tests.identity.test_hospitals import accepting
from tests.identity.test_join import INVITED
from tests.identity.test_rosters import Desk
from tests.identity.test_turns import passes
from tests.integration.adt import Sending
from tests.integration.receiver import webhook_of
from tests.messaging.people import sent
from tests.messaging.test_emergency import broken, run_out
from tests.push_service import PushService

Due = Callable[[Scene], None]


class Row(NamedTuple):
    """``due`` makes something due; ``events`` are among what the task then tells; ``besides``: tables that need none of it, and why."""

    task: Callable[[], None]
    due: Due
    events: list[str]
    besides: dict[str, str] = {}


def held(scene: Scene) -> None:
    scene.ward.asks("uni").at("uni", "acknowledge", "hold").run_out("uni")


def overdue(scene: Scene) -> None:
    scene.ward.asks("uni").overdue("uni")


def raised_often(scene: Scene) -> None:
    asked = scene.ward.asks("uni")
    Candidate.objects.filter(pk=asked["uni"]).update(escalation=ESCALATIONS_AT_MOST)
    asked.overdue("uni")


def wave(scene: Scene) -> None:
    late(scene.ward.asks("uni", "nord", waves=(1, 2), wave_interval=600))


def closed_wave(scene: Scene) -> None:
    asked = scene.ward.asks("uni", "nord", waves=(1, 2), wave_interval=600)
    DutyRole.objects.filter(pk=scene.night.nord.role.id).update(closed_at=timezone.now())
    late(asked)


def silent_alarm(scene: Scene) -> None:
    half_a_minute_passes(scene.ward.asks("uni"))


def heard_alarm(scene: Scene) -> None:
    asked = scene.ward.asks("uni")
    PushSubscription.objects.create(device_id=scene.night.brandt.device_id, endpoint=f"https://push.example/{uuid4()}", p256dh="", auth="")
    PushSubscription.objects.filter(device_id=scene.night.brandt.device_id).update(taken_at=timezone.now() + timedelta(seconds=1))
    assert Alarm.objects.filter(candidate=asked["uni"]).exists()


def recorded(scene: Scene) -> None:
    assert scene.registrar.get("duty").status_code == 200


def stated(scene: Scene) -> None:
    assert accepting(scene.registrar, scene.night.fern).status_code == 201


def asked_export(scene: Scene) -> None:
    recorded(scene)
    publish(scene.night.kreis.id)
    assert scene.registrar.post("audit/exports", {"format": "csv"}).status_code == 202


def old_export(scene: Scene) -> None:
    recorded(scene)
    made(scene.registrar, "csv")
    Export.objects.filter(hospital=scene.night.kreis.id).update(expires_at=timezone.now() - timedelta(seconds=1))


def unsent_push(scene: Scene) -> None:
    """To an endpoint that this deployment allows no more."""
    body = {"endpoint": f"http://127.0.0.1:9/{uuid4()}", "keys": PushService("").keys()}
    assert scene.night.brandt.post("push-subscriptions", body).status_code == 201
    service.PUSH_HOSTS = []
    sent(scene.night.adler, scene.talk)
    PendingPush.objects.create(
        subscription=PushSubscription.objects.get(endpoint=body["endpoint"]),
        urgency="high",
        not_before=timezone.now(),
        owed_at=timezone.now(),
    )


def broken_glass(scene: Scene) -> None:
    run_out(broken(scene.night, scene.talk))


def refused_account(scene: Scene, **settings: bool) -> None:
    """Adler's account is disabled at the hospital's provider while she is signed in."""
    SsoSubject.objects.filter(ended_at=None).update(ended_at=timezone.now())
    sso, adler = Sso(scene.night), scene.night.adler
    sso.bind(adler)
    sso.configure(**settings)
    sso.provider.control("disable", sub=sso.account_of(adler))
    SsoSubject.objects.filter(person=adler.id).update(check_at=timezone.now() - timedelta(seconds=1))


def refused_for_good(scene: Scene) -> None:
    refused_account(scene, ends_membership=True)


def told_long_ago(scene: Scene) -> None:
    """A message of an ADT feed, one refused, and what they said of a bed."""
    adt, then = Sending(scene.night.uni), timezone.now() - timedelta(days=400)
    TakenMessage.objects.create(feed=adt.feed, control_id="1", digest=b"", taken_at=then)
    FeedProblem.objects.create(feed=adt.feed, code="bed.unknown", last_at=then)
    for status in "OH":
        BedFact.objects.create(bed=adt.bed("5-01"), kind="status", status=status, at=then, told_at=then, sent_at=then)


def silent_pager(scene: Scene) -> None:
    """An escalation step, and a hospital's pager system that has not answered for a day."""
    Webhook.objects.filter(ended_at=None).update(ended_at=timezone.now())
    known = webhook_of(scene.night.uni.registrar)
    Webhook.objects.filter(pk=known).update(failing_since=timezone.now() - timedelta(hours=25))
    overdue(scene)
    sweep_overdue_requests()


def over(scene: Scene) -> None:
    """A sign-in, a link and an invitation that ended long ago."""
    long_ago = {"expires_at": timezone.now() - timedelta(days=400)}
    registrar = scene.registrar
    assert registrar.post("invitations", INVITED).status_code == 201
    assert registrar.post("device-links", {"token": new_token(), "sealed": "c2VhbGVk"}).status_code == 201
    Invitation.objects.filter(created_by=registrar.id).update(**long_ago)
    DeviceLink.objects.filter(person=registrar.id).update(**long_ago)
    SignIn.objects.filter(person=scene.night.adler.id).update(**long_ago)


def late_restoration(scene: Scene) -> None:
    attempt = Trio(scene.night).named().deposits().started()
    Restoration.objects.filter(pk=attempt.id).update(expires_at=timezone.now() - timedelta(seconds=1))


def rostered(scene: Scene) -> None:
    desk = Desk(scene.night)
    assert desk.pattern(scene.night.conrad, "07:00", "19:00").status_code == 200
    Duty.objects.filter(role=desk.role.id, started_at__gt=timezone.now()).delete()


def shift_change(scene: Scene) -> None:
    desk = Desk(scene.night)
    assert desk.shift(scene.night.conrad, 1, 12).status_code == 200
    passes(desk.role, 3601)


def gap(scene: Scene) -> None:
    Duty.objects.filter(role=scene.night.kreis.role.id).update(ended_at=timezone.now())


OVER = {
    "identity_signin": "ended long ago; that somebody signed in stays identity.sign_in",
    "identity_devicelink": "the hash of a token nobody can use; identity.offer_link stays",
    "identity_invitation": "the same; identity.invite stays",
}
FORGOTTEN = {
    "integration_takenmessage": "a control id that could not come again; integration.take_message stays",
    "integration_feedproblem": "what was refused long ago; integration.refuse_message stays",
    "beds_bedfact": "what was told of a bed and does not stand any more; beds.report_bed stays",
}
OWED = {
    "integration_notice": "what a webhook is to be told; beds.escalate says what happened, integration.notify that it was told",
    "integration_webhook": "whose turn it is; that it was given up is integration.halt_webhook",
}
LAID_OUT = {"identity_duty": "what the roster says, further ahead; the roster is identity.change_roster, its turns identity.begin_duty"}
PUSHED = {
    "identity_gapwarning": "that the registrars' phones are rung about it; the warning is identity.warn_gap",
    "messaging_receipt": "how far its phones were rung about it; that a person has it is messaging.deliver",
}
ASKED = {
    "identity_ssosubject": "when it is asked about again, and with which token; a refusal is identity.suspend_by_sso",
    "identity_ssoprovider": "since when it does not answer",
}
PROGRESS = {"audit_export": "how far the file is; its beginning, end and loss are events"}
CLOCK = {
    "audit.tasks.integrate_audit": [Row(integrate_audit, recorded, [])],
    "audit.tasks.gather_cosignatures": [Row(gather_cosignatures, recorded, [])],
    "audit.tasks.make_exports": [
        Row(make_exports, asked_export, ["audit.begin_export: kreis", "audit.finish_export: kreis"], PROGRESS),
        Row(make_exports, old_export, ["audit.expire_export: kreis"], PROGRESS),
    ],
    "beds.tasks.sweep_overdue_requests": [
        Row(sweep_overdue_requests, held, ["beds.expire: kreis uni"]),
        Row(sweep_overdue_requests, overdue, ["beds.escalate: kreis uni"]),
        Row(sweep_overdue_requests, raised_often, ["beds.give_up: kreis uni"]),
        Row(sweep_overdue_requests, wave, ["beds.ask_next: kreis nord", "messaging.admit: kreis nord"]),
        Row(sweep_overdue_requests, closed_wave, ["beds.drop: kreis"]),
        Row(sweep_overdue_requests, silent_alarm, ["beds.alarm_failed: kreis uni"]),
        Row(sweep_overdue_requests, heard_alarm, ["beds.alarm_reached: kreis uni"]),
    ],
    "identity.tasks.sign_directory_heads": [Row(sign_directory_heads, stated, [])],
    "identity.tasks.check_sso_accounts": [
        Row(check_sso_accounts, refused_account, ["identity.suspend_by_sso: kreis"], ASKED),
        Row(check_sso_accounts, refused_for_good, ["identity.suspend_by_sso: kreis", "identity.end_member: kreis"], ASKED),
    ],
    "identity.tasks.tidy_up": [Row(tidy_up, over, [], OVER)],
    "integration.tasks.deliver_notices": [Row(deliver_notices, silent_pager, ["integration.halt_webhook: uni"], OWED)],
    "integration.tasks.forget_messages": [Row(forget_messages, told_long_ago, [], FORGOTTEN)],
    "identity.tasks.expire_restorations": [Row(expire_restorations, late_restoration, ["identity.expire_restoration: kreis"])],
    "messaging.tasks.note_ended_emergencies": [Row(note_ended_emergencies, broken_glass, ["messaging.end_break_glass: kreis uni"])],
    "identity.tasks.tell_shift_changes": [
        Row(tell_shift_changes, shift_change, ["identity.begin_duty: kreis", "identity.end_duty: kreis"])
    ],
    "identity.tasks.warn_of_gaps": [Row(warn_of_gaps, gap, ["identity.warn_gap: kreis"])],
    "identity.tasks.lay_out_rosters": [Row(lay_out_rosters, rostered, [], LAID_OUT)],
    "messaging.tasks.deliver_pushes": [Row(deliver_pushes, unsent_push, ["messaging.end_push: uni"], PUSHED)],
}
ROWS = [pytest.param(row, id=row.due.__name__) for rows in CLOCK.values() for row in rows]


@pytest.fixture(scope="module")
def watch(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Watch]:
    with django_db_blocker.unblock(), Watch.on() as watching:
        yield watching


@pytest.fixture
def scene(night: Night, settings: Any, tmp_path: Path) -> Scene:
    settings.PUSH_HOSTS, settings.VAPID_KEY_FILE = ["127.0.0.1"], make_vapid(tmp_path)
    PushSubscription.objects.filter(ended_at=None).update(ended_at=timezone.now())
    return Scene(night)


def test_every_task_of_the_schedule_has_a_row() -> None:
    assert {entry["task"] for entry in service.CELERY_BEAT_SCHEDULE.values()} == CLOCK.keys()


@pytest.mark.parametrize("row", ROWS)
def test_the_clock_tells_what_it_does(scene: Scene, watch: Watch, row: Row) -> None:
    row.due(scene)
    since = last_event()
    watch.begin()

    row.task()

    told = events_since(since, scene.night)
    assert [event for event in told if event in row.events] == row.events
    assert watch.without_event(*row.besides) == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].events])
def test_without_an_event_the_clock_does_nothing(scene: Scene, watch: Watch, row: Row) -> None:
    """And does it when the log is back: nothing is lost."""
    row.due(scene)
    since = last_event()
    watch.begin()

    with watch.mute(), suppress(DatabaseError):
        row.task()
    assert watch.without_event(*row.besides) == []
    PendingPush.objects.update(not_before=timezone.now())
    # Their leases are over.
    SsoSubject.objects.filter(ended_at=None).update(check_at=timezone.now())
    Webhook.objects.update(not_before=timezone.now())
    row.task()

    told = events_since(since, scene.night)
    assert [event for event in told if event in row.events] == row.events


def prepare(scene: Scene) -> None:
    call_command("hospital_setup", f"neu-{uuid4().hex[:8]}", "Klinikum Neu", stdout=io.StringIO())


def open_figures(scene: Scene, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f'{{"unit": "{unit.pk}", "category": "imc", "staffed": 2, "occupied": 1, "blocked": 0, "beds": ["5-1", "5-2"]}}'
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    call_command("open_capacities", stdout=io.StringIO())


def set_up_feed(unit: Unit, hospital: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    call_command("mllp_feed", "add", hospital, application="KIS", network=["10.1.2.3/32"], stdout=out)
    feed = out.getvalue().strip()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"INT5;{unit.name};{{room}}-{{bed}}\nCHIR;-\n"))
    call_command("mllp_feed", "map", feed, stdout=io.StringIO())
    call_command("mllp_feed", "end", feed, stdout=io.StringIO())


def test_the_operators_commands_tell_what_they_do(scene: Scene, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit.objects.create(hospital_id=scene.night.uni.id, name=f"ITS {uuid4()}")
    since = last_event()
    watch.begin()

    prepare(scene)
    open_figures(scene, unit, monkeypatch)
    set_up_feed(unit, scene.night.uni.slug, monkeypatch)

    feed = [f"integration.{verb}_feed: uni" for verb in ("add", "map", "end")]
    assert events_since(since, scene.night) == ["identity.prepare_hospital: new", "beds.open_figure: uni", *feed]
    assert watch.without_event() == []

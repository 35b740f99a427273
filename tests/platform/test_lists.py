"""Every list of the API costs the same queries for one row and for many.

The lists are read from the API's own description: one that has no entry here fails, so none comes without its count.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from audit.checkpoints import sign_checkpoint
from audit.events import Event, Outcome
from audit.models import Export, Log
from audit.notes import COSIGNATURE, Key
from audit.policy import Policy, Witness, read_policy
from audit.sequencer import integrate
from audit.services import record
from beds.models import Bed, Capacity, EscalationStep, FigureReport, RequestTemplate
from benchmarks.people import Talk
from identity.models import (
    Hospital,
    KeyRenewal,
    Person,
    PrincipalKey,
    RegistrarProposal,
    Restoration,
    RoleSeal,
    SeedWrap,
    Shift,
    SignIn,
    Unit,
)
from identity.models.sso import SsoProvider, SsoSubject
from messaging.models import Attachment, AttachmentChunk, Conversation, Member, Receipt
from tests.beds import rows
from tests.beds.asking import Asked, Ward
from tests.cast import Building, Night, Someone, new_cookie
from tests.identity.restoring import Trio
from tests.integration.receiver import webhook_of
from tests.integration.software import Software
from tests.messaging.people import sent, start_talk
from tests.messaging.test_create_epoch import following, rotate
from wardline_client.protocol import encode

MORE = 4


class Scene:
    """What the lists are of."""

    def __init__(self, night: Night) -> None:
        self.night, self.ward = night, Ward(night)
        self.registrar: Someone = night.kreis.registrar
        self.asked: Asked = self.ward.asks("uni").at("uni", "acknowledge")
        self.talk: Talk = start_talk(night)
        size = {"size": 10**8, "sha256": bytes(32)}
        self.attachment = Attachment.objects.create(pk=uuid4(), conversation_id=self.talk.id, person_id=night.adler.id, **size)

    def renewals(self) -> None:
        """Members whose next keys wait."""
        building, place = Building(self.night), self.night.kreis
        crowd = [Someone(place, f"Renewed {number}", cookie=new_cookie()) for number in range(MORE)]
        for someone in crowd:
            building.member(someone)
        building.save()
        made = {"generation": 2, "kem_public_key": b"", "sign_public_key": b"", "history": b"", "statements": {}, "wraps": []}
        for someone in crowd:
            KeyRenewal.objects.create(person_id=someone.id, device_id=someone.device_id, **made)

    def restorations(self) -> None:
        """Attempts of several members, for an officer who has a share of each."""
        three = self.trio
        building, place = Building(self.night), self.night.kreis
        crowd = [Someone(place, f"Locked out {number}", cookie=new_cookie()) for number in range(MORE)]
        for someone in crowd:
            building.member(someone)
        building.save()
        for someone in crowd:
            assert someone.post("deposit", three.draft(someone)).status_code == 201
            three.owner = someone
            three.started().asks()

    @cached_property
    def trio(self) -> Trio:
        return Trio(self.night).named()

    def uses(self) -> None:
        """Former attempts about one person."""
        attempts = {"hospital_id": self.night.kreis.id, "started_by_id": self.registrar.id, "expires_at": timezone.now()}
        for _ in range(MORE):
            Restoration.objects.create(person_id=self.night.adler.id, ended_at=timezone.now(), end_reason="refused", **attempts)

    def people(self) -> None:
        """Members, people who wait, devices, statements; and roles the registrar holds."""
        building, place = Building(self.night), self.night.kreis
        for number in range(MORE):
            building.member(Someone(place, f"Crowd {number}", cookie=new_cookie()))
            building.waiting(place)
            building.lost_phone(self.registrar)
            building.role(place, [self.registrar], name=f"Role {uuid4()}")
        building.save()

    def invitations(self) -> None:
        sheet = "name,profession\n" + "".join(f"Nurse {uuid4()},nurse\n" for _ in range(MORE))
        assert self.registrar.post("invitations/bulk", {"sheet": encode(sheet.encode())}).status_code == 201

    def hospitals(self) -> None:
        Hospital.objects.bulk_create(Hospital(slug=uuid4().hex, name="Elsewhere", root_public_key=bytes(32)) for _ in range(MORE))

    def registrars(self) -> None:
        """Those in office, and those proposed."""
        building, place = Building(self.night), self.night.kreis
        for number in range(MORE):
            someone = Someone(place, f"Crowd {number}", cookie=new_cookie())
            building.member(someone, is_registrar=True)
            building.office(someone)
        building.save()
        proposed = RegistrarProposal.objects.values("candidate")
        until = timezone.now() + timedelta(days=1)
        for person in Person.objects.exclude(pk__in=proposed).exclude(pk=self.registrar.id)[:MORE]:
            who = {"hospital_id": place.id, "candidate": person, "proposed_by_id": self.registrar.id}
            RegistrarProposal.objects.create(sign_public_key=bytes(32), expires_at=until, **who)

    def sign_ins(self) -> None:
        """Open sign-ins of the registrar's."""
        who, ends = self.registrar, timezone.now() + timedelta(hours=1)
        for _ in range(MORE):
            SignIn.objects.create(person_id=who.id, device_id=who.device_id, session_digest=uuid4().bytes * 2, expires_at=ends)

    def accounts(self) -> None:
        """Members who are connected at the hospital's own sign-in service."""
        self.people()
        provider, _ = SsoProvider.objects.get_or_create(hospital_id=self.night.kreis.id, name="Klinik-Konto", client_secret=b"")
        for person in Person.objects.filter(memberships__hospital=self.night.kreis.id, sso_subjects=None, kind="human")[:MORE]:
            SsoSubject.objects.create(provider=provider, person=person, subject=str(uuid4()))

    def clients(self) -> None:
        for _ in range(MORE):
            Software(self.registrar).entered()

    def webhooks(self) -> None:
        for _ in range(MORE):
            webhook_of(self.registrar)

    def leavers(self) -> None:
        """Members who have left, each with a device."""
        building, place = Building(self.night), self.night.kreis
        left = [Someone(place, f"Leaver {number}", cookie=new_cookie()) for number in range(MORE)]
        for one in left:
            building.member(one)
        building.save()
        for one in left:
            assert self.registrar.post(f"members/{one.id}/end").status_code == 200

    def seeds(self) -> None:
        key = PrincipalKey.objects.get(principal=self.registrar.id, replaced_at=None)
        generation = PrincipalKey.objects.filter(principal=self.registrar.id).count()
        for number in range(1, MORE + 1):
            wrap = {"wrap": bytes(60), "share": bytes(32), "generation": 1}
            SeedWrap.objects.create(person_id=self.registrar.id, kind=SeedWrap.Kind.RECOVERY, **wrap)
            key.pk, key.generation, key.replaced_at = None, generation + number, key.created_at
            key.save(force_insert=True)

    def former_seals(self) -> None:
        made = {"role_id": self.night.kreis.role.id, "person_id": self.night.adler.id, "kid": bytes(16), "sealed": bytes(1168)}
        start = RoleSeal.objects.filter(person=self.night.adler.id).count()
        RoleSeal.objects.bulk_create(RoleSeal(generation=start + n, ended_at=timezone.now(), **made) for n in range(2, MORE + 2))

    def shifts(self) -> None:
        made = {"role_id": self.night.kreis.role.id, "person_id": self.night.conrad.id, "written_by_id": self.registrar.id}
        start = timezone.now() + timedelta(hours=1 + MORE * Shift.objects.filter(role=self.night.kreis.role.id).count())
        for number in range(MORE):
            times = [start + timedelta(hours=hours) for hours in (number, number + 0.5)]
            Shift.objects.create(starts_at=times[0], ends_at=times[1], **made)

    def figures(self) -> None:
        for _ in range(MORE):
            unit = Unit.objects.create(hospital_id=self.night.uni.id, name=f"Unit {uuid4()}")
            Capacity.objects.create(unit=unit, category="icu-high", staffed=3)

    def reports(self) -> None:
        FigureReport.objects.bulk_create(FigureReport(capacity=self.ward.figures["kreis"], staffed=3) for _ in range(MORE))

    def single_beds(self) -> None:
        unit = self.night.kreis.unit_id
        Bed.objects.bulk_create(Bed(unit_id=unit, category="icu-high", label=f"1-{uuid4().hex}") for _ in range(MORE))

    def requests(self) -> None:
        self.ward.many(MORE, "uni", "nord", "mitte")

    def templates(self) -> None:
        present = RequestTemplate.objects.filter(hospital_id=self.night.kreis.id).count()
        for age in ("neonate", "infant", "child", "adolescent"):
            need = {"category": "ward", "urgency": "stat" if present else "asap", "age_band": age}
            RequestTemplate.objects.create(id=uuid4(), hospital_id=self.night.kreis.id, speciality="surgery", **need)

    def chain(self) -> None:
        """The normal chain, then the important one."""
        role = self.night.kreis.role.id
        variant = "important" if EscalationStep.objects.filter(role=role).exists() else "normal"
        for position in range(1, MORE + 1):
            where = {"role_id": role, "hospital_id": self.night.kreis.id, "variant": variant, "position": position}
            EscalationStep.objects.create(wait=60, whom="holder", how="push", **where)

    def numbers(self) -> None:
        """Requests to hospitals not asked before."""
        origin = SimpleNamespace(id=self.night.kreis.id, holder_id=self.night.adler.id, role_id=self.night.kreis.role.id)
        rows.requests(1, origin=origin, asked=[rows.hospital(str(uuid4())) for _ in range(MORE)])

    def history(self) -> None:
        self.asked.at("uni", *["request-info", "answer-info"] * MORE)

    def conversations(self) -> None:
        for _ in range(MORE):
            start_talk(self.night)

    def messages(self) -> None:
        for _ in range(MORE):
            message = sent(self.night.adler, self.talk)
            self.night.brandt.post(f"conversations/{self.talk.id}/messages/{message}/acknowledge", {})

    def epochs(self) -> None:
        for _ in range(MORE):
            assert rotate(self.night.adler, self.talk, following(self.night, self.talk, self.night.adler)).status_code == 201

    def readers(self) -> None:
        self.messages()
        talk = Conversation.objects.get(pk=self.talk.id)
        strangers = Person.objects.exclude(pk__in=Receipt.objects.filter(conversation=talk).values("person"))[:MORE]
        for person in strangers:
            Receipt.objects.create(conversation=talk, person=person, delivered_sequence=1)
            Member.objects.create(conversation=talk, principal=person.pk, kind="user", hospital_id=self.night.uni.id)

    def witnesses(self) -> None:
        """Of the registrar's log, in a policy that grows with them."""
        hospital = self.night.kreis.id
        integrate(hospital)
        log = Log.objects.get(hospital=hospital).pk
        sign_checkpoint(log)
        policy = read_policy()
        for _ in range(MORE):
            name = f"w{uuid4().hex}"
            witness = Witness(name, Key(name, bytes(4), COSIGNATURE, bytes(32)), "")
            policy.witnesses[name] = witness
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO audit_witness (log, witness) VALUES (%s, %s)", [log, witness.id])

    def exports(self) -> None:
        for _ in range(MORE):
            fields = {"hospital": self.night.kreis.id, "asked_by": self.registrar.id, "format": "csv", "zone": "UTC", "size": 1}
            Export.objects.create(log=uuid4(), **fields)

    def events(self) -> None:
        """Of every kind that a list of events is of; and an hour each."""
        kreis, case = self.night.kreis.id, {"request": self.asked.id}
        agent = self.night.adler.actor().agent()
        kinds: list[tuple[str, Outcome]] = [
            ("messaging.read", "success"),
            ("messaging.break_glass", "success"),
            ("identity.sign_in", "refused"),
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            for action, outcome in kinds * MORE:
                record(event=Event(action, agent, [kreis, self.night.uni.id], outcome=outcome, subjects=case))
            newest = "SELECT event FROM audit_index WHERE hospitals @> ARRAY[%s::uuid] ORDER BY event DESC LIMIT %s"
            past = f"UPDATE audit_index SET at = now() - event %% 400 * interval '1 hour' WHERE event IN ({newest})"
            cursor.execute(past, [kreis, MORE])
        while integrate(kreis):
            pass

    def reviews(self) -> None:
        span = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
        for _ in range(MORE):
            said = {"id": uuid4(), **span, "scope": "everything", "finding": "nothing", "action": "none"}
            assert self.registrar.post("audit/reviews", said).status_code == 201

    def chunks(self) -> None:
        arrived = self.attachment.chunks.count()
        rows = [AttachmentChunk(attachment=self.attachment, number=arrived + n, size=1, sha256=bytes(32)) for n in range(MORE)]
        AttachmentChunk.objects.bulk_create(rows)

    def url(self, path: str) -> str:
        ids: dict[str, UUID | str] = {"conversation_id": self.talk.id, "attachment_id": self.attachment.pk, "request_id": self.asked.id}
        ids |= {"capacity_id": self.ward.figures["kreis"].pk, "unit_id": self.night.kreis.unit_id}
        ids |= {"role": self.night.kreis.role.id, "person": self.registrar.id}
        ids["case"] = self.asked.id
        return path.format(**ids) + QUERIES.get(path, "").format(**ids)


DAYS = {"since": timezone.now() - timedelta(days=40), "until": timezone.now() + timedelta(days=20)}
NEAR = {"since": timezone.now() - timedelta(days=1), "until": timezone.now() + timedelta(days=30)}
QUERIES = {
    "audit/activity": "?" + urlencode({name: at.isoformat() for name, at in DAYS.items()}),
    "audit/events": "?limit=200",
    "audit/disclosures/{case}": "?limit=200",
    "audit/timeline": "?limit=200&request={case}",
    "rosters/{role}": "?" + urlencode({name: at.isoformat() for name, at in NEAR.items()}),
}


class Listed(NamedTuple):
    reader: Callable[[Scene], Someone]
    grow: Callable[[Scene], None]


def registrar(scene: Scene) -> Someone:
    return scene.registrar


def physician(scene: Scene) -> Someone:
    return scene.night.adler


LISTS = {
    "attachments/{attachment_id}": Listed(physician, Scene.chunks),
    "audit/activity": Listed(registrar, Scene.events),
    "audit/break-glass": Listed(registrar, Scene.events),
    "audit/disclosures/{case}": Listed(registrar, Scene.events),
    "audit/events": Listed(registrar, Scene.events),
    "audit/exports": Listed(registrar, Scene.exports),
    "audit/reviews": Listed(registrar, Scene.reviews),
    "audit/roster": Listed(registrar, Scene.people),
    "audit/sign-in-failures": Listed(registrar, Scene.events),
    "audit/timeline": Listed(registrar, Scene.events),
    "audit/witnesses": Listed(registrar, Scene.witnesses),
    "board": Listed(physician, Scene.figures),
    "capacities/{capacity_id}/history": Listed(physician, Scene.reports),
    "conversations/{conversation_id}": Listed(physician, Scene.readers),
    "conversations/{conversation_id}/epochs": Listed(physician, Scene.epochs),
    "conversations/{conversation_id}/messages": Listed(physician, Scene.messages),
    "deposit": Listed(physician, Scene.uses),
    "restorations": Listed(lambda scene: scene.trio.people[0], Scene.restorations),
    "devices": Listed(registrar, Scene.people),
    "sign-ins": Listed(registrar, Scene.sign_ins),
    "directory": Listed(registrar, Scene.people),
    "duty": Listed(registrar, Scene.people),
    "duty/{role}/seals": Listed(physician, Scene.former_seals),
    "invitations": Listed(registrar, Scene.invitations),
    "integration-clients": Listed(registrar, Scene.clients),
    "webhooks": Listed(registrar, Scene.webhooks),
    "members/{person}/devices": Listed(registrar, Scene.people),
    "members/owed-revocations": Listed(registrar, Scene.leavers),
    "members/renewals": Listed(registrar, Scene.renewals),
    "members/pending": Listed(registrar, Scene.people),
    "partners": Listed(registrar, Scene.hospitals),
    "registrars": Listed(registrar, Scene.registrars),
    "hospital/sso/accounts": Listed(registrar, Scene.accounts),
    "request-templates": Listed(physician, Scene.templates),
    "requests": Listed(physician, Scene.requests),
    "requests/{request_id}": Listed(physician, Scene.history),
    "roles": Listed(registrar, Scene.people),
    "roles/{role}/escalation": Listed(physician, Scene.chain),
    "rosters/{role}": Listed(physician, Scene.shifts),
    "session": Listed(registrar, Scene.people),
    "session/unlock": Listed(registrar, Scene.seeds),
    "statements": Listed(registrar, Scene.people),
    "statistics/requests": Listed(physician, Scene.numbers),
    "sync": Listed(physician, Scene.conversations),
    "units/{unit_id}/beds": Listed(physician, Scene.single_beds),
}


# Of what cannot grow.
BOUNDED = {"officers": "three officers at most, and one open proposal"}


def described_lists() -> set[str]:
    """Addresses whose answer holds an array, by the API's description."""
    document = SchemaGenerator().get_schema(request=None, public=True)

    def has_array(schema: Any) -> bool:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        parts = [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
        return schema.get("type") == "array" or any(map(has_array, parts))

    found = set()
    for path, operations in document["paths"].items():
        answers = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "application/json" in answers and has_array(answers["application/json"]["schema"]):
            found.add(path.removeprefix("/api/v1/"))
    return found


def test_every_list_is_counted() -> None:
    assert described_lists() == set(LISTS) | BOUNDED.keys()


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_queries_however_long(night: Night, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy()
    for module in ("tests.platform.test_lists", "audit.status", "audit.cosigned"):
        monkeypatch.setattr(f"{module}.read_policy", lambda: policy)
    scene, listed = Scene(night), LISTS[path]
    listed.grow(scene)
    few_rows, few = counted(listed.reader(scene), scene.url(path))
    listed.grow(scene)
    many_rows, many = counted(listed.reader(scene), scene.url(path))

    assert many_rows >= few_rows + MORE
    assert len(many) == len(few), "\n".join(query["sql"][:200] for query in many)
    assert len(many) <= 10


def counted(reader: Someone, url: str) -> tuple[int, list[dict[str, str]]]:
    with CaptureQueriesContext(connection) as caught:
        answer = reader.get(url)
    assert answer.status_code == 200, answer.content
    return rows_in(answer.json()), caught.captured_queries


def rows_in(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(rows_in, value.values()))
    return len(value) + sum(map(rows_in, value)) if isinstance(value, list) else 0

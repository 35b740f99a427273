"""A gateway of Mitte as its IT runs it, a process of its own, against the service as a process of its own."""

import io
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from PIL import Image as Picture

from beds.models import Category
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Unit
from tests.client.conftest import adler, brandt, clinic, later, mitte, nord  # noqa: F401 -- the two hospitals
from tests.gateway.running import Installed
from tests.messaging.server import Server
from wardline_client.founding import make_archive_link
from wardline_client.protocol.bodies import Identity

NEED = {"category": "icu-high", "urgency": "stat", "age_band": "adult", "sex": "", "transport_mode": "air"}
QUESTION = "ARDS, 52 Jahre, seit zwei Stunden Bauchlage. Bett frei?"
PATIENT = Identity(family="Müller-Öğüt", given="Jana", birth_date="1974-03-02", sex="female", note="Zimmer 4")


@pytest.fixture(scope="session")
def service(django_db_setup: None) -> Iterator[Server]:
    with Server.started(PUBLIC_URL=settings.PUBLIC_URL) as server:
        yield server


@pytest.fixture
def installed(tmp_path, service, mitte):  # noqa: F811
    """Enrolled with the registrar's link, not started."""
    made = Installed(tmp_path, service.origin, settings.PUBLIC_URL)
    made.enrol(archive_link(mitte))
    yield made
    made.end()
    wait_until_quiet()


def wait_until_quiet() -> None:
    """What the killed one had asked for is answered to nobody; emptying the tables must not meet it half-way."""
    quiet, deadline = 0, time.monotonic() + 10
    while quiet < 3 and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(_BUSY)
            quiet = 0 if cursor.fetchone()[0] else quiet + 1
        time.sleep(0.05)


_BUSY = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"


def archive_link(house):
    return make_archive_link(house.registrar.session, house.founded.archive, house.founded.archive_seed)


@pytest.fixture
def unit(nord):  # noqa: F811
    made = Unit.objects.create(hospital_id=nord.keyring.hospital, name="Intensive care")
    open_capacity(unit_id=made.pk, category=Category.ICU_HIGH, figures=Figures(staffed=3, occupied=0, blocked=0))
    [row] = next(row["units"] for row in nord.registrar.beds.board() if row["hospital"] == str(nord.keyring.hospital))
    return row


def photograph(width=900, height=600):
    out = io.BytesIO()
    Picture.effect_noise((width, height), 60).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


class Case:
    """A request of Adler's to the clinic, played by both; ``conversation`` is the one with the clinic."""

    def __init__(self, adler, brandt, clinic):  # noqa: F811
        self.adler, self.brandt, self.clinic = adler, brandt, clinic
        made = adler.request_bed(asked_roles=[clinic], question=QUESTION, **NEED)
        self.id = UUID(made["id"])
        self.conversation = UUID(made["candidates"][0]["conversation"])
        self.candidate = UUID(made["candidates"][0]["id"])

    def seen(self, who):
        found = who.beds.get(self.id)
        return found, found["candidates"][0]

    def arrive(self, unit):
        self.brandt.beds.act(self.candidate, "acknowledge", role=self.clinic)
        request, candidate = self.seen(self.brandt)
        self.brandt.beds.promises.hold(request, candidate, unit=unit, role=self.clinic)
        self.adler.beds.promises.confirm(*self.seen(self.adler))
        self.adler.send_identity(self.conversation, PATIENT)
        for action in ("arrange-transport", "depart"):
            self.adler.beds.act(self.candidate, action)
        self.brandt.beds.act(self.candidate, "arrive", role=self.clinic)

    def decline(self):
        self.brandt.beds.act(self.candidate, "decline", role=self.clinic, reason="no-bed")


@pytest.fixture
def case(adler, brandt, clinic):  # noqa: F811
    return Case(adler, brandt, clinic)

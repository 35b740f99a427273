"""For the tests of the façade and of the ADT feed, whose modules have one ``night`` each."""

from collections.abc import Iterator
from typing import Any

import pytest

from beds.models import Bed
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Unit
from tests.beds.asking import Ward
from tests.cast import Night
from tests.integration.adt import Listener
from tests.integration.software import Software
from tests.messaging.server import Server


@pytest.fixture(scope="module")
def ward(night: Night) -> Ward:
    return Ward(night)


@pytest.fixture(scope="module")
def beds(night: Night, ward: Ward) -> list[Bed]:
    """A unit of uni whose beds are counted singly."""
    unit = Unit.objects.create(hospital_id=night.uni.id, name="ITS 5")
    open_capacity(unit_id=unit.pk, category="imc", figures=Figures(2, 0, 0), beds=["5-01", "5-02"])
    return list(Bed.objects.filter(unit=unit).order_by("label"))


@pytest.fixture(scope="module")
def his(night: Night, beds: list[Bed]) -> Software:
    """Uni's software. A token lasts for the module."""
    return Software(night.uni.registrar).entered()


@pytest.fixture(scope="session")
def listener(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """``manage.py mllp``, a process of its own."""
    with django_db_blocker.unblock(), Listener.started(tmp_path_factory.mktemp("mllp")) as running:
        yield running


@pytest.fixture(scope="session")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock(), Server.started() as running:
        yield running

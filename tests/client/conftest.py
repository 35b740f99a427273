"""Two hospitals that accept each other, founded and peopled through the public API alone."""

from datetime import timedelta

import httpx
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from identity.services.hospitals import prepare
from wardline_client.account import Account
from wardline_client.http import Api
from wardline_client.protocol import Profile


def browser() -> Api:
    return Api(settings.PUBLIC_URL, transport=httpx.WSGITransport(app=WSGIHandler()))


class House:
    """A hospital with its registrar; ``duty`` is a role that everybody in ``people`` may hold."""

    def __init__(self, slug: str) -> None:
        _, token = prepare(slug=slug, name=slug.title(), city="", latitude=None, longitude=None, lasts=timedelta(hours=1))
        self.registrar, self.founded = Account.found(browser(), token, Profile(name=f"Registrar {slug}", profession="registrar"))
        self.keyring = self.registrar.session.keyring

    def hire(self, name: str) -> Account:
        account = Account.join(browser(), self.registrar.registrar.invite(name=name))
        (waiting,) = self.registrar.registrar.pending()
        self.registrar.registrar.approve(waiting)
        return account

    def accept(self, other: "House") -> None:
        self.registrar.registrar.accept_partner(other.keyring.hospital, other.keyring.root)


@pytest.fixture
def mitte(transactional_db):
    return House("mitte")


@pytest.fixture
def nord(mitte):
    house = House("nord")
    house.accept(mitte)
    mitte.accept(house)
    return house


@pytest.fixture
def adler(mitte):
    return mitte.hire("Ada Adler")


@pytest.fixture
def brandt(nord):
    return nord.hire("Bela Brandt")


@pytest.fixture
def clinic(nord, brandt):
    """Nord's duty role, held by Brandt."""
    role = nord.registrar.registrar.create_role(name="ICU coordination", eligible=[brandt.person])
    brandt.take_duty(role)
    return role


@pytest.fixture
def later(mitte):
    """Somebody of a third hospital, and the duty role they hold there."""
    house = House("sued")
    house.accept(mitte)
    mitte.accept(house)
    keeper = house.hire("Kim Keller")
    role = house.registrar.registrar.create_role(name="ICU coordination", eligible=[keeper.person])
    keeper.take_duty(role)
    return keeper, role

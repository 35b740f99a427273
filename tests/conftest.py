"""What all tests share: the database, and the cast."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from backend.realtime import CHANNEL
from tests.cast import Night
from tests.ears import Ear


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: DjangoDbBlocker, django_db_modify_db_settings: None
) -> Iterator[None]:
    """As pytest-django's own, which makes a database only if some test carries its mark: those of ``night`` do not."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=request.config.option.verbose, interactive=False, aliases={"default"}, serialized_aliases=set())
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=request.config.option.verbose)


@pytest.fixture(scope="session")
def counts() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_tried_yet(counts: redis.Redis) -> None:
    """Limits count by the minute: a test begins with none of what the tests before it tried."""
    if used := [*counts.scan_iter("wardline:*:throttle:*"), *counts.scan_iter("wardline:*:refused:*")]:
        counts.delete(*used)


@pytest.fixture
def night(django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """The people of the night story (``tests/cast.py``)."""
    with django_db_blocker.unblock():
        yield Night(monkeypatch)
        connection.close()


@pytest.fixture(scope="module")
def shared_night(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Night]:
    """One night for a whole module, for where everybody is refused and nothing changes: a module names it ``night``."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as monkeypatch:
        yield Night(monkeypatch)
        connection.close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as subscription:
        subscription.subscribe(CHANNEL)
        assert subscription.get_message(timeout=2)["type"] == "subscribe"
        yield Ear(subscription)

"""The people of the night story, in-process, with real keys: ``def test_...(night)``.

Every test gets hospitals and people of its own, committed: no rollback, no flush, so ``on_commit`` rings, other
connections (races, refusals written on their own connection) and triggers behave as they do in service. Ids and slugs
are fresh, so tests do not see each other; assert on your own rows, never on a table's total. The ``night`` fixture
needs no ``django_db`` mark.

Hospitals (``Place``), mutual partners: ``night.kreis`` (acute), ``night.uni`` (university), ``night.nord``,
``night.mitte``; ``night.fern`` is nobody's partner. Each has ``id slug root unit_id registrar archive role``;
``role`` (``Role``: ``id keys generation eligible statement``) is an intensive-care coordination, categories
``icu-high icu-low``.

People (``Someone``), all on a signed-in, unrevoked device unless said otherwise:

- ``night.adler``: physician at kreis, holds ``night.kreis.role``; ``night.conrad`` her colleague, eligible, not on
duty; ``night.egger`` there too, not eligible; - ``night.brandt``: physician at uni, holds ``night.uni.role``;
``night.dorn`` the day shift, eligible, not on duty; - ``night.north``, ``night.middle``: hold the roles of nord and
mitte; - ``night.outsider``: physician at fern, holds its role; - ``night.former_colleague``: was at kreis; the
membership has ended, the cookie was good once; - ``night.revoked_device``: Adler again, on a phone that was revoked;
the cookie was good once; - ``night.pending``: joined kreis, no registrar has approved yet; - ``night.anonymous``:
nobody; each place has a ``registrar`` and an ``archive`` (the archive's device is signed in, too). -
``night.person("outsider")`` finds one by name (for ``parametrize``).

A ``Someone`` acts: ``get(url) post(url, body) put(url, body, **headers) delete(url)``. ``url`` is below ``/api/v1/``
or absolute; a body of ``bytes`` goes as an octet stream. Writes carry a fresh ``Idempotency-Key`` (``key=`` for one
of your own) and the CSRF token. ``posting(url, body)`` is the same for later: ``night.at_once(a.posting(...),
b.posting(...))`` runs calls in threads with connections of their own, all released together, and returns the answers
in order. Keys: ``person.keys`` (``kem``, ``sign``), ``person.device_key.sign(label, *digests)``,
``person.device_id``, ``person.id``, ``person.pseudonym``, ``person.session_key`` (the cookie's value, for the
socket); ``person.actor()`` for a service called directly.

``night.audit_of(hospital)`` lists what is in that hospital's log so far, in order: ``action outcome agent subjects
detail digest``. ``night.clock.advance(minutes=31)`` moves ``timezone.now()``.
"""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from audit.models import IndexEntry
from tests.building import Building
from tests.people import CSRF, Caller, Place, Role, Someone, keys_of, new_cookie, signing_key

__all__ = ["CSRF", "Building", "Caller", "Night", "Place", "Role", "Someone", "keys_of", "new_cookie", "signing_key"]


class Clock:
    """``timezone.now()`` for everybody in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead, real = timedelta(), timezone.now
        monkeypatch.setattr("django.utils.timezone.now", lambda: real() + self._ahead)

    def advance(self, **span: float) -> datetime:
        self._ahead += timedelta(**span)
        return timezone.now()


class Night:
    """See the module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(monkeypatch)
        self.kreis, self.uni, self.nord, self.mitte, self.fern = map(Place, ("kreis", "uni", "nord", "mitte", "fern"))
        self.places = [self.kreis, self.uni, self.nord, self.mitte, self.fern]
        self._people: dict[str, Caller] = {}
        Building(self).build()
        self._people["anonymous"] = Caller(None)

    def __getattr__(self, name: str) -> Someone:
        try:
            return self.__dict__["_people"][name]
        except KeyError:
            raise AttributeError(name) from None

    def person(self, name: str) -> Caller:
        return self._people[name]

    def cast(self, name: str, someone: Caller) -> None:
        self._people[name] = someone

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run the calls in threads of their own, released together; answers in the order given. An exception in one is raised here."""
        gate, answers, problems = threading.Barrier(len(calls)), [None] * len(calls), []

        def run(place: int, call: Callable[[], Any]) -> None:
            try:
                gate.wait(timeout=10)
                answers[place] = call()
            except BaseException as problem:  # noqa: BLE001 -- raised again below, in the test's thread
                problems.append(problem)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run, args=entry) for entry in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        if problems:
            raise problems[0]
        return answers

    def audit_of(self, hospital: "Place | UUID") -> list[SimpleNamespace]:
        """The hospital's events so far, oldest first, as hashed."""
        identifier = hospital.id if isinstance(hospital, Place) else hospital
        entries = IndexEntry.objects.filter(hospitals__contains=[identifier]).order_by("event").select_related("event")
        return [SimpleNamespace(**json.loads(bytes(entry.event.leaf))) for entry in entries]

    def actions_of(self, hospital: "Place | UUID") -> list[str]:
        return [event.action for event in self.audit_of(hospital)]

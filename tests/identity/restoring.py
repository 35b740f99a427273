"""A hospital with three recovery officers and a member's deposit, step by step, so that a test can spoil any one of them."""

import os
from typing import Any

from django.utils import timezone

from identity.services.statements import latest
from tests.cast import Building, Night, Place, Someone, new_cookie
from tests.identity.browser import Browser, new_token, shown
from tests.identity.test_auditors import appoint
from wardline_client.protocol import Officers, decode, encode, kid, parse_statement
from wardline_client.protocol.deposits import Ask, hand_on, make_ask, make_deposit, parse_deposit, sign_approval
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.statements import make_statement


class Trio:
    """Three officers of kreis, confirmed by Egger, who is an auditor; Adler's key is deposited with ``deposits``."""

    def __init__(self, night: Night) -> None:
        self.night, self.place, self.owner = night, night.kreis, night.adler
        self.registrar, self.second = night.kreis.registrar, night.egger
        building = Building(night)
        people = [Someone(self.place, f"Officer {number}", cookie=new_cookie()) for number in range(3)]
        for person in people:
            building.member(person)
        building.save()
        self.people = sorted(people, key=lambda person: str(person.id))

    def named(self) -> "Trio":
        assert appoint(self.registrar, self.second).status_code == 201
        answer = confirm(self.second, self.proposed(), self.people)
        assert answer.status_code == 200, answer.content
        return self

    def proposed(self) -> str:
        answer = propose(self.registrar, self.people)
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    def draft(self, who: Someone | None = None, **spoilt: Any) -> dict[str, Any]:
        who = who or self.owner
        row = latest("recovery", self.place.id, self.place.id)
        about = {"hospital": self.place.id, "person": who.id, "generation": 1, "named": bytes(row.digest) if row else bytes(32)}
        kems = [person.keys.kem.public for person in self.people]
        deposit, sealed = make_deposit(**{**about, "seed": who.keys.seed, "kems": kems, "at": timezone.now(), **spoilt})
        return {"header": encode(deposit.h), "sealed": [encode(each) for each in sealed]}

    def deposits(self) -> "Trio":
        answer = self.owner.post("deposit", self.draft())
        assert answer.status_code == 201, answer.content
        return self

    def started(self) -> "Attempt":
        return Attempt(self, new_token())


class Attempt:
    """Started by the registrar; ``asks`` with a new device, ``approval`` is what an officer sends."""

    def __init__(self, trio: Trio, token: str) -> None:
        self.trio, self.token, self.browser, self.kem = trio, token, Browser(), KemKey(os.urandom(32))
        answer = trio.registrar.post(f"members/{trio.owner.id}/restoration", {"token": token})
        assert answer.status_code == 201, answer.content
        self.id = str(answer.json()["id"])
        self.ask: Ask = self.drafted()

    def drafted(self, **spoilt: Any) -> Ask:
        what = self.browser.post("restorations/look", {"token": self.token}).json()
        about = {"id": what["id"], "hospital": what["hospital"]["id"], "person": what["person"], "device": self.browser.device_id}
        return make_ask(**{**about, "sign": self.browser.device_key.public, "kem": self.kem.public, "at": timezone.now(), **spoilt})

    def asks(self) -> "Attempt":
        answer = self.browser.post("restorations/ask", {"token": self.token, "header": encode(self.ask.h)})
        assert answer.status_code == 201, answer.content
        return self

    def shown_to(self, who: Someone) -> dict[str, Any]:
        (row,) = [row for row in who.get("restorations").json()["results"] if row["id"] == self.id]
        return dict(row)

    def approval(self, place: int, ask: Ask | None = None) -> dict[str, Any]:
        officer = self.trio.people[place]
        row, ask = self.shown_to(officer), ask or self.ask
        deposit = parse_deposit(decode(row["deposit"]))
        handed = hand_on(ask=ask, deposit=deposit, place=place, kem=officer.keys.kem, sealed=decode(row["sealed"]))
        return {"sealed": encode(handed), "signature": encode(sign_approval(ask, deposit, handed, key=officer.device_key))}

    def approve(self, place: int) -> Any:
        return self.trio.people[place].post(f"restorations/{self.id}/approve", self.approval(place))

    def body(self) -> dict[str, Any]:
        owner = self.trio.owner
        return self.browser.enrolment(token=self.token, purpose="recover", person=owner.id, hospital=owner.hospital, keys=owner.keys)

    def finish(self) -> Any:
        return self.browser.post("enrolment", self.body())

    def end(self, by: Someone) -> Any:
        return by.post(f"restorations/{self.id}/end")


def propose(by: Someone, people: list[Someone]) -> Any:
    drafted = [{"person": str(person.id), "kid": encode(kid(person.keys.kem.public))} for person in people]
    return by.post("officers/proposals", {"officers": drafted})


def of_root(place: Place, people: list[Someone], *, key: Any = None) -> dict[str, Any]:
    row = latest("recovery", place.id, place.id)
    prev = row and parse_statement(bytes(row.header), bytes(row.signature))
    body = Officers(tuple((person.id, kid(person.keys.kem.public)) for person in people))
    what = {"kind": "recovery", "hospital": place.id, "subject": place.id, "body": body, "by": place.id}
    return {"statement": shown(make_statement(**what, key=key or place.root, at=timezone.now(), prev=prev))}


def confirm(by: Someone, proposal: str, people: list[Someone]) -> Any:
    return by.post(f"officers/proposals/{proposal}/confirm", of_root(by.place, people))

"""Bed requests of the night story, made through the API with real encryption, and moved along the table by those who may.

Adler at kreis asks uni (Brandt answers), nord and mitte. ``ward.asks("uni", "nord")`` gives an ``Asked``, and
``asked.at("uni", "acknowledge", "hold")`` moves it.
"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

from django.utils import timezone

from audit.models import IndexEntry
from backend.clock import database_now
from beds.models import Candidate, Capacity, Hold, SignedStep, Transition
from identity.models import Duty
from tests.beds import rows
from wardline_client.protocol.bodies import Text, format_body
from wardline_client.protocol.encoding import encode, format_time, sha256, to_json
from wardline_client.protocol.epochs import seal_epoch
from wardline_client.protocol.messages import MessageHeader, seal_message
from wardline_client.protocol.promises import need_digest

ORIGIN = frozenset({"submit", "answer-info", "confirm", "withdraw", "cancel", "arrange-transport", "depart", "divert"})
DETAILS = {
    "decline": {"reason": "no-bed"},
    "withdraw": {"reason": "condition-changed"},
    "cancel": {"reason": "improved"},
    "divert": {"reason": "unstable"},
}
NEED = {
    "category": "icu-high",
    "capabilities": ["invasive-vent"],
    "urgency": "stat",
    "age_band": "adult",
    "sex": "",
    "transport_mode": "air",
}
# From ``submitted`` to just before each action.
BEFORE = {
    "acknowledge": [],
    "decline": [],
    "request-info": ["acknowledge"],
    "answer-info": ["acknowledge", "request-info"],
    "hold": ["acknowledge"],
    "confirm": ["acknowledge", "hold"],
    "withdraw": ["acknowledge"],
    "cancel": ["acknowledge"],
    "arrange-transport": ["acknowledge", "hold", "confirm"],
    "depart": ["acknowledge", "hold", "confirm", "arrange-transport"],
    "arrive": ["acknowledge", "hold", "confirm", "arrange-transport", "depart"],
    "divert": ["acknowledge", "hold", "confirm", "arrange-transport", "depart"],
}


def sign(kind, header, by):
    """A header signed by ``by``'s device, however wrong it is."""
    h = to_json(header)
    return {"h": encode(h), "s": encode(by.device_key.sign(f"sig-{kind}", sha256(h)))}


class Ward:
    """The night's hospitals with figures: uni 6 staffed, 2 occupied, 1 blocked; the others 4 staffed, all free."""

    def __init__(self, night):
        self.night = night
        self.answering = {"uni": night.brandt, "nord": night.north, "mitte": night.middle}
        self.background = {}  # place -> roles its chain leads to: a request is sealed to them as well
        self.figures = {name: self._figure(name) for name in ("uni", "nord", "mitte", "kreis")}

    def _figure(self, name):
        figures = {"staffed": 6, "occupied": 2, "blocked": 1} if name == "uni" else {"staffed": 4}
        unit = getattr(self.night, name).unit_id
        return Capacity.objects.create(unit_id=unit, category="icu-high", capabilities=["invasive-vent"], **figures)

    def asks(self, *hospitals, by=None, role=None, **need):
        """``waves=(1, 2)`` numbers the hospitals in their order."""
        body = self.body(*hospitals, by=by, role=role, **need)
        answer = (by or self.night.adler).post("requests", body)
        assert answer.status_code == 201, answer.json()
        return Asked(self, body, (by or self.night.adler).place.id)

    def body(self, *hospitals, by=None, role=None, waves=(), **need):
        """A request as the phone makes it: an epoch and a first message for each hospital asked."""
        by = by or self.night.adler
        candidates = [self._sealed_for(getattr(self.night, name), by, role) for name in hospitals]
        for candidate, wave in zip(candidates, waves, strict=False):
            candidate["wave"] = wave
        return {"id": str(uuid4()), "role": str(role.id) if role else None, **NEED, **need, "candidates": candidates}

    def _sealed_for(self, place, by, role):
        id, home = uuid4(), by.place
        acting = {"by": by.id, "role": role.id if role else None, "device": by.device_id, "prev": None}
        recipients = {
            member.id: member.keys.kem.public
            for member in (by, place.role, place.archive, home.archive, *([role] if role else []), *self.background.get(place.name, ()))
        }
        now = timezone.now()
        epoch = seal_epoch(
            conversation=id, epoch=1, at=now, recipients=recipients, retention="standard", signing_key=by.device_key, **acting
        )
        header = MessageHeader(conversation=id, epoch=1, id=uuid4(), at=now, priority="stat", attachments=(), **acting)
        message = seal_message(header=header, body=format_body(Text("Two lines.")), key=epoch.key, signing_key=by.device_key)
        return {
            "id": str(uuid4()),
            "hospital": str(place.id),
            "role": str(place.role.id),
            "conversation": {"id": str(id), "epoch": {"h": encode(epoch.h), "w": [encode(wrap) for wrap in epoch.w], "s": encode(epoch.s)}},
            "message": {"h": encode(message.h), "c": encode(message.c), "s": encode(message.s)},
        }

    def many(self, count, *hospitals):
        """``count`` requests as rows: for counting queries."""
        asked = [self._ends(getattr(self.night, name), self.figures[name]) for name in hospitals]
        origin = self._ends(self.night.kreis, self.figures["kreis"], self.night.adler)
        return rows.requests(count, origin=origin, asked=asked)

    @staticmethod
    def _ends(place, capacity, holder=None):
        return SimpleNamespace(id=place.id, role_id=place.role.id, capacity=capacity, holder_id=holder.id if holder else None)

    @staticmethod
    def take_over(role, successor):
        """The role's next turn: who held it no longer does."""
        Duty.objects.filter(role=role.id, ended_at=None).update(ended_at=database_now())
        Duty.objects.create(role_id=role.id, person_id=successor.id)

    def board(self, who, **filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        found = who.get(f"board?{query}")
        assert found.status_code == 200, found.json()
        return {UUID(row["hospital"]): row for row in found.json()["hospitals"]}

    def figure(self, hospital, who=None):
        """The hospital's unit as the board shows it."""
        place = getattr(self.night, hospital)
        [unit] = self.board(who or self.night.adler)[place.id]["units"]
        return unit


class Asked:
    """One request: its candidates by hospital, and the way to move them through the API."""

    def __init__(self, ward, body, origin):
        self.ward, self.body, self.origin = ward, body, origin
        self._signed = {}
        self.id = body["id"]
        places = {str(place.id): place.name for place in ward.night.places}
        self.candidates = {places[given["hospital"]]: given["id"] for given in body["candidates"]}

    def __getitem__(self, hospital):
        return self.candidates[hospital]

    def url(self, hospital, action):
        return f"candidates/{self[hospital]}/{action}"

    def take(self, hospital, action, *, by=None, key=None, **details):
        """One step; by default by whoever may take it. ``details`` of a hold (``capacity bed hold_minutes``) go into the signed offer."""
        caller = by or self.mover(hospital, action)
        return caller.post(self.url(hospital, action), self.step(hospital, action, by=caller, key=key, **details), key=key)

    def taking(self, hospital, action, *, by=None, key=None, **details):
        """The same for later: for ``night.at_once``."""
        caller = by or self.mover(hospital, action)
        return caller.posting(self.url(hospital, action), self.step(hospital, action, by=caller, key=key, **details), key=key)

    def mover(self, hospital, action):
        return self.ward.night.adler if action in ORIGIN else self.ward.answering[hospital]

    def step(self, hospital, action, *, by=None, key=None, **details):
        """The body of a step as ``by``'s phone makes it; what is signed under one ``key`` is signed once."""
        body, signer = DETAILS.get(action, {}) | details, by or self.mover(hospital, action)
        signer = signer if hasattr(signer, "device_key") else self.mover(hospital, action)
        make = {"hold": self.offer, "confirm": self.acceptance}.get(action)
        if make and not {"offer", "acceptance"} & body.keys():
            taken = {name: body.pop(name) for name in ("capacity", "bed", "hold_minutes") if action == "hold" and name in body}
            taken |= {"role": body["role"]} if "role" in body else {}
            again = (key or uuid4(), action, str(taken))
            body |= self._signed.setdefault(again, make(hospital, signer, **taken))
        return body

    def offer(self, hospital, signer, **changed):
        """What the destination's device signs; ``changed`` members as given, right or wrong."""
        figure, place = self.ward.figures[hospital], getattr(self.ward.night, hospital)
        capacity = changed.pop("capacity", str(figure.pk))
        unit = Capacity.objects.filter(pk=capacity).values_list("unit_id", "category").first() or (figure.unit_id, figure.category)
        minutes = changed.pop("hold_minutes", 30)
        header = self._shared("offer", hospital, signer) | {
            "need": encode(self.need()),
            "capacity": capacity,
            "unit": str(unit[0]),
            "bed": None,
        }
        header |= {"category": unit[1], "minutes": minutes, "role": self._role_answering(signer, place)}
        return {"offer": sign("offer", header | changed, signer)}

    def acceptance(self, hospital, signer, **changed):
        """What the origin's device signs about the offer that is kept; of none, where there is none yet."""
        kept = SignedStep.objects.filter(candidate=self[hospital], kind="offer").first()
        digest = sha256(bytes(kept.header) if kept else b"none")
        header = self._shared("acceptance", hospital, signer) | {"offer": encode(digest), "role": self._role_at_origin(signer)}
        return {"acceptance": sign("acceptance", header | changed, signer)}

    def need(self):
        return need_digest(**{name: self.body[name] for name in NEED})

    def _role_answering(self, by, place):
        """The asked role, or the alarmed one that ``by`` holds instead of it."""
        held = set(Duty.objects.filter(person=by.id, ended_at=None, role__hospital=place.id).values_list("role_id", flat=True))
        return str(place.role.id if place.role.id in held or not held else min(held))

    def _role_at_origin(self, by):
        role = self.body["role"]
        return role if role and Duty.objects.filter(role=role, person=by.id, ended_at=None).exists() else None

    def _shared(self, kind, hospital, by):
        place = getattr(self.ward.night, hospital)
        ids = {"request": self.id, "candidate": self[hospital], "origin": self.origin, "destination": place.id}
        return {name: str(id) for name, id in ids.items()} | {
            "v": 1,
            "t": kind,
            "by": str(by.id),
            "device": str(by.device_id),
            "at": format_time(datetime.now(UTC)),
        }

    def at(self, hospital, *actions):
        for action in actions:
            answer = self.take(hospital, action)
            assert answer.status_code == 200, answer.json()
        return self

    def states(self):
        return {name: Candidate.objects.get(pk=id).state for name, id in self.candidates.items()}

    def row(self, hospital):
        return Candidate.objects.get(pk=self[hospital])

    def history(self, hospital):
        return list(Transition.objects.filter(candidate=self[hospital]).order_by("id").values_list("action", flat=True))

    def audited(self, hospital):
        """The log's events about this candidate, oldest first: action, pseudonym, role and the hospitals in whose logs it is."""
        found = IndexEntry.objects.filter(subjects__contains=[UUID(self[hospital])]).order_by("event")
        return [SimpleNamespace(action=row.action, agent=row.agent, role=row.role, hospitals=set(row.hospitals)) for row in found]

    def run_out(self, hospital):
        """The hold's time has passed, and no sweeper ran."""
        past = database_now() - timedelta(minutes=31)
        Hold.objects.filter(candidate=self[hospital]).update(during=(past, past + timedelta(minutes=30)))

    def overdue(self, hospital):
        Candidate.objects.filter(pk=self[hospital]).update(acknowledge_by=database_now() - timedelta(seconds=1))

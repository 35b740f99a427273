"""Reading a closed case as the archive: fetched, verified, opened.

Invariant: nothing is left out. A message that is not believed or does not open is an entry with its problem and without content; a number
that the service did not give is named. Nothing read here is written anywhere.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from wardline_client import pictures
from wardline_client.account import Account
from wardline_client.conversations import PAGE, Conversation, Conversations, Received
from wardline_client.http import ApiError
from wardline_client.promises import NEED
from wardline_client.protocol import ProtocolError, decode, parse_message_header, sha256
from wardline_client.protocol.bodies import Image
from wardline_gateway.cases import Acknowledgement, Case, Entry, Head, Proof, Step, Thread, Who

Json = dict[str, Any]


def read_case(account: Account, request: Json) -> Case:
    """``request`` is a row of the list of requests. Raises ``ApiError``, ``httpx.TransportError``."""
    account.session.book.refresh()
    return Reading(account).case(account.beds.get(UUID(request["id"])))


class Reading:
    def __init__(self, account: Account) -> None:
        self.account, self.book = account, account.session.book
        # Of its own, so that keys and places of one case are forgotten with it.
        self.conversations = Conversations(account.session)
        self._hospitals = {UUID(row["id"]): str(row["name"]) for row in self.book.listed["hospitals"]}
        self._people = {UUID(row["id"]): UUID(row["hospital"]) for name in ("people", "roles") for row in self.book.listed[name]}

    def case(self, request: Json) -> Case:
        own, origin = self.account.session.keyring.hospital, UUID(request["origin"])
        threads = tuple(self._thread(candidate) for candidate in request["candidates"])
        hospitals = sorted({own, origin, *(thread.hospital.id for thread in threads)}, key=str)
        return Case(
            id=UUID(request["id"]),
            own=self._hospital(own),
            origin=self._hospital(origin),
            requester=self._who(UUID(request["requester"])) if request["requester"] else None,
            software=request["software"],
            need={name: request[name] for name in NEED},
            created_at=_time(request["created_at"]),
            closed_at=_time(request["closed_at"]) if request["closed_at"] else None,
            threads=threads,
            heads=tuple(self._head(hospital) for hospital in hospitals),
        )

    def _thread(self, candidate: Json) -> Thread:
        here = self.conversations.get(UUID(candidate["conversation"])) if candidate["conversation"] else None
        entries = tuple(self._entry(here, row) for row in self._rows(here.id)) if here else ()
        given, last = {entry.sequence for entry in entries}, max((entry.sequence for entry in entries), default=0)
        return self._with_receipt(
            Thread(
                candidate=UUID(candidate["id"]),
                conversation=here.id if here else None,
                hospital=self._hospital(UUID(candidate["hospital"])),
                role=self._who(UUID(candidate["role"])),
                state=candidate["state"],
                reason=candidate["reason"] or "",
                steps=tuple(map(self._step, candidate["transitions"])),
                entries=entries,
                missing=tuple(number for number in range(1, last + 1) if number not in given),
                epochs=tuple(sorted(here.epoch_digests)) if here else (),
            )
        )

    def _rows(self, conversation: UUID) -> list[Json]:
        rows: list[Json] = []
        while True:
            after = rows[-1]["sequence"] if rows else 0
            page = self.account.api.get(f"conversations/{conversation}/messages", after=after, limit=PAGE)["results"]
            rows += page
            if len(page) < PAGE:
                return rows

    def _entry(self, here: Conversation, row: Json) -> Entry:
        received = self.conversations.receive(here, row)
        entry = Entry(
            sequence=received.sequence,
            id=received.id,
            by=self._who(received.by),
            role=self._who(received.role) if received.role else None,
            at=received.at,
            received_at=_time(row["created_at"]),
            priority=received.priority,
            body=received.body,
            problem=received.problem,
            proof=None if received.problem else self._proof(row, received),
            acknowledged=tuple(map(self._acknowledgement, row["acknowledged"])),
            digest=received.digest,
        )
        return self._with_image(entry) if isinstance(received.body, Image) else entry

    def _proof(self, row: Json, received: Received) -> Proof:
        h = decode(row["h"])
        header = parse_message_header(h)
        key = self.account.session.device_of(header.device, header.by, header.at)
        return Proof(h, sha256(decode(row["c"])), decode(row["s"]), header.device, key)

    def _with_image(self, entry: Entry) -> Entry:
        assert isinstance(entry.body, Image)  # noqa: S101 -- for the type checker
        try:
            return replace(entry, image=pictures.download(self.account.api, entry.body))
        except ProtocolError as error:
            return replace(entry, image_problem=error.code)
        except ApiError as error:
            # Deleted by its retention, or never uploaded to the end. Anything else is for the next round.
            if error.status not in (404, 409, 410):
                raise
            return replace(entry, image_problem=error.code)

    def _with_receipt(self, thread: Thread) -> Thread:
        if not any(step.action == "confirm" for step in thread.steps):
            return thread
        try:
            data, proved = self.account.beds.promises.receipt(thread.candidate)
        except ProtocolError as error:
            return replace(thread, receipt_problem=error.code)
        return replace(thread, receipt=proved, receipt_digest=sha256(data))

    def _acknowledgement(self, row: Json) -> Acknowledgement:
        role = self._who(UUID(row["role"])) if row["role"] else None
        return Acknowledgement(self._who(UUID(row["person"])), role, _time(row["at"]))

    def _step(self, row: Json) -> Step:
        by, role = (self._who(UUID(row[name])) if row[name] else None for name in ("person", "role"))
        return Step(row["action"], row["target"], row["reason"] or "", by, role, _time(row["at"]), row["software"] or "")

    def _who(self, principal: UUID) -> Who:
        hospital = self._hospitals.get(self._people[principal], "") if principal in self._people else ""
        try:
            profile = self.book.profile(principal)
        except (ProtocolError, LookupError):
            return Who(principal, hospital=hospital)
        return Who(principal, profile.name, profile.title or "", hospital)

    def _hospital(self, id: UUID) -> Who:
        return Who(id, self._hospitals.get(id, ""))

    def _head(self, hospital: UUID) -> Head:
        size, root = self.book.watching.log(hospital).head
        try:
            self.book.watching.check(hospital)
        except ProtocolError as error:
            return Head(self._hospital(hospital), size, root, error.code)
        return Head(self._hospital(hospital), size, root, None)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)

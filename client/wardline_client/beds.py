"""Bed requests: the clear part for the board, everything else sealed into one conversation for each hospital asked.

Invariant: what goes in clear is coded (category, urgency, age band ...); free text only ever goes into the conversation.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from wardline_client.conversations import Conversations, epoch_json
from wardline_client.http import ApiError
from wardline_client.promises import Promises
from wardline_client.protocol.bodies import Text
from wardline_client.session import Session

Json = dict[str, Any]


class Beds:
    def __init__(self, session: Session, conversations: Conversations) -> None:
        self.session = session
        self.conversations = conversations
        self.promises = Promises(session)

    def board(self, **filters: object) -> list[Json]:
        """Hospitals with their figures; ``category`` and ``capability`` filter."""
        rows: list[Json] = self.session.api.get("board", **filters)["hospitals"]
        return rows

    def update_capacity(self, capacity: UUID, *, staffed: int, occupied: int, blocked: int, version: int, **judgement: object) -> Json:
        """``judgement`` is what the figure says beside its counts (docs/api-contract.md). Raises ``ApiError`` ``capacity.changed`` when
        ``version`` is no longer the present one."""
        body = {"staffed": staffed, "occupied": occupied, "blocked": blocked, **judgement}
        answer: Json = self.session.api.put(f"capacities/{capacity}", body, If_Match=str(version))
        return answer

    def request(
        self,
        *,
        asked_roles: Sequence[UUID],
        category: str,
        urgency: str,
        age_band: str,
        sex: str,
        transport_mode: str,
        capabilities: Iterable[str] = (),
        question: str = "",
        role: UUID | None = None,
        later: Sequence[Sequence[UUID]] = (),
        wave_interval: int | None = None,
    ) -> Json:
        """Ask the duty roles of several hospitals at once, each in a conversation of its own that the others know nothing of.

        The roles of ``later`` are asked wave by wave, ``wave_interval`` seconds apart, while nobody acknowledges; they are sealed to now.

        Raises:
            ApiError, ProtocolError: a role or archive without a proof is not asked, and nothing is sent.
        """
        codes = {
            "id": str(uuid4()),
            "role": str(role) if role else None,
            "category": category,
            "capabilities": list(capabilities),
            "urgency": urgency,
            "age_band": age_band,
            "sex": sex,
            "transport_mode": transport_mode,
            "wave_interval": wave_interval,
        }

        def ask() -> Json:
            leads = self._leads()
            candidates = [
                self._candidate(asked, leads.get(asked, set()), question, urgency, role) | {"wave": number}
                for number, wave in enumerate([asked_roles, *later], start=1)
                for asked in wave
            ]
            answer: Json = self.session.api.post("requests", codes | {"candidates": candidates})
            return answer

        return self.conversations.with_retention(ask)

    def requests(self, state: str | None = None) -> list[Json]:
        """``state`` is ``open`` or ``closed``."""
        return self.session.api.results("requests", state=state)

    def get(self, request: UUID) -> Json:
        answer: Json = self.session.api.get(f"requests/{request}")
        return answer

    def act(self, candidate: UUID, action: str, **details: object) -> Json:
        """Take an action of the table on a candidate; ``details`` are ``role reason``. Raises ``ApiError``.

        ``hold`` and ``confirm`` are signed: ``promises``.
        """
        body = {name: str(value) if isinstance(value, UUID) else value for name, value in details.items() if value is not None}
        answer: Json = self.session.api.post(f"candidates/{candidate}/{action}", body)
        return answer

    def begin(self, request: Json, candidate: Json, role: UUID) -> UUID:
        """The conversation with a hospital that software asked, which holds no key and so began none; the id of the one that is there
        when the other side was first. ``role`` is the duty role that answers for the own side. Raises ``ApiError``, ``ProtocolError``.
        """
        if candidate["conversation"]:
            return UUID(candidate["conversation"])
        id, answering = uuid4(), {UUID(candidate["role"]), *(UUID(alarm["role"]) for alarm in candidate["alarms"])}
        ends = (UUID(candidate["hospital"]), UUID(request["origin"]))

        def begin() -> UUID:
            leads = self._leads().get(UUID(candidate["role"]), set())
            archives = {archive for end in ends for archive in self.session.book.archives(end)}
            epoch = self.conversations.seal_first_epoch(id, answering | {UUID(request["role"])} | leads | archives, role)
            body = {"id": str(id), "epoch": epoch_json(epoch), "role": str(role)}
            try:
                self.session.api.post(f"candidates/{candidate['id']}/conversation", body)
            except ApiError as error:
                if error.code != "candidate.conversation_begun":
                    raise
                return UUID(error.extra["conversation"])
            return id

        return self.conversations.with_retention(begin)

    def cancel(self, request: UUID, reason: str, role: UUID | None = None) -> Json:
        body = {"reason": reason, "role": str(role) if role else None}
        answer: Json = self.session.api.post(f"requests/{request}/cancel", body)
        return answer

    def _leads(self) -> dict[UUID, set[UUID]]:
        """The roles that are alarmed when one that was asked stays silent."""
        return {UUID(row["role"]): set(map(UUID, row["escalates_to"])) for hospital in self.board() for row in hospital["roles"]}

    def _candidate(self, asked: UUID, leads: set[UUID], question: str, urgency: str, role: UUID | None) -> Json:
        """``leads``: the roles that will be alarmed if nobody answers; they can open what is sealed once the service lets them in."""
        session, id = self.session, uuid4()
        hospital = session.book.recipient(asked).hospital
        members = {asked, session.keyring.person} | leads | ({role} if role else set())
        for end in {hospital, session.keyring.hospital}:
            members |= set(session.book.archives(end))
        epoch = self.conversations.seal_first_epoch(id, members, role)
        priority = "stat" if urgency == "stat" else "urgent" if urgency in ("asap", "urgent") else "normal"
        message = self.conversations.seal(id, Text(question), priority=priority, role=role) if question else None
        return {
            "id": str(uuid4()),
            "hospital": str(hospital),
            "role": str(asked),
            "conversation": {"id": str(id), "epoch": epoch_json(epoch)},
            "message": message,
        }

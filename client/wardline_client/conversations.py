"""Conversations as one device sees them: keys by epoch, messages in sequence, all of it verified.

Invariant: nothing is sealed to a principal without a proof, and nothing is shown without a signature by a proved device; what cannot be
opened is shown as a message with its problem, never left out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from wardline_client.http import ApiError
from wardline_client.protocol import (
    Attachment,
    MessageHeader,
    ProtocolError,
    decode,
    encode,
    parse_epoch_header,
    parse_message_header,
    sha256,
    verify_epoch_digest,
    verify_message_signature,
)
from wardline_client.protocol.bodies import Body, format_body, parse_body
from wardline_client.protocol.epochs import SealedEpoch, open_epoch, seal_epoch
from wardline_client.protocol.messages import open_message, seal_message
from wardline_client.session import Session

Json = dict[str, Any]
Result = TypeVar("Result")

PAGE: Final = 500
_ATTEMPTS: Final = 4


@dataclass(frozen=True)
class Received:
    """A message. ``body`` is ``None`` when ``problem`` says by its code why it could not be opened or believed."""

    sequence: int
    id: UUID
    by: UUID
    role: UUID | None
    at: datetime | None
    priority: str
    body: Body | None
    problem: str | None
    digest: bytes


@dataclass
class Conversation:
    """``epoch_digests`` are the SHA-256 of the epoch headers seen; ``last`` that of the latest message, ``sequence`` its number."""

    id: UUID
    epoch: int = 0
    keys: dict[int, bytes] = field(default_factory=dict, repr=False)
    epoch_digests: dict[int, bytes] = field(default_factory=dict)
    recipients: dict[UUID, bytes] = field(default_factory=dict)
    retention: str = ""
    last: bytes | None = None
    sequence: int = 0


class Conversations:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: dict[UUID, Conversation] = {}

    def sync(self) -> list[Json]:
        """What the actor may read now, as the service lists it."""
        rows: list[Json] = self.session.api.get("sync")["conversations"]
        return rows

    def get(self, conversation: UUID) -> Conversation:
        return self.known.setdefault(conversation, Conversation(conversation))

    def seal_first_epoch(self, id: UUID, members: Iterable[UUID], role: UUID | None = None) -> SealedEpoch:
        """The first epoch of a conversation that the caller is about to create; remembers its key."""
        conversation = self.get(id)
        sealed = self._seal_epoch(conversation, set(members), role)
        self._remember(conversation, sealed)
        return sealed

    def with_retention(self, make: Callable[[], Result]) -> Result:
        """Do it; once more when the hospital's retention class turns out to be another than the one known here."""
        try:
            return make()
        except ApiError as error:
            if error.code != "epoch.retention":
                raise
            self.session.retention = error.extra["retention"]
            return make()

    def create_direct(self, *people: UUID) -> Conversation:
        """A conversation of the actor with others; the archives of their hospitals are members too. Raises ``ApiError``."""
        return self.with_retention(lambda: self._create_direct(people))

    def _create_direct(self, people: Iterable[UUID]) -> Conversation:
        session = self.session
        named = {session.keyring.person, *people}
        hospitals = {session.book.recipient(person).hospital for person in named}
        members = named | {archive for hospital in hospitals for archive in session.book.archives(hospital)}
        id = uuid4()
        sealed = self.seal_first_epoch(id, members)
        listed = sorted(map(str, members))
        session.api.post("conversations", {"id": str(id), "kind": "direct", "members": listed, "epoch": epoch_json(sealed)})
        return self.get(id)

    def rotate(self, conversation: UUID, role: UUID | None = None) -> None:
        """Make the next epoch for the present members. Raises ``ApiError`` when another device was first and it is not enough."""
        here = self.get(conversation)
        recipients = self._refresh(here)
        for _ in range(_ATTEMPTS):
            sealed = self._seal_epoch(here, recipients, role)
            try:
                self.session.api.post(f"conversations/{conversation}/epochs", {"epoch": epoch_json(sealed)})
            except ApiError as error:
                if error.code not in ("epoch.stale_recipients", "epoch.not_next"):
                    raise
                # Somebody has newer keys than those proved here.
                self.session.book.refresh()
                recipients = self._refresh(here)
            else:
                self._remember(here, sealed)
                return
        raise ProtocolError("wrap.unreadable", "members keep changing")

    def send(
        self,
        conversation: UUID,
        body: Body,
        *,
        attachments: Sequence[Attachment] = (),
        priority: str = "normal",
        role: UUID | None = None,
    ) -> Json:
        """Seal and send; follows a new epoch if there is one. Raises ``ApiError``, ``ProtocolError``."""
        here = self.get(conversation)
        if here.epoch not in here.keys:
            self._refresh(here)
        id = uuid4()
        for attempt in range(_ATTEMPTS):
            envelope = self.seal(conversation, body, id=id, attachments=attachments, priority=priority, role=role)
            try:
                answer: Json = self.session.api.post(f"conversations/{conversation}/messages", {"envelope": envelope})
                return answer
            except ApiError as error:
                if error.code != "epoch.not_current" or attempt == _ATTEMPTS - 1:
                    raise
                self._refresh(here)
        raise AssertionError("unreachable")

    def seal(
        self,
        conversation: UUID,
        body: Body,
        *,
        id: UUID | None = None,
        attachments: Sequence[Attachment] = (),
        priority: str = "normal",
        role: UUID | None = None,
    ) -> Json:
        """An envelope under the present epoch, not sent yet. Raises ``ProtocolError`` if somebody in it is no partner's any more."""
        here, keyring = self.get(conversation), self.session.keyring
        # The key at hand is theirs, too: a partnership that has ended ends its use, whatever the service says.
        for principal in here.recipients:
            self.session.book.recipient(principal)
        header = MessageHeader(
            conversation=conversation,
            epoch=here.epoch,
            id=id or uuid4(),
            by=keyring.person,
            role=role,
            device=keyring.device,
            at=self.session.now(),
            prev=here.last,
            priority=priority,
            attachments=tuple(attachments),
        )
        key = here.keys[here.epoch]
        sealed = seal_message(header=header, body=format_body(body), key=key, signing_key=keyring.device_key)
        return {"h": encode(sealed.h), "c": encode(sealed.c), "s": encode(sealed.s)}

    def read(self, conversation: UUID) -> list[Received]:
        """Everything after what was read before, oldest first; tells the service it is stored here."""
        here = self.get(conversation)
        received: list[Received] = []
        while True:
            page = self.session.api.get(f"conversations/{conversation}/messages", after=here.sequence, limit=PAGE)["results"]
            for row in page:
                received.append(self.receive(here, row))
            if len(page) < PAGE:
                break
        if received:
            self.session.api.post(f"conversations/{conversation}/delivered", {"sequence": here.sequence})
        return received

    def receive(self, here: Conversation, row: Json) -> Received:
        """Open one message as the service or the socket gave it, and move on past it."""
        h = decode(row["h"])
        shown = Received(
            sequence=row["sequence"],
            id=UUID(row["id"]),
            by=UUID(row["person"]),
            role=UUID(row["role"]) if row["role"] else None,
            at=None,
            priority=row["priority"],
            body=None,
            problem=None,
            digest=sha256(h),
        )
        try:
            shown = self._open(here, shown, h, decode(row["c"]), decode(row["s"]))
        except ProtocolError as error:
            shown = replace(shown, problem=error.code)
        if shown.sequence > here.sequence:
            here.sequence, here.last = shown.sequence, shown.digest
        return shown

    def acknowledge(self, conversation: UUID, message: UUID, role: UUID | None = None) -> None:
        body = {"role": str(role)} if role else {}
        self.session.api.post(f"conversations/{conversation}/messages/{message}/acknowledge", body)

    def _open(self, here: Conversation, shown: Received, h: bytes, c: bytes, s: bytes) -> Received:
        header = parse_message_header(h)
        # What the service says about a message must be what its sender signed.
        if (header.conversation, header.id, header.by, header.role) != (here.id, shown.id, shown.by, shown.role):
            raise ProtocolError("signature.invalid", "not the message it is listed as")
        verify_message_signature(h, c, s, self.session.device_of(header.device, header.by, header.at))
        if header.epoch not in here.keys:
            self._fetch_epochs(here)
        if header.epoch not in here.keys:
            raise ProtocolError("wrap.unreadable", f"epoch {header.epoch}")
        body = parse_body(open_message(h=h, c=c, key=here.keys[header.epoch]))
        return replace(shown, at=header.at, priority=header.priority, body=body)

    def _refresh(self, here: Conversation) -> set[UUID]:
        """Fetch epochs and present members; returns the members."""
        details = self.session.api.get(f"conversations/{here.id}")
        self._fetch_epochs(here)
        here.epoch = details["epoch"]
        return {UUID(principal) for principal, _ in details["recipients"]}

    def _fetch_epochs(self, here: Conversation) -> None:
        after = max(here.keys, default=0)
        for row in self.session.api.get(f"conversations/{here.id}/epochs", after=after)["results"]:
            self._take_epoch(here, row)

    def _take_epoch(self, here: Conversation, row: Json) -> None:
        h = decode(row["h"])
        header = parse_epoch_header(h)
        if (header.conversation, header.epoch) != (here.id, row["epoch"]):
            raise ProtocolError("signature.invalid", "not the epoch it is listed as")
        former = here.epoch_digests.get(header.epoch - 1)
        if former and header.prev != former:
            raise ProtocolError("signature.invalid", "epoch does not follow its predecessor")
        device = self.session.device_of(header.device, header.by, header.at)
        verify_epoch_digest(h, decode(row["wraps_digest"]), decode(row["s"]), device)
        self.session.book.hear(header.heads, header.by)
        recipients = dict(header.to)
        for entry in row["wraps"]:
            principal = UUID(entry["principal"])
            if principal not in recipients or not self.session.principal_key(principal, recipients[principal]):
                continue
            kem = self.session.keyring.kem_key(principal, recipients[principal])
            if kem is not None:
                here.keys[header.epoch] = open_epoch(h=h, wrap=decode(entry["wrap"]), principal=principal, kem=kem)
                break
        here.epoch_digests[header.epoch] = sha256(h)
        if header.epoch >= here.epoch:
            here.epoch, here.recipients, here.retention = header.epoch, recipients, header.retention

    def _seal_epoch(self, here: Conversation, members: set[UUID], role: UUID | None) -> SealedEpoch:
        keyring = self.session.keyring
        return seal_epoch(
            conversation=here.id,
            epoch=here.epoch + 1,
            prev=here.epoch_digests.get(here.epoch),
            by=keyring.person,
            role=role,
            device=keyring.device,
            at=self.session.now(),
            recipients={member: self.session.book.recipient(member).kem for member in members},
            retention=here.retention or self.session.retention,
            heads=self.session.book.heads_of(members),
            signing_key=keyring.device_key,
        )

    @staticmethod
    def _remember(here: Conversation, sealed: SealedEpoch) -> None:
        header = sealed.header
        here.epoch, here.recipients, here.retention = header.epoch, dict(header.to), header.retention
        here.keys[header.epoch] = sealed.key
        here.epoch_digests[header.epoch] = sha256(sealed.h)


def epoch_json(sealed: SealedEpoch) -> Json:
    return {"h": encode(sealed.h), "w": [encode(wrap) for wrap in sealed.w], "s": encode(sealed.s)}

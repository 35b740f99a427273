"""A person at one device, in words of the work: read, write, ask for a bed, take duty.

Invariant: a thin front; what it does is in the modules it names.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from uuid import UUID

from wardline_client import deposits, joining, kept_heads, pictures, renewal
from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.beds import Beds
from wardline_client.conversations import Conversation, Conversations, Received
from wardline_client.founding import Founded, found_hospital
from wardline_client.http import Api
from wardline_client.keyring import Keyring
from wardline_client.linking import OfferedLink
from wardline_client.protocol import Profile, Revocation
from wardline_client.protocol.bodies import Identity, Image, Text
from wardline_client.registrar import Registrar
from wardline_client.session import Session, utc_now

Json = dict[str, Any]


class Account:
    """``recovery_code`` is there only right after joining."""

    def __init__(self, session: Session, recovery_code: str | None = None) -> None:
        self.session = session
        self.recovery_code = recovery_code
        self.conversations = Conversations(session)
        self.beds = Beds(session, self.conversations)
        self.registrar = Registrar(session)

    @classmethod
    def join(cls, api: Api, invitation: str, *, label: str = "Python") -> Self:
        """Take up an invitation with a passkey of its own; a registrar approves afterwards."""
        joined = joining.join(api, invitation, SoftwareAuthenticator(api.origin), label=label)
        return cls(joined.session, joined.recovery_code)

    @classmethod
    def found(cls, api: Api, token: str, profile: Profile, *, label: str = "Python") -> tuple[Self, Founded]:
        """Set a hospital up as its first registrar; the codes to print are in the second."""
        founded = found_hospital(api, token, profile, label=label)
        return cls(founded.session, founded.recovery_code), founded

    @classmethod
    def claim(cls, api: Api, link: str, *, label: str = "Python") -> Self:
        """Become another device of whoever made the link."""
        return cls(joining.claim(api, link, SoftwareAuthenticator(api.origin), label=label))

    @classmethod
    def claim_by_passkey(cls, api: Api, authenticator: SoftwareAuthenticator, *, label: str = "Python") -> Self:
        """Become another device by a synced passkey, where the hospital allows it."""
        return cls(joining.claim_by_passkey(api, authenticator, label=label))

    @classmethod
    def load(cls, api: Api, dumped: Json, now: Callable[[], datetime] = utc_now) -> Self:
        """From ``dump``; ``sign_in`` comes next."""
        session = Session(api, Keyring.load(dumped), now)
        session.book.watch(kept_heads.load(session.keyring.hospital, dumped.get("directory")))
        return cls(session)

    def dump(self) -> Json:
        """Everything secret of this device, in clear, JSON-ready, and what it has seen of the key directory's logs."""
        return {**self.session.keyring.dump(), "directory": kept_heads.dump(self.session.book.watching)}

    @property
    def person(self) -> UUID:
        return self.session.keyring.person

    @property
    def api(self) -> Api:
        return self.session.api

    @cached_property
    def name(self) -> str:
        return self.session.book.profile(self.person).name

    def sign_in(self) -> Json:
        return self.session.sign_in()

    def sign_out(self) -> None:
        self.session.sign_out()

    def offer_link(self) -> OfferedLink:
        """For a further device, which is compared with this one before it gets anything."""
        return OfferedLink.make(self.session)

    def make_device_link(self, minutes: int = 10) -> str:
        return joining.make_device_link(self.session, minutes)

    def revoke_device(self, device: UUID, reason: str) -> None:
        """End one of one's own devices: ``lost stolen replaced left other``."""
        statement = self.registrar.sign("device-revoked", device, Revocation(self.person, reason))
        self.session.state(f"devices/{device}/revoke", statement)

    def offer_renewal(self) -> renewal.OfferedRenewal:
        """The next generation of the own key, for a registrar to vouch for; see ``wardline_client.renewal``."""
        return renewal.offer(self.session)

    def keep_deposit(self) -> str:
        """After unlocking: deposit the own key for the hospital's recovery officers, if it names any; see ``wardline_client.deposits``."""
        return deposits.keep(self.session)

    def take_duty(self, role: UUID, until: datetime | None = None) -> Json:
        """Hold a role from now on and open its seed."""
        answer: Json = self.api.post(f"duty/{role}/take", {"until": until.isoformat()} if until else {})
        self.session.take_role_seeds()
        return answer

    def hand_over(self, role: UUID, to: UUID) -> Json:
        answer: Json = self.api.post(f"duty/{role}/hand-over", {"to": str(to)})
        return answer

    def talk_to(self, *people: UUID) -> Conversation:
        """A new direct conversation."""
        return self.conversations.create_direct(*people)

    def send_text(self, conversation: UUID, text: str, *, priority: str = "normal", role: UUID | None = None) -> Json:
        return self.conversations.send(conversation, Text(text), priority=priority, role=role)

    def send_identity(self, conversation: UUID, identity: Identity, role: UUID | None = None) -> Json:
        return self.conversations.send(conversation, identity, role=role)

    def send_photograph(self, conversation: UUID, photograph: bytes, *, caption: str = "", role: UUID | None = None) -> Json:
        """Clean, seal, carry up and send. Raises ``OSError`` for what is no picture."""
        body, attachment = pictures.upload(self.api, conversation, pictures.clean(photograph), caption=caption)
        return self.conversations.send(conversation, body, attachments=[attachment], role=role)

    def open_photograph(self, image: Image) -> bytes:
        return pictures.download(self.api, image)

    def open(self, conversation: UUID) -> list[Received]:
        """What is new in a conversation."""
        return self.conversations.read(conversation)

    def request_bed(self, **request: Any) -> Json:
        """``Beds.request``."""
        return self.beds.request(**request)

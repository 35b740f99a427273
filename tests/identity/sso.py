"""A hospital with a provider, and phones that sign in there."""

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from tests.cast import Caller, Night, Place, Someone
from tests.identity.browser import Browser, Json
from tests.oidc.provider import SECRET, Provider, shared_provider
from wardline_client.protocol import decode, encode, format_time, sha256

ACCOUNTS = itertools.count()


def draft(provider: Provider, **changes: Any) -> Json:
    settings = {"is_required": False, "is_passkey_fallback": True, "ends_membership": False, "asks_offline": False}
    return {"name": "Klinik-Konto", "issuer": provider.issuer, "client_id": "wardline", "client_secret": SECRET, **settings, **changes}


class Sso:
    """``place``'s own sign-in service, and what its members do there."""

    def __init__(self, night: Night, provider: Provider | None = None, place: Place | None = None) -> None:
        self.night, self.place, self.provider = night, place or night.kreis, provider or shared_provider()
        self.accounts: dict[UUID, str] = {}
        self.configure()

    def configure(self, **changes: Any) -> Json:
        answer = self.place.registrar.put("hospital/sso", draft(self.provider, **changes))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def require(self, **changes: Any) -> None:
        """The provider becomes the way in; the registrar has tried it."""
        self.bind(self.place.registrar)
        self.configure(is_required=True, **changes)

    def account_of(self, person: Someone) -> str:
        return self.accounts.setdefault(person.id, f"account-{next(ACCOUNTS)}")

    def returned(self, browser: Caller, account: str, **start: Any) -> Json:
        started = browser.post("sso/start", start)
        assert started.status_code == 200, started.content
        return self.provider.sign_in(started.json()["address"], account)

    def bind(self, person: Someone, account: str | None = None) -> Any:
        self.keep_session(person)
        answer = person.post("sso/finish", self.returned(person, account or self.account_of(person), purpose="bind"))
        assert answer.status_code == 200, answer.content
        return answer

    @staticmethod
    def keep_session(person: Someone) -> None:
        """The cast's cookies name sign-ins alone; a browser's names a stored session too."""
        data, over = SessionStore().encode({"sign_in": str(person.sign_in_id)}), timezone.now() + timedelta(hours=12)
        Session.objects.get_or_create(session_key=person.session_key, defaults={"session_data": data, "expire_date": over})

    def proves(self, phone: Browser, account: str) -> Any:
        """There and back; the answer of ``sso/finish``."""
        return phone.post("sso/finish", self.returned(phone, account, purpose="sign-in", device=str(phone.device_id)))

    def signs_in(self, phone: Browser, account: str) -> Any:
        proved = self.proves(phone, account)
        return phone.post("session", signed(phone, proved.json()["challenge"])) if proved.status_code == 200 else proved

    def phone_of(self, person: Someone) -> Browser:
        """A device of a person whose account is bound; nobody is signed in on it."""
        self.bind(person)
        phone = Browser().becomes(person)
        assert phone.delete("session").status_code == 204
        return phone


def signed(phone: Browser, challenge: str) -> Json:
    signature = phone.device_key.sign("sign-in", sha256(decode(challenge)))
    return {"sso": True, "device": str(phone.device_id), "signature": encode(signature), "at": format_time(timezone.now())}

"""A phone is locked out, or a key renewed, in the moment in which somebody makes a device: both come to an end, one after the other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from identity.models import Passkey
from identity.services import by_passkey, enrolment, statements
from tests.client.conftest import browser
from wardline_client import renewal
from wardline_client.account import Account
from wardline_client.http import ApiError

SECONDS = 5


class Meeting:
    """Brings two requests to where each has its first lock. Where the order of locks is one, the second never gets there first."""

    def __init__(self, patching: pytest.MonkeyPatch) -> None:
        self.has_row, self.has_directory = threading.Event(), threading.Event()
        self._patching = patching

    def has_row_at(self, place: str, step: Any) -> None:
        def stepped(*given: Any, **named: Any) -> Any:
            self.has_row.set()
            self.has_directory.wait(1)
            return step(*given, **named)

        self._patching.setattr(place, stepped)

    def has_directory_at(self, place: str, step: Any) -> None:
        def stepped(*given: Any, **named: Any) -> Any:
            found = step(*given, **named)
            self.has_directory.set()
            return found

        self._patching.setattr(place, stepped)


def together(first: Any, meeting: Meeting, second: Any) -> list[ApiError]:
    """``second`` begins once ``first`` has its row; what either was refused."""
    refused: list[ApiError] = []

    def tried(act: Any) -> None:
        try:
            act()
        except ApiError as error:
            refused.append(error)

    racing = threading.Thread(target=tried, args=[first])
    racing.start()
    assert meeting.has_row.wait(SECONDS)
    tried(second)
    racing.join(SECONDS)
    assert not racing.is_alive()
    return refused


def phone_of(account: Account) -> Account:
    made = Account.load(browser(), Account.claim(browser(), account.make_device_link()).dump())
    made.sign_in()
    account.session.book.refresh()
    return made


def synced(house: Any, phone: Account) -> Callable[[], Account]:
    """What makes a device by this phone's passkey, which its maker's account copies."""
    Passkey.objects.filter(person=phone.person).update(is_synced=True)
    house.registrar.api.put("hospital/passkey-rule", {"is_enough": True})
    return lambda: Account.claim_by_passkey(browser(), phone.session.keyring.authenticator)


def test_a_link_is_answered_while_the_phone_that_made_it_is_locked_out(adler, monkeypatch):
    phone = phone_of(adler)
    link = phone.make_device_link()
    meeting = Meeting(monkeypatch)
    meeting.has_row_at("identity.services.enrolment.membership_of_link", enrolment.membership_of_link)
    meeting.has_directory_at("identity.services.statements.accept", statements.accept)

    refused = together(lambda: Account.claim(browser(), link), meeting, lambda: adler.revoke_device(phone.session.keyring.device, "lost"))

    assert refused == []
    with pytest.raises(ApiError) as ended:
        phone.api.get("devices")
    assert ended.value.status == 401


def test_a_device_is_made_by_passkey_while_another_is_locked_out(adler, mitte, monkeypatch):
    phone = phone_of(adler)
    meeting = Meeting(monkeypatch)
    meeting.has_row_at("identity.services.by_passkey.read_device_statement", by_passkey.read_device_statement)
    meeting.has_directory_at("identity.services.statements.accept", statements.accept)

    refused = together(synced(mitte, adler), meeting, lambda: adler.revoke_device(phone.session.keyring.device, "lost"))

    assert refused == []


def test_a_device_is_made_by_passkey_while_the_key_is_renewed(adler, mitte, monkeypatch):
    adler.revoke_device(phone_of(adler).session.keyring.device, "lost")
    tablet = phone_of(adler)
    adler.offer_renewal()
    (waiting,) = renewal.waiting(mitte.registrar.session)
    meeting = Meeting(monkeypatch)
    meeting.has_row_at("identity.services.by_passkey.read_device_statement", by_passkey.read_device_statement)
    meeting.has_directory_at("identity.services.statements.accept", statements.accept)

    refused = together(synced(mitte, tablet), meeting, lambda: renewal.approve(mitte.registrar.session, waiting))

    # The device came first: the offer knew nothing of it and is made again.
    assert [error.code for error in refused] == ["renewal.outdated"]

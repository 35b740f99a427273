"""A phone is locked out in the same moment in which somebody answers a link it made: both come to an end, one after the other."""

import threading
from typing import Any

import pytest

from identity.services import enrolment, statements
from tests.client.conftest import browser
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


def test_a_link_is_answered_while_the_phone_that_made_it_is_locked_out(adler, monkeypatch):
    phone = Account.load(browser(), Account.claim(browser(), adler.make_device_link()).dump())
    phone.sign_in()
    link = phone.make_device_link()
    adler.session.book.refresh()
    meeting = Meeting(monkeypatch)
    meeting.has_row_at("identity.services.enrolment.membership_of_link", enrolment.membership_of_link)
    meeting.has_directory_at("identity.services.statements.accept", statements.accept)

    refused = together(lambda: Account.claim(browser(), link), meeting, lambda: adler.revoke_device(phone.session.keyring.device, "lost"))

    assert refused == []
    with pytest.raises(ApiError) as ended:
        phone.api.get("devices")
    assert ended.value.status == 401

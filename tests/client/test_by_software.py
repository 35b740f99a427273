"""What a hospital's software asked for, in the hands of people: whoever writes first begins the conversation."""

from uuid import uuid4

import pytest

from audit.events import Agent
from beds.services import Need, Software, request_by_software
from wardline_client.account import Account
from wardline_client.http import ApiError
from wardline_client.protocol.bodies import Text


@pytest.fixture
def desk(mitte, adler):
    """Mitte's duty role, for which its software asks; held by Adler."""
    role = mitte.registrar.registrar.create_role(name="Bed desk", eligible=[adler.person])
    adler.take_duty(role)
    return role


@pytest.fixture
def asked(mitte, nord, desk, clinic):
    hospital = mitte.keyring.hospital
    software = Software(hospital, "KIS", Agent(hospital=hospital, device=uuid4(), method="smart"))
    need = Need(category="icu-high", capabilities=[], urgency="stat")
    return request_by_software(software=software, order=uuid4().bytes, need=need, role=desk, asked=[clinic])[0]


def test_it_is_answered_and_written_about(adler, brandt, asked, desk, clinic):
    request = brandt.beds.get(asked.pk)
    (candidate,) = request["candidates"]
    assert (request["requester"], request["software"], candidate["conversation"]) == (None, "KIS", None)

    brandt.beds.act(candidate["id"], "acknowledge", role=clinic)
    talk = brandt.beds.begin(request, candidate, clinic)
    brandt.send_text(talk, "How is he ventilated?")

    (received,) = adler.open(talk)
    assert (received.body, received.problem) == (Text("How is he ventilated?"), None)
    shown = adler.beds.get(asked.pk)
    assert adler.beds.begin(shown, shown["candidates"][0], desk) == talk


def test_who_is_second_writes_in_the_first_ones(adler, brandt, asked, desk, clinic):
    request = adler.beds.get(asked.pk)
    (candidate,) = request["candidates"]
    first = brandt.beds.begin(request, candidate, clinic)

    second = adler.beds.begin(request, candidate, desk)

    assert second == first
    adler.send_text(second, "Lies on his front since noon")
    assert [message.body for message in brandt.open(first)] == [Text("Lies on his front since noon")]


def test_a_colleague_who_is_not_on_duty_begins_none(nord, adler, asked, clinic):
    colleague: Account = nord.hire("Otto Outsider")
    request = colleague.beds.get(asked.pk)

    with pytest.raises(ApiError) as refused:
        colleague.beds.begin(request, request["candidates"][0], clinic)

    assert refused.value.code == "role.not_on_duty"
    assert adler.conversations.sync() == []

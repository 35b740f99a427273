"""The registrar's office through the Python client, with a service that lies about it."""

import pytest

from identity.models import Partnership
from messaging.models import Conversation
from wardline_client.http import ApiError
from wardline_client.protocol import ProtocolError


def test_two_people_make_a_registrar_whom_all_clients_believe(mitte, adler):
    office, second = mitte.registrar.registrar, mitte.hire("Deniz Datenschutz")
    mitte.registrar.session.api.post(f"members/{second.person}/auditor", {"reason": "data_protection_officer"})
    proposal = office.propose_registrar(adler.person)

    second.registrar.confirm_registrar(proposal, adler.person, mitte.founded.root_code)

    second.session.book.refresh()
    assert second.session.book.directory.is_registrar(adler.person)
    office.end_registrar(adler.person, mitte.founded.root_code)
    second.session.book.refresh()
    assert not second.session.book.directory.is_registrar(adler.person)


def test_another_root_code_signs_nothing(mitte, nord, adler):
    office = mitte.registrar.registrar
    with pytest.raises(ProtocolError, match=r"signature\.invalid"):
        office.end_registrar(adler.person, nord.founded.root_code)


def test_nothing_is_sealed_to_a_former_partner_though_the_service_says_so(mitte, adler, brandt):
    talk = adler.talk_to(brandt.person)
    adler.send_text(talk.id, "Guten Abend")
    mitte.registrar.registrar.end_partner(brandt.session.keyring.hospital)
    with pytest.raises(ApiError, match=r"conversation\.closed"):
        adler.send_text(talk.id, "Noch da?")

    # The service lies: it keeps the partner in.
    Partnership.objects.update(ended_at=None)
    Conversation.objects.update(closed_at=None)
    adler.session.book.refresh()

    for attempt in (
        lambda: adler.send_text(talk.id, "Noch da?"),
        lambda: adler.talk_to(brandt.person),
        lambda: adler.conversations.rotate(talk.id),
    ):
        with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
            attempt()

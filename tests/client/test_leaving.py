"""Who has left, at a service that lies about it or ended it at somebody else's word."""

import pytest

from audit.events import Agent
from identity.models import Device, Membership
from identity.services import members
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.bodies import Text


def device_of(account):
    return account.session.keyring.device


def brought_back(account):
    """The service takes back what it did: member, device and sign-in are good again, as far as it is concerned."""
    Membership.objects.filter(person=account.person).update(state="active", ended_at=None)
    Device.objects.filter(pk=device_of(account)).update(revoked_at=None)
    account.sign_in()


def test_the_service_cannot_keep_a_leavers_phone_alive(adler, brandt, nord):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")
    brandt.open(here.id)
    brandt.send_text(here.id, "before")
    nord.registrar.registrar.end_membership(brandt.person)

    brought_back(brandt)
    brandt.send_text(here.id, "after")

    adler.session.book.refresh()  # as at each opening
    before, after = [message for message in adler.open(here.id) if message.by == brandt.person]
    assert before.body == Text("before"), "what was signed in good standing stays readable"
    assert (after.body, after.problem) == (None, "statement.revoked")
    with pytest.raises(ProtocolError, match=r"statement\.revoked"):
        adler.session.book.directory.device(device_of(brandt))


def test_ended_at_another_word_it_is_signed_at_the_registrars_next_opening(adler, brandt, nord):
    registrar = nord.registrar.registrar
    members.end_membership(hospital_id=nord.keyring.hospital, person_id=brandt.person, agent=Agent(method="sso"))
    adler.session.book.refresh()
    assert adler.session.book.directory.device(device_of(brandt)), "the service's word alone so far"

    assert registrar.sign_owed_revocations() == [device_of(brandt)]

    assert registrar.sign_owed_revocations() == []
    adler.session.book.refresh()
    with pytest.raises(ProtocolError, match=r"statement\.revoked"):
        adler.session.book.directory.device(device_of(brandt))


def test_several_at_once_are_signed_away_too(brandt, nord):
    cora = nord.hire("Cora Clemens")
    rehearsed = nord.registrar.registrar.end_memberships([brandt.person, cora.person], dry_run=True)
    ended = nord.registrar.registrar.end_memberships([brandt.person, cora.person])

    assert [row["result"] for row in rehearsed] == [row["result"] for row in ended] == ["ended", "ended"]
    nord.registrar.session.book.refresh()
    for account in (brandt, cora):
        with pytest.raises(ProtocolError, match=r"statement\.revoked"):
            nord.registrar.session.book.directory.device(device_of(account))


def test_nobody_elses_device_is_signed_away_at_the_services_word(brandt, nord, monkeypatch):
    cora = nord.hire("Cora Clemens")
    api = nord.registrar.api
    asked = api.get

    def lying(path, **query):
        if path == "members/owed-revocations":
            return {"results": [{"device": str(device_of(cora)), "person": str(brandt.person)}]}
        return asked(path, **query)

    monkeypatch.setattr(api, "get", lying)

    assert nord.registrar.registrar.sign_owed_revocations() == []
    assert nord.registrar.session.book.directory.device(device_of(cora))

"""A service that shows people different key directories: each lie is refused or shown.

The service lies with everything it has: it hides statements so that no gap shows, and signs heads that fit what it shows.
"""

from uuid import uuid4

import pytest

from identity.services.heads import sign_heads
from tests.client.conftest import House, browser
from tests.client.lying import Liar
from wardline_client.account import Account
from wardline_client.protocol import ProtocolError, decode, encode, parse_statement
from wardline_client.protocol.bodies import Text


@pytest.fixture
def two(adler, brandt):
    """Adler of Mitte and Brandt of Nord, who have both looked at everything and got it signed."""
    sign_heads()
    for account in (adler, brandt):
        account.session.book.refresh()
    return adler, brandt


def restarted(account: Account) -> Account:
    """The same device after a pause: it has what it kept and fetches the rest."""
    return Account.load(account.api, account.dump())


def hospital(account):
    return account.session.keyring.hospital


def kind_of(row):
    return parse_statement(decode(row["h"]), decode(row["s"])).kind if row["h"] else "partner"


def trouble(account, at):
    return account.session.book.watching.trouble(at)


def test_what_everybody_is_shown_fits(two, mitte, nord):
    adler, brandt = two
    adler.send_text(adler.talk_to(brandt.person).id, "Guten Abend")
    nord.registrar.registrar.create_role(name="ICU", eligible=[brandt.person])
    sign_heads()
    (talk,) = brandt.conversations.sync()
    brandt.open(talk["id"])

    for account in two:
        again = restarted(account)
        again.session.book.refresh()
        for place in (mitte, nord):
            head = again.session.book.watching.log(place.keyring.hospital)
            assert head.signed is not None
            assert (head.signed.size, head.signed.root) == head.head
            assert trouble(again, place.keyring.hospital) is None
        assert again.session.book.watching.warned == set()


def test_a_substituted_key_is_refused(two, monkeypatch):
    """To a device that has seen nothing yet: only the signatures tell."""
    adler, brandt = two
    theirs, mine = brandt.session.keyring.keys.kem.public, adler.session.keyring.keys.kem.public
    fresh = Account.load(adler.api, adler.session.keyring.dump())

    def forged(row):
        return {**row, "h": encode(decode(row["h"]).replace(encode(theirs).encode(), encode(mine).encode()))} if row["h"] else row

    Liar(fresh, monkeypatch).change = forged
    fresh.session.book.refresh()

    assert fresh.session.book.recipient(adler.person).kem == mine
    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        fresh.session.book.recipient(brandt.person)


@pytest.mark.parametrize("is_signing", [True, False])
def test_a_statement_in_anothers_place_is_shown_as_another_directory(two, monkeypatch, is_signing):
    """Also to a device that goes on where it was, and also without a head that says so."""
    adler, brandt = two
    liar = Liar(adler, monkeypatch)
    liar.change, liar.is_signing = lambda row: {**row, "s": encode(bytes(64))} if kind_of(row) == "device" else row, is_signing
    adler.session.book._learn(0, hospital(brandt))
    assert trouble(adler, hospital(brandt)).code == "directory.split"

    again = restarted(adler)
    liar = Liar(again, monkeypatch)
    liar.change = lambda row: {**row, "s": encode(bytes(64))} if kind_of(row) == "device" else row
    again.session.book.refresh()

    assert trouble(again, hospital(brandt)).code == "directory.split"
    with pytest.raises(ProtocolError, match=r"directory\.split"):
        again.session.book.recipient(brandt.person)


@pytest.mark.parametrize("is_signing", [True, False])
def test_a_directory_that_was_rolled_back_is_refused_with_both_heads(two, nord, monkeypatch, is_signing):
    adler, brandt = two
    known = adler.session.book.watching.log(hospital(brandt)).head
    again = restarted(adler)
    liar = Liar(again, monkeypatch)
    last = max(row["order"] for row in adler.api.get("statements", after=0)["results"] if row["hospital"] == str(hospital(brandt)))
    liar.keep, liar.is_signing = lambda row: row["order"] != last, is_signing
    again.session.book.refresh()

    found = trouble(again, hospital(brandt))
    assert (found.code, found.mine, found.shown.size) == ("directory.rolled_back", known, known.size - 1)
    with pytest.raises(ProtocolError, match=r"directory\.rolled_back"):
        again.session.book.recipient(nord.registrar.person)
    assert again.session.book.recipient(adler.person).id == adler.person


def test_a_withheld_revocation_shows_by_what_others_were_shown(two, nord, monkeypatch):
    """The service hides from Adler that Brandt's registrar has revoked a device. Brandt's next epoch tells."""
    adler, brandt = two
    Liar(adler, monkeypatch).keep = lambda row: kind_of(row) != "device-revoked"
    other = nord.hire("Cem Celik")
    nord.registrar.registrar.revoke(other.session.keyring.device, other.person, "lost")
    sign_heads()
    brandt.session.book.refresh()
    adler.session.book.refresh()
    assert trouble(adler, hospital(brandt)) is None

    talk = brandt.talk_to(adler.person)
    brandt.send_text(talk.id, "Guten Abend")
    (received,) = adler.open(talk.id)

    found = trouble(adler, hospital(brandt))
    assert received.body == Text("Guten Abend")
    assert (found.code, found.by, found.shown.size) == ("directory.withheld", brandt.person, found.mine.size + 1)
    with pytest.raises(ProtocolError, match=r"directory\.withheld"):
        adler.talk_to(brandt.person)


def test_two_views_show_as_soon_as_two_people_talk(two, nord, monkeypatch):
    adler, brandt = two
    first, second = nord.hire("Cem Celik"), nord.hire("Dana Dorn")
    # Two directories of one size: each lacks what the other has.
    hidden_from = {adler: str(first.person), brandt: str(second.person)}
    for account, person in hidden_from.items():
        Liar(account, monkeypatch).keep = lambda row, person=person: person not in subjects(row)
        account.session.book.refresh()
        assert trouble(account, hospital(brandt)) is None
    at_adler, at_brandt = (account.session.book.watching.log(hospital(brandt)).head for account in two)
    assert at_adler.size == at_brandt.size
    assert at_adler.root != at_brandt.root

    talk = brandt.talk_to(adler.person)
    brandt.send_text(talk.id, "Guten Abend")
    adler.open(talk.id)

    found = trouble(adler, hospital(brandt))
    assert (found.code, found.by, found.mine, found.shown) == ("directory.split", brandt.person, at_adler, at_brandt)
    with pytest.raises(ProtocolError, match=r"directory\.split"):
        adler.talk_to(brandt.person)
    # It is not forgotten, and ends when a person accepts what is shown.
    again = restarted(adler)
    again.session.book.refresh()
    assert trouble(again, hospital(brandt)).code == "directory.split"
    again.session.book.accept(hospital(brandt))
    assert again.session.book.recipient(brandt.person).id == brandt.person


def test_a_statement_beside_the_log_it_belongs_to_counts_in_the_log_of_the_hospital_that_made_it(two, nord, monkeypatch):
    """Else what a bought registrar states could be shown to one person alone, and no head would ever tell."""
    adler, brandt = two
    celik, elsewhere = nord.hire("Cem Celik").person, str(uuid4())
    Liar(adler, monkeypatch).change = lambda row: {**row, "hospital": elsewhere} if str(celik) in subjects(row) else row
    adler.session.book.refresh()

    assert trouble(adler, hospital(brandt)).code == "directory.split"
    with pytest.raises(ProtocolError, match=r"directory\.split"):
        adler.session.book.recipient(celik)


def subjects(row):
    if not row["h"]:
        return set()
    statement = parse_statement(decode(row["h"]), decode(row["s"]))
    return {str(statement.subject), str(statement.by)}


def test_a_head_that_a_member_made_up_blocks_nobody(two):
    """Else one colleague could lock a hospital out of its own messages."""
    adler, brandt = two
    heads = brandt.session.book.heads_of([brandt.person])
    brandt.session.book.heads_of = lambda members: tuple(head._replace(size=10**6, root=bytes(32)) for head in heads)
    talk = brandt.talk_to(adler.person)
    brandt.send_text(talk.id, "Guten Abend")
    adler.open(talk.id)

    assert trouble(adler, hospital(brandt)) is None
    (warned,) = adler.session.book.watching.warned
    assert (warned.code, warned.hospital, warned.by) == ("directory.disputed", hospital(brandt), brandt.person)
    adler.talk_to(brandt.person)


def test_another_key_is_warned_of_and_counts_for_nothing(two, nord, monkeypatch, tmp_path, settings):
    adler, brandt = two
    settings.AUDIT_KEY_FILE = tmp_path / "another.key"
    nord.hire("Cem Celik")
    sign_heads()
    adler.session.book.refresh()

    watching = adler.session.book.watching
    assert {warned.code for warned in watching.warned} == {"directory.key_changed"}
    assert watching.log(hospital(brandt)).signed.size < watching.log(hospital(brandt)).head.size
    assert adler.session.book.recipient(brandt.person).id == brandt.person


def test_a_head_that_is_late_is_said_after_ten_minutes_and_stops_nothing(two, nord, monkeypatch):
    adler, _ = two
    now = [1000.0]
    monkeypatch.setattr("wardline_client.book.time.monotonic", lambda: now[0])
    other = nord.hire("Cem Celik")
    for moment, expected in ((0, set()), (600, set()), (601, {"directory.unsigned"})):
        now[0] = 1000.0 + moment
        adler.session.book.refresh()
        assert {warned.code for warned in adler.session.book.watching.warned} == expected
    adler.send_text(adler.talk_to(other.person).id, "Guten Abend")

    sign_heads()
    adler.session.book.refresh()
    assert adler.session.book.watching.warned == set()


def test_a_registrar_sees_when_the_own_revocation_is_not_shown(two, nord, monkeypatch):
    registrar = nord.registrar
    registrar.session.book.refresh()
    Liar(registrar, monkeypatch).keep = lambda row: kind_of(row) != "device-revoked"
    other = nord.hire("Cem Celik")
    registrar.registrar.revoke(other.session.keyring.device, other.person, "lost")
    registrar.session.book.refresh()

    assert "directory.not_stated" in {warned.code for warned in registrar.session.book.watching.warned}


def test_a_device_one_did_not_add_is_shown_to_its_owner(two):
    adler, _ = two
    adler.session.book.refresh()
    again = restarted(adler)
    link = adler.make_device_link()
    Account.claim(browser(), link)
    again.session.book.refresh()

    assert [statement.kind for statement in again.session.book.about_me] == ["device"]


def test_a_partner_accepted_later_is_seen_from_its_first_statement(adler, mitte):
    """What it stated before the partnership lies before the place in the order where this client is."""
    house = House("sued")
    keeper = house.hire("Kim Keller")
    mitte.hire("Dana Dorn")
    adler.session.book.refresh()
    house.accept(mitte)
    mitte.accept(house)
    sign_heads()
    for account in (adler, house.registrar):
        account.session.book.refresh()

    assert adler.session.book.recipient(keeper.person).id == keeper.person
    log = adler.session.book.watching.log(house.keyring.hospital)
    assert log.signed.size == len(log.tree) == house.registrar.session.book.watching.log(house.keyring.hospital).head.size

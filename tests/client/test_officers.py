"""Two of three officers give a key back, with a service that lies to any of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from identity.models import Device, KeyDeposit, Restoration, RestorationApproval, SeedWrap
from identity.services.restoring import expire_restorations
from tests.client.conftest import browser
from tests.client.lying import Liar
from wardline_client import deposits, officers, renewal
from wardline_client.account import Account
from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.deposits import Asked
from wardline_client.http import ApiError
from wardline_client.protocol import Officers, ProtocolError, decode, encode, kid
from wardline_client.protocol.bodies import Text
from wardline_client.protocol.deposits import hand_on, make_ask, parse_deposit, restore, sign_approval
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import new_seed
from wardline_client.protocol.statements import make_statement
from wardline_client.session import Session


@pytest.fixture
def second(mitte) -> Account:
    """The auditor, who confirms what the registrar proposes."""
    account = mitte.hire("Deniz Datenschutz")
    mitte.registrar.session.api.post(f"members/{account.person}/auditor", {"reason": "data_protection_officer"})
    return account


@pytest.fixture
def trio(mitte, second) -> list[Account]:
    people = [mitte.hire(f"Officer {number}") for number in range(3)]
    name(mitte, second, people)
    return sorted(people, key=lambda account: str(account.person))


@pytest.fixture
def kept(adler, trio) -> Account:
    """Adler, whose key is deposited."""
    assert adler.keep_deposit() == "kept"
    return adler


def name(house, second, people) -> None:
    ids = [account.person for account in people]
    proposal = officers.propose(house.registrar.registrar, *ids)
    officers.confirm(second.registrar, proposal, ids, house.founded.root_code)


def asked(house, account) -> Asked:
    return Asked.answer(browser(), officers.start_restoration(house.registrar.registrar, account.person))


def approve(officer, new) -> None:
    """The officer has the person on the telephone."""
    (attempt,) = deposits.under_way(officer.session)
    assert attempt.fingerprint == new.fingerprint
    deposits.approve(officer.session, attempt)


def finish(new) -> Session | None:
    return new.finish(SoftwareAuthenticator(new.api.origin))


def code_of(refused) -> str:
    return refused.value.code


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_any_two_officers_give_the_key_back_and_the_history_opens(mitte, kept, brandt, trio, pair):
    here = kept.talk_to(brandt.person)
    brandt.send_text(here.id, "before")
    new = asked(mitte, kept)
    first, other = (trio[place] for place in pair)

    approve(first, new)
    assert finish(new) is None
    approve(other, new)
    session = finish(new)

    assert session is not None
    back = Account(session)
    back.sign_in()
    assert back.session.keyring.seeds == kept.session.keyring.seeds
    assert [message.body for message in back.open(here.id)] == [Text("before")]
    (listed,) = [row for row in kept.api.get("devices")["results"] if row["is_restored"]]
    assert listed["id"] == str(session.keyring.device)
    # The lost printed code is spent, and the next one is there.
    (wrap,) = SeedWrap.objects.filter(person=kept.person, kind="recovery", ended_at=None)
    assert wrap.created_at > Restoration.objects.get().created_at
    assert new.recovery_code
    assert not RestorationApproval.objects.exists()
    # Her other devices are told of a device they did not make, and she sees each use.
    kept.session.book.refresh()
    assert [statement.subject for statement in kept.session.book.about_me] == [session.keyring.device]
    assert [use["end_reason"] for use in back.api.get("deposit")["uses"]] == ["finished"]


def test_one_officer_with_the_service_opens_nothing(mitte, kept, trio):
    new = asked(mitte, kept)
    approve(trio[0], new)
    (only,) = RestorationApproval.objects.all()

    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        restore(ask=new.ask, deposit=deposit_of(kept, trio[0]), kem=new.kem, handed={0: bytes(only.sealed)})
    assert finish(new) is None


def deposit_of(account, officer):
    (attempt,) = [one for one in deposits.under_way(officer.session) if one.person == account.person]
    assert attempt.deposit is not None
    return attempt.deposit


def test_who_declines_leaves_nothing_and_may_want_it_again(mitte, kept):
    deposits.decline(kept.session)

    assert kept.keep_deposit() == "declined"
    assert KeyDeposit.objects.get(person=kept.person).sealed is None
    with pytest.raises(ApiError) as refused:
        officers.start_restoration(mitte.registrar.registrar, kept.person)
    assert code_of(refused) == "restoration.no_deposit"
    assert deposits.keep(kept.session, is_wanted_again=True) == "kept"


def test_an_officer_deposits_nothing_and_nobody_does_where_none_are_named(adler, trio, brandt):
    assert trio[0].keep_deposit() == "officer"
    assert brandt.keep_deposit() == "off"


def test_other_officers_end_the_deposit_and_the_attempt_under_way(mitte, second, kept, trio):
    new = asked(mitte, kept)
    approve(trio[0], new)

    name(mitte, second, [*trio[:2], mitte.hire("Officer 4")])

    assert kept.api.get("deposit")["state"] == "due"
    with pytest.raises(ApiError) as over:
        finish(new)
    assert code_of(over) == "restoration.over"
    assert kept.keep_deposit() == "kept"


def test_a_renewed_key_ends_the_deposit_and_is_deposited_anew(mitte, kept, trio):
    thief = Account.claim(browser(), kept.make_device_link())
    new = asked(mitte, kept)
    kept.session.book.refresh()
    kept.revoke_device(thief.session.keyring.device, "lost")
    kept.offer_renewal()
    (waiting,) = renewal.waiting(mitte.registrar.session)
    renewal.approve(mitte.registrar.session, waiting)
    kept.sign_in()

    with pytest.raises(ApiError) as over:
        finish(new)
    assert (code_of(over), over.value.extra["reason"]) == ("restoration.over", "superseded")
    assert not KeyDeposit.objects.filter(person=kept.person).exists()
    assert kept.keep_deposit() == "kept"
    assert KeyDeposit.objects.get(person=kept.person).generation == 2
    again = asked(mitte, kept)
    approve(trio[1], again)
    approve(trio[2], again)
    back = finish(again)
    assert back is not None
    assert back.keyring.seeds == kept.session.keyring.seeds


# what a lying service does


def test_a_device_the_service_puts_in_the_place_of_the_persons_shows_another_fingerprint(mitte, kept, trio):
    new = asked(mitte, kept)
    kem = KemKey(new_seed())
    fields = {"id": new.ask.id, "hospital": new.ask.hospital, "person": new.ask.person, "device": new.ask.device}
    forged = make_ask(**fields, sign=kem.public[:32], kem=kem.public, at=new.ask.at)
    Restoration.objects.update(ask=forged.h)

    (attempt,) = deposits.under_way(trio[0].session)

    assert attempt.fingerprint != new.fingerprint


def test_a_device_that_asks_for_another_person_is_not_shown_as_this_ones(mitte, kept, trio):
    new = asked(mitte, kept)
    other = mitte.hire("Egon Egger")
    fields = {"id": new.ask.id, "hospital": new.ask.hospital, "device": new.ask.device, "sign": new.ask.sign, "kem": new.ask.kem}
    Restoration.objects.update(ask=make_ask(**fields, person=other.person, at=new.ask.at).h)

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        deposits.under_way(trio[0].session)


def test_officers_whom_the_root_did_not_name_get_nothing(mitte, adler, trio, second, monkeypatch):
    """A registrar signs in the root's place, and the service plays along."""
    accomplices = Officers(tuple((one.person, kid(one.session.keyring.keys.kem.public)) for one in trio))
    keyring, hospital = mitte.keyring, mitte.keyring.hospital
    who = {"by": keyring.person, "key": keyring.keys.sign, "at": mitte.registrar.session.now()}
    forged = make_statement(kind="recovery", hospital=hospital, subject=hospital, body=accomplices, **who)
    liar = Liar(adler, monkeypatch)
    liar.change = lambda row: row | {"h": encode(forged.h), "s": encode(forged.s)} if is_naming(row) else row

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        adler.keep_deposit()
    assert not KeyDeposit.objects.exists()


def is_naming(row) -> bool:
    return row["h"] is not None and b'"kind":"recovery"' in decode(row["h"])


def test_another_key_of_an_officer_than_the_root_named_gets_nothing(mitte, adler, trio):
    """One registrar alone vouches for another key of an officer: the root's statement names the one that two people agreed on."""
    office, victim = mitte.registrar.registrar, trio[1]
    office.session.book.refresh()
    theirs = office.session.book.directory.principal(victim.person).statement
    swapped = office.sign("member", victim.person, replace(theirs.body, generation=2, kem=KemKey(new_seed()).public))
    adler.session.book.refresh()
    adler.session.book.directory.add(swapped)

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        adler.keep_deposit()


def test_a_withheld_supersession_is_seen_by_whoever_saw_it(mitte, second, kept, trio, monkeypatch):
    new, named = asked(mitte, kept), KeyDeposit.objects.get().statement
    held = bytes(KeyDeposit.objects.get().header), [bytes(each) for each in KeyDeposit.objects.get().sealed]
    name(mitte, second, [*trio[:2], mitte.hire("Officer 4")])
    # The service goes on as before towards an officer who has seen the new statement.
    KeyDeposit.objects.create(person_id=kept.person, statement=named, generation=1, header=held[0], sealed=held[1])
    Restoration.objects.update(ended_at=None, end_reason="")
    attempt = next(one for one in deposits.under_way(trio[0].session) if one.id == new.ask.id)
    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        deposits.approve(trio[0].session, attempt)
    # A member from whom it hides a statement that was shown before: nothing is sealed any more.
    kept.session.book.refresh()
    fresh = Account.load(browser(), kept.dump())
    fresh.sign_in()
    liar = Liar(fresh, monkeypatch)
    liar.keep = lambda row: not is_naming(row)
    with pytest.raises(ProtocolError, match=r"directory\.rolled_back"):
        fresh.keep_deposit()


def test_shares_of_another_deposit_or_person_open_nothing(mitte, kept, trio):
    other = mitte.hire("Egon Egger")
    assert other.keep_deposit() == "kept"
    new = asked(mitte, kept)
    (attempt,) = deposits.under_way(trio[0].session)
    foreign = KeyDeposit.objects.get(person=other.person)
    # The other's whole deposit in place of this one.
    swapped = replace(attempt, deposit=parse_deposit(bytes(foreign.header)), sealed=bytes(foreign.sealed[0]))
    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        deposits.approve(trio[0].session, swapped)
    # Her share alone.
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        deposits.approve(trio[0].session, replace(attempt, sealed=bytes(foreign.sealed[0])))
    # Shares of two deposits of one person: each is bound to its own.
    approve(trio[0], new)
    approve(trio[1], new)
    assert finish(new) is not None


def test_a_former_deposits_share_does_not_go_with_the_present_ones(mitte, kept, trio):
    former = KeyDeposit.objects.get(person=kept.person)
    header, sealed = bytes(former.header), [bytes(each) for each in former.sealed]
    deposits.decline(kept.session)
    deposits.keep(kept.session, is_wanted_again=True)
    new = asked(mitte, kept)
    approve(trio[0], new)
    (attempt,) = deposits.under_way(trio[1].session)
    before = replace(attempt, deposit=parse_deposit(header), sealed=sealed[1])
    kem = trio[1].session.keyring.keys.kem
    handed = hand_on(ask=new.ask, deposit=before.deposit, place=1, kem=kem, sealed=before.sealed)
    RestorationApproval.objects.create(
        restoration_id=new.ask.id, officer_id=trio[1].person, device_id=trio[1].session.keyring.device, place=1, sealed=handed
    )

    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        finish(new)


def test_an_approval_is_for_its_attempt_and_its_device_alone(mitte, kept, trio):
    former = asked(mitte, kept)
    (attempt,) = deposits.under_way(trio[0].session)
    keyring = trio[0].session.keyring
    handed = hand_on(ask=former.ask, deposit=attempt.deposit, place=0, kem=keyring.keys.kem, sealed=attempt.sealed)
    signature = sign_approval(former.ask, attempt.deposit, handed, key=keyring.device_key)
    deposits.end(mitte.registrar.session, attempt)
    new = asked(mitte, kept)
    replayed = {"sealed": encode(handed), "signature": encode(signature)}

    with pytest.raises(ApiError) as refused:
        trio[0].api.post(f"restorations/{new.ask.id}/approve", replayed)
    # A service that plays along brings the new device nothing either.
    RestorationApproval.objects.create(
        restoration_id=new.ask.id, officer_id=trio[0].person, device_id=keyring.device, place=0, sealed=handed
    )
    approve(trio[1], new)

    assert code_of(refused) == "signature.invalid"
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        finish(new)


def test_a_seed_that_is_not_the_stated_keys_makes_no_device(mitte, kept, trio, monkeypatch):
    """Two officers and the service could agree on a seed of theirs: the person's key is what a registrar stated."""
    new = asked(mitte, kept)
    approve(trio[0], new)
    approve(trio[1], new)
    monkeypatch.setattr(deposits, "restore", lambda **given: new_seed())

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        finish(new)
    assert Device.objects.filter(person=kept.person).count() == 1


def test_an_attempt_ends_by_officer_person_registrar_or_time(mitte, kept, trio):
    ends = {"refused": trio[2].session, "refused ": kept.session, "cancelled": mitte.registrar.session}
    for reason, session in ends.items():
        new = asked(mitte, kept)
        approve(trio[0], new)
        (attempt,) = deposits.under_way(session)
        deposits.end(session, attempt)
        with pytest.raises(ApiError) as over:
            finish(new)
        assert (code_of(over), over.value.extra["reason"]) == ("restoration.over", reason.strip())
    new = asked(mitte, kept)
    Restoration.objects.filter(ended_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert deposits.under_way(trio[0].session) == []
    assert expire_restorations() == 1
    with pytest.raises(ApiError) as late:
        finish(new)
    assert late.value.extra["reason"] == "expired"

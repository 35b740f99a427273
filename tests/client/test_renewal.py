"""A phone is lost with the seed in its memory: what that seed still opens, and what it never will."""

import threading

import pytest

from identity.models import Device, KeyRenewal, PrincipalKey, SeedWrap
from tests.client.conftest import browser
from wardline_client import renewal
from wardline_client.account import Account
from wardline_client.http import ApiError
from wardline_client.protocol import ProtocolError, decode, parse_epoch_header
from wardline_client.protocol.bodies import Text
from wardline_client.protocol.keys import parse_recovery_code, unwrap_seed


@pytest.fixture
def thief(adler) -> Account:
    """Adler's other phone, unlocked in a stranger's hand: everything it has is theirs."""
    return Account.load(browser(), Account.claim(browser(), adler.make_device_link()).dump())


def lost(adler, thief) -> None:
    adler.session.book.refresh()
    adler.revoke_device(thief.session.keyring.device, "lost")


def renewed(adler, house) -> renewal.OfferedRenewal:
    offered = adler.offer_renewal()
    (waiting,) = renewal.waiting(house.registrar.session)
    assert waiting.fingerprint == offered.fingerprint
    renewal.approve(house.registrar.session, waiting)
    adler.sign_in()
    return offered


def code_of(refused) -> str:
    return refused.value.code


def test_what_is_sealed_after_the_renewal_is_closed_to_the_lost_seed(adler, brandt, mitte, thief):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "before")
    brandt.open(here.id)
    lost(adler, thief)
    renewed(adler, mitte)
    brandt.send_text(here.id, "in between", priority="stat")  # a renewal holds nothing up
    brandt.conversations.rotate(here.id)
    brandt.send_text(here.id, "after")

    assert [message.body for message in adler.open(here.id)] == [Text("before"), Text("in between"), Text("after")]
    # A corrupt server gives the thief whatever Adler gets: the former epoch opens, the new one does not.
    rows = adler.api.get(f"conversations/{here.id}/epochs", after=0)["results"]
    stolen = thief.session.keyring
    kids = [dict(parse_epoch_header(decode(row["h"])).to)[adler.person] for row in rows]
    assert [stolen.kem_key(adler.person, kid) is not None for kid in kids] == [True, False]


def test_a_new_phone_reads_the_whole_history_and_the_old_code_is_spent(adler, brandt, mitte, thief):
    here = adler.talk_to(brandt.person)
    brandt.send_text(here.id, "before")
    lost(adler, thief)
    offered = renewed(adler, mitte)

    (kept,) = adler.api.get("session/unlock", by="recovery")["wraps"]
    opened = {"kind": "recovery", "wrap": decode(kept["wrap"]), "share": decode(kept["share"]), "person": adler.person}
    assert unwrap_seed(secret=parse_recovery_code(offered.recovery_code), **opened) == adler.session.keyring.seeds[2]
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        unwrap_seed(secret=parse_recovery_code(adler.recovery_code), **opened)
    fresh = Account.load(browser(), adler.dump() | {"seeds": {}})
    fresh.sign_in()
    assert fresh.session.keyring.seeds.keys() == {1, 2}
    assert [message.body for message in fresh.open(here.id)] == [Text("before")]
    assert not SeedWrap.objects.filter(person=adler.person, generation=1, ended_at=None).exists()


def test_the_role_follows_by_itself(mitte, adler, thief):
    office = mitte.registrar.registrar
    role = office.create_role(name="ICU coordination", eligible=[adler.person, mitte.registrar.person])
    lost(adler, thief)
    assert office.renew_due_roles() == [role]

    renewed(adler, mitte)

    (row,) = office.roles()
    assert [due["reason"] for due in row["due"]] == ["key_renewed"]
    assert office.renew_due_roles() == [role]
    adler.session.take_role_seeds()
    thief.session.keyring.role_seeds.clear()
    sealed = next(row for row in adler.api.get("duty")["results"] if row["role"] == str(role))
    line = adler.session.book.directory.line("role", role)
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        thief.session.keyring.take_role_seed(role=role, generation=sealed["generation"], sealed=decode(sealed["sealed"]), line=line)


def test_nothing_is_renewed_without_a_loss_and_by_a_registrar_only_without_the_office(adler, mitte):
    with pytest.raises(ApiError) as refused:
        adler.offer_renewal()
    with pytest.raises(ApiError) as office:
        mitte.registrar.offer_renewal()

    assert (code_of(refused), code_of(office)) == ("renewal.not_due", "renewal.registrar")
    assert not renewal.is_due(adler.session)


def test_the_lost_phone_and_its_seed_renew_nothing(adler, mitte, thief, monkeypatch):
    lost(adler, thief)
    with pytest.raises(ApiError) as shut_out:
        thief.api.get("renewal")
    # A corrupt server lets it in again. What it offers has another fingerprint than Adler could read aloud.
    Device.objects.filter(pk=thief.session.keyring.device).update(revoked_at=None)
    monkeypatch.setattr("identity.services.renewal._due_since", lambda key: key.created_at)
    thief.sign_in()
    offered = thief.offer_renewal()
    (waiting,) = renewal.waiting(mitte.registrar.session)
    # It may not sign in the registrar's place either: no chain leads from the former seed to new keys.
    forged = Account(thief.session).registrar.sign("member", adler.person, waiting.keys)
    mitte.registrar.session.book.refresh()

    assert shut_out.value.status == 401
    assert waiting.fingerprint == offered.fingerprint
    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        mitte.registrar.session.book.directory.add(forged)


def test_once_renewed_the_former_seed_states_no_device_even_dated_back(adler, mitte, thief, monkeypatch):
    lost(adler, thief)
    link, began = adler.make_device_link(), adler.session.now()
    renewed(adler, mitte)
    monkeypatch.setattr("wardline_client.joining.utc_now", lambda: began)

    with pytest.raises(ApiError) as refused:
        Account.claim(browser(), link)

    assert code_of(refused) == "statement.no_chain"


def test_of_two_devices_at_once_one_wins_and_the_other_is_linked_anew(adler, mitte, thief):
    tablet = Account.load(browser(), Account.claim(browser(), adler.make_device_link()).dump())
    tablet.sign_in()
    lost(adler, thief)
    told, together = [], threading.Barrier(2)

    def offers(account):
        together.wait()
        try:
            account.offer_renewal()
        except ApiError as error:
            told.append((account, error.code, error.extra["device"]))

    racing = [threading.Thread(target=offers, args=[account]) for account in (adler, tablet)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    ((second, code, winner),) = told
    first = adler if second is tablet else tablet
    (waiting,) = renewal.waiting(mitte.registrar.session)
    renewal.approve(mitte.registrar.session, waiting)

    assert (code, winner) == ("renewal.waiting", str(first.session.keyring.device))
    with pytest.raises(ApiError) as ended:
        second.api.get("devices")
    first.sign_in()
    assert (ended.value.status, first.session.keyring.generation) == (401, 2)
    again = Account.claim(browser(), first.make_device_link())
    assert again.session.keyring.generation == 2


def test_interrupted_half_way_nothing_has_changed_and_it_is_made_again(adler, mitte, thief, monkeypatch):
    lost(adler, thief)
    adler.offer_renewal()
    (stale,) = renewal.waiting(mitte.registrar.session)
    again = adler.offer_renewal()  # the first code was never written down
    (waiting,) = renewal.waiting(mitte.registrar.session)
    with pytest.raises(ApiError) as refused:
        renewal.approve(mitte.registrar.session, stale)

    def broken(*_, **__):
        raise RuntimeError("the last step fails")

    with monkeypatch.context() as failing:
        failing.setattr("identity.services.renewal._replace_wraps", broken)
        with pytest.raises(ApiError):
            renewal.approve(mitte.registrar.session, waiting)
    assert PrincipalKey.objects.get(principal=adler.person, replaced_at=None).generation == 1
    adler.sign_in()
    assert (code_of(refused), waiting.fingerprint) == ("statement.unexpected", again.fingerprint)

    mitte.registrar.session.book.refresh()
    renewal.approve(mitte.registrar.session, waiting)
    with pytest.raises(ApiError) as replayed:
        renewal.approve(mitte.registrar.session, waiting)
    assert replayed.value.status == 404
    assert not KeyRenewal.objects.filter(person=adler.person, ended_at=None).exists()


def test_a_device_that_came_meanwhile_makes_the_offer_outdated(adler, mitte, thief):
    lost(adler, thief)
    adler.offer_renewal()
    (waiting,) = renewal.waiting(mitte.registrar.session)
    Account.claim(browser(), adler.make_device_link())

    with pytest.raises(ApiError) as refused:
        renewal.approve(mitte.registrar.session, waiting)

    assert code_of(refused) == "renewal.outdated"
    assert adler.api.get("renewal")["state"] == "outdated"
    assert renewal.is_due(adler.session)
    renewed(adler, mitte)
    assert adler.session.keyring.generation == 2


def test_another_hospitals_registrar_sees_and_signs_none_of_it(adler, nord, mitte, thief):
    lost(adler, thief)
    adler.offer_renewal()
    (waiting,) = renewal.waiting(mitte.registrar.session)

    assert renewal.waiting(nord.registrar.session) == []
    with pytest.raises(ApiError) as refused:
        renewal.approve(nord.registrar.session, waiting)
    assert refused.value.status == 404

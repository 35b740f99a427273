"""Promising a bed and taking it through the Python client; and what it does when the service shows it something else."""

import json
from uuid import UUID

import pytest

from beds.models import Capacity, Category
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from identity.models import Unit
from wardline_client.http import ApiError
from wardline_client.protocol import ProtocolError, decode, encode, parse_receipt, sha256, verify_receipt

NEED = {"category": "icu-high", "urgency": "stat", "age_band": "adult", "sex": "", "transport_mode": "air"}


@pytest.fixture
def unit(nord):
    """A row of Nord's board, with three free beds."""
    made = Unit.objects.create(hospital_id=nord.keyring.hospital, name="Intensive care")
    open_capacity(unit_id=made.pk, category=Category.ICU_HIGH, figures=Figures(staffed=3, occupied=0, blocked=0))
    [row] = next(row["units"] for row in nord.registrar.beds.board() if row["hospital"] == str(nord.keyring.hospital))
    return row


@pytest.fixture
def held(adler, brandt, clinic, unit):
    """A request whose bed is held; as the requester's phone reads it."""
    made = adler.request_bed(asked_roles=[clinic], question="ARDS, bed free?", **NEED)
    brandt.beds.act(made["candidates"][0]["id"], "acknowledge", role=clinic)
    request, candidate = seen(brandt, made["id"])
    brandt.beds.promises.hold(request, candidate, unit=unit, role=clinic)
    return seen(adler, made["id"])


def seen(who, request):
    found = who.beds.get(UUID(request))
    return found, found["candidates"][0]


def test_both_hold_the_same_receipt_and_can_prove_it(adler, brandt, held, mitte, nord):
    request, candidate = held
    confirmed = adler.beds.promises.confirm(request, candidate)
    mine, proved = adler.beds.promises.receipt(candidate["id"])
    theirs, _ = brandt.beds.promises.receipt(candidate["id"])

    assert confirmed["state"] == "confirmed"
    assert mine == theirs
    assert (proved.acceptance.by, proved.offer.by, proved.offer.minutes) == (adler.person, brandt.person, 30)
    for house in (mitte, nord):
        assert verify_receipt(parse_receipt(mine), {house.keyring.hospital: house.keyring.root}) == proved


def test_whoever_is_no_member_of_either_gets_none(adler, held, mitte, nord):
    request, candidate = held
    adler.beds.promises.confirm(request, candidate)
    colleague = mitte.hire("Cora Clemens")

    assert colleague.beds.promises.receipt(candidate["id"])[0]
    mitte.registrar.registrar.end_membership(colleague.person)
    with pytest.raises(ApiError) as refused:
        colleague.beds.promises.receipt(candidate["id"])
    assert refused.value.status == 401


def changed_header(signed, key, **members):
    """The header with other members, signed by ``key``."""
    header = json.dumps(json.loads(decode(signed["h"])) | members).encode()
    return {"h": encode(header), "s": encode(key.sign("sig-offer", sha256(header)))}


def refused_to_accept(adler, request, candidate):
    with pytest.raises(ProtocolError) as refused:
        adler.beds.promises.confirm(request, candidate)
    assert seen(adler, request["id"])[1]["state"] == "held"
    return refused.value.code


@pytest.mark.parametrize("member", ["request", "candidate", "origin", "destination"])
def test_an_offer_about_something_else_is_not_accepted(adler, brandt, held, member):
    request, candidate = held
    offer = changed_header(candidate["offer"], brandt.session.keyring.device_key, **{member: request["id"][::-1].replace("-", "0")})
    other = changed_header(candidate["offer"], brandt.session.keyring.device_key, **{member: str(adler.person)})

    assert refused_to_accept(adler, request, candidate | {"offer": offer}) == "header.malformed"
    assert refused_to_accept(adler, request, candidate | {"offer": other}) == "promise.mismatch"


def test_an_offer_for_another_need_is_not_accepted(adler, held):
    request, candidate = held

    assert refused_to_accept(adler, request | {"urgency": "routine"}, candidate) == "promise.mismatch"
    assert refused_to_accept(adler, request | {"capabilities": ["ecmo"]}, candidate) == "promise.mismatch"


def test_an_offer_that_the_service_signed_is_not_accepted(adler, mitte, held):
    request, candidate = held
    for key in (adler.session.keyring.device_key, mitte.keyring.device_key):
        assert refused_to_accept(adler, request, candidate | {"offer": changed_header(candidate["offer"], key)}) == "signature.invalid"
    forged = changed_header(candidate["offer"], mitte.keyring.device_key, by=str(mitte.keyring.person), device=str(mitte.keyring.device))
    assert refused_to_accept(adler, request, candidate | {"offer": forged}) == "statement.no_chain"


def test_an_offer_by_somebody_not_eligible_is_not_accepted(adler, nord, held):
    request, candidate = held
    orla = nord.hire("Orla Other")
    key = orla.session.keyring.device_key
    names = {"by": str(orla.person), "device": str(orla.session.keyring.device)}

    assert (
        refused_to_accept(adler, request, candidate | {"offer": changed_header(candidate["offer"], key, **names)}) == "statement.no_chain"
    )


def test_the_offer_of_a_device_that_is_revoked_by_now_is_not_accepted(adler, brandt, held):
    request, candidate = held
    brandt.revoke_device(brandt.session.keyring.device, "lost")

    assert refused_to_accept(adler, request, candidate) == "statement.revoked"


def test_without_an_offer_nothing_is_signed(adler, held):
    request, candidate = held

    assert refused_to_accept(adler, request, candidate | {"offer": None}) == "promise.mismatch"


def test_a_receipt_that_the_service_altered_proves_nothing(adler, held, monkeypatch):
    request, candidate = held
    adler.beds.promises.confirm(request, candidate)
    data = adler.beds.promises.receipt(candidate["id"])[0]
    monkeypatch.setattr(adler.api, "stream", lambda path: iter([data.replace(b'"urgency":"stat"', b'"urgency":"asap"')]))

    with pytest.raises(ProtocolError, match=r"promise\.mismatch"):
        adler.beds.promises.receipt(candidate["id"])


def test_the_bed_is_taken_from_the_figure_that_was_signed(held, unit):
    assert held[1]["hold"]["capacity"] == unit["capacity"]
    assert Capacity.objects.get(pk=unit["capacity"]).holds.count() == 1

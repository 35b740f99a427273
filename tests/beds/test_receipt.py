"""Both hospitals hold the same signed acceptance: what may be signed by whom about what, and the receipt of it."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from beds.models import Capacity, Hold, SignedStep
from beds.services import sweep
from identity.models import Device, Unit
from tests.beds.chains import background, consultant, step, wait_passes, write
from tests.people import signing_key
from wardline_client.protocol import Revocation, decode, encode, format_time, parse_receipt, sha256, verify_receipt
from wardline_client.protocol.errors import ProtocolError

BEFORE = {"hold": ["acknowledge"], "confirm": ["acknowledge", "hold"]}
KIND = {"hold": "offer", "confirm": "acceptance"}
LEFT_AT = {"hold": "acknowledged", "confirm": "held"}


@pytest.fixture(params=["hold", "confirm"])
def ready(request, ward):
    """A candidate just before the signed action, and the action."""
    return ward.asks("uni", role=ward.night.kreis.role).at("uni", *BEFORE[request.param]), request.param


@pytest.fixture
def confirmed(ward):
    return ward.asks("uni", "nord", role=ward.night.kreis.role).at("uni", "acknowledge", "hold", "confirm")


def signed(asked, action, who=None, **changed):
    make = asked.offer if action == "hold" else asked.acceptance
    return make("uni", who or asked.mover("uni", action), **changed)


def refused(asked, action, body, **more):
    """Take the step with a body of one's own; what was refused changed nothing."""
    answer = asked.take("uni", action, **body, **more)
    assert asked.states()["uni"] == LEFT_AT[action]
    assert not SignedStep.objects.filter(candidate=asked["uni"], kind=KIND[action]).exists()
    assert Hold.objects.filter(candidate=asked["uni"]).exists() == (action == "confirm")
    return answer.status_code, answer.json()["code"]


def test_nothing_is_promised_or_taken_unsigned(ready):
    asked, action = ready

    assert refused(asked, action, {KIND[action]: None}) == (400, f"{KIND[action]}.missing")


def test_one_is_no_substitute_for_the_other(ready):
    asked, action = ready
    other = {"offer": asked.acceptance, "acceptance": asked.offer}[KIND[action]]
    wrong = next(iter(other("uni", asked.mover("uni", action)).values()))

    assert refused(asked, action, {KIND[action]: wrong}) == (400, "header.unknown_member")
    assert refused(asked, action, {{"offer": "acceptance", "acceptance": "offer"}[KIND[action]]: wrong})[1] == f"{KIND[action]}.missing"


def test_another_key_does_not_sign_for_this_device(ready, night):
    asked, action = ready
    body = signed(asked, action)
    header = decode(body[KIND[action]]["h"])
    body[KIND[action]]["s"] = encode(signing_key("somebody else").sign(f"sig-{KIND[action]}", sha256(header)))

    assert refused(asked, action, body) == (403, "signature.invalid")
    assert night.audit_of(night.uni if action == "hold" else night.kreis)[-1].detail["code"] == "signature.invalid"


def test_a_signature_made_for_another_purpose_is_none(ready):
    asked, action = ready
    by = asked.mover("uni", action)
    header = decode(signed(asked, action)[KIND[action]]["h"])
    for label in ("sig-statement", "sig-epoch", "sig-offer" if action == "confirm" else "sig-acceptance"):
        forged = {"h": encode(header), "s": encode(by.device_key.sign(label, sha256(header)))}
        assert refused(asked, action, {KIND[action]: forged}) == (403, "signature.invalid")


@pytest.mark.parametrize("member", ["request", "candidate", "origin", "destination"])
def test_it_is_about_this_candidate(ready, member):
    asked, action = ready

    assert refused(asked, action, signed(asked, action, **{member: str(uuid4())})) == (409, "promise.mismatch")


@pytest.mark.parametrize("member", ["by", "device", "role"])
def test_it_names_who_acts(ready, member):
    asked, action = ready

    assert refused(asked, action, signed(asked, action, **{member: str(uuid4())})) == (403, "promise.wrong_signer")


def test_a_colleagues_signature_is_not_handed_in(night, ready):
    asked, action = ready
    colleague = night.dorn if action == "hold" else night.conrad

    assert refused(asked, action, signed(asked, action, colleague)) == (403, "promise.wrong_signer")
    assert refused(asked, action, signed(asked, action, night.revoked_device)) == (403, "promise.wrong_signer")


def test_who_is_not_on_duty_signs_nothing(night, ready):
    asked, action = ready
    colleague = night.dorn if action == "hold" else night.conrad

    assert refused(asked, action, signed(asked, action, colleague), by=colleague)[0] == 403


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24])
def test_it_was_signed_just_now(ready, minutes):
    asked, action = ready
    at = format_time(datetime.now(UTC) + timedelta(minutes=minutes))
    answer = asked.take("uni", action, **signed(asked, action, at=at))

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "promise.wrong_clock", LEFT_AT[action])
    assert abs(datetime.fromisoformat(answer.json()["now"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert asked.states()["uni"] == LEFT_AT[action]


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_may_be_some_minutes_off(ready, minutes):
    asked, action = ready
    at = format_time(datetime.now(UTC) + timedelta(minutes=minutes))

    assert asked.take("uni", action, **signed(asked, action, at=at)).status_code == 200


def test_the_need_is_the_one_asked_for(ward):
    asked = ward.asks("uni").at("uni", "acknowledge")
    other = ward.asks("uni")
    other.body["category"] = "imc"

    assert refused(asked, "hold", signed(asked, "hold", need=encode(other.need()))) == (409, "promise.mismatch")


@pytest.mark.parametrize(("member", "value"), [("category", "imc"), ("unit", "5b7c1d0e-8f57-4a0c-9d55-0b8f1f6b2a11")])
def test_the_offer_describes_the_bed_it_takes(ward, member, value):
    asked = ward.asks("uni").at("uni", "acknowledge")
    answer = asked.take("uni", "hold", **signed(asked, "hold", **{member: value}))

    assert (answer.status_code, answer.json()["member"], answer.json()["state"]) == (409, member, "acknowledged")
    assert asked.states() == {"uni": "acknowledged"}


def test_the_hold_is_the_signed_one_whatever_else_the_body_says(night, ward):
    unit = Unit.objects.create(hospital_id=night.uni.id, name="Intensive care 2")
    other = Capacity.objects.create(unit=unit, category="icu-high", staffed=1)
    asked = ward.asks("uni").at("uni", "acknowledge")
    body = signed(asked, "hold", hold_minutes=15) | {"hold_minutes": 60, "capacity": str(other.pk)}
    held = night.brandt.post(asked.url("uni", "hold"), body).json()["hold"]

    assert held["capacity"] == str(ward.figures["uni"].pk)
    assert datetime.fromisoformat(held["expires_at"]) - datetime.now(UTC) < timedelta(minutes=16)


def test_an_offer_is_no_offer_for_another_candidate(ward):
    first, second = (ward.asks("uni").at("uni", "acknowledge") for _ in range(2))
    offer = signed(first, "hold")
    assert first.take("uni", "hold", **offer).status_code == 200

    assert refused(second, "hold", offer) == (409, "promise.mismatch")


def test_an_expired_offer_is_not_offered_again(ward):
    asked = ward.asks("uni").at("uni", "acknowledge")
    offer = signed(asked, "hold")
    asked.take("uni", "hold", **offer)
    asked.run_out("uni")

    assert asked.take("uni", "hold", **offer).json()["code"] == "candidate.wrong_state"


def test_an_acceptance_is_of_the_offer_that_stands(ward):
    asked = ward.asks("uni", "nord").at("uni", "acknowledge", "hold").at("nord", "acknowledge", "hold")
    of_another = SignedStep.objects.get(candidate=asked["nord"]).header
    answer = asked.take("uni", "confirm", **signed(asked, "confirm", offer=encode(sha256(bytes(of_another)))))

    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "promise.mismatch", "held")
    assert asked.states() == {"uni": "held", "nord": "held"}


@pytest.mark.parametrize("spoil", ["=", "A", " ", "\n"])
def test_one_spelling_alone_is_read(ready, spoil):
    asked, action = ready
    for part in ("h", "s"):
        body = signed(asked, action)
        body[KIND[action]][part] += spoil
        assert asked.take("uni", action, **body).status_code in (400, 403)
    assert asked.states()["uni"] == LEFT_AT[action]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"v":2,', "header.unknown_version"),
        (b'{"v":1,"v":1,', "header.duplicate_key"),
        (b'{"v":1,"x":1,', "header.unknown_member"),
        (b'{"v":1,' + b" " * 2_048, "invalid"),
    ],
)
def test_the_header_is_read_strictly(ready, text, code):
    asked, action = ready
    by = asked.mover("uni", action)
    members = json.loads(decode(signed(asked, action)[KIND[action]]["h"]))
    members.pop("v")
    crooked = text + json.dumps(members).encode()[1:]
    body = {KIND[action]: {"h": encode(crooked), "s": encode(by.device_key.sign(f"sig-{KIND[action]}", sha256(crooked)))}}

    answer = asked.take("uni", action, **body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert asked.states()["uni"] == LEFT_AT[action]


def test_a_device_revoked_while_it_waited_signs_nothing(ready, monkeypatch):
    asked, action = ready
    by = asked.mover("uni", action)
    body = signed(asked, action)

    def revoked_meanwhile(*_):
        Device.objects.filter(pk=by.device_id).update(revoked_at=datetime.now(UTC))

    monkeypatch.setattr("beds.access.require_role_still", revoked_meanwhile)

    # The revocation above is rolled back with the step: it stands here for one that another transaction committed.
    assert refused(asked, action, body) == (401, "device.revoked")


def test_what_was_signed_is_there_once_and_never_changed(confirmed):
    kept = SignedStep.objects.filter(candidate=confirmed["uni"])
    first = kept.get(kind="offer")

    assert {step.kind for step in kept} == {"offer", "acceptance"}
    first.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)
    for change in (lambda: kept.update(signature=b""), kept.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_the_log_holds_the_digests_and_nothing_else_of_it(night, confirmed):
    kept = {step.kind: step for step in SignedStep.objects.filter(candidate=confirmed["uni"])}
    events = {event.action: event for event in night.audit_of(night.uni)}

    for action, kind in (("beds.hold", "offer"), ("beds.confirm", "acceptance")):
        assert events[action].digest == encode(sha256(bytes(kept[kind].header)))
        assert encode(bytes(kept[kind].signature)) not in str(vars(events[action]))
    assert events["beds.acknowledge"].digest is None


def test_the_origin_is_shown_the_offer_while_it_stands(night, ward):
    asked = ward.asks("uni", "nord").at("uni", "acknowledge", "hold").at("nord", "acknowledge")

    def shown():
        rows = night.adler.get(f"requests/{asked.id}").json()["candidates"]
        return {row["id"]: row["offer"] for row in rows}

    offer = shown()[asked["uni"]]
    assert decode(offer["h"]) == bytes(SignedStep.objects.get(candidate=asked["uni"]).header)
    assert shown()[asked["nord"]] is None
    asked.at("uni", "confirm")
    assert shown()[asked["uni"]] is None


def receipt(who, candidate):
    answer = who.get(f"candidates/{candidate}/receipt")
    assert answer.status_code == 200, answer.json()
    return answer.content


def test_both_hospitals_hold_the_same_bytes(night, confirmed):
    held = {receipt(who, confirmed["uni"]) for who in (night.adler, night.conrad, night.brandt, night.dorn, night.uni.registrar)}

    assert len(held) == 1
    assert json.loads(held.pop())["format"] == "wardline-receipt/1"


def test_it_proves_itself_from_either_root(night, confirmed):
    found = parse_receipt(receipt(night.adler, confirmed["uni"]))
    both = {place.id: place.root.public for place in (night.kreis, night.uni)}

    for pins in (both, {night.kreis.id: night.kreis.root.public}, {night.uni.id: night.uni.root.public}):
        proved = verify_receipt(found, pins)
        assert (proved.offer.by, proved.acceptance.by) == (night.brandt.id, night.adler.id)
        assert (str(proved.offer.candidate), proved.offer.minutes) == (confirmed["uni"], 30)
        assert proved.need["category"] == "icu-high"
    for pins in ({}, {night.nord.id: night.nord.root.public}, {night.kreis.id: night.nord.root.public}):
        with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
            verify_receipt(found, pins)


def test_it_holds_no_more_statements_than_it_needs(night, confirmed):
    found = parse_receipt(receipt(night.adler, confirmed["uni"]))
    of = {(statement.hospital, statement.kind, statement.subject) for statement in found.statements}

    for place, who, other in ((night.kreis, night.adler, night.uni), (night.uni, night.brandt, night.kreis)):
        wanted = {("root", place.id), ("registrar", place.registrar.id), ("partner", other.id)}
        wanted |= {("member", who.id), ("device", who.device_id), ("role", place.role.id)}
        assert {entry[1:] for entry in of if entry[0] == place.id} == wanted
    assert {entry[0] for entry in of} == {night.kreis.id, night.uni.id}


def test_what_happens_later_does_not_change_it(night, confirmed):
    before = receipt(night.adler, confirmed["uni"])
    statement = night.brandt.states("device-revoked", night.brandt.device_id, Revocation(night.brandt.id, "lost"))
    signed = {"statement": {"h": encode(statement.h), "s": encode(statement.s)}}
    assert night.brandt.post(f"devices/{night.brandt.device_id}/revoke", signed).status_code == 200
    confirmed.at("uni", "cancel")

    assert receipt(night.adler, confirmed["uni"]) == before


def test_before_both_have_signed_there_is_none(night, ward):
    asked = ward.asks("uni")
    for action in ("acknowledge", "hold"):
        assert night.adler.get(f"candidates/{asked['uni']}/receipt").json()["code"] == "receipt.none"
        asked.at("uni", action)
    assert night.adler.get(f"candidates/{asked['uni']}/receipt").status_code == 404


@pytest.mark.parametrize("who", ["outsider", "north", "middle"])
def test_to_others_it_is_as_absent(night, confirmed, who):
    caller = night.person(who)
    theirs, nobodys = (caller.get(f"candidates/{candidate}/receipt") for candidate in (confirmed["uni"], uuid4()))

    assert (theirs.status_code, theirs.json()) == (404, nobodys.json())


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "anonymous"])
def test_who_is_out_gets_none(night, confirmed, who):
    assert night.person(who).get(f"candidates/{confirmed['uni']}/receipt").status_code == 401


def test_both_hospitals_read_in_their_logs_who_took_it(night, confirmed):
    before = night.actions_of(night.nord)
    receipt(night.dorn, confirmed["uni"])

    for place in (night.kreis, night.uni):
        event = night.audit_of(place)[-1]
        assert (event.action, event.agent["person"]) == ("beds.read_receipt", str(night.dorn.pseudonym))
        assert event.subjects == {"request": confirmed.id, "candidate": confirmed["uni"]}
    assert night.actions_of(night.nord) == before


def test_when_that_cannot_be_recorded_nobody_gets_it(night, confirmed, monkeypatch):
    def broken(**_):
        raise RuntimeError("no audit")

    monkeypatch.setattr("beds.services.receipts.record", broken)
    with pytest.raises(RuntimeError, match="no audit"):
        night.adler.get(f"candidates/{confirmed['uni']}/receipt")


def test_who_was_alarmed_signs_in_the_role_that_was_alarmed(night, ward):
    someone = consultant(night)
    role = background(night, someone)
    assert write(night, step(60, role)).status_code == 200
    ward.background = {"uni": [role]}
    asked = ward.asks("uni")
    wait_passes(asked)
    sweep()
    assert asked.take("uni", "acknowledge", by=someone).status_code == 200

    assert refused(asked, "hold", signed(asked, "hold", someone, role=str(night.uni.role.id)), by=someone) == (403, "promise.wrong_signer")
    assert asked.take("uni", "hold", by=someone).status_code == 200
    asked.at("uni", "confirm")
    proved = verify_receipt(parse_receipt(receipt(night.adler, asked["uni"])), {night.kreis.id: night.kreis.root.public})
    assert (proved.offer.by, proved.offer.role) == (someone.id, role.id)

"""A person's night with the Python client."""

import io
from uuid import UUID

import pytest
from PIL import Image as Picture

from beds.models import Candidate
from beds.services import sweep
from identity.models import LinkClaim
from tests.client.conftest import browser
from wardline_client.account import Account
from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.founding import make_archive_link
from wardline_client.http import ApiError
from wardline_client.linking import AnsweredLink
from wardline_client.protocol import ProtocolError
from wardline_client.protocol.bodies import Image, Text
from wardline_client.protocol.hpke import KemKey


def asked(adler, clinic, **changes):
    need = {"category": "icu-high", "urgency": "urgent", "age_band": "", "sex": "", "transport_mode": ""}
    return adler.request_bed(asked_roles=[clinic], question="ARDS, 52, bed free?", **need | changes)


def conversation_of(request):
    return UUID(request["candidates"][0]["conversation"])


def test_two_people_of_two_hospitals_write_to_each_other(adler, brandt):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")
    (received,) = brandt.open(here.id)
    brandt.send_text(here.id, "Guten Abend, Frau Adler")
    answers = adler.open(here.id)

    assert (received.body, received.by, received.problem) == (Text("Guten Abend"), adler.person, None)
    assert [answer.body for answer in answers] == [Text("Guten Abend"), Text("Guten Abend, Frau Adler")]
    assert brandt.session.book.profile(adler.person).name == "Ada Adler"
    assert [message.by for message in brandt.open(here.id)] == [brandt.person]
    assert brandt.open(here.id) == []


def test_a_colleague_who_is_no_member_sees_nothing(adler, brandt, nord):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")

    with pytest.raises(ApiError) as refused:
        nord.hire("Otto Outsider").open(here.id)

    assert refused.value.status == 404


def test_a_bed_is_asked_for_and_the_question_read_by_whoever_is_on_duty(adler, brandt, clinic):
    request = asked(adler, clinic)
    (received,) = brandt.open(conversation_of(request))
    candidate = brandt.beds.requests("open")[0]["candidates"][0]
    acknowledged = brandt.beds.act(candidate["id"], "acknowledge", role=clinic)

    assert received.body == Text("ARDS, 52, bed free?")
    assert acknowledged["state"] == "acknowledged"


def test_who_is_called_because_nobody_answered_reads_what_was_sealed_before(adler, brandt, clinic, nord):
    cora = nord.hire("Cora Consultant")
    background = nord.registrar.registrar.create_role(name="Background", eligible=[cora.person])
    cora.take_duty(background)
    nord.registrar.registrar.set_escalation(clinic, [{"wait": 60, "target": str(background), "whom": "holder", "how": "alarm"}])
    request = asked(adler, clinic)
    with pytest.raises(ApiError) as refused:
        cora.open(conversation_of(request))

    Candidate.objects.filter(request=request["id"]).update(acknowledge_by="2020-01-01T00:00Z")
    sweep()

    assert refused.value.status == 404
    assert [message.body for message in cora.open(conversation_of(request))] == [Text("ARDS, 52, bed free?")]
    assert cora.beds.act(request["candidates"][0]["id"], "acknowledge", role=background)["state"] == "acknowledged"


def test_a_role_is_sealed_to_colleagues_alone_whoever_names_others(adler, clinic, nord):
    for stranger in (adler.person, clinic):
        with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
            nord.registrar.registrar.create_role(name="ICU", eligible=[stranger])
    assert [role["id"] for role in nord.registrar.registrar.roles()] == [str(clinic)]


def test_who_becomes_eligible_later_reads_what_was_written_before(adler, brandt, nord):
    office = nord.registrar
    role = office.registrar.create_role(name="ICU coordination", eligible=[brandt.person, office.person])
    request = asked(adler, role)
    cora = nord.hire("Cora Clemens")
    office.registrar.create_role(name="ICU coordination", eligible=[cora.person, office.person], id=role)
    cora.take_duty(role)

    assert [message.body for message in cora.open(conversation_of(request))] == [Text("ARDS, 52, bed free?")]
    with pytest.raises(ApiError) as refused:
        brandt.take_duty(role)
    assert refused.value.status == 404


def test_a_registrar_who_is_not_eligible_adds_somebody_and_a_colleague_hands_the_open_cases_on(adler, brandt, clinic, nord):
    request = asked(adler, clinic)
    cora = nord.hire("Cora Clemens")
    nord.registrar.registrar.create_role(name="ICU coordination", eligible=[brandt.person, cora.person], id=clinic)
    cora.take_duty(clinic)
    before = [message.body for message in cora.open(conversation_of(request))]

    brandt.session.take_role_seeds()  # as at the next opening
    cora.session.take_role_seeds()

    assert before == [None]
    cora.conversations.known.clear()
    assert [message.body for message in cora.open(conversation_of(request))] == [Text("ARDS, 52, bed free?")]
    (role,) = [row for row in nord.registrar.registrar.roles() if row["id"] == str(clinic)]
    assert (role["generation"], role["due"], role["lacks_history"]) == (2, [], False)


def test_who_could_hand_the_open_cases_on_is_not_exchanged_for_who_cannot(brandt, clinic, nord):
    cora = nord.hire("Cora Clemens")
    with pytest.raises(ApiError, match=r"role\.history_missing"):
        nord.registrar.registrar.create_role(name="ICU coordination", eligible=[cora.person], id=clinic)


def test_a_role_is_renewed_after_somebody_left_and_goes_on(adler, brandt, clinic, nord):
    registrar, request = nord.registrar.registrar, asked(adler, clinic)
    conversation = conversation_of(request)
    cora = nord.hire("Cora Clemens")
    registrar.create_role(name="ICU coordination", eligible=[brandt.person, cora.person], id=clinic)
    brandt.session.take_role_seeds()
    registrar.end_membership(cora.person)
    (role,) = [row for row in registrar.roles() if row["id"] == str(clinic)]
    assert [(due["reason"], due["person"]) for due in role["due"]] == [("left", str(cora.person))]

    assert registrar.renew_due_roles() == [clinic]

    assert registrar.renew_due_roles() == []
    brandt.take_duty(clinic)
    # In the epoch at hand, sealed to a generation that is over: sending is never stopped.
    assert adler.send_text(conversation, "urgent", priority="urgent")["sequence"] == 2
    brandt.conversations.rotate(conversation, clinic)
    adler.send_text(conversation, "on it goes")
    assert [message.body for message in brandt.open(conversation)] == [Text("ARDS, 52, bed free?"), Text("urgent"), Text("on it goes")]


def test_a_former_colleague_is_out(adler, brandt, nord):
    here = adler.talk_to(brandt.person)
    nord.registrar.registrar.end_membership(brandt.person)

    with pytest.raises(ApiError) as refused:
        brandt.open(here.id)
    assert refused.value.status == 401


def test_the_same_envelope_twice_is_one_message(adler, brandt):
    here = adler.talk_to(brandt.person)
    envelope = adler.conversations.seal(here.id, Text("once"))
    first, second = (adler.api.post(f"conversations/{here.id}/messages", {"envelope": envelope}) for _ in range(2))

    assert first == second
    assert [message.body for message in brandt.open(here.id)] == [Text("once")]


def test_a_photograph_arrives_as_it_was_cleaned(adler, brandt):
    here = adler.talk_to(brandt.person)
    out = io.BytesIO()
    Picture.effect_noise((1_400, 1_000), 90).convert("RGB").save(out, "JPEG", quality=98)
    adler.send_photograph(here.id, out.getvalue(), caption="Wunde")
    (received,) = brandt.open(here.id)

    assert isinstance(received.body, Image)
    with Picture.open(io.BytesIO(brandt.open_photograph(received.body))) as picture:
        assert picture.size == (1_400, 1_000)


def test_another_device_signs_in_and_reads_everything(adler, brandt):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")
    tablet = Account.claim(browser(), brandt.make_device_link())
    fresh = Account.load(browser(), tablet.dump())
    session = fresh.sign_in()

    assert session["state"] == "active"
    assert [message.body for message in fresh.open(here.id)] == [Text("Guten Abend")]


def test_a_device_that_was_revoked_is_out_and_what_it_signed_stays_readable(adler, brandt):
    here = adler.talk_to(brandt.person)
    tablet = Account.claim(browser(), adler.make_device_link())
    tablet.open(here.id)
    tablet.send_text(here.id, "vom Tablet")
    adler.revoke_device(tablet.session.keyring.device, "stolen")
    (received,) = brandt.open(here.id)

    assert received.body == Text("vom Tablet")
    with pytest.raises(ApiError) as refused:
        tablet.send_text(here.id, "again")
    assert refused.value.status == 401


def test_a_further_device_shows_the_digits_of_the_first_and_reads_what_was_before(adler, brandt):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")
    offered = adler.offer_link()
    answered = AnsweredLink.answer(browser(), offered.address, label="Tablet")
    assert (offered.label, answered.digits()) == ("", None)
    shown = offered.digits()
    assert (offered.label, shown, answered.digits()) == ("Tablet", shown, shown)
    assert answered.finish(SoftwareAuthenticator(answered.api.origin)) is None

    offered.approve()
    tablet = Account(answered.finish(SoftwareAuthenticator(answered.api.origin)))

    assert [message.body for message in tablet.open(here.id)] == [Text("Guten Abend")]


def test_an_opening_that_the_link_did_not_commit_to_is_no_opening(adler):
    """A service that has a photograph of the link and searches for an opening under which its own keys show the same digits."""
    offered = adler.offer_link()
    answered = AnsweredLink.answer(browser(), offered.address, label="Tablet")
    offered.digits()
    LinkClaim.objects.filter(device_id=answered.device).update(opening=b"searched for, until digits match")

    with pytest.raises(ProtocolError):
        answered.digits()


def test_a_device_exchanged_after_the_opening_was_handed_out_is_noticed(adler):
    offered = adler.offer_link()
    answered = AnsweredLink.answer(browser(), offered.address, label="Tablet")
    offered.digits()
    LinkClaim.objects.filter(device_id=answered.device).update(public_key=b"k" * 32)

    with pytest.raises(ProtocolError):
        offered.digits()


def test_the_archive_opens_what_its_hospitals_people_write(adler, brandt, mitte):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "Guten Abend")
    link = make_archive_link(mitte.registrar.session, mitte.founded.archive, mitte.founded.archive_seed)
    gateway = Account.claim(browser(), link)

    assert [message.body for message in gateway.open(here.id)] == [Text("Guten Abend")]


def test_a_new_epoch_takes_over_for_both(adler, brandt):
    here = adler.talk_to(brandt.person)
    adler.send_text(here.id, "one")
    brandt.open(here.id)
    adler.conversations.rotate(here.id)
    brandt.send_text(here.id, "two")
    received = adler.open(here.id)

    assert [message.body for message in received] == [Text("one"), Text("two")]
    assert brandt.conversations.get(here.id).epoch == 2


def test_nothing_is_sealed_to_somebody_the_service_merely_lists(adler, brandt, monkeypatch):
    book = adler.session.book
    book.refresh()
    stranger = KemKey(bytes(32))
    listed = {"id": "00000000-0000-4000-8000-000000000001", "hospital": str(adler.session.keyring.hospital)}
    book.listed["people"].append(listed | {"kind": "archive", "profile": "", "kem": stranger.kid.hex()})

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        adler.talk_to(brandt.person)


def test_a_later_hospital_reads_the_question_from_its_turn_on(adler, brandt, clinic, later):
    keeper, role = later
    request = asked(adler, clinic, later=[[role]], wave_interval=60)
    draft = request["candidates"][1]
    assert (draft["state"], keeper.beds.requests(), keeper.conversations.sync()) == ("draft", [], [])

    adler.beds.act(draft["id"], "submit")

    (received,) = keeper.open(UUID(draft["conversation"]))
    assert (received.body, received.problem) == (Text("ARDS, 52, bed free?"), None)
    assert keeper.beds.requests()[0]["candidates"][0]["state"] == "submitted"

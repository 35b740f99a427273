"""The end of a partnership: what crossed between the two hospitals crosses no more, but for a transfer that was promised."""

from uuid import uuid4

import pytest

from beds.models import Candidate
from identity.models import Partnership
from identity.models import Statement as StatementRow
from identity.services.statements import latest
from messaging.models import Conversation
from tests.identity.browser import shown
from tests.messaging.people import creation, recipients, seal, seal_first, send, start_talk
from wardline_client.protocol import Partner, encode, parse_statement


def ending(registrar, place, root=None):
    """The body that ends what the registrar's hospital accepted."""
    row = latest("partner", place.id, registrar.hospital)
    said = registrar.states("partner", place.id, Partner(root), prev=row and parse_statement(bytes(row.header), bytes(row.signature)))
    return {"statement": shown(said)}


def end(registrar, place):
    answer = registrar.post(f"partners/{place.id}/end", ending(registrar, place))
    assert answer.status_code == 200, answer.json()


def conversation_of(asked):
    return Conversation.objects.get(pk=asked.body["candidates"][0]["conversation"]["id"])


def code(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("by", ["kreis", "uni"])
def test_each_call_that_was_good_a_moment_ago_is_refused(night, ward, by):
    """An ex-partner replays everything, whichever side ended it."""
    talk, asked = start_talk(night), ward.asks("uni")
    asked.at("uni", "acknowledge")
    _, message = seal(night.brandt, talk, role=night.uni.role.id)
    first = night.adler.get(f"conversations/{talk.id}/messages")
    figure = ward.figures["uni"].pk
    assert night.adler.get(f"capacities/{figure}/history").status_code == 200
    offer = asked.step("uni", "hold")
    registrar, other = (night.kreis.registrar, night.uni) if by == "kreis" else (night.uni.registrar, night.kreis)
    end(registrar, other)

    for hospital, stranger in ((night.uni.id, night.adler), (night.kreis.id, night.brandt)):
        assert str(hospital) not in {row["id"] for row in stranger.get("directory").json()["hospitals"]}
        assert hospital not in ward.board(stranger)
        after = stranger.get("statements?after=0").json()["results"]
        assert not StatementRow.objects.filter(hospital=hospital, order__in=[row["order"] for row in after]).exists()
    assert night.adler.get(f"capacities/{figure}/history").status_code == 404
    assert code(send(night.brandt, talk, message)) == (409, "conversation.closed")
    assert code(night.adler.post("requests", ward.body("uni"))) == (400, "request.cannot_ask")
    sealed = seal_first(night.adler, recipients(night))
    assert code(night.adler.post("conversations", creation(sealed))) == (404, "conversation.unknown_member")
    assert code(night.brandt.post(asked.url("uni", "hold"), offer)) == (409, "candidate.wrong_state")
    announced = {"id": str(uuid4()), "conversation": str(talk.id), "size": 1, "sha256": "A" * 43}
    assert code(night.adler.post("attachments", announced)) == (409, "conversation.closed")
    # What was said before stays with both: it is in their records.
    assert night.adler.get(f"conversations/{talk.id}/messages").json() == first.json()
    assert (asked.states(), asked.row("uni").reason) == ({"uni": "cancelled"}, "partnership-ended")


def test_what_happens_in_a_closed_conversation_is_told_to_nobody(night, ear):
    talk = start_talk(night)
    message, sealed = seal(night.adler, talk)
    assert send(night.adler, talk, sealed).status_code == 201
    end(night.kreis.registrar, night.uni)
    ear.frames(">", night.adler.id)

    delivered = night.brandt.post(f"conversations/{talk.id}/delivered", {"sequence": 1})
    acknowledged = night.brandt.post(f"conversations/{talk.id}/messages/{message}/acknowledge", {"role": str(night.uni.role.id)})

    assert delivered.status_code == 200
    assert code(acknowledged) == (409, "conversation.closed")
    assert not [frame for frame in ear.frames(">", night.adler.id) if "delivered" in frame.text or "acknowledged" in frame.text]


def test_both_hospitals_hear_and_record_it(night, ward, ear):
    ward.asks("uni")
    end(night.kreis.registrar, night.uni)

    for place in (night.kreis, night.uni):
        written = [action for action in night.actions_of(place) if action != "identity.statement"]
        assert written[-3:] == ["beds.part", "messaging.close_conversations", "identity.end_partner"]
    [rung] = [frame for frame in ear.frames(">", night.adler.id) if "resync" in frame.text]
    assert {str(night.adler.id), str(night.brandt.id)} <= set(rung.targets)


@pytest.mark.parametrize("last", ["arrive", "divert"])
def test_a_patient_on_the_way_arrives_and_then_the_conversation_closes(night, ward, last):
    asked = ward.asks("uni").at("uni", "acknowledge", "hold", "confirm", "arrange-transport")
    end(night.uni.registrar, night.kreis)

    asked.at("uni", "depart")
    assert conversation_of(asked).closed_at is None
    asked.at("uni", last)

    assert conversation_of(asked).closed_at is not None
    assert asked.row("uni").state == {"arrive": "arrived", "divert": "diverted"}[last]


def test_other_hospitals_are_asked_on(night, ward):
    """The next wave's turn has come when the first can no longer answer, and a draft to the former partner is never asked."""
    asked = ward.asks("uni", "nord", waves=(1, 2))
    later = ward.asks("nord", "uni", waves=(1, 2))
    end(night.kreis.registrar, night.uni)

    assert asked.states() == {"uni": "cancelled", "nord": "submitted"}
    assert later.states() == {"nord": "submitted", "uni": "cancelled"}
    assert later.row("uni").asked_at is None


def test_a_conversation_with_others_stays(night, ward):
    asked = ward.asks("nord")
    end(night.kreis.registrar, night.uni)

    assert asked.states() == {"nord": "submitted"}
    assert conversation_of(asked).closed_at is None


def test_a_request_made_in_that_second_ends_too(night, ward):
    """Either it is made before the end, which then finds it, or after, and is refused: it never stays."""
    for _ in range(6):
        body = ward.body("uni")
        making = night.adler.posting("requests", body)
        parting = night.kreis.registrar.posting(f"partners/{night.uni.id}/end", ending(night.kreis.registrar, night.uni))
        made, parted = night.at_once(making, parting)

        assert parted.status_code == 200
        assert made.status_code in (201, 400, 404)
        assert set(Candidate.objects.filter(request=body["id"]).values_list("state", flat=True)) <= {"cancelled"}
        assert not Conversation.objects.filter(pk=body["candidates"][0]["conversation"]["id"], closed_at=None).exists()
        again = ending(night.kreis.registrar, night.uni, root=night.uni.root.public)
        assert night.kreis.registrar.post("partners", again | {"hospital": str(night.uni.id)}).status_code == 201


def test_accepted_again_it_begins_anew(night, ward):
    talk = start_talk(night)
    end(night.kreis.registrar, night.uni)
    again = ending(night.kreis.registrar, night.uni, root=night.uni.root.public)
    assert night.kreis.registrar.post("partners", again | {"hospital": str(night.uni.id)}).status_code == 201

    assert ward.asks("uni").states() == {"uni": "submitted"}
    assert code(send(night.adler, talk, seal(night.adler, talk)[1])) == (409, "conversation.closed")


def test_only_a_registrar_ends_with_a_statement_that_says_so(night):
    registrar, uni = night.kreis.registrar, night.uni
    url = f"partners/{uni.id}/end"

    assert code(night.adler.post(url, ending(night.adler, uni))) == (403, "registrar.required")
    assert code(registrar.post(url, ending(registrar, uni, root=uni.root.public))) == (400, "statement.unexpected")
    assert code(registrar.post(url, ending(night.adler, uni))) == (400, "statement.unexpected")
    assert code(registrar.post(f"partners/{night.fern.id}/end", ending(registrar, night.fern))) == (404, "not_found")
    assert Partnership.objects.filter(ended_at=None, hospital=night.kreis.id).count() == 3


def test_the_registrar_sees_who_accepted_whom(night):
    end(night.uni.registrar, night.kreis)

    listed = {row["hospital"]: row for row in night.kreis.registrar.get("partners").json()["results"]}

    def standing(place):
        row = listed[str(place.id)]
        return row["accepted_at"] is not None, row["accepts_us_since"] is not None

    assert [standing(place) for place in (night.nord, night.uni, night.fern)] == [(True, True), (True, False), (False, False)]
    assert str(night.kreis.id) not in listed
    assert listed[str(night.uni.id)]["root"] == encode(night.uni.root.public)

"""Asking several hospitals at once: all of it exists, or none."""

import secrets
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from beds.models import Request
from identity.models import Hospital
from messaging.models import Conversation, Member, Message
from wardline_client.protocol.bodies import Text, format_body
from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.messages import MessageHeader, seal_message


def everything(body):
    """What of a request exists: itself, its conversations, its first messages."""
    talks = [candidate["conversation"]["id"] for candidate in body["candidates"]]
    counted = (
        Request.objects.filter(pk=body["id"]),
        Conversation.objects.filter(pk__in=talks),
        Message.objects.filter(conversation__in=talks),
    )
    return tuple(found.count() for found in counted)


def test_each_hospital_gets_its_own_encrypted_conversation(night, ward):
    body = ward.body("uni", "nord", role=night.kreis.role)

    answer = night.adler.post("requests", body)

    assert answer.status_code == 201
    assert everything(body) == (1, 2, 2)
    assert [candidate["state"] for candidate in answer.json()["candidates"]] == ["submitted", "submitted"]
    for name, given in zip(("uni", "nord"), body["candidates"], strict=True):
        place = getattr(night, name)
        members = {night.adler.id, night.kreis.role.id, night.kreis.archive.id, place.role.id, place.archive.id}
        assert set(Member.objects.filter(conversation=given["conversation"]["id"]).values_list("principal", flat=True)) == members


def test_the_clock_runs_from_the_asked_hospitals_own_setting(night, ward):
    Hospital.objects.filter(pk=night.uni.id).update(acknowledge_within={"stat": 120})

    made = night.adler.post("requests", ward.body("uni", "nord")).json()

    waits = {c["hospital"]: c["acknowledge_by"] for c in made["candidates"]}
    assert minutes_after(made["created_at"], waits[str(night.uni.id)]) == 2
    assert minutes_after(made["created_at"], waits[str(night.nord.id)]) == 5


def minutes_after(start, end):
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60


def test_a_retry_with_its_key_changes_nothing(night, ward):
    body, key = ward.body("uni"), uuid4()

    first, second = night.adler.post("requests", body, key=key), night.adler.post("requests", body, key=key)

    assert (first.status_code, second.status_code, second.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.json() == second.json()
    assert everything(body) == (1, 1, 1)


def test_the_same_request_under_another_key_is_refused(night, ward):
    body = ward.body("uni")
    night.adler.post("requests", body)

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "conversation.id_reused")
    assert everything(body) == (1, 1, 1)


def test_an_id_that_is_taken_is_refused(night, ward):
    taken = ward.asks("uni").id
    body = ward.body("nord") | {"id": taken}

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "request.id_reused")
    assert everything(body) == (1, 0, 0)


def stranger(night, body):
    body["candidates"][0] |= {"hospital": str(night.fern.id), "role": str(night.fern.role.id)}


def own_hospital(night, body):
    body["candidates"][0] |= {"hospital": str(night.kreis.id), "role": str(night.kreis.role.id)}


def role_of_another(night, body):
    body["candidates"][0] |= {"role": str(night.nord.role.id)}


def same_twice(night, body):
    body["candidates"].append(body["candidates"][0] | {"id": str(uuid4())})


def wrong_category(night, body):
    body["category"] = "psych"


def tampered_epoch(night, body):
    body["candidates"][0]["conversation"]["epoch"]["s"] = "A" * 86


def tampered_message(night, body):
    sent = body["candidates"][0]["message"]
    sent["c"] = sent["c"][:-4] + ("AAAA" if sent["c"][-4:] != "AAAA" else "BBBB")


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (stranger, 400, "request.cannot_ask"),
        (own_hospital, 400, "request.cannot_ask"),
        (role_of_another, 400, "request.cannot_ask"),
        (same_twice, 400, "request.hospital_twice"),
        (wrong_category, 400, "request.role_does_not_answer"),
        (tampered_epoch, 400, "signature.invalid"),
        (tampered_message, 400, "signature.invalid"),
    ],
)
def test_what_is_refused_leaves_nothing(night, ward, spoil, status, code):
    body = ward.body("uni")
    spoil(night, body)

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert everything(body) == (0, 0, 0)


def test_one_refused_candidate_refuses_the_whole(night, ward):
    body = ward.body("uni", "nord")
    body["candidates"][1]["message"]["s"] = "A" * 86

    assert night.adler.post("requests", body).status_code == 400
    assert everything(body) == (0, 0, 0)


def message_for(by, given, *, id=None, epoch=1):
    """A first message as ``by``'s phone makes it, but for what is given; the server cannot tell that no key opens it."""
    acting = {"by": by.id, "role": None, "device": by.device_id, "prev": None}
    what = {"conversation": UUID(given["conversation"]["id"]), "epoch": epoch, "id": id or uuid4(), "attachments": ()}
    header = MessageHeader(**what, **acting, at=timezone.now(), priority="stat")
    message = seal_message(header=header, body=format_body(Text("Two lines.")), key=secrets.token_bytes(32), signing_key=by.device_key)
    return {"h": encode(message.h), "c": encode(message.c), "s": encode(message.s)}


@pytest.mark.parametrize(("changed", "code"), [({"id": UUID(int=7)}, "message.id_reused"), ({"epoch": 2}, "epoch.not_current")])
def test_of_several_messages_the_one_that_cannot_be_stored_says_why(night, ward, changed, code):
    body = ward.body("uni", "nord", "mitte")
    body["candidates"][0]["message"] = message_for(night.adler, body["candidates"][0], id=UUID(int=7))
    body["candidates"][1]["message"] = message_for(night.adler, body["candidates"][1], **changed)

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert everything(body) == (0, 0, 0)


def test_without_messages_the_conversations_are_there(night, ward):
    body = ward.body("uni", "nord")
    for candidate in body["candidates"]:
        del candidate["message"]

    assert night.adler.post("requests", body).status_code == 201
    assert everything(body) == (1, 2, 0)


def test_the_same_twice_at_once_is_asked_once(night, ward):
    body = ward.body("uni", "nord")

    answers = night.at_once(night.adler.posting("requests", body), night.adler.posting("requests", body))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert everything(body) == (1, 2, 2)


def test_a_hospital_more_costs_one_statement_more(night, ward):
    def statements(*hospitals):
        body = ward.body(*hospitals)
        with CaptureQueriesContext(connection) as caught:
            assert night.adler.post("requests", body).status_code == 201
        return len(caught)

    # The first message to each is the one that sends any message, with all its checks.
    assert statements("uni", "nord", "mitte") - statements("uni") == 2


def test_keys_that_changed_are_said_so_that_the_phone_seals_again(night, ward):
    body = ward.body("uni", role=None)
    body["candidates"][0]["conversation"]["epoch"] = ward.body("nord")["candidates"][0]["conversation"]["epoch"]

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "envelope.wrong_conversation")


def test_who_is_not_on_duty_cannot_ask_in_the_role(night, ward):
    body = ward.body("uni", by=night.conrad, role=night.kreis.role)

    answer = night.conrad.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (403, "role.not_on_duty")
    assert everything(body) == (0, 0, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "Erika Muster"),
        ("capabilities", ["born 1958-03-04"]),
        ("urgency", "please hurry"),
        ("age_band", "67 years"),
        ("sex", "Frau Muster"),
        ("transport_mode", "her son drives"),
    ],
)
def test_nothing_but_codes_goes_in_clear(night, ward, field, value):
    body = ward.body("uni", **{field: value})

    answer = night.adler.post("requests", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert str(value) not in answer.content.decode()
    assert everything(body) == (0, 0, 0)


def test_the_log_tells_each_hospital_of_itself_alone(night, ward):
    asked = ward.asks("uni", "nord")

    [event] = asked.audited("uni")
    assert (event.action, event.hospitals) == ("beds.request", {night.kreis.id, night.uni.id})
    assert asked["nord"] not in str(night.audit_of(night.uni))
    assert night.audit_of(night.kreis)[-1].agent


@pytest.mark.parametrize("who", ["former_colleague", "revoked_device", "pending", "anonymous"])
def test_for_those_outside_there_is_nothing_to_ask(night, ward, who):
    body = ward.body("uni")

    answer = night.person(who).post("requests", body)

    assert answer.status_code in (401, 403)
    assert everything(body) == (0, 0, 0)


def test_the_message_stored_is_the_one_sent(night, ward):
    body = ward.asks("uni").body
    [given] = body["candidates"]

    stored = Message.objects.get(conversation=UUID(given["conversation"]["id"]))

    assert bytes(stored.ciphertext) == decode(given["message"]["c"])

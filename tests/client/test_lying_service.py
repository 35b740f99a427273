"""What the client does with a service that answers falsely."""

from uuid import UUID

import pytest

from wardline_client.protocol import ProtocolError, decode, encode
from wardline_client.protocol.bodies import Text


def lie(account, monkeypatch, end, change):
    """Let ``change`` falsify the rows of every answer whose path ends so."""
    honest = account.api.get

    def get(path, **parameters):
        answer = honest(path, **parameters)
        if path.endswith(end):
            for row in answer["results"]:
                change(row)
        return answer

    monkeypatch.setattr(account.api, "get", get)


def flipped(text):
    data = bytearray(decode(text))
    data[5] ^= 1
    return encode(bytes(data))


@pytest.fixture
def here(adler, brandt):
    conversation = adler.talk_to(brandt.person)
    adler.send_text(conversation.id, "Guten Abend")
    return conversation


@pytest.mark.parametrize("part", ["c", "s"])
def test_a_changed_message_is_shown_as_forged(here, brandt, monkeypatch, part):
    lie(brandt, monkeypatch, "/messages", lambda row: row.update({part: flipped(row[part])}))
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "signature.invalid")


@pytest.mark.parametrize("name", ["person", "id", "role"])
def test_a_message_listed_as_somebody_elses_is_shown_as_forged(here, brandt, monkeypatch, name):
    lie(brandt, monkeypatch, "/messages", lambda row: row.update({name: str(brandt.person)}))
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "signature.invalid")


def test_a_message_of_another_conversation_is_shown_as_forged(here, adler, brandt, monkeypatch):
    other = adler.talk_to(brandt.person)
    envelope = adler.conversations.seal(other.id, Text("elsewhere"))
    lie(brandt, monkeypatch, "/messages", lambda row: row.update(envelope))
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "signature.invalid")


def test_a_message_signed_by_a_colleagues_device_is_shown_as_forged(here, adler, brandt, mitte, monkeypatch):
    cora = mitte.hire("Cora Clemens")
    listed = brandt.api.get(f"conversations/{here.id}/messages")["results"][0]
    # Cora knows the conversation's key, says she is Adler, and signs with a device that is truly hers.
    cora.conversations.known[here.id] = adler.conversations.get(here.id)
    cora.session.keyring.person = adler.person
    forged = cora.conversations.seal(here.id, Text("von Adler"), id=UUID(listed["id"]))
    lie(brandt, monkeypatch, "/messages", lambda row: row.update(forged))
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "statement.no_chain")


def test_an_epoch_that_nobody_signed_is_not_used(here, brandt, monkeypatch):
    lie(brandt, monkeypatch, "/epochs", lambda row: row.update(wraps_digest=flipped(row["wraps_digest"])))
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "signature.invalid")


def test_a_garbage_wrap_is_noticed(here, brandt, monkeypatch):
    lie(brandt, monkeypatch, "/epochs", lambda row: [entry.update(wrap=flipped(entry["wrap"])) for entry in row["wraps"]])
    (received,) = brandt.open(here.id)

    assert (received.body, received.problem) == (None, "wrap.unreadable")


def test_a_name_that_no_registrar_signed_is_not_shown(here, adler, brandt):
    book = brandt.session.book
    book.refresh()
    names = {row["id"]: row for row in book.listed["people"]}
    names[str(adler.person)]["profile"] = names[str(brandt.person)]["profile"]

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        book.profile(adler.person)


def test_what_cannot_be_opened_does_not_hide_what_comes_after(here, adler, brandt, monkeypatch):
    adler.send_text(here.id, "zweitens")
    lie(brandt, monkeypatch, "/messages", lambda row: row.update(c=flipped(row["c"])) if row["sequence"] == 1 else None)

    assert [message.body for message in brandt.open(here.id)] == [None, Text("zweitens")]

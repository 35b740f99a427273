"""Epochs and messages."""

from uuid import UUID

import pytest

from tests.protocol.vectors import binary, each, layer, refused
from wardline_client.protocol import epochs, messages
from wardline_client.protocol.encoding import decode, encode, format_time
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.signing import SigningKey


def open_epoch(case):
    kem = KemKey(decode(case["kem_seed"]))
    wrap = decode(case["w"][case["index"]])
    return epochs.open_epoch(h=decode(case["h"]), wrap=wrap, principal=UUID(case["principal"]), kem=kem)


@each("epochs", "open")
def test_a_recipient_opens_the_epoch(case):
    assert encode(open_epoch(case)) == case["key"]


@each("epochs", "open_refused")
def test_an_epoch_opens_for_nobody_else_and_to_nothing_else(case):
    with refused(case):
        open_epoch(case)


@each("epochs", "verify")
def test_an_epoch_is_verified(case):
    h, s, public = binary(case, "h", "s", "device_public")
    w = [decode(wrap) for wrap in case["w"]]

    epochs.verify_epoch_signature(h, w, s, public)
    epochs.check_wraps(epochs.parse_epoch_header(h), w)


@each("epochs", "verify_refused")
def test_a_forged_epoch_is_refused(case):
    h, s, public = binary(case, "h", "s", "device_public")
    with refused(case):
        epochs.verify_epoch_signature(h, [decode(wrap) for wrap in case["w"]], s, public)


def written(value):
    """A header as the vectors write it."""
    match value:
        case bytes():
            return encode(value)
        case UUID():
            return str(value)
        case messages.Attachment():
            return written(vars(value))
        case dict():
            return {name: written(item) for name, item in value.items()}
        case tuple() | list():
            return [written(item) for item in value]
        case _ if hasattr(value, "isoformat"):
            return format_time(value)
        case _:
            return value


@each("epochs", "headers")
def test_epoch_headers_are_read(case):
    assert written(vars(epochs.parse_epoch_header(decode(case["h"])))) == case["header"]


@each("epochs", "headers_refused")
def test_malformed_epoch_headers_are_refused(case):
    with refused(case):
        epochs.parse_epoch_header(decode(case["h"]))


@pytest.mark.parametrize("change", [lambda w: w[:-1], lambda w: [*w, w[0]], lambda w: [w[0][:-1], *w[1:]]])
def test_wraps_of_a_wrong_count_or_length_are_seen_without_a_key(change):
    case = layer("epochs")["verify"][0]
    w = [decode(wrap) for wrap in case["w"]]
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        epochs.check_wraps(epochs.parse_epoch_header(decode(case["h"])), change(w))


@each("messages", "messages")
def test_a_message_both_ways(case):
    h, c, s, key, body, public = binary(case, "h", "c", "s", "key", "body", "device_public")
    signing_key = SigningKey(decode(case["device_seed"]))
    header = messages.parse_message_header(h)

    assert messages.seal_message(header=header, body=body, key=key, signing_key=signing_key) == messages.SealedMessage(h, c, s)
    messages.verify_message_signature(h, c, s, public)
    assert messages.open_message(h=h, c=c, key=key) == body


@each("messages", "open_refused")
def test_a_changed_message_does_not_open(case):
    h, c, key = binary(case, "h", "c", "key")
    with refused(case):
        messages.open_message(h=h, c=c, key=key)


@each("messages", "verify_refused")
def test_a_forged_message_is_refused(case):
    h, c, s, public = binary(case, "h", "c", "s", "device_public")
    with refused(case):
        messages.verify_message_signature(h, c, s, public)


@each("messages", "headers")
def test_message_headers_are_read(case):
    assert written(vars(messages.parse_message_header(decode(case["h"])))) == case["header"]


@each("messages", "headers_refused")
def test_malformed_message_headers_are_refused(case):
    with refused(case):
        messages.parse_message_header(decode(case["h"]))


def test_the_longest_body_fits_and_one_byte_more_does_not():
    case = layer("messages")["messages"][0]
    header = messages.parse_message_header(decode(case["h"]))
    longest = layer("messages")["longest_body"]
    sealed = messages.seal_message(header=header, body=b"x" * longest, key=bytes(32), signing_key=SigningKey(bytes(32)))

    assert len(sealed.c) <= messages.MAX_CIPHERTEXT < len(sealed.c) + 256
    with pytest.raises(ProtocolError, match=r"message\.unreadable"):
        messages.seal_message(header=header, body=b"x" * (longest + 1), key=bytes(32), signing_key=SigningKey(bytes(32)))

"""Properties that hold for every input: what goes in comes out, and no single flipped bit goes unnoticed."""

from datetime import UTC, datetime
from itertools import accumulate, pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.vectors import layer
from wardline_client.protocol import epochs, images, keys, messages
from wardline_client.protocol.encoding import decode, encode, format_time, parse_object, to_json
from wardline_client.protocol.errors import CODES, ProtocolError
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.signing import SigningKey

CASE = layer("messages")["messages"][0]
HEADER = messages.parse_message_header(decode(CASE["h"]))
DEVICE = SigningKey(bytes(32))
seeds = st.binary(min_size=32, max_size=32)
uuids = st.uuids()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def code_of(read, data):
    try:
        read(data)
    except ProtocolError as error:
        return error.code
    return None


def flipped(data: bytes, bit: int) -> bytes:
    bit %= len(data) * 8
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.binary())
def test_base64url_comes_back(data):
    assert decode(encode(data)) == data


@given(st.text(alphabet="ABab01-_=+/ \n", max_size=12))
def test_one_spelling_for_each_value(text):
    assert code_of(decode, text) == "encoding.not_canonical" or encode(decode(text)) == text


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_objects_come_back(value):
    assert parse_object(to_json(value)) == value


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:01eE.-+ \\ua', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_code(data):
    assert code_of(parse_object, data) in CODES | {None}


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 - hypothesis wants them naive
def test_times_keep_their_milliseconds(moment):
    moment = moment.replace(tzinfo=UTC)

    assert datetime.fromisoformat(format_time(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(st.binary(min_size=16, max_size=16))
def test_recovery_codes_come_back(secret):
    assert keys.parse_recovery_code(keys.format_recovery_code(secret)) == secret


@given(st.binary(max_size=2_000), seeds)
def test_messages_come_back(body, key):
    sealed = messages.seal_message(header=HEADER, body=body, key=key, signing_key=DEVICE)

    messages.verify_message_signature(sealed.h, sealed.c, sealed.s, DEVICE.public)
    assert messages.open_message(h=sealed.h, c=sealed.c, key=key) == body


@given(st.integers(min_value=0), st.sampled_from(["h", "c", "key"]))
def test_a_flipped_bit_makes_a_message_unreadable(bit, where):
    sealed = messages.seal_message(header=HEADER, body=b"Bett frei?", key=bytes(32), signing_key=DEVICE)
    parts = {"h": sealed.h, "c": sealed.c, "key": bytes(32)}
    parts[where] = flipped(parts[where], bit)

    with pytest.raises(ProtocolError, match=r"message\.unreadable"):
        messages.open_message(**parts)


@given(st.integers(min_value=0), st.sampled_from(["h", "c", "s"]))
def test_a_flipped_bit_breaks_a_signature(bit, where):
    sealed = messages.seal_message(header=HEADER, body=b"Bett frei?", key=bytes(32), signing_key=DEVICE)
    parts = vars(sealed) | {where: flipped(getattr(sealed, where), bit)}

    with pytest.raises(ProtocolError, match=r"signature\.invalid"):
        messages.verify_message_signature(parts["h"], parts["c"], parts["s"], DEVICE.public)


@settings(max_examples=15)
@given(st.dictionaries(uuids, seeds, min_size=1, max_size=4), st.integers(min_value=0))
def test_every_recipient_opens_the_same_key_and_a_flipped_bit_nothing(people, bit):
    kems = {person: KemKey(seed) for person, seed in people.items()}
    sealed = epochs.seal_epoch(
        conversation=UUID(int=1),
        epoch=1,
        prev=None,
        by=UUID(int=2),
        role=None,
        device=UUID(int=3),
        at=datetime.now(UTC),
        recipients={person: kem.public for person, kem in kems.items()},
        retention="clinical",
        signing_key=DEVICE,
    )
    epochs.check_wraps(sealed.header, sealed.w)
    epochs.verify_epoch_signature(sealed.h, sealed.w, sealed.s, DEVICE.public)

    for (person, _), wrap in zip(sealed.header.to, sealed.w, strict=True):
        assert epochs.open_epoch(h=sealed.h, wrap=wrap, principal=person, kem=kems[person]) == sealed.key
        with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
            epochs.open_epoch(h=sealed.h, wrap=flipped(wrap, bit), principal=person, kem=kems[person])


@given(seeds, seeds, seeds, uuids, st.integers(min_value=0))
def test_a_wrapped_seed_comes_back_whole_or_not(seed, secret, share, person, bit):
    inputs = {"kind": "passkey", "secret": secret, "share": share, "person": person}
    wrap = keys.wrap_seed(seed=seed, **inputs)

    assert keys.unwrap_seed(wrap=wrap, **inputs) == seed
    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        keys.unwrap_seed(wrap=flipped(wrap, bit), **inputs)


@given(st.binary(max_size=200), st.lists(st.integers(0, 60), max_size=10), st.integers(1, 40))
def test_files_come_back_however_they_arrive(plain, cuts, chunk):
    bounds = [0, *(cut for cut in accumulate(cuts) if cut < len(plain)), len(plain)]
    sealed = list(images.seal_image(bytes(32), [plain[start:end] for start, end in pairwise(bounds)], chunk))

    assert sum(map(len, sealed)) == images.sealed_size(len(plain), chunk)
    assert b"".join(images.open_image(bytes(32), sealed, chunk)) == plain
    assert b"".join(images.open_image(bytes(32), [b"".join(sealed)], chunk)) == plain


@given(st.binary(max_size=100), st.integers(min_value=0), st.integers(1, 100))
def test_a_changed_or_shortened_file_does_not_open(plain, bit, missing):
    sealed = b"".join(images.seal_image(bytes(32), [plain], 16))

    for broken in (flipped(sealed, bit), sealed[: -min(missing, len(sealed))]):
        with pytest.raises(ProtocolError, match=r"image\.unreadable"):
            list(images.open_image(bytes(32), [broken], 16))

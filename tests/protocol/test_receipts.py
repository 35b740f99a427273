"""Offers, acceptances and the receipt of both."""

import json
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.vectors import binary, each, layer, refused
from wardline_client.protocol import (
    Signed,
    encode,
    need_digest,
    parse_acceptance,
    parse_offer,
    parse_receipt,
    root_fingerprint,
    sha256,
    verify_acceptance,
    verify_offer,
    verify_receipt,
)
from wardline_client.protocol.encoding import decode, format_time
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.promises import Acceptance, Offer, sign_acceptance, sign_offer
from wardline_client.protocol.receipts import MAX_RECEIPT, format_receipt
from wardline_client.protocol.signing import SigningKey

PARSE = {"offer": parse_offer, "acceptance": parse_acceptance}
VERIFY = {"offer": verify_offer, "acceptance": verify_acceptance}


def composed(case):
    """The receipt of a case in its one spelling, with the case's edit."""
    statements = [layer("receipts")["statements"][place] for place in case["statements"]]
    members = {name: case[name] for name in ("offer", "acceptance", "need", "roots")}
    receipt = members | {"format": "wardline-receipt/1", "statements": statements}
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace(*case.get("edit", ("", "")), 1).encode()


def pins(case):
    return {UUID(hospital): decode(root) for hospital, root in case["pins"].items()}


def plain(header):
    return {name: plainly(value) for name, value in vars(header).items()}


def plainly(value):
    match value:
        case bytes():
            return encode(value)
        case datetime():
            return format_time(value)
        case UUID():
            return str(value)
    return value


@each("receipts", "needs")
def test_a_need_has_one_digest(case):
    assert encode(need_digest(**case["need"])) == case["digest"]


@pytest.mark.parametrize(("kind", "sign"), [("offer", sign_offer), ("acceptance", sign_acceptance)])
def test_a_header_is_read_and_signed_the_same(kind, sign):
    for case in layer("receipts")[f"{kind}s"]:
        h, s, seed = binary(case, "h", "s", "signer_seed")
        header, key = PARSE[kind](h), SigningKey(seed)
        assert isinstance(header, Offer if kind == "offer" else Acceptance)
        assert plain(header) == case["header"]
        VERIFY[kind](Signed(h, s), key.public)
        assert sign(header, key) == (h, s)


@each("receipts", "offers_refused")
def test_a_malformed_offer_is_refused(case):
    with refused(case):
        parse_offer(decode(case["h"]))


@each("receipts", "acceptances_refused")
def test_a_malformed_acceptance_is_refused(case):
    with refused(case):
        parse_acceptance(decode(case["h"]))


@each("receipts", "verify_refused")
def test_a_forged_signature_is_refused(case):
    h, s, public = binary(case, "h", "s", "signer_public")
    with refused(case):
        VERIFY[case["kind"]](Signed(h, s), public)


@each("receipts", "receipts")
def test_a_receipt_holds(case):
    data = composed(case)
    receipt = parse_receipt(data)
    proved = verify_receipt(receipt, pins(case))
    again = {"offer": receipt.offer, "acceptance": receipt.acceptance, "need": receipt.need, "statements": receipt.statements}

    assert encode(sha256(data)) == case["sha256"]
    assert proved.offer == parse_offer(decode(case["offer"]["h"]))
    assert proved.need == case["need"]
    assert format_receipt(roots={hospital: root_of(receipt, hospital) for hospital in receipt.roots}, **again) == data


def root_of(receipt, hospital):
    [root] = [said.body.sign for said in receipt.statements if (said.kind, said.subject) == ("root", hospital)]
    assert root_fingerprint(root) == receipt.roots[hospital]
    return root


@each("receipts", "receipts_refused")
def test_a_receipt_that_proves_nothing_is_refused(case):
    with refused(case):
        verify_receipt(parse_receipt(composed(case)), pins(case))


def test_without_a_root_nothing_is_proved():
    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        verify_receipt(parse_receipt(composed(layer("receipts")["receipts"][0])), {})


def test_a_receipt_has_its_size():
    with pytest.raises(ProtocolError, match="too long"):
        parse_receipt(b" " * (MAX_RECEIPT + 1))


@given(st.data())
def test_no_byte_of_a_receipt_is_free(data):
    """Whatever single byte is another: it does not pass, by whatever code."""
    case = layer("receipts")["receipts"][0]
    whole = bytearray(composed(case))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        verify_receipt(parse_receipt(bytes(whole)), pins(case))

"""Encoding, headers' JSON, links, profiles, bodies."""

import json
from uuid import UUID

from tests.protocol.vectors import binary, each, refused
from wardline_client.protocol import bodies, links, profiles
from wardline_client.protocol.encoding import decode, encode, parse_object
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import PrincipalKeys


@each("encoding", "base64url")
def test_base64url_both_ways(case):
    assert encode(bytes.fromhex(case["hex"])) == case["text"]
    assert decode(case["text"]).hex() == case["hex"]


@each("encoding", "base64url_refused")
def test_second_spellings_of_bytes_are_refused(case):
    with refused(case):
        decode(case["text"])


@each("encoding", "objects")
def test_objects_are_read(case):
    value = parse_object(decode(case["bytes"]))

    assert value == (case["value"] if "value" in case else dict(case["entries"]))


@each("encoding", "objects_refused")
def test_ambiguous_objects_are_refused(case):
    with refused(case):
        parse_object(decode(case["bytes"]))


@each("links", "payloads")
def test_a_device_link_opens(case):
    sealed, secret = binary(case, "sealed", "secret")
    payload = links.open_link_payload(sealed=sealed, secret=secret, token=case["token"])

    assert links.seal_link_payload(payload=payload, secret=secret, token=case["token"]) == sealed
    assert (str(payload.person), encode(payload.seed)) == (case["payload"]["person"], case["payload"]["seed"])
    assert (str(payload.hospital), encode(payload.root)) == (case["payload"]["hospital"], case["payload"]["root"])
    assert payload.generation == case["payload"]["generation"]


@each("links", "payloads_refused")
def test_another_device_link_does_not(case):
    sealed, secret = binary(case, "sealed", "secret")
    with refused(case):
        links.open_link_payload(sealed=sealed, secret=secret, token=case["token"])


@each("links", "pins")
def test_a_persons_own_word_about_the_root(case):
    seed, sign, root, pin = binary(case, "seed", "sign", "root", "pin")
    links.verify_pin(sign, UUID(case["hospital"]), root, pin)

    assert links.sign_pin(PrincipalKeys(seed).sign, UUID(case["hospital"]), root) == pin


@each("links", "pins_refused")
def test_another_word_about_the_root_is_refused(case):
    sign, root, pin = binary(case, "sign", "root", "pin")
    with refused(case):
        links.verify_pin(sign, UUID(case["hospital"]), root, pin)


def claim_of(case):
    sign, kem = binary(case, "sign", "kem")
    return links.LinkClaim(case["token"], sign, kem)


@each("links", "digits")
def test_both_sides_of_a_device_link_show_the_same_digits(case):
    (opening,) = binary(case, "opening")

    assert encode(links.link_secret(opening)) == case["secret"]
    assert links.link_digits(opening, claim_of(case)) == case["digits"]


def open_for(case):
    sealed, secret, kem_seed = binary(case, "sealed", "secret", "kem_seed")
    inner = links.open_link_for(claim_of(case), KemKey(kem_seed), sealed)
    return links.open_link_payload(sealed=inner, secret=secret, token=case["token"])


@each("links", "claims")
def test_a_payload_opens_on_the_device_that_claimed(case):
    assert encode(open_for(case).seed) == case["payload"]["seed"]


@each("links", "claims_refused")
def test_a_payload_for_another_claim_does_not(case):
    with refused(case):
        open_for(case)


PARSE = {"link": links.parse_link, "join": links.parse_invitation, "restore": links.parse_restoration}


@each("links", "addresses")
def test_addresses_are_read(case):
    assert PARSE[case["kind"]](case["address"]) == (case["token"], decode(case["value"]))


@each("links", "addresses_refused")
def test_other_addresses_are_refused(case):
    with refused(case):
        PARSE[case["kind"]](case["address"])


@each("profiles", "profiles")
def test_a_signed_profile_is_read(case):
    p, digest = binary(case, "bytes", "digest")

    assert vars(profiles.parse_profile(p, digest)) == case["profile"]
    salt = decode(json.loads(p)["salt"])
    assert profiles.make_profile(profiles.Profile(**case["profile"]), salt) == p


@each("profiles", "profiles_refused")
def test_a_profile_nobody_signed_is_refused(case):
    with refused(case):
        profiles.parse_profile(decode(case["bytes"]), decode(case["digest"]) if "digest" in case else None)


@each("bodies", "bodies")
def test_bodies_are_read_and_written(case):
    data = decode(case["bytes"])

    assert json.loads(bodies.format_body(bodies.parse_body(data))) == case["value"]


@each("bodies", "unknown")
def test_a_body_of_a_newer_version_is_no_error(case):
    assert bodies.parse_body(decode(case["bytes"])) == bodies.Unknown(case["t"])


@each("bodies", "bodies_refused")
def test_malformed_bodies_are_refused(case):
    with refused(case):
        bodies.parse_body(decode(case["bytes"]))


def test_secrets_stay_out_of_what_is_printed():
    payload = links.LinkPayload(person=UUID(int=1), seed=b"\x07" * 32, generation=1, hospital=UUID(int=2), root=bytes(32))

    assert "\\x07" not in repr(payload)

"""Recovery officers, deposits, and seeds that two of them give back."""

from uuid import UUID

import pytest

from tests.protocol.vectors import binary, each, refused
from wardline_client.protocol import Directory, Officers, parse_statement
from wardline_client.protocol.deposits import hand_on, make_deposit, parse_ask, parse_deposit, restore
from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey


def officers_of(case):
    said = [parse_statement(*binary(each, "h", "s")) for each in case["statements"]]
    directory = Directory({UUID(hospital): decode(root) for hospital, root in case["pins"].items()}, said)
    found = directory.officers(UUID(case["hospital"]))
    if found is None:
        return None
    assert isinstance(found.body, Officers)
    return [[str(person), encode(kid)] for person, kid in found.body.officers]


@each("deposits", "officers")
def test_the_root_alone_names_officers(case):
    if "error" in case:
        with refused(case):
            officers_of(case)
    else:
        assert officers_of(case) == case["answer"]


@each("deposits", "deposits_refused")
def test_a_malformed_deposit_is_refused(case):
    with refused(case):
        parse_deposit(decode(case["h"]))


@each("deposits", "asks_refused")
def test_a_malformed_ask_is_refused(case):
    with refused(case):
        parse_ask(decode(case["h"]))


@each("deposits", "asks")
def test_the_digits_of_a_new_device(case):
    assert parse_ask(decode(case["h"])).fingerprint == case["fingerprint"]


def read(case):
    return parse_ask(decode(case["ask"])), parse_deposit(decode(case["deposit"])), KemKey(decode(case["kem_seed"]))


@each("deposits", "restored")
def test_any_two_officers_give_the_seed_back(case):
    ask, deposit, kem = read(case)
    handed = {
        place: hand_on(ask=ask, deposit=deposit, place=place, kem=KemKey(decode(seed)), sealed=decode(sealed))
        for place, seed, sealed in case["officers"]
    }

    assert encode(restore(ask=ask, deposit=deposit, kem=kem, handed=handed)) == case["seed"]


@each("deposits", "restored_refused")
def test_nothing_else_gives_it_back(case):
    ask, deposit, kem = read(case)
    with refused(case):
        restore(ask=ask, deposit=deposit, kem=kem, handed={place: decode(sealed) for place, sealed in case["handed"]})


def test_what_is_made_here_opens_for_its_officers_in_their_places_alone():
    officers, seed, where = [KemKey(bytes([number]) * 32) for number in range(3)], b"s" * 32, UUID(int=1)
    about = {"hospital": where, "person": where, "generation": 1, "named": bytes(32)}
    ask_case = next(iter(each("deposits", "asks").args[1]))
    ask = parse_ask(decode(ask_case["h"]))
    deposit, sealed = make_deposit(**about, seed=seed, kems=[officer.public for officer in officers], at=ask.at)

    for place, officer in enumerate(officers):
        assert hand_on(ask=ask, deposit=deposit, place=place, kem=officer, sealed=sealed[place])
        with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
            hand_on(ask=ask, deposit=deposit, place=(place + 1) % 3, kem=officer, sealed=sealed[place])

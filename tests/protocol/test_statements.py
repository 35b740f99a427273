"""Statements, and what a directory believes of them."""

from uuid import UUID

import pytest

from tests.protocol.vectors import binary, each, layer, refused
from wardline_client.protocol import Directory, parse_statement, verify_statement
from wardline_client.protocol.encoding import decode, encode, format_time, sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.signing import SigningKey


@each("statements", "statements")
def test_a_statement_is_read_and_verified(case):
    h, s, seed, public = binary(case, "h", "s", "signer_seed", "signer_public")
    statement = parse_statement(h, s)
    verify_statement(statement, public)

    header = case["header"]
    assert SigningKey(seed).sign("sig-statement", sha256(h)) == s
    assert [statement.kind, str(statement.subject), str(statement.by)] == [header["kind"], header["subject"], header["by"]]
    assert [format_time(statement.at), encode(statement.kid), statement.prev and encode(statement.prev)] == [
        header["at"],
        header["kid"],
        header["prev"],
    ]
    assert list(vars(statement.body)) == list(header["body"])


@each("statements", "verify_refused")
def test_a_forged_statement_is_refused(case):
    h, s, public = binary(case, "h", "s", "signer_public")
    with refused(case):
        verify_statement(parse_statement(h, s), public)


@each("statements", "headers_refused")
def test_a_malformed_statement_is_refused(case):
    with refused(case):
        parse_statement(decode(case["h"]), b"")


def load(case):
    said = [parse_statement(*binary(layer("directory")["statements"][place], "h", "s")) for place in case["statements"]]
    return Directory({UUID(hospital): decode(root) for hospital, root in case["pins"].items()}, said)


def ask(directory, question):
    if "principal" not in question:
        device = directory.device(UUID(question["device"])) if "device" in question else directory.device_ever(UUID(question["ever"]))
        return {"principal": str(device.principal), "sign": encode(device.sign)}
    found = directory.principal(UUID(question["principal"]))
    return {
        "kind": found.kind,
        "hospital": str(found.hospital),
        "generation": found.generation,
        "kem": encode(found.kem),
        "sign": encode(found.sign) if found.sign else None,
        "profile": encode(found.profile),
        "eligible": [str(person) for person in found.eligible],
    }


@each("directory", "directories")
def test_a_directory_answers(case):
    if "error" in case:
        with refused(case):
            ask(load(case), case["ask"])
    else:
        assert ask(load(case), case["ask"]) == case["answer"]


# The vectors' outcomes were written by this implementation; these were written by a person.
OUTCOMES = {
    "a member": 1,
    "a duty role": 1,
    "the archive": 1,
    "a device": "device",
    "in reverse order of arrival": "device",
    "each statement twice": 1,
    "the latest generation holds": 2,
    "stated again by the next generation": "device",
    "a member of a partner hospital": 1,
    "a stranger's bad signature changes nothing": 1,
    "a key without a chain": "statement.no_chain",
    "nobody said anything": "statement.no_chain",
    "without the registrar's statement": "statement.no_chain",
    "without the root's statement": "statement.no_chain",
    "a root that is not the pinned one": "statement.no_chain",
    "a registrar not stated by the root": "statement.no_chain",
    "a member of a hospital that is no partner": "statement.no_chain",
    "a partner's partner": "statement.no_chain",
    "wrong signature": "statement.no_chain",
    "forked statements": "statement.fork",
    "forked statements, the other way round": "statement.fork",
    "a fork of another does not matter": 1,
    "predecessor missing": "statement.no_chain",
    "generation falls": 2,
    "same generation, other key": 1,
    "revoked by its owner": "statement.revoked",
    "the other device is not revoked": "device",
    "revoked by a registrar": "statement.revoked",
    "a colleague cannot revoke": "device",
    "a device stated by a colleague": "statement.no_chain",
    "a device stated by a former key": "statement.no_chain",
    "a new device stated by a former key": "statement.no_chain",
    "stated by a registrar's former key before it was replaced": 1,
    "stated by a registrar's former key after it was replaced": "statement.no_chain",
    "stated by a registrar's present key": 1,
    "a partner's registrar about another hospital's member": "statement.no_chain",
    "revoked by a colleague in the colleague's own name": "device",
    "a root statement that names another key": "statement.no_chain",
    "subject of two hospitals: the pinned one counts": 1,
    "stated by a registrar before the office ended": 1,
    "stated by a former registrar": "statement.no_chain",
    "stated by a former registrar, the end known before": "statement.no_chain",
    "stated by somebody who is registrar again": 1,
    "an office ended by its holder's own key is not ended": 1,
    "a member of a former partner": "statement.no_chain",
    "a member of a former partner, the end coming first": "statement.no_chain",
    "a member of a partner accepted again": 1,
    "a member of a partner accepted again under another root": "statement.no_chain",
    "a device stated by a former key in the present key's name": "statement.no_chain",
    "stated by a registrar's present key, by a clock that is behind": 1,
    "stated by a registrar whose office is forked": "statement.no_chain",
    "a device stated again with another key": "device",
    "a device stated again by a colleague": "device",
    "what a device stated by a colleague signed": "statement.no_chain",
    "what a revoked device signed": "device",
    "what a device of a partner's partner signed": "statement.no_chain",
    "stated again by another partner": 1,
}


def test_the_directory_vectors_say_what_the_page_says():
    def outcome(case):
        return case.get("error") or case["answer"].get("generation", "device")

    assert {case["name"]: outcome(case) for case in layer("directory")["directories"]} == OUTCOMES


def test_a_revoked_device_is_still_known_for_what_it_signed():
    case = next(case for case in layer("directory")["directories"] if case["name"] == "revoked by its owner")
    device = load(case).device_ever(UUID(case["ask"]["device"]))

    assert device.revoked is not None


def test_a_statement_that_came_before_what_proves_it_is_not_lost():
    case = next(case for case in layer("directory")["directories"] if case["name"] == "a device")
    said = [parse_statement(*binary(layer("directory")["statements"][place], "h", "s")) for place in case["statements"]]
    directory = Directory({UUID(hospital): decode(root) for hospital, root in case["pins"].items()}, said[2:])
    assert directory.refused

    with pytest.raises(ProtocolError, match=r"statement\.no_chain"):
        ask(directory, case["ask"])
    directory.extend(said[:2])

    assert not directory.refused
    assert ask(directory, case["ask"]) == case["answer"]

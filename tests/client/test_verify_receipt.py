"""``wardline-verify receipt``: a third reader of the vectors, offline, with its own code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocol.test_receipts import composed, pins
from tests.protocol.vectors import each, layer
from wardline_client.protocol import encode, parse_receipt, root_fingerprint
from wardline_verify.bundle import Verdict
from wardline_verify.chain import HEADER_AT_MOST, read_header, read_statement
from wardline_verify.cli import main
from wardline_verify.receipt import _ACCEPTANCE, _OFFER, judge
from wardline_verify.receipt_words import TEXTS, VERDICTS
from wardline_verify.strict import Malformed, binary

GOOD = layer("receipts")["receipts"][0]
# What an error of the protocol is here; a reader that is told to leave nothing out has more to say than a client.
WORSE = {Verdict.TAMPERED, Verdict.INCOMPLETE, Verdict.UNUSABLE}


def roots(case):
    return {str(hospital): root_fingerprint(root).replace(" ", "") for hospital, root in pins(case).items()}


@pytest.fixture
def kept(tmp_path):
    """The good receipt as a file."""
    path = tmp_path / "receipt.json"
    path.write_bytes(composed(GOOD))
    return path


@pytest.fixture
def brought():
    """Both roots, as they are given."""
    return [part for hospital, root in pins(GOOD).items() for part in ("--root", f"{hospital}={root_fingerprint(root)}")]


@each("receipts", "receipts")
def test_a_receipt_is_intact(case):
    report = judge(composed(case), roots(case))

    assert (report.verdict, report.findings) == (Verdict.INTACT, [])
    assert report.promise["accepted"]["at"] == json.loads(binary()(case["acceptance"]["h"]))["at"]
    assert report.roots == case["roots"]


@each("receipts", "receipts_refused")
def test_what_proves_nothing_is_not(case):
    assert judge(composed(case), roots(case)).verdict in WORSE


@pytest.mark.parametrize(
    ("name", "verdict", "text"),
    [
        ("the offer swapped for another of the same device", Verdict.TAMPERED, "other_offer"),
        ("another need", Verdict.TAMPERED, "other_need"),
        ("another fingerprint", Verdict.TAMPERED, "other_roots"),
        ("accepted too late", Verdict.TAMPERED, "out_of_time"),
        ("a device that was revoked", Verdict.TAMPERED, "device_revoked"),
        ("somebody not eligible for the role", Verdict.TAMPERED, "not_eligible"),
        ("an acceptance signed by another device", Verdict.TAMPERED, "acceptance_not_signed"),
        ("an offer signed by another device", Verdict.TAMPERED, "offer_not_signed"),
        ("a statement nobody signed", Verdict.TAMPERED, "statement_forged"),
        ("two role statements in one place", Verdict.TAMPERED, "fork"),
        ("another origin's root is pinned", Verdict.TAMPERED, "wrong_root"),
        ("a third hospital's root is pinned", Verdict.UNUSABLE, "bad_receipt"),
        ("without the origin's root", Verdict.INCOMPLETE, "no_statement"),
        ("without the origin's registrar", Verdict.INCOMPLETE, "no_signer"),
        ("without the destination's device", Verdict.INCOMPLETE, "no_statement"),
        ("without the destination's role", Verdict.INCOMPLETE, "no_statement"),
        ("one root, and no partner statement about the other", Verdict.INCOMPLETE, "no_partner"),
        ("white space", Verdict.TAMPERED, "not_canonical"),
        ("cut off", Verdict.UNUSABLE, "bad_receipt"),
    ],
)
def test_the_worst_is_named(name, verdict, text):
    [case] = [case for case in layer("receipts")["receipts_refused"] if case["name"] == name]
    report = judge(composed(case), roots(case))

    assert (report.verdict, [code for _, code, _ in report.findings]) == (verdict, [text])


def test_no_byte_can_be_another():
    """One byte at a time, in steps closer than anything in the file is long."""
    whole = composed(GOOD)
    for at in [*range(3_000), *range(3_000, len(whole), 7)]:
        other = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert judge(other, roots(GOOD)).verdict in WORSE, (at, whole[max(0, at - 20) : at + 20])


@each("receipts", "offers_refused")
def test_a_malformed_offer_is_refused(case):
    with pytest.raises(Malformed):
        read_header(binary()(case["h"]), "offer", _OFFER, 2_048)


@each("receipts", "acceptances_refused")
def test_a_malformed_acceptance_is_refused(case):
    with pytest.raises(Malformed):
        read_header(binary()(case["h"]), "acceptance", _ACCEPTANCE, 2_048)


@each("statements", "headers_refused")
def test_a_malformed_statement_is_refused(case):
    with pytest.raises(Malformed):
        read_statement(binary()(case["h"]), b"")


def test_a_proper_statement_is_read():
    for case in layer("statements")["statements"]:
        if case["header"]["kind"] not in ("archive", "recovery"):  # no receipt needs one
            assert read_statement(binary()(case["h"]), b"").kind == case["header"]["kind"]
    assert HEADER_AT_MOST == 65_536


def said(capsys, *arguments):
    code = main(["receipt", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_it_says_so_in_both_languages(capsys, kept, brought):
    for language, word in (("en", "INTACT"), ("de", "UNVERSEHRT")):
        code, text = said(capsys, kept, *brought, "--language", language)
        assert code == 0
        assert text.startswith(word)
        assert "30" in text.splitlines()[1]
        assert all(root_fingerprint(root) in text for root in pins(GOOD).values())


def test_one_fingerprint_is_enough(capsys, kept, brought):
    assert said(capsys, kept, *brought[:2])[0] == said(capsys, kept, *brought[2:])[0] == 0


def test_without_a_fingerprint_there_is_no_verdict(capsys, kept):
    assert said(capsys, kept)[0] == Verdict.UNUSABLE
    code, text = said(capsys, kept, "--trust-receipt-roots", "--language", "en")
    assert code == 0
    assert text.splitlines()[-1].startswith("NOTE")


def test_another_fingerprint_is_found(capsys, kept, brought):
    hospital = brought[1].split("=")[0]
    code, text = said(capsys, kept, "--root", f"{hospital}={'12345 ' * 6}", "--json", "--language", "en")

    assert code == Verdict.TAMPERED
    assert json.loads(text)["codes"] == ["wrong_root"]


@pytest.mark.parametrize("root", ["", "x", "kreis=1", "{hospital}=12345", "{hospital}"])
def test_a_root_that_cannot_be_read_is_said(capsys, kept, brought, root):
    code, text = said(capsys, kept, "--root", root.format(hospital=brought[1].split("=")[0]), "--json")

    assert code == Verdict.UNUSABLE
    assert json.loads(text)["codes"] == ["bad_root"]


def test_a_file_that_is_not_there_or_no_receipt(capsys, tmp_path, brought):
    empty = tmp_path / "empty.json"
    empty.write_bytes(b"")
    for path in (tmp_path / "none.json", empty):
        assert said(capsys, path, *brought)[0] == Verdict.UNUSABLE


def test_the_json_says_what_was_promised(capsys, kept, brought):
    code, text = said(capsys, kept, *brought, "--json")
    facts = json.loads(text)

    assert (code, facts["verdict"], facts["findings"], facts["is_root_from_receipt"]) == (0, "intact", [], False)
    assert facts["promise"]["minutes"] == 30
    assert facts["promise"]["need"] == GOOD["need"]
    assert facts["promise"]["acceptance_of"] == json.loads(binary()(GOOD["acceptance"]["h"]))["offer"]
    assert facts["roots"] == GOOD["roots"]
    assert len(facts["checked"]) == 3


def test_no_control_character_reaches_the_terminal(capsys, tmp_path, brought):
    path = tmp_path / "receipt.json"
    path.write_bytes(composed(GOOD).replace(b"wardline-receipt/1", b"\\u001b[2J"))

    assert "\x1b" not in said(capsys, path, *brought)[1]


def test_every_sentence_is_there_twice():
    assert TEXTS["de"].keys() == TEXTS["en"].keys()
    assert VERDICTS["de"].keys() == VERDICTS["en"].keys()


def test_it_needs_nothing_of_ours_and_no_network(kept, brought):
    program = "import sys; from wardline_verify.cli import main; code = main(sys.argv[1:]); print(*sorted(sys.modules)); sys.exit(code)"
    client = Path(__file__).resolve().parents[2] / "client"
    arguments = [sys.executable, "-c", program, "receipt", str(kept), *brought]
    done = subprocess.run(arguments, cwd=client, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(client)})
    loaded = set(done.stdout.splitlines()[-1].split())

    assert done.returncode == 0
    assert not {name.split(".")[0] for name in loaded} & {"wardline_client", "django", "httpx", "beds", "identity", "socket"}


def test_the_client_and_the_verifier_read_the_same(kept):
    assert encode(parse_receipt(kept.read_bytes()).offer.s) == GOOD["offer"]["s"]

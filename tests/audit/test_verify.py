"""``wardline-verify`` before bundles of every kind of badness."""

import hashlib
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit.signed import Bundle, Signer, b64, bundle, event, judged, note
from tests.audit.test_merkle import root_by_the_book
from wardline_verify.bundle import Verdict
from wardline_verify.cli import main

__all__ = ["bundle", "judged"]


def test_what_is_whole_is_intact(judged):
    assert judged() == (Verdict.INTACT, [])


def test_a_log_of_nothing_is_intact(bundle, judged):
    bundle.leaves = []
    bundle.make()
    assert judged() == (Verdict.INTACT, [])


def test_another_spelling_of_the_same_bytes(bundle, judged):
    bundle.leaves[2] += b" " * (-len(bundle.leaves[2]) % 3 + 1)  # one byte over: the last character before == has four bits to spare
    bundle.make()
    text = bundle.lines[3]["leaf"]
    assert text.endswith("==")
    assert judged() == (Verdict.INTACT, [])
    bundle.lines[3]["leaf"] = text[:-3] + {"A": "B", "g": "h", "Q": "R", "w": "x"}[text[-3]] + "=="
    assert judged() == (Verdict.UNUSABLE, ["bad_line"])


def test_a_leaf_changed(bundle, judged):
    bundle.lines[3]["leaf"] = b64(event(2, outcome="refused"))
    assert judged() == (Verdict.TAMPERED, ["wrong_root"])


@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_leaf_removed(bundle, judged, at):
    del bundle.lines[at]
    assert judged()[0] is Verdict.TAMPERED


@pytest.mark.parametrize("at", [1, 4, 7])
def test_a_leaf_removed_and_the_rest_moved_up(bundle, judged, at):
    del bundle.lines[at]
    for index, line in enumerate(bundle.lines[1:-1]):
        line["index"] = index
    assert judged() == (Verdict.TAMPERED, ["missing_leaves"])


def test_two_leaves_swapped(bundle, judged):
    bundle.lines[2]["leaf"], bundle.lines[3]["leaf"] = bundle.lines[3]["leaf"], bundle.lines[2]["leaf"]
    assert judged() == (Verdict.TAMPERED, ["wrong_root"])


def test_a_leaf_put_in_at_the_end(bundle, judged):
    bundle.lines.insert(-1, {"index": 7, "leaf": b64(event(9))})
    assert judged()[0] is Verdict.TAMPERED


def test_something_after_the_end(bundle, judged):
    bundle.lines.append({"index": 7, "leaf": b64(event(9))})
    assert judged()[0] is Verdict.TAMPERED


def test_an_inner_node_is_not_taken_for_a_leaf(bundle, judged):
    """Were leaves and nodes hashed alike, two leaves could be sold as one."""
    hashes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in bundle.leaves[:2]]
    bundle.leaves = [b"".join(hashes), *bundle.leaves[2:]]
    lines = bundle.lines
    bundle.make()
    bundle.lines[0] = lines[0]
    assert judged()[0] is Verdict.TAMPERED


def test_signed_by_another_key(bundle, judged):
    assert judged("--key", Signer().verifier_key) == (Verdict.TAMPERED, ["not_signed"])


def test_signed_for_another_log(bundle, judged):
    bundle.lines[0]["checkpoint"] = note(bundle.leaves, bundle.signer, origin="wardline.example/audit/2")
    assert judged() == (Verdict.TAMPERED, ["not_signed"])


def test_a_checkpoint_changed_after_it_was_signed(bundle, judged):
    bundle.lines[0]["checkpoint"] = bundle.lines[0]["checkpoint"].replace("\n7\n", "\n6\n")
    del bundle.lines[7]
    assert "not_signed" in judged()[1]


def test_the_key_in_the_bundle_is_believed_only_when_told_to(bundle, capsys):
    bundle.path.write_bytes(bundle.content())
    assert main([str(bundle.path)]) == Verdict.UNUSABLE
    capsys.readouterr()
    assert main([str(bundle.path), "--trust-bundle-key", "--language", "en"]) == Verdict.INTACT
    assert "not forgery" in capsys.readouterr().out


def test_a_download_that_broke_off_is_incomplete_wherever_it_did(bundle, judged):
    content = bundle.content()
    head = content.index(b"\n") + 1
    for end in range(head, len(content), 37):
        assert judged(content=content[:end])[0] is Verdict.INCOMPLETE, end


def test_withheld_leaves_show(bundle, judged):
    bundle.lines[3] = {"index": 2, "hash": b64(hashlib.sha256(b"\x00" + bundle.leaves[2]).digest())}
    assert judged() == (Verdict.INCOMPLETE, ["withheld"])


def test_a_false_hash_for_a_withheld_leaf_is_tampering(bundle, judged):
    bundle.lines[3] = {"index": 2, "hash": b64(bytes(32))}
    assert judged()[0] is Verdict.TAMPERED


class TestStretches:
    """Full subtrees instead of leaves: what lies outside of the time that was asked for."""

    def withheld(self, bundle, start, height):
        """Put one line in the place of ``2**height`` leaves."""
        hashes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in bundle.leaves[start : start + (1 << height)]]
        at = next(at for at, line in enumerate(bundle.lines) if line.get("index") == start)
        bundle.lines[at : at + (1 << height)] = [{"index": start, "height": height, "hash": b64(root_by_the_book(hashes))}]

    @pytest.mark.parametrize("stretches", [[(0, 2)], [(4, 1)], [(0, 1), (4, 1)], [(2, 1), (6, 0)]])
    def test_show_as_withheld_and_the_root_is_right(self, bundle, judged, stretches):
        for start, height in stretches:
            self.withheld(bundle, start, height)
        assert judged() == (Verdict.INCOMPLETE, ["withheld"])

    def test_a_false_one(self, bundle, judged):
        self.withheld(bundle, 0, 2)
        bundle.lines[1]["hash"] = b64(bytes(32))
        assert "wrong_root" in judged()[1]

    @pytest.mark.parametrize("height", [-1, 63, 1.0, True, "1", None])
    def test_a_height_that_is_none(self, bundle, judged, height):
        self.withheld(bundle, 0, 2)
        bundle.lines[1]["height"] = height
        assert judged()[0] is Verdict.UNUSABLE

    @pytest.mark.parametrize(("start", "height"), [(1, 1), (2, 2), (4, 2)])
    def test_one_where_no_such_subtree_is(self, bundle, judged, start, height):
        self.withheld(bundle, start, height)
        assert judged()[0] is Verdict.TAMPERED

    def test_a_leaf_stands_for_itself_alone(self, bundle, judged):
        bundle.lines[1]["height"] = 1
        assert judged()[0] is Verdict.UNUSABLE

    def test_the_saved_checkpoint_is_checked_at_their_edge_and_not_inside(self, bundle, judged):
        self.withheld(bundle, 0, 2)
        edge, inside = (bundle.saves(f"saved{size}", note(bundle.leaves[:size], bundle.signer)) for size in (4, 3))
        assert judged("--saved", edge) == (Verdict.INCOMPLETE, ["withheld"])
        assert "saved_unreachable" in judged("--saved", inside)[1]


class TestOpenings:
    salt = bytes(range(32))
    commitment = b64(hashlib.sha256(b"wardline-audit/1 opening\0" + b"device_label\0" + salt + b"Phone").digest())

    @pytest.fixture
    def bundle(self, tmp_path):
        return Bundle(tmp_path, [event(0, commitments={"device_label": self.commitment}), event(1)])

    def opens(self, bundle, value):
        bundle.lines[1]["openings"] = {"device_label": {"salt": b64(self.salt), "value": value}}

    def test_open(self, bundle, judged):
        self.opens(bundle, "Phone")
        assert judged() == (Verdict.INTACT, [])

    def test_false(self, bundle, judged):
        self.opens(bundle, "Tablet")
        assert judged() == (Verdict.TAMPERED, ["wrong_opening"])

    def test_missing(self, judged):
        assert judged() == (Verdict.INCOMPLETE, ["openings_missing"])

    def test_erased(self, bundle, judged):
        bundle.leaves.append(event(2, action="privacy.erased", detail={"commitments": [self.commitment]}))
        bundle.make()
        assert judged() == (Verdict.ERASED, ["erased"])

    @pytest.mark.parametrize("detail", [{}, {"commitments": ["A"]}, {"commitments": "x"}, [], {"commitments": [1]}])
    def test_an_erasure_of_something_else(self, bundle, judged, detail):
        bundle.leaves.append(event(2, action="privacy.erased", detail=detail))
        bundle.make()
        assert judged() == (Verdict.INCOMPLETE, ["openings_missing"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        b'{"format":"wardline-audit/2"}\n',
        b'{"format":"wardline-audit/1"}\n',
    ],
)
def test_what_is_no_bundle_is_unusable(judged, content):
    assert judged(content=content)[0] is Verdict.UNUSABLE


@pytest.mark.parametrize("leaf", [b"", b"\xff", b"[]", b'{"v":2}', b'{"v":1,"at":[],"action":"a","outcome":"b"}', b"[" * 50_000])
def test_a_signed_leaf_that_says_nothing_is_unusable(bundle, judged, leaf):
    bundle.leaves[2] = leaf
    bundle.make()
    assert judged() == (Verdict.UNUSABLE, ["unreadable_leaf"])


@pytest.mark.parametrize("arguments", [[], ["--nothing"], ["bundle", "--key", "x"], ["no-such-file", "--trust-bundle-key"]])
def test_a_call_that_makes_no_sense_is_unusable_and_not_incomplete(arguments, capsys):
    assert main(arguments) == Verdict.UNUSABLE
    assert capsys.readouterr().out


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_among_the_leaves_goes_unnoticed(bundle, judged, data):
    content = bytearray(bundle.content())
    start, end = content.index(b"\n") + 1, content.rindex(b'{"end"')
    content[data.draw(st.integers(start, end - 1))] ^= 1 << data.draw(st.integers(0, 7))

    assert judged(content=bytes(content))[0] is not Verdict.INTACT


def test_says_it_in_german_and_moves_no_cursor(bundle, capsys):
    bundle.leaves[0] = event(0, at="\x1b[2Jlater\nINTACT")
    bundle.make()
    bundle.path.write_bytes(bundle.content())
    assert main([str(bundle.path), "--key", bundle.signer.verifier_key, "--language", "de"]) == Verdict.INTACT

    said = capsys.readouterr().out
    assert said.startswith("UNVERSEHRT")
    assert "\x1b" not in said
    assert "\nINTACT" not in said


def test_as_a_program_of_its_own_it_needs_nothing_of_the_service(bundle, tmp_path):
    bundle.lines[3]["leaf"] = b64(event(2, outcome="refused"))
    bundle.path.write_bytes(bundle.content())
    program = "import sys; from wardline_verify.cli import main; code = main(sys.argv[1:]); print(*sorted(sys.modules)); sys.exit(code)"
    arguments = [sys.executable, "-c", program, str(bundle.path), "--key", bundle.signer.verifier_key]

    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, env={"LANG": "de_DE.UTF-8", "PATH": os.environ["PATH"]})

    assert done.returncode == Verdict.TAMPERED, done.stderr
    verdict, *_, modules = done.stdout.splitlines()
    assert verdict.startswith("MANIPULIERT")
    assert not {"django", "audit", "wardline_client", "httpx"} & {module.split(".")[0] for module in modules.split()}

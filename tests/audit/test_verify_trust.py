"""Whom ``wardline-verify`` believes: the checkpoint the auditor saved, and the policy's log and witnesses."""

import pytest

from tests.audit.signed import Signer, b64, bundle, event, judged, note
from wardline_verify.bundle import Verdict

__all__ = ["bundle", "judged"]


class TestSaved:
    @pytest.fixture
    def earlier(self, bundle):
        return bundle.saves("saved", note(bundle.leaves[:4], bundle.signer))

    def test_continued(self, judged, earlier):
        assert judged("--saved", earlier) == (Verdict.INTACT, [])

    def test_another_past_under_the_right_key(self, bundle, judged, earlier):
        bundle.leaves[1] = event(1, outcome="refused")
        bundle.make()
        assert judged() == (Verdict.INTACT, [])
        assert judged("--saved", earlier) == (Verdict.TAMPERED, ["other_past"])

    def test_shorter_than_it_was(self, bundle, judged, earlier):
        bundle.leaves = bundle.leaves[:3]
        bundle.make()
        assert judged("--saved", earlier) == (Verdict.TAMPERED, ["shrunk"])

    def test_not_signed_by_the_log(self, bundle, judged):
        assert judged("--saved", bundle.saves("saved", note(bundle.leaves[:4], Signer()))) == (Verdict.UNUSABLE, ["saved_not_signed"])

    def test_of_another_log_that_is_believed_too(self, bundle, judged):
        other = Signer("wardline.example/audit/2")
        policy = bundle.saves("policy", f"log {bundle.signer.verifier_key}\nlog {other.verifier_key}\n")
        saved = bundle.saves("saved", note(bundle.leaves[:4], other, origin=other.name))
        assert judged("--policy", policy, "--saved", saved) == (Verdict.UNUSABLE, ["saved_of_other_log"])

    def test_no_checkpoint(self, bundle, judged):
        assert judged("--saved", bundle.saves("saved", "hello")) == (Verdict.UNUSABLE, ["bad_checkpoint"])

    def test_written_from_an_intact_log_alone(self, bundle, judged, earlier):
        before = (bundle.folder / "saved").read_text()
        bundle.lines[6]["leaf"] = b64(event(2, outcome="refused"))
        assert judged("--saved", earlier, "--save", earlier)[0] is Verdict.TAMPERED
        assert (bundle.folder / "saved").read_text() == before

        bundle.make()
        assert judged("--saved", earlier, "--save", earlier)[0] is Verdict.INTACT
        assert (bundle.folder / "saved").read_text() == bundle.lines[0]["checkpoint"]


class TestPolicy:
    witnesses = [Signer(name, kind=4) for name in ("north", "south", "west")]

    def policy(self, bundle, quorum):
        lines = [f"log {bundle.signer.verifier_key}", *(f"witness {each.name} {each.verifier_key}" for each in self.witnesses)]
        return bundle.saves("policy", "\n".join(["# who is believed", *lines, "", quorum]))

    @pytest.mark.parametrize(
        ("quorum", "present", "verdict"),
        [
            ("quorum none", 0, Verdict.INTACT),
            ("quorum north", 1, Verdict.INTACT),
            ("quorum north", 0, Verdict.TAMPERED),
            ("quorum west", 2, Verdict.TAMPERED),
            ("group g 2 north south west\nquorum g", 2, Verdict.INTACT),
            ("group g 2 north south west\nquorum g", 1, Verdict.TAMPERED),
            ("group g all north south\ngroup h any g west\nquorum h", 2, Verdict.INTACT),
            ("group g all north south\ngroup h any g west\nquorum h", 1, Verdict.TAMPERED),
        ],
    )
    def test_quorum(self, bundle, judged, quorum, present, verdict):
        bundle.make(bundle.signer, *self.witnesses[:present])
        assert judged("--policy", self.policy(bundle, quorum))[0] is verdict

    def test_witnesses_do_not_stand_in_for_the_log(self, bundle, judged):
        bundle.make(*self.witnesses)
        assert judged("--policy", self.policy(bundle, "quorum north")) == (Verdict.TAMPERED, ["not_signed"])

    def test_a_witness_that_signed_something_else(self, bundle, judged):
        bundle.make(bundle.signer)
        bundle.lines[0]["checkpoint"] += self.witnesses[0].line("something else")
        assert judged("--policy", self.policy(bundle, "quorum north")) == (Verdict.TAMPERED, ["no_quorum"])

    @pytest.mark.parametrize(
        "line", ["quorum nobody", "group g 4 north south west", "group g 0 north", "group g 1 nobody", "witness north x", "x"]
    )
    def test_what_is_no_policy(self, bundle, judged, line):
        assert judged("--policy", self.policy(bundle, line))[0] is Verdict.UNUSABLE

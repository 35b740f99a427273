"""Whatever ``wardline-verify`` is given, it answers with a verdict and a sentence: Python's exit code after an error that nobody caught
is 1, and that is *tampered*.

Random values in every place of a bundle, of a leaf, of the files brought along and of a receipt; bytes that are nothing at all; and by name
what once ended without a verdict. What is signed inside is signed by the log itself: its operator, too, may write what he likes.
"""

import copy
import hashlib
import io
import json
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit.signed import ORIGIN, Bundle, Signer, b64, event, note
from tests.protocol.test_receipts import composed
from tests.protocol.vectors import layer
from wardline_client.protocol.encoding import decode, encode
from wardline_verify import receipt_words
from wardline_verify.bundle import Verdict
from wardline_verify.calls import LINE_AT_MOST
from wardline_verify.cli import main
from wardline_verify.words import VERDICTS

FEW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SURROGATE = "\ud800"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([2**63, 10**400, -1, 0, 1, float("inf"), float("nan"), SURROGATE, "", "A===", "\n", "\x1b[2J", "AAAA", "0001-01-01"])
    | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("salt"), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of every value inside, and of the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


@pytest.fixture
def files(tmp_path):
    """A bundle with an opening, its key, and a second file beside it."""
    made = Bundle(tmp_path, [event(0, agent={"person": "1"}, commitments={"agent": b64(bytes(32))}), *map(event, range(1, 4))])
    made.lines[1]["openings"] = {"agent": {"salt": b64(bytes(32)), "value": json.dumps({"name": "Adler", "title": ""})}}
    return made


@pytest.fixture
def verdict(capsys):
    """Run the program as a person and as a machine would; what it says has to be one of its own words both times."""

    def run(*arguments: str) -> Verdict:
        capsys.readouterr()
        code = main([*arguments, "--language", "en"])
        said = capsys.readouterr().out
        words = receipt_words.VERDICTS if arguments[0] == "receipt" else VERDICTS
        assert said.startswith(words["en"][Verdict(code)])
        assert said.isprintable() or set(filter(lambda each: not each.isprintable(), said)) == {"\n"}
        assert main([*arguments, "--json"]) == code
        facts = json.loads(capsys.readouterr().out)
        assert facts["verdict"] == Verdict(code).name.lower()
        assert "internal" not in facts["codes"]
        return Verdict(code)

    return run


def text_of(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def audit_event(leaf: bytes) -> dict[str, Any]:
    """What ``--events`` reads of one."""
    digest = b64(hashlib.sha256(b"\x00" + leaf).digest())
    said = [{"type": "action", "valueString": "beds.hold"}, {"type": "leaf-hash", "valueBase64Binary": digest}]
    user = {"requestor": True, "who": {"identifier": {"value": "urn:uuid:1"}}, "name": "Adler"}
    entity = {"what": {"identifier": {"value": "0"}}, "detail": said}
    return {"recorded": "2026-11-23T01:00:00.000000+00:00", "outcome": "0", "agent": [user], "entity": [entity]}


@FEW
@given(data=st.data())
def test_any_value_in_any_line(files, verdict, data):
    lines = copy.deepcopy(files.lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = put(lines[at], data.draw(st.sampled_from(places(lines[at]))), data.draw(VALUES))
    files.path.write_bytes(b"".join(map(text_of, lines)))

    for belief in (["--key", files.signer.verifier_key], ["--trust-bundle-key"]):
        verdict(str(files.path), *belief)


@FEW
@given(data=st.data())
def test_any_value_in_a_leaf_that_the_log_has_signed(files, verdict, data):
    members = json.loads(files.leaves[0]) | {"detail": {"commitments": [""]}, "action": "privacy.erased"}
    changed = put(members, data.draw(st.sampled_from(places(members)[1:])), data.draw(VALUES))
    made = Bundle(files.folder, [json.dumps(changed).encode(), *files.leaves[1:]])
    made.lines[1]["openings"] = data.draw(VALUES | st.just({"agent": {"salt": b64(bytes(32)), "value": SURROGATE}}))
    made.path.write_bytes(made.content())

    verdict(str(made.path), "--key", made.signer.verifier_key)


@FEW
@given(data=st.data())
def test_any_value_in_an_audit_event_beside(files, verdict, data):
    right = audit_event(files.leaves[0])
    (files.folder / "events").write_bytes(text_of(put(right, data.draw(st.sampled_from(places(right))), data.draw(VALUES))))
    files.path.write_bytes(files.content())

    verdict(str(files.path), "--key", files.signer.verifier_key, "--events", str(files.folder / "events"))


@FEW
@given(noise=st.binary(max_size=200), which=st.sampled_from(["bundle", "--saved", "--policy", "--events", "receipt"]))
def test_noise_in_every_file(files, verdict, noise, which):
    files.path.write_bytes(files.content())
    (files.folder / "noise").write_bytes(noise)
    noisy, key = str(files.folder / "noise"), ["--key", files.signer.verifier_key]
    if which == "receipt":
        assert verdict("receipt", noisy, "--trust-receipt-roots") is Verdict.UNUSABLE
    elif which == "bundle":
        assert verdict(noisy, *key) is Verdict.UNUSABLE
    else:
        verdict(str(files.path), *key, which, noisy)


@FEW
@given(data=st.data())
def test_any_value_in_a_receipt_and_in_what_is_signed_inside(tmp_path, verdict, data):
    receipt = json.loads(composed(layer("receipts")["receipts"][0]))
    signed = data.draw(st.sampled_from([None, ("offer", "h"), ("acceptance", "h"), ("statements", 0, "h")]))
    if signed is None:
        receipt = put(receipt, data.draw(st.sampled_from(places(receipt))), data.draw(VALUES))
    else:
        inside = receipt[signed[0]] if len(signed) == 2 else receipt[signed[0]][signed[1]]
        header = json.loads(decode(inside["h"]))
        changed = put(header, data.draw(st.sampled_from(places(header))), data.draw(VALUES | st.just("0001-01-01T00:00:00.000Z")))
        inside["h"] = encode(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode())
    text = json.dumps(receipt, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (tmp_path / "receipt").write_bytes(text.encode(errors="replace"))

    verdict("receipt", str(tmp_path / "receipt"), "--trust-receipt-roots")


class TestByName:
    """What once ended without a verdict, or with a wrong one."""

    @pytest.fixture
    def judged(self, files, verdict):
        def run(*options: str, key: str = "") -> Verdict:
            files.path.write_bytes(b"".join(map(text_of, files.lines)))
            return verdict(str(files.path), "--key", key or files.signer.verifier_key, *options)

        return run

    def test_half_a_character_in_an_opening(self, files, judged):
        files.lines[1]["openings"]["agent"]["value"] = SURROGATE
        assert judged() is Verdict.UNUSABLE

    def test_half_a_character_in_the_checkpoint_and_in_the_format(self, files, judged):
        files.lines[0]["checkpoint"] = SURROGATE + files.lines[0]["checkpoint"]
        assert judged() is Verdict.UNUSABLE
        files.lines[0]["format"] = SURROGATE
        assert judged() is Verdict.UNUSABLE

    def test_a_key_with_half_a_character(self, judged):
        assert judged(key=f"{SURROGATE}+00000000+AAAA") is Verdict.UNUSABLE

    @pytest.mark.parametrize("committed", [{"agent": []}, {SURROGATE: "A"}, [], {"agent": None}])
    def test_commitments_that_are_none(self, files, verdict, committed):
        made = Bundle(files.folder, [event(0, commitments=committed)])
        made.path.write_bytes(made.content())
        assert verdict(str(made.path), "--key", made.signer.verifier_key) is Verdict.UNUSABLE

    @pytest.mark.parametrize("index", [False, 0.0, "0", None])
    def test_an_index_that_is_no_whole_number(self, files, judged, index):
        files.lines[1]["index"] = index
        assert judged() is Verdict.TAMPERED

    def test_a_size_beyond_every_log(self, files, judged):
        """An ML-DSA-44 signature counts the size in eight bytes."""
        files.lines[0]["checkpoint"] = note(files.leaves, files.signer).replace("\n4\n", f"\n{1 << 64}\n")
        assert judged() is Verdict.UNUSABLE

    @pytest.mark.parametrize("change", [("name", []), ("place", float("inf"))])
    def test_a_line_beside_that_is_hard_to_compare(self, files, judged, change):
        event = audit_event(files.leaves[0])
        path = ("agent", 0, "name") if change[0] == "name" else ("entity", 0, "what", "identifier", "value")
        (files.folder / "events").write_bytes(text_of(put(event, path, change[1])))
        found = judged("--events", str(files.folder / "events"))
        assert found is (Verdict.TAMPERED if change[0] == "name" else Verdict.UNUSABLE)

    def test_a_line_without_an_end(self, files, verdict):
        files.path.write_bytes(b" " * (LINE_AT_MOST + 1))
        assert verdict(str(files.path), "--trust-bundle-key") is Verdict.UNUSABLE

    def test_a_mistake_of_ours_accuses_nobody(self, files, capsys, monkeypatch):
        files.path.write_bytes(files.content())
        monkeypatch.setattr("wardline_verify.cli.judge", lambda *_, **__: 1 / 0)
        assert main([str(files.path), "--trust-bundle-key", "--language", "de"]) == Verdict.UNUSABLE
        assert "ZeroDivisionError" in capsys.readouterr().out

    def test_a_terminal_that_has_no_umlauts(self, files, monkeypatch):
        files.path.write_bytes(files.content())
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
        monkeypatch.setattr(sys, "stdout", out)
        assert main([str(files.path), "--key", Signer(ORIGIN).verifier_key, "--language", "de"]) == Verdict.TAMPERED
        out.flush()
        assert out.buffer.getvalue().startswith(b"MANIPULIERT")

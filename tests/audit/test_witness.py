"""The witness over its real HTTP, asked by a log that is honest, stale, forked, racing or not its own. No code of the service's."""

import json
import os
import signal
import threading
import time
from base64 import b64decode
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import consistency_proof, verify_consistency
from tests.audit.signed import ORIGIN, Signer, b64
from tests.audit.test_merkle import Tree, leaves
from tests.audit.witnesses import NAME, Configured, InProcess, InThread
from wardline_witness.cli import main
from wardline_witness.proofs import EMPTY_ROOT, is_consistent


class Log:
    """A log of numbered leaves; ``other`` makes it part from that history at one leaf."""

    def __init__(self, signer, *, other=None, hashes=None):
        self.signer = signer
        self.hashes = list(hashes or leaves(600))
        if other is not None:
            self.hashes[other] = bytes(32)
        self.tree = Tree(self.hashes)

    def checkpoint(self, size, signer=None, extension=""):
        root = b64(Tree(self.hashes[:size]).range.root())
        text = f"{self.signer.name}\n{size}\n{root}\n{extension}"
        return f"{text}\n{(signer or self.signer).line(text)}"

    def request(self, old, new, **how):
        proof = [b64(digest) for digest in consistency_proof(self.tree.get, old, new)] if old < new else []
        return "\n".join([f"old {old}", *proof, "", self.checkpoint(new, **how)]).encode()


@pytest.fixture
def log():
    return Log(Signer())


@pytest.fixture
def config(tmp_path, log):
    return Configured.make(tmp_path, [log.signer.verifier_key])


@pytest.fixture
def witness(config):
    running = InThread(config)
    yield running
    running.stop()


def verify(key, line, body):
    """The time it says, after checking the cosignature by the words of C2SP tlog-cosignature."""
    dash, name, blob = line.split()
    assert (dash, name) == ("\u2014", NAME)
    _, key_id, typed = key.split("+", 2)
    blob, typed = b64decode(blob), b64decode(typed)
    assert (blob[:4].hex(), typed[0], len(blob)) == (key_id, 4, 76)
    seconds = int.from_bytes(blob[4:12], "big")
    Ed25519PublicKey.from_public_bytes(typed[1:]).verify(blob[12:], f"cosignature/v1\ntime {seconds}\n{body}".encode())
    return seconds


def body_of(note):
    return note.rpartition("\n\n")[0] + "\n"


def test_it_cosigns_what_continues_what_it_has_cosigned(witness, config, log):
    for old, new in ((0, 1), (1, 3), (3, 300), (300, 300), (300, 600)):
        status, _, line = witness.add(log.request(old, new))
        assert status == 200
        assert line.endswith("\n")
        assert abs(verify(config.key, line, body_of(log.checkpoint(new))) - time.time()) < 60


def test_extension_lines_are_cosigned_with_the_rest(witness, config, log):
    status, _, line = witness.add(log.request(0, 5, extension="more\n"))
    assert status == 200
    verify(config.key, line, body_of(log.checkpoint(5, extension="more\n")))


@pytest.mark.parametrize("old", [0, 4, 6])
def test_who_is_stale_hears_the_size(witness, log, old):
    witness.add(log.request(0, 5))
    assert witness.add(log.request(old, 9)) == (409, "text/x.tlog.size", "5\n")
    assert witness.add(log.request(5, 9))[0] == 200


def test_a_size_below_what_was_cosigned_is_never_cosigned_again(witness, log):
    witness.add(log.request(0, 5))
    assert witness.add(log.request(0, 3))[0] == 409
    assert witness.add(log.request(5, 5))[0] == 200


def test_a_fork_is_refused_and_the_true_log_goes_on(witness, log):
    fork = Log(log.signer, other=2)
    witness.add(log.request(0, 5))
    assert witness.add(fork.request(5, 9))[0] == 422
    assert witness.add(fork.request(5, 5)) == (409, "text/x.tlog.size", "5\n"), "the same size with another root"
    assert witness.add(log.request(5, 9))[0] == 200


def test_a_log_it_does_not_know_and_a_signature_that_is_none(witness, log):
    stranger = Signer("stranger.example/log")
    assert witness.add(Log(stranger).request(0, 5))[0] == 404
    assert witness.add(log.request(0, 5, signer=Signer(ORIGIN)))[0] == 403, "the right name, another key"
    assert witness.add(log.request(0, 5, signer=stranger))[0] == 403
    assert witness.add(log.request(0, 5) + stranger.line("x").encode())[0] == 200, "lines of unknown keys are nobody's business"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: b"\xff" + body,
        lambda body: body[1:],
        lambda body: body.replace(b"old 0", b"old 00"),
        lambda body: body.replace(b"old 0", b"old -1"),
        lambda body: body.replace(b"old 0", b"old \xd9\xa1"),
        lambda body: body.replace(b"old 0\n", b"old 0\nAAAA\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + 64 * (b64(bytes(32)).encode() + b"\n")),
        lambda body: body.replace(b"\n\n", b"\n"),
        lambda body: body.replace(b"old 0", b"old 6"),
        lambda body: body[:-1],
    ],
)
def test_what_is_no_request(witness, log, change):
    body = log.request(0, 5)
    assert witness.add(change(body))[0] == 400
    assert witness.add(body)[0] == 200


def test_a_proof_where_there_is_nothing_to_prove(witness, log):
    body = log.request(0, 5).replace(b"old 0\n", b"old 0\n" + b64(bytes(32)).encode() + b"\n")
    assert witness.add(body)[0] == 422


def test_other_addresses_and_sizes(witness, log):
    assert witness.ask("GET", "/add-checkpoint")[0] == 404
    assert witness.ask("POST", "/elsewhere", log.request(0, 5))[0] == 404
    assert witness.ask("POST", "/add-checkpoint", b"x" * 65_537)[0] == 413
    assert witness.ask("POST", "/prefix/add-checkpoint", log.request(0, 5))[0] == 200


def test_several_logs_have_several_histories(tmp_path, log):
    other = Log(Signer("other.example/log"), other=1)
    running = InThread(Configured.make(tmp_path, [log.signer.verifier_key, other.signer.verifier_key]))
    assert running.add(log.request(0, 5))[0] == 200
    assert running.add(other.request(0, 3))[0] == 200
    assert running.add(log.request(5, 9))[0] == 200
    assert running.add(other.request(3, 4))[0] == 200
    running.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_remembers_after_a_stop_and_after_a_kill(config, log, how):
    running = InProcess(config)
    assert running.add(log.request(0, 5))[0] == 200
    running.stop(how)
    running = InProcess(config)
    assert running.add(Log(log.signer, other=2).request(5, 9))[0] == 422
    assert running.add(log.request(0, 9)) == (409, "text/x.tlog.size", "5\n")
    assert running.add(log.request(5, 9))[0] == 200
    assert running.stop(signal.SIGTERM) == 0


def test_the_head_is_on_the_disk_before_the_cosignature_is_out(witness, config, log):
    """A file that cannot be written: no cosignature, and nothing is remembered that was not given."""
    state = config.folder / "witness.state"
    draft = config.folder / "witness.state.draft"
    draft.mkdir()
    assert witness.add(log.request(0, 5))[0] == 500
    draft.rmdir()
    assert json.loads(state.read_text()) == {}
    assert witness.add(Log(log.signer, other=2).request(0, 5))[0] == 200, "nothing was cosigned before"
    assert json.loads(state.read_text())[ORIGIN]["size"] == 5


@pytest.mark.race
def test_of_two_forks_at_once_one_is_cosigned(witness, log):
    """Each round: many histories that all continue the head, at the same moment; the head then is the one that was cosigned."""
    head = 0
    for size in range(10, 200, 10):
        forks = [log, *(Log(log.signer, other=size - 1 - number, hashes=log.hashes[:200]) for number in range(3))]
        gate, answers = threading.Barrier(len(forks)), {}

        def ask(which, fork, gate=gate, answers=answers, old=head, new=size):
            body = fork.request(old, new)
            gate.wait()
            answers[which] = witness.add(body)[0]

        threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(forks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers.values()) == [200, 409, 409, 409], answers
        log, head = forks[next(which for which, status in answers.items() if status == 200)], size


@contextmanager
def said(capsys, *words):
    assert main([str(word) for word in words]) == 1
    yield capsys.readouterr().err


def test_it_goes_on_neither_without_its_state_nor_with_a_broken_one(config, capsys):
    state = config.folder / "witness.state"
    state.write_text("{")
    with said(capsys, "serve", config.path) as words:
        assert "cannot be read" in words
    state.unlink()
    with said(capsys, "serve", config.path) as words:
        assert "must not go on" in words


def test_init_overwrites_nothing(config, capsys):
    before = {path.name: path.read_bytes() for path in config.folder.iterdir()}
    with said(capsys, "init", config.path) as words:
        assert "there already" in words
    (config.folder / "witness.state").unlink()
    with said(capsys, "init", config.path) as words:
        assert "File exists" in words
    assert (config.folder / "witness.key").read_bytes() == before["witness.key"]
    assert os.stat(config.folder / "witness.key").st_mode & 0o777 == 0o600


def test_two_processes_never_share_a_state(witness, config, capsys):
    with said(capsys, "serve", config.path) as words:
        assert "Another witness works" in words


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "name"),
        ('name = "a b"', "name"),
        ('name = "a"\nlisten = "8070"', "listen"),
        ('name = "a"\nlogs = ["x"]', "not a verifier key"),
        pytest.param(f'name = "a"\nlogs = ["{Signer("w", kind=4).verifier_key}"]', "key of a witness", id="key of a witness"),
        ('name = "a"\nlog = []', "means nothing: log"),
        ("name = ", "not TOML"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_one_sentence(tmp_path, capsys, text, word):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with said(capsys, "key", path) as words:
        assert word in words
        assert len(words.splitlines()) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257])
def test_every_past_of_a_tree_is_consistent_with_it(size):
    hashes = leaves(size)
    tree = Tree(hashes)
    for old in range(size + 1):
        roots = {"old_root": Tree(hashes[:old]).range.root(), "new_root": tree.range.root()}
        assert is_consistent(old=old, new=size, proof=consistency_proof(tree.get, old, size), **roots)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_it_agrees_with_the_services_verifier_about_every_damaged_proof(data):
    """Two that share no code: RFC 9162's loop there, RFC 6962's recursion here."""
    new = data.draw(st.integers(0, 40))
    old = data.draw(st.integers(0, new))
    hashes = leaves(new)
    tree = Tree(hashes)
    roots = {"old_root": Tree(hashes[:old]).range.root(), "new_root": tree.range.root()}
    proof = consistency_proof(tree.get, old, new)
    match data.draw(st.sampled_from(["nothing", "cut", "more", "change", "size", "old"])):
        case "cut" if proof:
            del proof[data.draw(st.integers(0, len(proof) - 1))]
        case "more":
            proof.insert(data.draw(st.integers(0, len(proof))), bytes(32))
        case "change" if proof:
            proof[data.draw(st.integers(0, len(proof) - 1))] = bytes(32)
        case "size":
            new = data.draw(st.integers(0, 40))
        case "old":
            old = data.draw(st.integers(0, 40))
    if old > 0 or (new > 0 or roots["new_root"] == EMPTY_ROOT):
        assert is_consistent(old=old, new=new, proof=proof, **roots) == verify_consistency(old=old, new=new, proof=proof, **roots)

"""Proofs and checkpoints before a verifier that nobody here wrote: ``metamorphic-log`` (Rust; C2SP signed notes, RFC 6962 proofs)."""

import metamorphic_log as stranger
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import tree
from audit.checkpoints import verifier_keys
from audit.merkle import EMPTY_ROOT, consistency_proof, inclusion_proof
from audit.notes import checkpoint_text, sign, verifier_key
from tests.audit.signed import Signer
from tests.audit.test_merkle import Tree, leaves, root_by_the_book

ORIGIN = "wardline.example/audit/1"
SIZES = [0, 1, 255, 256, 257, 65_535, 65_536, 65_537]
PAIRS = [(old, new) for old in SIZES for new in SIZES if 0 < old <= new]  # of an empty tree there is nothing to prove (RFC 6962, 2.1.2)
KEY = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def whole():
    return Tree(leaves(max(SIZES)))


@pytest.fixture(scope="module")
def notes(whole):
    """A checkpoint of every size, as the service signs it."""
    made = {}
    for size in SIZES:
        root = root_by_the_book([whole.get(0, index) for index in range(size)])
        made[size] = sign(checkpoint_text(origin=ORIGIN, size=size, root=root), name=ORIGIN, key=KEY)
    return made


def refused(call, *arguments):
    with pytest.raises(stranger.VerifyError):
        call(*arguments)


@pytest.mark.parametrize("size", SIZES)
def test_checkpoints(notes, size):
    head = stranger.checkpoint_verify(notes[size], [verifier_key(ORIGIN, KEY)])
    assert (head.origin, head.size) == (ORIGIN, size)
    assert (bytes(head.root) == EMPTY_ROOT) == (size == 0)
    refused(stranger.checkpoint_verify, notes[size], [verifier_key(ORIGIN, Ed25519PrivateKey.generate())])
    refused(stranger.checkpoint_verify, notes[size].replace(f"\n{size}\n", f"\n{size + 1}\n"), [verifier_key(ORIGIN, KEY)])


@pytest.mark.parametrize("size", [size for size in SIZES if size])
def test_inclusion(whole, notes, size):
    for index in {0, 1, 127, 254, 255, 256, size // 2, size - 2, size - 1} & set(range(size)):
        proof = inclusion_proof(whole.get, index, size)
        stranger.checkpoint_verify_inclusion(notes[size], [verifier_key(ORIGIN, KEY)], index, whole.get(0, index), proof)
        refused(stranger.checkpoint_verify_inclusion, notes[size], [verifier_key(ORIGIN, KEY)], index, bytes(32), proof)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_consistency(whole, notes, old, new):
    proof = consistency_proof(whole.get, old, new)
    stranger.checkpoint_verify_consistency(notes[old], notes[new], [verifier_key(ORIGIN, KEY)], proof)
    if proof:
        refused(stranger.checkpoint_verify_consistency, notes[old], notes[new], [verifier_key(ORIGIN, KEY)], [bytes(32), *proof[1:]])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 255, 256, 257])
def test_what_the_service_stores_and_signs(hospital, size):
    hospital.writes(1)
    first = hospital.publishes()
    if size > 1:
        hospital.writes(size - 1)
        hospital.publishes()
    last = hospital.publishes()
    log = hospital.log.id
    keys = [verifier_keys([log])[log]]

    def stored(height, index):
        return tree.subtree(log, height, index)

    stranger.checkpoint_verify_consistency(first, last, keys, consistency_proof(stored, 1, size))
    for index, digest in enumerate(hospital.hashes()):
        if index in (0, size // 2, size - 1):
            stranger.checkpoint_verify_inclusion(last, keys, index, digest, inclusion_proof(stored, index, size))


def test_cosigned_notes(notes):
    """A witness's line does not keep a reader that does not know it from reading the log's own."""
    witness = Signer("witness.example", kind=4)
    note = notes[257] + witness.line(notes[257].rpartition("\n\n")[0] + "\n")
    assert stranger.checkpoint_verify(note, [verifier_key(ORIGIN, KEY)]).size == 257

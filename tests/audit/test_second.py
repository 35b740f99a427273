"""The second signature: ML-DSA-44 beside Ed25519, as C2SP tlog-cosignature writes it down; off unless a key is set."""

import hashlib
from base64 import b64decode

import metamorphic_log as stranger
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from audit.checkpoints import origin_of, verifier_keys
from audit.keys import second_key, signing_key
from audit.second import second_verifier_key
from audit.status import status
from audit.verification import verify_logs
from wardline_verify.notes import Checkpoint, Policy, Untrue
from wardline_verify.notes import Key as VerifierKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def second(settings, state):
    settings.AUDIT_MLDSA_KEY_FILE = state / "second.key"
    return settings.AUDIT_MLDSA_KEY_FILE


def published(hospital, count=3):
    hospital.writes(count)
    return hospital.publishes()


def keys_of(hospital):
    log = hospital.log.id
    return [verifier_keys([log])[log], second_verifier_key(origin_of(log), second_key())]


def policy(*keys):
    return Policy.parse("\n".join(f"log {key}" for key in keys))


def test_without_a_key_there_is_one_signature(hospital):
    assert published(hospital).count("\u2014 ") == 1
    assert second_key() is None


def test_the_line_is_what_the_specification_says(hospital, second):
    """Put together here by hand: SHA-256(name \\n 0x06 key)[:4], time, and the signature of ``cosigned_message``."""
    note = published(hospital)
    origin, typed = origin_of(hospital.log.id), b"\x06" + second_key().public_key().public_bytes_raw()
    name, encoded = note.splitlines()[-1].removeprefix("\u2014 ").split(" ")
    line = b64decode(encoded)
    assert (name, line[:4]) == (origin, hashlib.sha256(f"{origin}\n".encode() + typed).digest()[:4])
    at, signature, root = line[4:12], line[12:], b64decode(note.split("\n")[2])
    said = b"subtree/v1\n\0" + bytes([len(origin)]) + origin.encode() + at + bytes([len(origin)]) + origin.encode()
    said += (0).to_bytes(8, "big") + (3).to_bytes(8, "big") + root
    assert len(signature) == 2420
    public = MLDSA44PublicKey.from_public_bytes(typed[1:])
    public.verify(signature, said)
    with pytest.raises(InvalidSignature):
        public.verify(signature, said[:-1])


def test_who_does_not_know_it_passes_it_over_and_whose_policy_names_it_asks_for_it(hospital, second):
    note = published(hospital)
    first, other = keys_of(hospital)
    assert stranger.checkpoint_verify(note, [first]).size == 3
    for keys in ([first], [other], [first, other]):
        policy(*keys).check(Checkpoint.parse(note))

    lines = note.splitlines(keepends=True)
    for left in (lines[:-1], [*lines[:-2], lines[-1]]):
        with pytest.raises(Untrue):
            policy(first, other).check(Checkpoint.parse("".join(left)))


@pytest.mark.parametrize("changed", ["size", "root", "time", "cut"])
def test_what_it_was_not_made_for_it_is_no_signature_of(hospital, second, changed):
    checkpoint = Checkpoint.parse(published(hospital))
    key = VerifierKey.parse(keys_of(hospital)[1])
    (signature,) = [signature for _, key_id, signature in checkpoint.signatures if key_id == key.key_id]
    assert key.has_signed(checkpoint, signature)

    size, root = checkpoint.size + (changed == "size"), bytes(32) if changed == "root" else checkpoint.root
    signature = bytes(8) + signature[8:] if changed == "time" else signature[:-1] if changed == "cut" else signature
    other = Checkpoint(checkpoint.origin, size, root, checkpoint.body, checkpoint.signatures)
    assert not key.has_signed(other, signature)


def test_the_next_checkpoint_goes_on_from_such_a_note(hospital, second):
    published(hospital)
    assert published(hospital, 2).split("\n")[1] == "5"


def test_the_operators_own_look_finds_a_second_line_that_is_none(hospital, second, tamper):
    note = published(hospital)

    def found():
        return {finding.code for _, _, findings in verify_logs(hospital.log.id) for finding in findings}

    assert found() == set()
    false = note[:-200] + ("A" if note[-200] != "A" else "B") + note[-199:]
    tamper("UPDATE audit_checkpoint SET note = %s WHERE log = %s", [false, hospital.log.id])
    assert found() == {"checkpoint_unsigned"}


def test_the_operator_gets_both_keys_and_is_told_of_a_missing_one(hospital, second, settings, capsys):
    published(hospital)
    call_command("audit_key")
    assert set(keys_of(hospital)) <= set(capsys.readouterr().out.split())

    settings.MODE = "production"
    second.unlink()
    with pytest.raises(ImproperlyConfigured, match="audit_key --create"):
        second_key()
    assert ("no_key", None) in status().problems
    call_command("audit_key", "--create")
    assert second_key() is not None
    second.write_bytes(settings.AUDIT_KEY_FILE.read_bytes())
    assert signing_key()
    with pytest.raises(ImproperlyConfigured, match="another kind than ML-DSA-44"):
        second_key()

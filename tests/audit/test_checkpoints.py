"""Signing: committed sizes only, and never behind or beside what was published."""

import stat
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured

from audit.checkpoints import origin_of, sign_checkpoint, sign_checkpoints, verifier_keys
from audit.keys import signing_key
from audit.notes import checkpoint_text, key_id, sign
from audit.published import ForkRefused
from audit.sequencer import integrate
from tests.audit.conftest import Hospital
from tests.audit.test_merkle import root_by_the_book

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_checkpoint_is_a_signed_note_over_size_and_root(hospital):
    hospital.writes(5)
    note = hospital.publishes()

    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size, b64decode(root)) == (origin_of(hospital.log.id), "5", root_by_the_book(hospital.hashes()))
    dash, name, signature = signatures.split()
    public = b64decode(verifier_keys([hospital.log.id])[hospital.log.id].split("+", 2)[2])
    assert (dash, name, public[:1]) == ("\u2014", origin, b"\x01")
    assert b64decode(signature)[:4] == key_id(name, public)
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(b64decode(signature)[4:], f"{text}\n".encode())


def test_the_key_id_of_the_specification():
    """The example of C2SP signed-note: PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW."""
    public = b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert key_id("PeterNeumann", public).hex() == "c74f20a3"


def test_a_log_is_signed_again_only_when_it_has_grown(hospital):
    hospital.writes(1)
    hospital.publishes()
    sign_checkpoints()
    assert sign_checkpoints() == 0

    hospital.writes(1)
    hospital.publishes()
    assert sorted(hospital.log.checkpoints.values_list("size", flat=True)) == [1, 2]


def test_a_database_set_back_behind_a_published_checkpoint_is_not_signed(hospital, tamper):
    hospital.writes(3)
    hospital.publishes()
    hospital.writes(2)
    hospital.publishes()
    log, earlier = hospital.log.id, hospital.hashes()[:3]
    tamper("DELETE FROM audit_leaf WHERE log = %s AND leaf_index >= 3", [log])
    tamper("DELETE FROM audit_checkpoint WHERE log = %s AND size > 3", [log])
    frontier = [root_by_the_book(earlier[:2]), earlier[2]]
    tamper("UPDATE audit_log SET size = 3, frontier = %s::bytea[] WHERE id = %s", [frontier, log])

    with pytest.raises(ForkRefused, match="5 were published"):
        sign_checkpoint(log)
    hospital.writes(4)  # nor when it has outgrown the published size on another branch
    with pytest.raises(ForkRefused, match="another root"):
        hospital.publishes()
    assert not hospital.log.checkpoints.filter(size__gt=3).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_leaf WHERE log = %s AND leaf_index = 1",
        "UPDATE audit_log SET frontier = frontier[2:2] || frontier[1:1] WHERE id = %s",
    ],
)
def test_a_tree_that_does_not_agree_with_its_leaves_is_not_signed(hospital, tamper, statement):
    hospital.writes(3)
    hospital.publishes()
    hospital.writes(1)
    tamper(statement, [hospital.log.id])

    with pytest.raises(ForkRefused):
        hospital.publishes()


def test_one_broken_log_does_not_keep_the_others_from_being_signed(hospital, tamper):
    other = Hospital()
    for each in (hospital, other):
        each.writes(3)
        each.publishes()
        each.writes(1)
        integrate(each.id)
    tamper("DELETE FROM audit_leaf WHERE log = %s AND leaf_index = 1", [hospital.log.id])

    with pytest.raises(ForkRefused):
        sign_checkpoints()
    assert other.log.checkpoints.filter(size=4).exists()


def test_in_production_a_missing_key_stops(settings):
    settings.MODE = "production"
    with pytest.raises(ImproperlyConfigured, match="audit_key --create"):
        signing_key()


def test_in_a_demo_it_is_made_once_for_this_account_alone(settings):
    assert signing_key().private_bytes_raw() == signing_key().private_bytes_raw()
    assert stat.S_IMODE(settings.AUDIT_KEY_FILE.stat().st_mode) == 0o600
    assert [path.name for path in settings.AUDIT_KEY_FILE.parent.iterdir()] == ["audit.key"]


def test_a_file_that_is_no_key_is_named(settings):
    settings.AUDIT_KEY_FILE.write_text("not a key")
    with pytest.raises(ImproperlyConfigured, match="does not hold"):
        signing_key()


def test_only_whole_lines_are_signed():
    with pytest.raises(ValueError, match="newline"):
        sign(checkpoint_text(origin="x", size=0, root=b"").rstrip(), name="x", key=None)

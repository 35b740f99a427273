"""What a device keeps and what it strips, without a service."""

import io
from uuid import uuid4

import piexif
import pytest
from PIL import Image as Picture

from wardline_client.authenticator import SoftwareAuthenticator
from wardline_client.keyring import Keyring
from wardline_client.pictures import LONGEST_SIDE, clean
from wardline_client.protocol import RoleKeys, sha256
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.keys import PrincipalKeys, new_seed, seal_history, seal_role_seed
from wardline_client.protocol.statements import make_statement
from wardline_client.session import utc_now


def keyring(**changes):
    fields = {"person": uuid4(), "hospital": uuid4(), "root": bytes(32), "seeds": {1: new_seed()}}
    return Keyring(authenticator=SoftwareAuthenticator("https://ward.example"), **fields | changes)


def role_statement(owner, role, generation, keys):
    body = RoleKeys(generation, keys.kem.public, sha256(b"profile"), (owner.person,))
    key = owner.keys.sign
    return make_statement(kind="role", hospital=owner.hospital, subject=role, body=body, by=owner.person, key=key, at=utc_now())


def test_a_dumped_keyring_signs_and_opens_as_before():
    before = keyring()
    after = Keyring.load(before.dump())

    assert (after.person, after.device, after.seeds) == (before.person, before.device, before.seeds)
    assert after.device_key.public == before.device_key.public
    assert after.kem_key(after.person, before.keys.kem.kid) is not None


def test_nothing_secret_is_printed():
    shown = repr(keyring(seeds={1: b"\x07" * 32}, device_seed=b"\x09" * 32))

    assert "\\x07" not in shown
    assert "\\t\\t" not in shown


def test_the_present_generation_opens_all_before_it():
    seeds = {n: new_seed() for n in (1, 2, 3)}
    mine = keyring(seeds={3: seeds[3]})
    history = {n: seal_history(former=seeds[n], current=seeds[n + 1], principal=mine.person, generation=n) for n in (1, 2)}

    mine.take_history(history)

    assert mine.seeds == seeds
    assert mine.kem_key(mine.person, PrincipalKeys(seeds[1]).kem.kid) is not None


def test_a_role_seed_opens_for_the_eligible_with_its_former_generation():
    mine, role, former, present = keyring(), uuid4(), PrincipalKeys(new_seed()), PrincipalKeys(new_seed())
    line = (role_statement(mine, role, 1, former), role_statement(mine, role, 2, present))
    sealed = seal_role_seed(seed=present.seed, user_kem=mine.keys.kem.public, role_statement=line[1].h)
    history = {1: seal_history(former=former.seed, current=present.seed, principal=role, generation=1)}

    mine.take_role_seed(role=role, generation=2, sealed=sealed, line=line)
    mine.take_role_history(role=role, history=history, line=line)

    assert mine.kem_key(role, present.kem.kid) is not None
    assert mine.kem_key(role, former.kem.kid) is not None
    assert mine.kem_key(role, mine.keys.kem.kid) is None


def test_a_role_seed_sealed_under_an_unproved_statement_does_not_open():
    mine, role, keys = keyring(), uuid4(), PrincipalKeys(new_seed())
    unproved = role_statement(mine, role, 1, keys)
    sealed = seal_role_seed(seed=keys.seed, user_kem=mine.keys.kem.public, role_statement=unproved.h)

    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        mine.take_role_seed(role=role, generation=1, sealed=sealed, line=(role_statement(mine, role, 2, keys),))


def test_a_seed_that_is_not_the_roles_is_not_taken():
    mine, role, keys = keyring(), uuid4(), PrincipalKeys(new_seed())
    proved = role_statement(mine, role, 1, keys)
    # Anybody can seal to a public key: the service could hand out a seed of its own.
    sealed = seal_role_seed(seed=new_seed(), user_kem=mine.keys.kem.public, role_statement=proved.h)

    with pytest.raises(ProtocolError, match=r"wrap\.unreadable"):
        mine.take_role_seed(role=role, generation=1, sealed=sealed, line=(proved,))


def test_a_role_seed_sealed_to_ones_former_key_opens():
    mine, role, keys = keyring(seeds={1: new_seed()}), uuid4(), PrincipalKeys(new_seed())
    line = (role_statement(mine, role, 1, keys),)
    sealed = seal_role_seed(seed=keys.seed, user_kem=mine.keys.kem.public, role_statement=line[0].h)
    mine.seeds[2] = new_seed()

    mine.take_role_seed(role=role, generation=1, sealed=sealed, line=line)

    assert mine.role_seeds[role] == {1: keys.seed}


@pytest.mark.parametrize("handed_on", ["of another seed", "garbage"])
def test_history_that_is_not_the_stated_seed_is_not_taken(handed_on):
    mine, role, former, present = keyring(), uuid4(), PrincipalKeys(new_seed()), PrincipalKeys(new_seed())
    line = (role_statement(mine, role, 1, former), role_statement(mine, role, 2, present))
    sealed = seal_role_seed(seed=present.seed, user_kem=mine.keys.kem.public, role_statement=line[1].h)
    other = seal_history(former=new_seed(), current=present.seed, principal=role, generation=1)
    mine.take_role_seed(role=role, generation=2, sealed=sealed, line=line)

    mine.take_role_history(role=role, history={1: other if handed_on == "of another seed" else bytes(48)}, line=line)

    assert mine.role_seeds[role] == {2: present.seed}


@pytest.fixture
def photograph():
    """A camera's JPEG, lying on its side, with GPS, a comment and a thumbnail."""
    gps = {piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (0, 1)), piexif.GPSIFD.GPSLatitudeRef: b"N"}
    zeroth = {piexif.ImageIFD.Orientation: 6, piexif.ImageIFD.Make: b"MARKERCAM"}
    small = io.BytesIO()
    Picture.new("RGB", (16, 12)).save(small, "JPEG")
    exif = piexif.dump({"0th": zeroth, "GPS": gps, "1st": {}, "thumbnail": small.getvalue()})
    picture = Picture.new("RGB", (400, 300), "white")
    picture.paste("red", (0, 0, 100, 100))
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=b"MARKERCOMMENT", quality=95)
    return out.getvalue()


def test_a_cleaned_photograph_stands_upright_and_has_no_metadata(photograph):
    assert b"MARKERCAM" in photograph
    assert b"MARKERCOMMENT" in photograph

    cleaned = clean(photograph)
    with Picture.open(io.BytesIO(cleaned.data)) as picture:
        assert picture.size == (cleaned.width, cleaned.height) == (300, 400)
        assert not picture.getexif()
        assert "comment" not in picture.info
        red, green, _ = picture.getpixel((280, 20))
        assert (red > 200, green < 60) == (True, True)
    for marker in (b"MARKERCAM", b"MARKERCOMMENT", b"Exif"):
        assert marker not in cleaned.data


def test_a_large_photograph_is_made_smaller():
    out = io.BytesIO()
    Picture.new("RGB", (LONGEST_SIDE * 2, 100)).save(out, "JPEG")

    assert clean(out.getvalue()).width == LONGEST_SIDE


def test_what_is_no_picture_is_refused():
    with pytest.raises(OSError, match="cannot identify"):
        clean(b"<svg onload=alert(1)>")

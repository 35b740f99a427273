"""HPKE, seeds, their wraps, role seeds, images."""

from hashlib import sha256
from uuid import UUID

from tests.protocol.vectors import binary, each, refused
from wardline_client.protocol import hpke, images, keys
from wardline_client.protocol.encoding import decode, encode


@each("hpke", "keys")
def test_x_wing_public_keys(case):
    assert encode(hpke.KemKey(decode(case["seed"])).public) == case["public"]


@each("hpke", "open")
def test_what_was_sealed_opens(case):
    seed, sealed, info = binary(case, "seed", "sealed", "info")

    assert encode(hpke.KemKey(seed).open(sealed, info)) == case["plaintext"]


@each("hpke", "open_refused")
def test_what_was_sealed_for_something_else_does_not(case):
    seed, sealed, info = binary(case, "seed", "sealed", "info")
    with refused(case):
        hpke.KemKey(seed).open(sealed, info)


@each("keys", "principals")
def test_a_seed_makes_its_keys(case):
    made = keys.PrincipalKeys(decode(case["seed"]))

    assert [encode(made.kem.public), encode(made.kem.kid)] == [case["kem_public"], case["kem_kid"]]
    assert [encode(made.sign.public), encode(made.sign.kid)] == [case["sign_public"], case["sign_kid"]]
    assert keys.fingerprint(kem=made.kem.public, sign=made.sign.public) == case["fingerprint"]
    assert "seed" not in repr(made)


@each("keys", "roots")
def test_a_printed_code_makes_the_root(case):
    assert encode(keys.root_key(keys.parse_recovery_code(case["code"])).public) == case["sign_public"]


@each("keys", "history")
def test_the_next_generation_opens_the_former(case):
    former, current, sealed = binary(case, "former", "current", "sealed")
    place = {"principal": UUID(case["principal"]), "generation": case["generation"]}

    assert keys.seal_history(former=former, current=current, **place) == sealed
    assert keys.open_history(sealed=sealed, current=current, **place) == former


@each("keys", "history_refused")
def test_no_other_history_opens(case):
    with refused(case):
        keys.open_history(
            sealed=decode(case["sealed"]),
            current=decode(case["current"]),
            principal=UUID(case["principal"]),
            generation=case["generation"],
        )


@each("keys", "wraps")
def test_a_wrap_opens_with_secret_and_share(case):
    seed, secret, share, nonce, wrap = binary(case, "seed", "secret", "share", "nonce", "wrap")
    inputs = {"kind": case["kind"], "secret": secret, "share": share, "person": UUID(case["person"])}

    assert keys.wrap_seed(seed=seed, nonce=nonce, **inputs) == wrap
    assert keys.unwrap_seed(wrap=wrap, **inputs) == seed


@each("keys", "wraps_refused")
def test_a_wrap_opens_with_nothing_else(case):
    secret, share, wrap = binary(case, "secret", "share", "wrap")
    with refused(case):
        keys.unwrap_seed(kind=case["kind"], wrap=wrap, secret=secret, share=share, person=UUID(case["person"]))


@each("keys", "recovery_codes")
def test_recovery_codes_are_printed(case):
    assert keys.format_recovery_code(decode(case["secret"])) == case["code"]


@each("keys", "recovery_codes", "recovery_codes_read")
def test_recovery_codes_are_read_forgivingly(case):
    assert encode(keys.parse_recovery_code(case["code"])) == case["secret"]


@each("keys", "recovery_codes_refused")
def test_mistyped_recovery_codes_are_refused(case):
    with refused(case):
        keys.parse_recovery_code(case["code"])


@each("role_seeds", "open")
def test_an_eligible_person_opens_the_role(case):
    h, kem_seed, sealed = binary(case, "h", "kem_seed", "sealed")

    assert encode(keys.open_role_seed(sealed=sealed, user_kem=hpke.KemKey(kem_seed), role_statement=h)) == case["seed"]


@each("role_seeds", "open_refused")
def test_nobody_else_opens_the_role(case):
    h, kem_seed, sealed = binary(case, "h", "kem_seed", "sealed")
    with refused(case):
        keys.open_role_seed(sealed=sealed, user_kem=hpke.KemKey(kem_seed), role_statement=h)


def plaintext(length: int) -> bytes:
    period = bytes((i * 7 + 3) % 251 for i in range(251))
    return (period * (length // 251 + 1))[:length]


@each("images", "images")
def test_images_both_ways(case):
    key, plain = decode(case["key"]), plaintext(case["length"])
    sealed = b"".join(images.seal_image(key, [plain], case["chunk"]))

    assert encode(sha256(plain).digest()) == case["plain_sha256"]
    assert encode(sha256(sealed).digest()) == case["sealed_sha256"]
    assert len(sealed) == case["sealed_size"] == images.sealed_size(case["length"], case["chunk"])
    assert b"".join(images.open_image(key, [sealed], case["chunk"])) == plain


@each("images", "images_refused")
def test_images_open_whole_and_in_order_or_not_at_all(case):
    with refused(case):
        list(images.open_image(decode(case["key"]), [decode(case["sealed"])], case["chunk"]))

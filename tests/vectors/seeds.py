"""Vectors of keys and files: HPKE, seeds and their wraps, images, role seeds."""

from cast import ADLER, BRANDT, KEYS, SEALER, SEEDS, fixed, flip, kem_seed, write
from chains import World
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardline_client.protocol import images, keys
from wardline_client.protocol.encoding import sha256
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import labelled


def make_hpke() -> None:
    draft_seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    case = SEALER.cases[0]
    sealed, info = case["sealed"], case["info"]
    assert isinstance(sealed, bytes)
    assert isinstance(info, bytes)
    write(
        "hpke",
        keys=[
            {"name": "seed of the X-Wing draft's first vector", "seed": draft_seed, "public": KemKey(draft_seed).public},
            *({"name": who, "seed": kem_seed(who), "public": KEYS[who].kem.public} for who in ("adler", "brandt")),
        ],
        open=SEALER.cases,
        open_refused=[
            {**case, "name": "other info", "info": flip(info), "error": "wrap.unreadable"},
            {**case, "name": "other key", "seed": kem_seed("stranger"), "error": "wrap.unreadable"},
            {**case, "name": "tampered", "sealed": flip(sealed, -1), "error": "wrap.unreadable"},
            {**case, "name": "truncated", "sealed": sealed[:100], "error": "wrap.unreadable"},
            {**case, "name": "empty", "sealed": b"", "error": "wrap.unreadable"},
        ],
    )


def make_keys() -> None:
    share, nonce = fixed("share"), fixed("nonce", 12)
    principals = [
        {
            "name": who,
            "seed": SEEDS[who],
            "kem_public": KEYS[who].kem.public,
            "kem_kid": KEYS[who].kem.kid,
            "sign_public": KEYS[who].sign.public,
            "sign_kid": KEYS[who].sign.kid,
            "fingerprint": keys.fingerprint(kem=KEYS[who].kem.public, sign=KEYS[who].sign.public),
        }
        for who in ("adler", "brandt", "role")
    ]
    history = keys.seal_history(former=SEEDS["adler"], current=SEEDS["adler 2"], principal=ADLER, generation=1)
    history_case = {"principal": ADLER, "generation": 1, "former": SEEDS["adler"], "current": SEEDS["adler 2"]}
    wraps = []
    for kind, length in (("passkey", 32), ("recovery", 16), ("device", 32)):
        secret = fixed(f"secret {kind}", length)
        case = {"name": kind, "kind": kind, "secret": secret, "share": share, "person": ADLER, "seed": SEEDS["adler"]}
        wrap = keys.wrap_seed(kind=kind, seed=SEEDS["adler"], secret=secret, share=share, person=ADLER, nonce=nonce)
        wraps.append(case | {"nonce": nonce, "wrap": wrap})
    first = wraps[0]
    refused = {
        "tampered": {"wrap": flip(first["wrap"], -1)},
        "tampered nonce": {"wrap": flip(first["wrap"])},
        "truncated": {"wrap": first["wrap"][:27]},
        "empty": {"wrap": b""},
        "of another kind": {"kind": "device"},
        "of an unknown kind": {"kind": "pin"},
        "of another person": {"person": BRANDT},
        "without the right share": {"share": flip(share)},
        "short secret": {"secret": first["secret"][:16]},
    }
    code = fixed("recovery", 16)
    printed = keys.format_recovery_code(code)
    write(
        "keys",
        principals=principals,
        history=[{"name": "one generation back", **history_case, "sealed": history}],
        history_refused=[
            {"name": "tampered", **history_case, "sealed": flip(history), "error": "wrap.unreadable"},
            {"name": "other generation", **history_case, "generation": 2, "sealed": history, "error": "wrap.unreadable"},
            {"name": "other principal", **history_case, "principal": BRANDT, "sealed": history, "error": "wrap.unreadable"},
        ],
        wraps=wraps,
        wraps_refused=[{**first, **change, "name": name, "error": "wrap.unreadable"} for name, change in refused.items()],
        roots=[{"name": "root of a printed code", "code": printed, "sign_public": keys.root_key(code).public}],
        recovery_codes=[
            {"name": "as printed", "secret": code, "code": printed},
            {"name": "zeros", "secret": bytes(16), "code": keys.format_recovery_code(bytes(16))},
            {"name": "ones", "secret": b"\xff" * 16, "code": keys.format_recovery_code(b"\xff" * 16)},
        ],
        recovery_codes_read=[
            {"name": "lower case, spaces", "secret": code, "code": " " + printed.lower().replace("-", " ") + " "},
            {"name": "O for 0 and L for 1", "secret": bytes(15) + b"\x08", "code": "ooooo-OOOOO-00000-00000-0000Lo"},
            {"name": "I for 1, hyphens astray", "secret": bytes(15) + b"\x08", "code": "0000000000000000-0000--0000i0"},
        ],
        recovery_codes_refused=[
            {"name": "too short", "code": printed[:-1], "error": "encoding.not_canonical"},
            {"name": "too long", "code": printed + "0", "error": "encoding.not_canonical"},
            {"name": "letter U", "code": "U" + printed[1:], "error": "encoding.not_canonical"},
            {"name": "spare bits", "code": "0" * 25 + "1", "error": "encoding.not_canonical"},
        ],
    )


def make_role_seeds() -> None:
    role = World().role
    info = labelled("wardline/1 role-seed", sha256(role.h))
    sealed = SEALER.seal("role seed: adler", kem_seed("adler"), SEEDS["role"], info)
    case = {"h": role.h, "kem_seed": kem_seed("adler"), "sealed": sealed}
    write(
        "role_seeds",
        open=[{"name": "Adler is eligible", **case, "seed": SEEDS["role"]}],
        open_refused=[
            {"name": "tampered", **case, "sealed": flip(sealed, -1), "error": "wrap.unreadable"},
            {"name": "other statement", **case, "h": role.h.replace(b'"generation":1', b'"generation":2'), "error": "wrap.unreadable"},
            {"name": "another's key", **case, "kem_seed": kem_seed("brandt"), "error": "wrap.unreadable"},
        ],
    )  # fmt: skip


def make_images() -> None:
    key = fixed("file key")
    sizes = [(0, 16), (1, 16), (16, 16), (17, 16), (40, 16), (0, images.CHUNK), (1, images.CHUNK)]
    sizes += [(images.CHUNK, images.CHUNK), (images.CHUNK + 1, images.CHUNK), (3 * images.CHUNK, images.CHUNK)]
    cases = []
    for length, chunk in sizes:
        sealed = b"".join(images.seal_image(key, [rule(length)], chunk))
        case = {"name": f"{length} bytes in chunks of {chunk}", "key": key, "length": length, "chunk": chunk}
        case |= {"sealed_size": len(sealed), "sealed_sha256": sha256(sealed), "plain_sha256": sha256(rule(length))}
        cases.append(case | ({"sealed": sealed} if chunk == 16 else {}))
    sealed = b"".join(images.seal_image(key, [rule(40)], 16))
    a, b, last = sealed[:32], sealed[32:64], sealed[64:]
    even = b"".join(images.seal_image(key, [rule(32)], 16))
    refused = {
        "truncated inside a chunk": sealed[:-1],
        "truncated at a chunk": a + b,
        "first chunk alone": a,
        "nothing": b"",
        "reordered chunks": b + a + last,
        "repeated chunk": a + a + b + last,
        "left-out chunk": a + last,
        "extended by a byte": sealed + b"\x00",
        "extended by a chunk": sealed + last,
        "tampered": flip(sealed, 20),
        "tampered tag": flip(sealed, -1),
        "last chunk empty": stream_chunk(key, 0, False, rule(16)) + stream_chunk(key, 1, True, b""),
        "two last chunks": even + stream_chunk(key, 2, True, b"x"),
    }
    write(
        "images",
        rule="byte i = (i * 7 + 3) mod 251",
        images=cases,
        images_refused=[
            *({"name": name, "key": key, "chunk": 16, "sealed": data, "error": "image.unreadable"} for name, data in refused.items()),
            {"name": "other key", "key": flip(key), "chunk": 16, "sealed": sealed, "error": "image.unreadable"},
        ],
    )


def rule(length: int) -> bytes:
    period = bytes((i * 7 + 3) % 251 for i in range(251))
    return (period * (length // 251 + 1))[:length]


def stream_chunk(key: bytes, counter: int, last: bool, data: bytes) -> bytes:
    return AESGCM(key).encrypt(counter.to_bytes(11, "big") + bytes([last]), data, None)

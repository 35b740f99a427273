"""Writes the vectors beside this file: `python tests/vectors/make.py`.

Invariant: every run writes the same bytes. All inputs are fixed; what HPKE sealed once is taken over from the former `hpke.json`.
"""

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wardline_client.protocol import bodies, epochs, hpke, images, keys, links, messages, profiles, statements
from wardline_client.protocol.directory import Directory
from wardline_client.protocol.encoding import decode, encode, sha256, to_json
from wardline_client.protocol.errors import ProtocolError
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import PrincipalKeys, labelled
from wardline_client.protocol.signing import SigningKey

HERE = Path(__file__).parent
NOON = datetime(2026, 3, 1, 12, 0, 0, 7_000, tzinfo=UTC)


def fixed(name: str, length: int = 32) -> bytes:
    """Bytes that stand in for random ones."""
    return hashlib.shake_256(f"wardline vectors {name}".encode()).digest(length)


def uuid(name: str) -> UUID:
    return UUID(bytes=fixed(f"uuid {name}", 16), version=4)


def plain(value: object) -> object:
    match value:
        case bytes():
            return encode(value)
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case _:
            return value


def write(name: str, **content: object) -> None:
    text = json.dumps(plain(content), indent=1, ensure_ascii=False)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def flip(data: bytes, at: int = 0) -> bytes:
    position = at % len(data)
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


class Sealer:
    """HPKE draws its own randomness: a value sealed once is kept as long as it still opens to the same."""

    def __init__(self) -> None:
        path = HERE / "hpke.json"
        cases = json.loads(path.read_text("utf-8"))["open"] if path.exists() else []
        self.former = {case["name"]: case for case in cases}
        self.cases: list[dict[str, object]] = []

    def seal(self, name: str, kem_seed: bytes, plaintext: bytes, info: bytes) -> bytes:
        case: dict[str, object] = {"name": name, "seed": kem_seed, "info": info, "plaintext": plaintext}
        former = self.former.get(name)
        key = KemKey(kem_seed)
        if former and {**former, "sealed": None} == {**plain(case), "sealed": None}:  # type: ignore[dict-item]
            sealed = decode(former["sealed"])
        else:
            sealed = hpke.seal(key.public, plaintext, info)
        assert key.open(sealed, info) == plaintext
        self.cases.append(case | {"sealed": sealed})
        return sealed


SEALER = Sealer()
ROOT = SigningKey(fixed("root"))
OTHER_ROOT = SigningKey(fixed("other root"))
HOSPITAL, PARTNER, THIRD = uuid("hospital"), uuid("partner hospital"), uuid("third hospital")
REGISTRAR, ADLER, BRANDT, STRANGER = uuid("registrar"), uuid("adler"), uuid("brandt"), uuid("stranger")
ROLE, ARCHIVE = uuid("icu on call"), uuid("archive")
PHONE, TABLET = uuid("adler's phone"), uuid("adler's tablet")
PHONE_KEY, TABLET_KEY = SigningKey(fixed("phone")), SigningKey(fixed("tablet"))
SEEDS = {who: fixed(f"seed {who}") for who in ("registrar", "adler", "adler 2", "brandt", "role", "archive", "stranger")}
KEYS = {who: PrincipalKeys(seed) for who, seed in SEEDS.items()}


def kem_seed(who: str) -> bytes:
    return keys.hkdf(SEEDS[who], b"wardline/1 kem")


def make_encoding() -> None:
    good = [b"", b"\x00", b"\xff\xee", b"abc", bytes(range(256))]
    bad = {
        "padding": "AA==",
        "spare bits": "AB",
        "spare bits of two bytes": "AAB",
        "impossible length": "AAAAA",
        "plus": "+AAA",
        "slash": "/AAA",
        "line break": "AAAA\n",
        "space": "AA A",
        "not ASCII": "AAAä",
    }
    write(
        "encoding",
        base64url=[{"name": f"{len(data)} bytes", "hex": data.hex(), "text": encode(data)} for data in good],
        base64url_refused=[{"name": name, "text": text, "error": "encoding.not_canonical"} for name, text in bad.items()],
        objects=[
            {"name": "empty", "bytes": b"{}", "value": {}},
            {"name": "white space", "bytes": b' {"a" :\t[1,\r\n-2, true,null,"x"]}\n', "value": {"a": [1, -2, True, None, "x"]}},
            {"name": "escapes", "bytes": rb'{"\u0061":"\ud83d\ude00\n\/"}', "value": {"a": "😀\n/"}},
            {"name": "UTF-8", "bytes": '{"ü":"😀"}'.encode(), "value": {"ü": "😀"}},
            {"name": "largest integer", "bytes": b'{"a":9007199254740991}', "value": {"a": 2**53 - 1}},
            {"name": "sixteen levels", "bytes": b'{"a":' + b"[" * 15 + b"]" * 15 + b"}", "value": {"a": nested(15)}},
            {"name": "prototype is a name like any other", "bytes": b'{"__proto__":1}', "entries": [["__proto__", 1]]},
        ],
        objects_refused=[{"name": name, "bytes": data, "error": code} for name, data, code in refused_objects()],
    )


def nested(levels: int) -> list[object]:
    return [nested(levels - 1)] if levels > 1 else []


def refused_objects() -> list[tuple[str, bytes, str]]:
    malformed = {
        "nothing": b"",
        "array": b"[]",
        "text": b'"a"',
        "byte-order mark": b"\xef\xbb\xbf{}",
        "invalid UTF-8": b'{"a":"\xff"}',
        "overlong UTF-8": b'{"a":"\xc0\xaf"}',
        "UTF-8 surrogate": b'{"a":"\xed\xa0\x80"}',
        "lone surrogate": rb'{"a":"\ud800"}',
        "lone surrogate in a name": rb'{"\udc00":1}',
        "trailing comma": b'{"a":1,}',
        "two objects": b"{}{}",
        "comment": b"{/**/}",
        "single quotes": b"{'a':1}",
        "control character": b'{"a":"\x01"}',
        "bad escape": rb'{"a":"\x61"}',
        "non-breaking space": b'{"a":\xc2\xa01}',
        "fraction": b'{"a":1.5}',
        "whole fraction": b'{"a":1.0}',
        "exponent": b'{"a":1e2}',
        "minus zero": b'{"a":-0}',
        "leading zero": b'{"a":01}',
        "plus sign": b'{"a":+1}',
        "NaN": b'{"a":NaN}',
        "infinity": b'{"a":-Infinity}',
        "integer beyond 2^53": b'{"a":9007199254740992}',
        "very long integer": b'{"a":1' + b"0" * 400 + b"}",
        "seventeen levels": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
        "65,537 bytes": b'{"a":"' + b"x" * (65_537 - 8) + b'"}',
    }
    duplicate = {
        "duplicate key": b'{"a":1,"a":1}',
        "duplicate key deep inside": b'{"a":[{"b":1,"c":2,"b":3}]}',
        "duplicate key spelled differently": rb'{"a":1,"\u0061":2}',
        "duplicate prototype": b'{"__proto__":1,"__proto__":2}',
    }
    return [(name, data, "header.malformed") for name, data in malformed.items()] + [
        (name, data, "header.duplicate_key") for name, data in duplicate.items()
    ]


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


def make_links() -> None:
    secret, token = fixed("link secret"), "tok_EN-1"
    payload = links.LinkPayload(person=ADLER, seed=SEEDS["adler"], generation=1, hospital=HOSPITAL, root=ROOT.public)
    sealed = links.seal_link_payload(payload=payload, secret=secret, token=token)
    case = {"token": token, "secret": secret, "sealed": sealed}
    write(
        "links",
        payloads=[{"name": "device link", **case, "payload": vars(payload)}],
        payloads_refused=[
            {"name": "tampered", **case, "sealed": flip(sealed), "error": "wrap.unreadable"},
            {"name": "other token", **case, "token": "other", "error": "wrap.unreadable"},
            {"name": "other secret", **case, "secret": flip(secret), "error": "wrap.unreadable"},
        ],
        addresses=[
            {"name": "link", "kind": "link", "address": links.format_link(token, secret), "token": token, "value": secret},
            {"name": "join", "kind": "join", "address": links.format_invitation(token, ROOT.public), "token": token, "value": ROOT.public},
            {"name": "whole address", "kind": "join", "address": "https://ward.example" + links.format_invitation(token, ROOT.public), "token": token, "value": ROOT.public},
        ],
        addresses_refused=[
            {"name": "other kind", "kind": "join", "address": links.format_link(token, secret), "error": "header.malformed"},
            {"name": "no secret", "kind": "link", "address": f"/#/link/{token}", "error": "header.malformed"},
            {"name": "short secret", "kind": "link", "address": f"/#/link/{token}.{encode(secret[:31])}", "error": "header.malformed"},
            {"name": "spare bits", "kind": "link", "address": f"/#/link/{token}.{'A' * 42}B", "error": "encoding.not_canonical"},
        ],
    )  # fmt: skip


def make_profiles() -> None:
    profile = profiles.Profile(name="Dr. Ada Adler", title="Oberärztin", profession="physician", unit="")
    p = profiles.make_profile(profile, fixed("salt", 16))
    case = {"bytes": p, "digest": profiles.profile_digest(p)}
    write(
        "profiles",
        profiles=[{"name": "physician", **case, "profile": vars(profile)}],
        profiles_refused=[
            {"name": "other name", **case, "bytes": p.replace(b"Ada", b"Eva"), "error": "statement.no_chain"},
            {"name": "other digest", **case, "digest": flip(case["digest"]), "error": "statement.no_chain"},
            {"name": "unknown member", "bytes": p[:-1] + b',"x":1}', "error": "header.unknown_member"},
            {"name": "short salt", "bytes": p.replace(encode(fixed("salt", 16)).encode(), b"AAAA"), "error": "header.malformed"},
        ],
    )  # fmt: skip


def header_case(name: str, change: dict[str, object], header: dict[str, object], error: str = "header.malformed") -> dict[str, object]:
    changed = {key: value for key, value in (header | change).items() if value is not ...}
    return {"name": name, "h": to_json(changed), "error": error}


def common_header_refusals(header: dict[str, object], text: bytes) -> list[dict[str, object]]:
    return [
        header_case("unknown version", {"v": 2}, header, "header.unknown_version"),
        header_case("newer version with newer members", {"v": 2, "x": 1}, header, "header.unknown_version"),
        header_case("version as text", {"v": "1"}, header),
        header_case("version as truth value", {"v": True}, header),
        header_case("no version", {"v": ...}, header),
        header_case("unknown member", {"x": 1}, header, "header.unknown_member"),
        header_case("other type", {"t": "other"}, header),
        header_case("missing member", {"at": ...}, header),
        header_case("time without milliseconds", {"at": "2026-03-01T12:00:00Z"}, header),
        header_case("time with an offset", {"at": "2026-03-01T12:00:00.000+00:00"}, header),
        header_case("impossible time", {"at": "2026-02-30T12:00:00.000Z"}, header),
        header_case("time with other digits", {"at": "2026-03-01T12:00:00.00٣Z"}, header),
        {"name": "duplicate key", "h": text[:-1] + b',"v":1}', "error": "header.duplicate_key"},
        {"name": "number that is not an integer", "h": text.replace(b'"v":1', b'"v":1.0'), "error": "header.malformed"},
    ]


def sealed_epoch(name: str, recipients: dict[UUID, str], **change: object) -> epochs.SealedEpoch:
    arguments: dict[str, object] = {
        "conversation": uuid("conversation"),
        "epoch": 1,
        "prev": None,
        "by": ADLER,
        "role": None,
        "device": PHONE,
        "at": NOON,
        "retention": "clinical-10y",
        "signing_key": PHONE_KEY,
        "key": fixed(f"K {name}"),
    } | change
    made = epochs.seal_epoch(recipients={who: KEYS[key].kem.public for who, key in recipients.items()}, **arguments)  # type: ignore[arg-type]
    return seal_again(name, made, recipients, arguments["signing_key"])  # type: ignore[arg-type]


def seal_again(
    name: str, made: epochs.SealedEpoch, recipients: dict[UUID, str], signer: SigningKey, key: bytes | None = None
) -> epochs.SealedEpoch:
    info = labelled("wardline/1 epoch", sha256(made.h))
    w = tuple(SEALER.seal(f"{name}: {recipients[who]}", kem_seed(recipients[who]), key or made.key, info) for who, _ in made.header.to)
    s = signer.sign("sig-epoch", sha256(made.h), sha256(b"".join(w)))
    return epochs.SealedEpoch(h=made.h, w=w, s=s, header=made.header, key=made.key)


def make_epochs() -> None:
    recipients = {ADLER: "adler", BRANDT: "brandt", ARCHIVE: "archive"}
    one = sealed_epoch("epoch 1", recipients)
    two = sealed_epoch("epoch 2", {ADLER: "adler 2", ROLE: "role"}, epoch=2, prev=sha256(one.h), role=ROLE)
    liar = seal_again("epoch with another key", one, recipients, PHONE_KEY, key=fixed("another K"))
    short = seal_again("epoch with a short key", one, recipients, PHONE_KEY, key=fixed("K", 16))
    header = json.loads(one.h)
    to = header["to"]

    def case(name: str, made: epochs.SealedEpoch, who: UUID, key: str) -> dict[str, object]:
        place = [principal for principal, _ in made.header.to].index(who)
        return {
            "name": name, "h": made.h, "w": made.w, "s": made.s, "device_public": PHONE_KEY.public,
            "principal": who, "index": place, "kem_seed": kem_seed(key),
        }  # fmt: skip

    good = case("Brandt opens epoch 1", one, BRANDT, "brandt")
    place = good["index"]
    assert isinstance(place, int)
    swapped = [*one.w[1:], one.w[0]]
    write(
        "epochs",
        open=[
            good | {"key": one.key},
            case("Adler opens epoch 2 as its next generation", two, ADLER, "adler 2") | {"key": two.key},
            case("the role opens epoch 2", two, ROLE, "role") | {"key": two.key},
        ],
        open_refused=[
            good | {"name": "swapped wraps", "w": swapped, "index": place, "error": "wrap.unreadable"},
            good | {"name": "tampered wrap", "w": [flip(w, 1_130) for w in one.w], "error": "wrap.unreadable"},
            good | {"name": "tampered encapsulation", "w": [flip(w, 7) for w in one.w], "error": "wrap.unreadable"},
            good | {"name": "truncated wrap", "w": [w[:-1] for w in one.w], "error": "wrap.unreadable"},
            good | {"name": "tampered header", "h": one.h.replace(b"clinical-10y", b"clinical-11y"), "error": "wrap.unreadable"},
            good | {"name": "not a recipient", "principal": STRANGER, "kem_seed": kem_seed("stranger"), "error": "wrap.unreadable"},
            good | {"name": "key of another generation", "kem_seed": kem_seed("adler"), "error": "wrap.unreadable"},
            case("another key than the committed one", liar, BRANDT, "brandt") | {"error": "epoch.commitment"},
            case("short key", short, BRANDT, "brandt") | {"error": "wrap.unreadable"},
        ],
        verify=[
            {"name": "epoch 1", "h": one.h, "w": one.w, "s": one.s, "device_public": PHONE_KEY.public},
            {"name": "epoch 2", "h": two.h, "w": two.w, "s": two.s, "device_public": PHONE_KEY.public},
        ],
        verify_refused=[
            {"name": name, "h": one.h, "w": one.w, "s": one.s, "device_public": PHONE_KEY.public, "error": "signature.invalid"} | change
            for name, change in {
                "wrong signer": {"device_public": TABLET_KEY.public},
                "swapped wraps": {"w": swapped},
                "one wrap fewer": {"w": one.w[:-1]},
                "tampered wrap": {"w": [*one.w[:-1], flip(one.w[-1])]},
                "tampered header": {"h": one.h.replace(b"clinical-10y", b"clinical-11y")},
                "tampered signature": {"s": flip(one.s)},
                "short signature": {"s": one.s[:63]},
                "label of a message": {"s": PHONE_KEY.sign("sig-message", sha256(one.h), sha256(b"".join(one.w)))},
            }.items()
        ],
        headers=[
            {"name": "epoch 1", "h": one.h, "header": vars(one.header)},
            {"name": "epoch 2", "h": two.h, "header": vars(two.header)},
        ],
        headers_refused=[
            *common_header_refusals(header, one.h),
            header_case("epoch 0", {"epoch": 0}, header),
            header_case("first epoch with a predecessor", {"prev": encode(sha256(b""))}, header),
            header_case("second epoch without a predecessor", {"epoch": 2}, header),
            header_case("nobody", {"to": []}, header),
            header_case("not in order", {"to": to[::-1]}, header),
            header_case("a recipient twice", {"to": [to[0], *to]}, header),
            header_case("513 recipients", {"to": [[f"{n:08x}-0000-4000-8000-000000000000", to[0][1]] for n in range(513)]}, header),
            header_case("kid not canonical", {"to": [[to[0][0], to[0][1][:-1] + "B"]]}, header, "encoding.not_canonical"),
            header_case("short kid", {"to": [[to[0][0], "AAAA"]]}, header),
            header_case("recipient without kid", {"to": [[to[0][0]]]}, header),
            header_case("upper-case identifier", {"by": str(ADLER).upper()}, header),
            header_case("identifier without hyphens", {"by": ADLER.hex}, header),
            header_case("retention in capitals", {"retention": "Clinical"}, header),
            header_case("retention too long", {"retention": "a" * 33}, header),
            header_case("retention with a line break", {"retention": "a\n"}, header),
            header_case("kc too short", {"kc": "AAAA"}, header),
        ],
    )  # fmt: skip


def make_messages() -> None:
    key = fixed("K epoch 1")
    file = messages.Attachment(id=uuid("file"), sha256=sha256(b"file"), size=1_048_592)
    first = messages.MessageHeader(
        conversation=uuid("conversation"), epoch=1, id=uuid("message 1"), by=ADLER, role=None, device=PHONE, at=NOON, prev=None,
    )  # fmt: skip
    one = messages.seal_message(header=first, body=b'{"t":"text","text":"Bett frei?"}', key=key, signing_key=PHONE_KEY)
    second = messages.MessageHeader(
        **vars(first) | {"id": uuid("message 2"), "role": ROLE, "prev": sha256(one.h), "priority": "stat", "attachments": (file,)}
    )
    lengths = {"empty": 0, "one short of a block": 254, "a block less the mark": 255, "a whole block": 256, "longest": messages.MAX_BODY}
    cases = [message_case("text", first, b'{"t":"text","text":"Bett frei?"}', key)]
    cases += [message_case("with attachment, role, predecessor", second, b'{"t":"ack","of":null}', key)]
    cases += [message_case(f"body: {name}", first, b"x" * length, key) for name, length in lengths.items() if length < 1000]
    good = cases[0]
    h, c, s = one.h, one.c, one.s
    header, attached = json.loads(h), json.loads(messages.format_message_header(second))
    file_entry = attached["attachments"][0]
    block = messages.pad(b"body")
    write(
        "messages",
        messages=cases,
        open_refused=[
            {"name": name, "h": h, "c": c, "key": key, "error": "message.unreadable"} | change
            for name, change in {
                "tampered header": {"h": h.replace(b"normal", b"urgent")},
                "tampered ciphertext": {"c": flip(c, 10)},
                "tampered tag": {"c": flip(c, -1)},
                "truncated": {"c": c[:-1]},
                "empty": {"c": b""},
                "tag alone": {"c": c[-16:]},
                "other key": {"key": flip(key)},
                "padding without mark": {"c": encrypted(h, bytes(256), key)},
                "padding with another mark": {"c": encrypted(h, block.replace(b"\x80", b"\x81"), key)},
                "a block of padding too many": {"c": encrypted(h, block + bytes(256), key)},
                "not padded to a block": {"c": encrypted(h, b"body\x80", key)},
            }.items()
        ],
        verify_refused=[
            {"name": name, "h": h, "c": c, "s": s, "device_public": PHONE_KEY.public, "error": "signature.invalid"} | change
            for name, change in {
                "wrong signer": {"device_public": TABLET_KEY.public},
                "tampered header": {"h": h.replace(b"normal", b"urgent")},
                "tampered ciphertext": {"c": flip(c)},
                "tampered signature": {"s": flip(s, 40)},
                "empty signature": {"s": b""},
                "label of an epoch": {"s": PHONE_KEY.sign("sig-epoch", sha256(h), sha256(c))},
            }.items()
        ],
        headers=[
            {"name": "plain", "h": h, "header": vars(first)},
            {
                "name": "with attachment",
                "h": messages.format_message_header(second),
                "header": vars(second) | {"attachments": [vars(file)]},
            },
        ],
        headers_refused=[
            *common_header_refusals(header, h),
            header_case("unknown priority", {"priority": "later"}, header),
            header_case("no identifier", {"id": None}, header),
            header_case("epoch as text", {"epoch": "1"}, header),
            header_case("epoch as truth value", {"epoch": True}, header),
            header_case("prev not canonical", {"prev": "A" * 42 + "B"}, header, "encoding.not_canonical"),
            header_case("prev with padding", {"prev": "A" * 43 + "="}, header, "encoding.not_canonical"),
            header_case("prev too short", {"prev": "AAAA"}, header),
            header_case("attachments missing", {"attachments": None}, header),
            header_case("attachment twice", {"attachments": [file_entry, file_entry]}, header),
            header_case("attachment smaller than a tag", {"attachments": [[*file_entry[:2], 15]]}, header),
            header_case("attachment with a fourth member", {"attachments": [[*file_entry, 1]]}, header),
            header_case("seventeen attachments", {"attachments": [[str(uuid(f"file {n}")), *file_entry[1:]] for n in range(17)]}, header),
        ],
        longest_body=messages.MAX_BODY,
    )  # fmt: skip


def message_case(name: str, header: messages.MessageHeader, body: bytes, key: bytes) -> dict[str, object]:
    made = messages.seal_message(header=header, body=body, key=key, signing_key=PHONE_KEY)
    case = {"name": name, "h": made.h, "body": body, "key": key, "device_seed": fixed("phone"), "device_public": PHONE_KEY.public}
    return case | {"c": made.c, "s": made.s}


def encrypted(h: bytes, padded: bytes, key: bytes) -> bytes:
    material = keys.hkdf(key, labelled("wardline/1 message", sha256(h)), 44)
    return AESGCM(material[:32]).encrypt(material[32:], padded, h)


def make_bodies() -> None:
    image = bodies.Image(
        attachment=uuid("file"), key=fixed("file key"), size=123_456, type="image/jpeg", width=1600, height=1200, caption="Wunde"
    )
    samples: dict[str, bodies.Body] = {
        "text": bodies.Text("Bett frei? 😀"),
        "empty text": bodies.Text(""),
        "image": image,
        "identity": bodies.Identity("Muster", "Max", "1950-01-31", "male"),
        "ack": bodies.Ack(uuid("message 1")),
        "system": bodies.System("members.changed", {"added": [str(BRANDT)]}),
    }
    refused = {
        "not JSON": b"text",
        "no type": b"{}",
        "type not text": b'{"t":1}',
        "text missing": b'{"t":"text"}',
        "unknown member of a known type": b'{"t":"text","text":"a","x":1}',
        "duplicate key": b'{"t":"text","text":"a","text":"b"}',
        "image type": bodies.format_body(image).replace(b"image/jpeg", b"image/svg+xml"),
        "sex": b'{"t":"identity","family":"a","given":"b","birthDate":"1950-01-31","sex":"x","note":""}',
        "birth date": b'{"t":"identity","family":"a","given":"b","birthDate":"31.1.1950","sex":"male","note":""}',
    }
    write(
        "bodies",
        bodies=[{"name": name, "bytes": (data := bodies.format_body(body)), "value": json.loads(data)} for name, body in samples.items()],
        unknown=[{"name": "type of a newer version", "bytes": b'{"t":"poll","question":"?","n":1}', "t": "poll"}],
        bodies_refused=[{"name": name, "bytes": data, "error": "message.unreadable"} for name, data in refused.items()],
    )


def rule(length: int) -> bytes:
    period = bytes((i * 7 + 3) % 251 for i in range(251))
    return (period * (length // 251 + 1))[:length]


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


def stream_chunk(key: bytes, counter: int, last: bool, data: bytes) -> bytes:
    return AESGCM(key).encrypt(counter.to_bytes(11, "big") + bytes([last]), data, None)


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


class World:
    """The statements of a hospital, its partner, and what an attacker could add."""

    def __init__(self) -> None:
        self.minute = 0
        self.root = self.say("root", HOSPITAL, statements.Sign(ROOT.public), HOSPITAL, ROOT)
        self.registrar = self.say("registrar", REGISTRAR, statements.Sign(KEYS["registrar"].sign.public), HOSPITAL, ROOT)
        self.adler = self.member(ADLER, "adler")
        self.brandt = self.member(BRANDT, "brandt")
        self.archive = self.registered("archive", ARCHIVE, self.keys("archive"))
        body = statements.RoleKeys(1, KEYS["role"].kem.public, sha256(b"role profile"), (ADLER, BRANDT))
        self.role = self.registered("role", ROLE, body)
        self.phone = self.device(PHONE, PHONE_KEY, ADLER, "adler")
        self.tablet = self.device(TABLET, TABLET_KEY, ADLER, "adler")
        self.partner = self.registered("partner", PARTNER, statements.Partner(OTHER_ROOT.public))
        self.all = [self.root, self.registrar, self.adler, self.brandt, self.archive, self.role, self.phone, self.tablet, self.partner]

    def keys(self, who: str, generation: int = 1) -> statements.Keys:
        return statements.Keys(generation, KEYS[who].kem.public, KEYS[who].sign.public, sha256(f"profile {who}".encode()))

    def say(self, kind: str, subject: UUID, body: statements.Body, by: UUID, key: SigningKey, prev: statements.Statement | None = None,
            hospital: UUID = HOSPITAL, at: datetime | None = None) -> statements.Statement:  # fmt: skip
        self.minute += 1
        return statements.make_statement(
            kind=kind, hospital=hospital, subject=subject, body=body, by=by, key=key, prev=prev,
            at=at or NOON + timedelta(minutes=self.minute),
        )  # fmt: skip

    def registered(self, kind: str, subject: UUID, body: statements.Body, prev: statements.Statement | None = None) -> statements.Statement:
        return self.say(kind, subject, body, REGISTRAR, KEYS["registrar"].sign, prev)

    def member(self, person: UUID, who: str, generation: int = 1, prev: statements.Statement | None = None) -> statements.Statement:
        return self.registered("member", person, self.keys(who, generation), prev)

    def device(
        self, device: UUID, key: SigningKey, owner: UUID, who: str, prev: statements.Statement | None = None
    ) -> statements.Statement:
        return self.say("device", device, statements.DeviceKey(owner, key.public), owner, KEYS[who].sign, prev)

    def revoke(self, device: UUID, owner: UUID, by: UUID, key: SigningKey) -> statements.Statement:
        return self.say("device-revoked", device, statements.Revocation(owner, "stolen"), by, key)

    def partner_member(self, hospital: UUID = PARTNER, root: SigningKey = OTHER_ROOT) -> list[statements.Statement]:
        """A stranger who is a proper member of the other hospital."""
        key = KEYS["stranger"].sign
        said = [("root", hospital, statements.Sign(root.public), hospital, root)]
        said += [("registrar", STRANGER, statements.Sign(key.public), hospital, root)]
        said += [("member", STRANGER, self.keys("stranger"), STRANGER, key)]  # type: ignore[list-item]
        return [self.say(*words, hospital=hospital) for words in said]


def make_directory() -> None:
    world = World()
    known: dict[bytes, int] = {}
    entries: list[dict[str, object]] = []
    fork = world.registered("member", BRANDT, world.keys("stranger"))
    next_adler = world.member(ADLER, "adler 2", 2, world.adler)
    next_phone = world.device(PHONE, PHONE_KEY, ADLER, "adler 2", world.phone)
    late = world.say("device", uuid("late device"), statements.DeviceKey(ADLER, fixed("late")), ADLER, KEYS["adler"].sign)
    chained = [world.say("member", STRANGER, world.keys("stranger"), ADLER, KEYS["adler"].sign)]
    third = SigningKey(fixed("third root"))
    partner_partner = world.say("partner", THIRD, statements.Partner(third.public), STRANGER, KEYS["stranger"].sign, hospital=PARTNER)
    twice = [world.registered("member", STRANGER, world.keys("stranger")), *world.partner_member()]
    own_revoke = world.revoke(PHONE, ADLER, ADLER, KEYS["adler"].sign)
    forged = statements.parse_statement(world.brandt.h, flip(world.brandt.s))
    not_by_root = world.say("registrar", ADLER, statements.Sign(KEYS["adler"].sign.public), HOSPITAL, KEYS["registrar"].sign)
    self_made = SigningKey(fixed("self-made root"))

    def ask(name: str, said: list[statements.Statement], principal: UUID | None = None, device: UUID | None = None) -> dict[str, object]:
        case: dict[str, object] = {"name": name, "pins": {HOSPITAL: ROOT.public}}
        for statement in said:
            if known.setdefault(statement.h + statement.s, len(known)) == len(entries):
                entries.append({"h": statement.h, "s": statement.s})
        case["statements"] = [known[statement.h + statement.s] for statement in said]
        case["ask"] = {"principal": principal} if principal else {"device": device}
        return case | answer_of(said, principal, device)

    everything = world.all
    cases = [
        ask("a member", everything, ADLER),
        ask("a duty role", everything, ROLE),
        ask("the archive", everything, ARCHIVE),
        ask("a device", everything, device=PHONE),
        ask("in reverse order of arrival", everything[::-1], device=PHONE),
        ask("each statement twice", everything * 2, BRANDT),
        ask("the latest generation holds", [*everything, next_adler], ADLER),
        ask("stated again by the next generation", [*everything, next_adler, next_phone], device=PHONE),
        ask("a member of a partner hospital", [*everything, *world.partner_member()], STRANGER),
        ask("a stranger's bad signature changes nothing", [forged, *everything], BRANDT),
        ask("a key without a chain", [*everything, *chained], STRANGER),
        ask("nobody said anything", everything, STRANGER),
        ask("without the registrar's statement", [entry for entry in everything if entry is not world.registrar], ADLER),
        ask("without the root's statement", [entry for entry in everything if entry is not world.root], ADLER),
        ask("a root that is not the pinned one", of_another_root(self_made), ADLER),
        ask("a registrar not stated by the root", [*everything, not_by_root, world.say("member", STRANGER, world.keys("stranger"), ADLER, KEYS["adler"].sign)], STRANGER),
        ask("a member of a hospital that is no partner", [*everything, *world.partner_member(THIRD, third)], STRANGER),
        ask("a partner's partner", [*everything, *world.partner_member(), partner_partner, *third_member(world, third)], uuid("third member")),
        ask("wrong signature", [forged if entry is world.brandt else entry for entry in everything], BRANDT),
        ask("forked statements", [*everything, fork], BRANDT),
        ask("forked statements, the other way round", [fork, *everything], BRANDT),
        ask("a fork of another does not matter", [*everything, fork], ADLER),
        ask("predecessor missing", [entry for entry in [*everything, next_adler] if entry is not world.adler], ADLER),
        ask("generation falls", [*everything, next_adler, world.member(ADLER, "adler", 1, next_adler)], ADLER) ,
        ask("same generation, other key", [*everything, world.member(ADLER, "stranger", 1, world.adler)], ADLER),
        ask("revoked by its owner", [*everything, own_revoke], device=PHONE),
        ask("the other device is not revoked", [*everything, own_revoke], device=TABLET),
        ask("revoked by a registrar", [*everything, world.revoke(PHONE, ADLER, REGISTRAR, KEYS["registrar"].sign)], device=PHONE),
        ask("a colleague cannot revoke", [*everything, world.revoke(PHONE, ADLER, BRANDT, KEYS["brandt"].sign)], device=PHONE),
        ask("a device stated by a colleague", [*everything, world.device(uuid("x"), TABLET_KEY, ADLER, "brandt")], device=uuid("x")),
        ask("a device stated by a former key", [*everything, next_adler], device=PHONE),
        ask("a new device stated by a former key", [*everything, next_adler, late], device=uuid("late device")),
        ask("subject of two hospitals: the pinned one counts", [*everything, *twice], STRANGER),
    ]  # fmt: skip
    write("directory", statements=entries, directories=cases)


def third_member(world: World, root: SigningKey) -> list[statements.Statement]:
    person, who = uuid("third member"), KEYS["brandt"].sign
    said = [("root", THIRD, statements.Sign(root.public), THIRD, root), ("registrar", person, statements.Sign(who.public), THIRD, root)]
    said += [("member", person, world.keys("brandt"), person, who)]  # type: ignore[list-item]
    return [world.say(*words, hospital=THIRD) for words in said]


def of_another_root(root: SigningKey) -> list[statements.Statement]:
    world = World()
    own_root = world.say("root", HOSPITAL, statements.Sign(root.public), HOSPITAL, root)
    registrar = world.say("registrar", REGISTRAR, statements.Sign(KEYS["registrar"].sign.public), HOSPITAL, root)
    return [own_root, registrar, *world.all[2:]]


def answer_of(said: list[statements.Statement], principal: UUID | None, device: UUID | None) -> dict[str, object]:
    directory = Directory({HOSPITAL: ROOT.public}, said)
    try:
        if principal:
            found = directory.principal(principal)
            names = ("kind", "hospital", "generation", "kem", "sign", "profile", "eligible")
            return {"answer": {name: getattr(found, name) for name in names}}
        assert device
        known = directory.device(device)
        return {"answer": {"principal": known.principal, "sign": known.sign}}
    except ProtocolError as error:
        return {"error": error.code}


def make_statements() -> None:
    world = World()
    named = {"root": world.root, "registrar": world.registrar, "member": world.adler, "archive": world.archive, "role": world.role,
             "device": world.phone, "partner": world.partner,
             "device-revoked": world.revoke(PHONE, ADLER, ADLER, KEYS["adler"].sign)}  # fmt: skip
    seeds = {"root": fixed("root"), "registrar": fixed("root"), "device": None, "device-revoked": None}
    cases = []
    for kind, statement in named.items():
        seed = seeds.get(kind, keys.hkdf(SEEDS["registrar"], b"wardline/1 sign")) or keys.hkdf(SEEDS["adler"], b"wardline/1 sign")
        header = {name: getattr(statement, name) for name in ("kind", "hospital", "subject", "prev", "at", "by", "kid")}
        case = {"name": kind, "h": statement.h, "s": statement.s, "signer_seed": seed, "signer_public": SigningKey(seed).public}
        cases.append(case | {"header": header | {"body": vars(statement.body)}})
    member, role = json.loads(world.adler.h), json.loads(world.role.h)
    revoked = json.loads(named["device-revoked"].h)
    signer = KEYS["registrar"].sign.public
    write(
        "statements",
        statements=cases,
        verify_refused=[
            {"name": name, "h": world.adler.h, "s": world.adler.s, "signer_public": signer, "error": "signature.invalid"} | change
            for name, change in {
                "wrong signer": {"signer_public": ROOT.public},
                "tampered header": {"h": world.adler.h.replace(b'"generation":1', b'"generation":2')},
                "tampered signature": {"s": flip(world.adler.s)},
                "white space added": {"h": world.adler.h.replace(b'"v":1', b'"v": 1')},
            }.items()
        ],
        headers_refused=[
            *common_header_refusals(member, world.adler.h),
            header_case("unknown kind", {"kind": "roster"}, member),
            header_case("unknown member of the body", {"body": member["body"] | {"x": 1}}, member, "header.unknown_member"),
            header_case("missing member of the body", {"body": {"generation": 1}}, member),
            header_case("body is a list", {"body": []}, member),
            header_case("generation 0", {"body": member["body"] | {"generation": 0}}, member),
            header_case("key too short", {"body": member["body"] | {"sign": "AAAA"}}, member),
            header_case("key not canonical", {"body": member["body"] | {"sign": "A" * 42 + "B"}}, member, "encoding.not_canonical"),
            header_case("by without kid", {"by": [member["by"][0]]}, member),
            header_case("eligible twice", {"body": role["body"] | {"eligible": [str(ADLER)] * 2}}, role),
            header_case("unknown reason", {"body": revoked["body"] | {"reason": "bored"}}, revoked),
        ],
    )  # fmt: skip


def make_hpke() -> None:
    draft_seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    case = SEALER.cases[0]
    sealed, info = case["sealed"], case["info"]
    assert isinstance(sealed, bytes) and isinstance(info, bytes)
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


def main() -> None:
    make_encoding()
    make_keys()
    make_links()
    make_profiles()
    make_statements()
    make_directory()
    make_epochs()
    make_messages()
    make_bodies()
    make_images()
    make_role_seeds()
    make_hpke()


if __name__ == "__main__":
    sys.exit(main())

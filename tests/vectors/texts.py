"""Vectors of what is text or JSON: encoding, links, profiles, bodies."""

import json
from typing import Any

from cast import ADLER, BRANDT, HOSPITAL, KEYS, PARTNER, ROOT, SEALER, SEEDS, TABLET_KEY, fixed, flip, uuid, write

from wardline_client.protocol import bodies, links, profiles
from wardline_client.protocol.encoding import encode
from wardline_client.protocol.hpke import KemKey
from wardline_client.protocol.keys import labelled

Case = dict[str, Any]


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


def _compared_links(payload: links.LinkPayload, token: str) -> tuple[list[Case], Case]:
    kem = KemKey(fixed("link kem"))
    claim = links.LinkClaim(token, TABLET_KEY.public, kem.public)
    keys = {"token": token, "sign": claim.sign, "kem": claim.kem}
    openings = {"digits": fixed("link opening"), "digits with a leading zero": _opening_with_zero(claim)}
    digits = [
        {"name": name, **keys, "opening": opening, "secret": links.link_secret(opening), "digits": links.link_digits(opening, claim)}
        for name, opening in openings.items()
    ]
    secret = links.link_secret(openings["digits"])
    inner = links.seal_link_payload(payload=payload, secret=secret, token=token)
    sealed = SEALER.seal("device link", fixed("link kem"), inner, labelled("wardline/1 link", claim.digest))
    return digits, {
        "name": "claimed link",
        **keys,
        "kem_seed": fixed("link kem"),
        "secret": secret,
        "sealed": sealed,
        "payload": vars(payload),
    }


def _opening_with_zero(claim: links.LinkClaim) -> bytes:
    candidates = (fixed(f"link opening {number}") for number in range(1000))
    return next(opening for opening in candidates if links.link_digits(opening, claim)[0] == "0")


def make_links() -> None:
    secret, token = fixed("link secret"), "tok_EN-1"
    payload = links.LinkPayload(person=ADLER, seed=SEEDS["adler"], generation=1, hospital=HOSPITAL, root=ROOT.public)
    sealed = links.seal_link_payload(payload=payload, secret=secret, token=token)
    case = {"token": token, "secret": secret, "sealed": sealed}
    join = links.format_invitation(token, ROOT.public)
    restore = links.format_restoration(token, ROOT.public)
    pin = links.sign_pin(KEYS["adler"].sign, HOSPITAL, ROOT.public)
    pinned = {"name": "the own hospital", "seed": SEEDS["adler"], "sign": KEYS["adler"].sign.public, "hospital": HOSPITAL}
    pinned |= {"root": ROOT.public, "pin": pin}
    digits, claimed = _compared_links(payload, token)
    write(
        "links",
        pins=[pinned],
        pins_refused=[
            {**pinned, "name": "other root", "root": flip(ROOT.public), "error": "signature.invalid"},
            {**pinned, "name": "other hospital", "hospital": PARTNER, "error": "signature.invalid"},
            {**pinned, "name": "of somebody else", "sign": KEYS["brandt"].sign.public, "error": "signature.invalid"},
        ],
        digits=digits,
        claims=[claimed],
        claims_refused=[
            {**claimed, "name": "tampered", "sealed": flip(claimed["sealed"], -1), "error": "wrap.unreadable"},
            {**claimed, "name": "for another device", "sign": flip(claimed["sign"]), "error": "wrap.unreadable"},
            {**claimed, "name": "of another link", "token": "other", "error": "wrap.unreadable"},
            {**claimed, "name": "other secret", "secret": flip(claimed["secret"]), "error": "wrap.unreadable"},
        ],
        payloads=[{"name": "device link", **case, "payload": vars(payload)}],
        payloads_refused=[
            {"name": "tampered", **case, "sealed": flip(sealed), "error": "wrap.unreadable"},
            {"name": "other token", **case, "token": "other", "error": "wrap.unreadable"},
            {"name": "other secret", **case, "secret": flip(secret), "error": "wrap.unreadable"},
        ],
        addresses=[
            {"name": "link", "kind": "link", "address": links.format_link(token, secret), "token": token, "value": secret},
            {"name": "join", "kind": "join", "address": join, "token": token, "value": ROOT.public},
            {"name": "restore", "kind": "restore", "address": restore, "token": token, "value": ROOT.public},
            {"name": "whole address", "kind": "join", "address": "https://ward.example" + join, "token": token, "value": ROOT.public},
        ],
        addresses_refused=[
            {"name": "other kind", "kind": "join", "address": links.format_link(token, secret), "error": "header.malformed"},
            {"name": "no secret", "kind": "link", "address": f"/#/link/{token}", "error": "header.malformed"},
            {"name": "short secret", "kind": "link", "address": f"/#/link/{token}.{encode(secret[:31])}", "error": "header.malformed"},
            {"name": "spare bits", "kind": "link", "address": f"/#/link/{token}.{'A' * 42}B", "error": "encoding.not_canonical"},
        ],
    )  # fmt: skip


def make_profiles() -> None:
    profile = profiles.Profile(name="Dr. Ada Adler", title="Oberärztin", profession="physician", speciality="anaesthesia", unit="")
    p = profiles.make_profile(profile, fixed("salt", 16))
    case = {"bytes": p, "digest": profiles.profile_digest(p)}
    write(
        "profiles",
        profiles=[{"name": "physician", **case, "profile": vars(profile)}],
        profiles_refused=[
            {"name": "other name", **case, "bytes": p.replace(b"Ada", b"Eva"), "error": "statement.no_chain"},
            {"name": "other digest", **case, "digest": flip(case["digest"]), "error": "statement.no_chain"},
            {"name": "unknown member", "bytes": p[:-1] + b',"x":1}', "error": "header.unknown_member"},
            {"name": "without a speciality", "bytes": p.replace(b'"speciality":"anaesthesia",', b""), "error": "header.malformed"},
            {"name": "short salt", "bytes": p.replace(encode(fixed("salt", 16)).encode(), b"AAAA"), "error": "header.malformed"},
        ],
    )  # fmt: skip


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

"""Vectors of epochs and messages."""

import json
from uuid import UUID

from cast import (
    ADLER,
    ARCHIVE,
    BRANDT,
    HOSPITAL,
    KEYS,
    NOON,
    PARTNER,
    PHONE,
    PHONE_KEY,
    ROLE,
    SEALER,
    STRANGER,
    TABLET_KEY,
    common_header_refusals,
    fixed,
    flip,
    header_case,
    kem_seed,
    uuid,
    write,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from logs import signed_head

from wardline_client.protocol import epochs, keys, messages
from wardline_client.protocol.encoding import encode, sha256
from wardline_client.protocol.keys import labelled
from wardline_client.protocol.signing import SigningKey


def make_epochs() -> None:
    recipients = {ADLER: "adler", BRANDT: "brandt", ARCHIVE: "archive"}
    heads = sorted(
        (signed_head(place, size, fixed("a root")) for place, size in ((HOSPITAL, 7), (PARTNER, 3))), key=lambda head: str(head.hospital)
    )
    one = sealed_epoch("epoch 1", recipients, heads=heads)
    two = sealed_epoch("epoch 2", {ADLER: "adler 2", ROLE: "role"}, epoch=2, prev=sha256(one.h), role=ROLE)
    liar = seal_again("epoch with another key", one, recipients, PHONE_KEY, key=fixed("another K"))
    short = seal_again("epoch with a short key", one, recipients, PHONE_KEY, key=fixed("K", 16))
    header = json.loads(one.h)
    to, head = header["to"], header["heads"][0]

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
            good | {"name": "a recipient's key under another name", "principal": STRANGER, "error": "wrap.unreadable"},
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
            header_case("heads not in order", {"heads": header["heads"][::-1]}, header),
            header_case("a hospital's head twice", {"heads": [head, head]}, header),
            header_case("65 heads", {"heads": [[f"{n:08x}-0000-4000-8000-000000000000", *head[1:]] for n in range(65)]}, header),
            header_case("head of nothing", {"heads": [[head[0], 0, *head[2:]]]}, header),
            header_case("head without a signature", {"heads": [head[:3]]}, header),
            header_case("head with a short root", {"heads": [[*head[:2], "AAAA", head[3]]]}, header),
            header_case("retention in capitals", {"retention": "Clinical"}, header),
            header_case("retention too long", {"retention": "a" * 33}, header),
            header_case("retention with a line break", {"retention": "a\n"}, header),
            header_case("kc too short", {"kc": "AAAA"}, header),
        ],
    )  # fmt: skip


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
                "more than a block, but no whole one": {"c": encrypted(h, b"x" * 299 + b"\x80", key)},
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

"""Vectors of the logs of statements: trees and signed heads."""

import hashlib
import json
from base64 import b64encode

from cast import HERE, HOSPITAL, PARTNER, fixed, flip, write
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wardline_client.protocol.encoding import decode
from wardline_client.protocol.notes import SignedHead, head_fingerprint
from wardline_client.protocol.tree import Tree, leaf_hash

KEY = Ed25519PrivateKey.from_private_bytes(fixed("log key"))
OTHER = Ed25519PrivateKey.from_private_bytes(fixed("other log key"))
PUBLIC = KEY.public_key().public_bytes_raw()
BASE = "ward.example/audit/directory/"


def signed_head(hospital: object, size: int, root: bytes) -> SignedHead:
    text = f"{BASE}{hospital}\n{size}\n{b64encode(root).decode()}\n"
    return SignedHead(hospital, size, root, KEY.sign(text.encode()))  # type: ignore[arg-type]


def make_heads() -> None:
    statements = json.loads((HERE / "directory.json").read_text("utf-8"))["statements"][:7]
    tree = Tree()
    for each in statements:
        tree.append(leaf_hash(decode(each["h"]), decode(each["s"])))
    root = tree.root
    leaves = [b"", *tree.leaves]
    note = signed(f"{BASE}{HOSPITAL}\n7\n{b64encode(root).decode()}\n", f"{BASE}{HOSPITAL}")
    with_another = note + line(f"{BASE}{HOSPITAL}", fixed("a key nobody knows")[:4] + fixed("its signature", 64))
    good = {"hospital": HOSPITAL, "key": PUBLIC}
    read = {"size": 7, "root": root, "base": BASE, "signature": signed_head(HOSPITAL, 7, root).signature}
    write(
        "heads",
        statements=statements,
        trees=[tree_case(tree, size, leaf) for size, leaf in enumerate(leaves)],
        notes=[
            good | read | {"name": "signed", "note": note},
            good | read | {"name": "signed by another key, too", "note": with_another},
        ],
        notes_refused=[
            good | {"name": name, "note": note, "error": "signature.invalid"} | change
            for name, change in {
                "another size": {"note": note.replace("\n7\n", "\n8\n")},
                "another root": {"note": note.replace(b64encode(root).decode(), b64encode(flip(root)).decode())},
                "another key": {"key": OTHER.public_key().public_bytes_raw()},
                "no signature": {"note": note[: note.index("\u2014")]},
                "the signature under another name": {"note": note.replace(f"\u2014 {BASE}", "\u2014 x/")},
                "of another hospital": {"hospital": PARTNER, "error": "header.malformed"},
                "no size": {"note": note.replace("\n7\n", "\nseven\n"), "error": "header.malformed"},
                "a size with a zero in front": {"note": note.replace("\n7\n", "\n07\n"), "error": "header.malformed"},
                "a line more": {"note": note.replace("\n7\n", "\n7\n\n"), "error": "header.malformed"},
                "nothing": {"note": "", "error": "header.malformed"},
                "a root that is no base64": {"note": note.replace(b64encode(root).decode(), "*" * 44), "error": "encoding.not_canonical"},
            }.items()
        ],
    )  # fmt: skip


def tree_case(tree: Tree, size: int, leaf: bytes) -> dict[str, object]:
    root = tree.root_at(size)
    return {"name": f"{size} leaves", "size": size, "leaf": leaf, "root": root, "fingerprint": head_fingerprint(size, root)}


def signed(text: str, origin: str, key: Ed25519PrivateKey = KEY) -> str:
    key_id = hashlib.sha256(f"{origin}\n\x01".encode() + key.public_key().public_bytes_raw()).digest()[:4]
    return f"{text}\n{line(origin, key_id + key.sign(text.encode()))}"


def line(origin: str, content: bytes) -> str:
    return f"\u2014 {origin} {b64encode(content).decode()}\n"

"""Bundles of every kind of badness and who signs them, made without the server's code, and what ``wardline-verify`` says of them."""

import hashlib
import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.audit.test_merkle import root_by_the_book
from wardline_verify.bundle import Verdict
from wardline_verify.cli import main

ORIGIN = "wardline.example/audit/1"


def b64(content):
    return b64encode(content).decode()


class Signer:
    """A key with a name, for a log (kind 1) or a witness (kind 4)."""

    def __init__(self, name=ORIGIN, kind=1):
        self.name, self.kind, self.private = name, kind, Ed25519PrivateKey.generate()
        self.typed = bytes([kind]) + self.private.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + self.typed).digest()[:4]
        self.verifier_key = f"{name}+{self.key_id.hex()}+{b64(self.typed)}"

    def line(self, body):
        if self.kind == 4:
            seconds = 1_790_000_000
            signature = seconds.to_bytes(8, "big") + self.private.sign(f"cosignature/v1\ntime {seconds}\n{body}".encode())
        else:
            signature = self.private.sign(body.encode())
        return f"\u2014 {self.name} {b64(self.key_id + signature)}\n"


def event(number, **more):
    members = {"v": 1, "at": f"2026-11-23T01:00:{number:02}.000000Z", "action": "beds.hold", "outcome": "success", **more}
    return json.dumps(members).encode()


def note(leaves, *signers, origin=ORIGIN):
    root = root_by_the_book([hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves])
    body = f"{origin}\n{len(leaves)}\n{b64(root)}\n"
    return body + "\n" + "".join(signer.line(body) for signer in signers)


class Bundle:
    """Seven signed leaves in a file, whose lines a test may change before it is judged."""

    def __init__(self, folder, leaves=None):
        self.path, self.folder, self.signer = folder / "bundle", folder, Signer()
        self.leaves = leaves or [event(number) for number in range(7)]
        self.make()

    def make(self, *signers):
        signers = signers or (self.signer,)
        head = {"format": "wardline-audit/1", "key": self.signer.verifier_key, "checkpoint": note(self.leaves, *signers)}
        self.lines = [head, *({"index": at, "leaf": b64(leaf)} for at, leaf in enumerate(self.leaves)), {"end": len(self.leaves)}]

    def content(self):
        return b"".join(json.dumps(line).encode() + b"\n" for line in self.lines)

    def saves(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture
def bundle(tmp_path):
    return Bundle(tmp_path)


@pytest.fixture
def judged(bundle, capsys):
    def run(*options, content=None):
        bundle.path.write_bytes(bundle.content() if content is None else content)
        arguments = options if "--key" in options or "--policy" in options else ("--key", bundle.signer.verifier_key, *options)
        code = main([str(bundle.path), "--json", *arguments])
        return Verdict(code), json.loads(capsys.readouterr().out)["codes"]

    return run

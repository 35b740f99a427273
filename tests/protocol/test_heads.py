"""The logs of statements: trees and signed heads."""

from uuid import UUID

from tests.protocol.vectors import binary, each, layer, refused
from wardline_client import kept_heads
from wardline_client.protocol.encoding import decode, encode
from wardline_client.protocol.notes import SignedHead, head_fingerprint, parse_note
from wardline_client.protocol.tree import Tree, leaf_hash
from wardline_client.protocol.watching import Watching


def grown(size):
    tree = Tree()
    for statement in layer("heads")["statements"][:size]:
        tree.append(leaf_hash(*binary(statement, "h", "s")))
    return tree


@each("heads", "trees")
def test_a_tree_has_the_root_its_leaves_give(case):
    tree = grown(case["size"])

    assert encode(tree.root) == case["root"]
    assert encode(tree.leaves[-1] if tree.leaves else b"") == case["leaf"]
    assert head_fingerprint(case["size"], tree.root) == case["fingerprint"]
    assert encode(grown(7).root_at(case["size"])) == case["root"]


@each("heads", "notes")
def test_a_signed_head_is_read(case):
    head, key = parse_note(case["note"], UUID(case["hospital"]), decode(case["key"]))

    assert (head.size, encode(head.root), encode(head.signature), key.base) == (case["size"], case["root"], case["signature"], case["base"])


@each("heads", "notes_refused")
def test_another_head_is_refused(case):
    with refused(case):
        parse_note(case["note"], UUID(case["hospital"]), decode(case["key"]))


def played(steps, hospital):
    """What a client has seen after the steps."""
    watching = Watching(hospital)
    for act, *said in steps:
        match act, said:
            case "take", [place, leaf]:
                watching.take(hospital, place, decode(leaf))
            case "gaps", []:
                assert watching.gaps() == [hospital]
            case "sign", [note, key]:
                watching.sign(hospital, note, decode(key))
            case "hear", [by, size, root, signature]:
                watching.hear([SignedHead(hospital, size, decode(root), decode(signature))], UUID(by))
            case "expect", [leaf]:
                watching.expect(decode(leaf))
            case "settle", []:
                watching.settle(0)
            case "restart", []:
                watching = kept_heads.load(hospital, kept_heads.dump(watching))
            case _:
                raise AssertionError(act)
    return watching


@each("watched", "watched")
def test_a_log_is_watched(case):
    hospital = UUID(layer("watched")["hospital"])
    watching = played(case["steps"], hospital)

    trouble = watching.trouble(hospital)
    assert (trouble and trouble.code) == case["trouble"]
    assert sorted(warned.code for warned in watching.warned) == [f"directory.{code}" for code in case["warned"]]

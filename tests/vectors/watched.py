"""Vectors of a client that watches one hospital's log: what a service shows step by step, and what the client then says.

Each step is something an honest or a lying service or a colleague does; each case ends in a trouble, in warnings, or in neither.
"""

import json
from base64 import b64encode

from cast import BRANDT, HERE, HOSPITAL, fixed, flip, write
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from logs import BASE, KEY, OTHER, signed

from wardline_client.protocol.encoding import decode
from wardline_client.protocol.notes import SignedHead
from wardline_client.protocol.tree import Tree, leaf_hash

Step = list[object]
ALL = 7
SETTLE: Step = ["settle"]
RESTART: Step = ["restart"]


class Log:
    """The log of ``HOSPITAL`` as it is, and what can be said of it, truly or not."""

    def __init__(self) -> None:
        statements = json.loads((HERE / "directory.json").read_text("utf-8"))["statements"][:ALL]
        self.leaves = [leaf_hash(decode(each["h"]), decode(each["s"])) for each in statements]
        self.tree = Tree()
        for leaf in self.leaves:
            self.tree.append(leaf)

    def show(self, size: int = ALL) -> list[Step]:
        return [["take", place, leaf] for place, leaf in enumerate(self.leaves[:size])]

    def other(self, place: int) -> Step:
        return ["take", place, fixed("another leaf")]

    def root(self, size: int, is_true: bool) -> bytes:
        return self.tree.root_at(size) if is_true else flip(self.tree.root_at(size))

    def sign(self, size: int = ALL, *, is_true: bool = True, key: Ed25519PrivateKey = KEY) -> Step:
        text = f"{BASE}{HOSPITAL}\n{size}\n{b64encode(self.root(size, is_true)).decode()}\n"
        return ["sign", signed(text, f"{BASE}{HOSPITAL}", key), key.public_key().public_bytes_raw()]

    def hear(self, size: int = ALL, *, is_true: bool = True, key: Ed25519PrivateKey = KEY) -> Step:
        root = self.root(size, is_true)
        head = SignedHead(HOSPITAL, size, root, key.sign(f"{BASE}{HOSPITAL}\n{size}\n{b64encode(root).decode()}\n".encode()))
        return ["hear", BRANDT, head.size, head.root, head.signature]


def make_watched() -> None:
    log = Log()
    show, sign, hear = log.show, log.sign, log.hear
    seen = [*show(), sign(), SETTLE]
    behind = [*show(6), sign(6), SETTLE]
    stated: Step = ["expect", log.leaves[6]]

    def case(name: str, *steps: Step, trouble: str | None = None, warned: tuple[str, ...] = ()) -> dict[str, object]:
        return {"name": name, "steps": [*steps, SETTLE], "trouble": trouble and f"directory.{trouble}", "warned": warned}

    write(
        "watched",
        hospital=HOSPITAL,
        watched=[
            case("everything is shown", *seen),
            case("the log grows", *behind, RESTART, *show(), sign()),
            case("shown again from the first leaf on", *seen, *show(), sign()),
            case("one in the middle is left out", *show(3), *show()[4:], trouble="withheld"),
            case("what was left out is fetched", *show(3), *show()[4:], ["gaps"], *show()),
            case("a signed head of more than is shown", *show(6), sign(), trouble="withheld"),
            case("a signed head of more, which is shown then", *show(6), sign(), SETTLE, *show()[6:]),
            case("a signed head of other leaves", *show(6), log.other(6), sign(), trouble="split"),
            case("another leaf in a place", *show(), log.other(3), trouble="split"),
            case("a smaller signed head", *seen, sign(6), trouble="rolled_back"),
            case("a smaller signed head after a restart", *seen, RESTART, *show(), sign(6), trouble="rolled_back"),
            case("two signed heads of one size, the true one last", *show(), sign(is_true=False), sign(), trouble="split"),
            case("another signed head of one size after a restart", *seen, RESTART, *show(), sign(is_true=False), trouble="split"),
            case("fewer than before a restart", *show(), SETTLE, RESTART, *show(6), trouble="rolled_back"),
            case("fewer than before a restart, all of it again later", *show(), SETTLE, RESTART, *show(6), SETTLE, *show()[6:]),
            case("other leaves than before a restart", *show(), SETTLE, RESTART, *show(6), log.other(6), trouble="split"),
            case("what did not fit is kept", *show(), log.other(3), SETTLE, RESTART, *show(), trouble="split"),
            case("heard: more than is shown", *behind, hear(), trouble="withheld"),
            case("heard: more, which is shown then", *behind, hear(), SETTLE, *show()[6:]),
            case("heard: more, kept over a restart", *behind, hear(), SETTLE, RESTART, *show(6), trouble="withheld"),
            case("heard: as much as is shown", *seen, hear()),
            case("heard: another root", *seen, hear(is_true=False), trouble="split"),
            case("heard: another root of less", *seen, hear(5, is_true=False), trouble="split"),
            case("heard: made up", *seen, hear(is_true=False, key=OTHER), warned=("disputed",)),
            case("heard: made up, of more than is shown", *behind, hear(key=OTHER), warned=("disputed",)),
            case("signed with another key", *behind, *show()[6:], sign(key=OTHER), warned=("key_changed",)),
            case("signed with another key after a restart", *behind, RESTART, *show(), sign(key=OTHER), warned=("key_changed",)),
            case("one's own statement is not shown", *behind, stated, warned=("not_stated",)),
            case("one's own statement is not shown after a restart", *behind, stated, RESTART, *show(6), warned=("not_stated",)),
            case("one's own statement is shown", *behind, stated, *show()[6:]),
        ],
    )  # fmt: skip

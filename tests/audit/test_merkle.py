"""The Merkle functions against RFC 6962's own recursive words, the vectors every implementation of it shares, and each other."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import EMPTY_ROOT, Range, consistency_proof, inclusion_proof, leaf_hash, node_hash, verify_consistency, verify_inclusion

# The inputs and roots of the Certificate Transparency reference implementation, for 1 to 8 leaves.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = [0, 1, 2, 3, 7, 8, 255, 256, 257]
LARGE = [65_535, 65_536, 65_537]


def leaves(size):
    return [leaf_hash(index.to_bytes(4, "big")) for index in range(size)]


def root_by_the_book(hashes):
    """MTH of RFC 6962, 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + root_by_the_book(hashes[:k]) + root_by_the_book(hashes[k:])).digest()


class Tree:
    """Every node that appending completes, as the sequencer sees them."""

    def __init__(self, hashes):
        self.nodes = {}
        self.range = Range()
        for index, digest in enumerate(hashes):
            self.nodes[0, index] = digest
            for height, place, node in self.range.append(digest):
                self.nodes[height, place] = node

    def get(self, height, index):
        return self.nodes[height, index]


@pytest.fixture(scope="module")
def large():
    return Tree(leaves(max(LARGE)))


def test_the_shared_vectors():
    tree = Range()
    for content, root in zip(INPUTS, ROOTS, strict=True):
        list(tree.append(leaf_hash(bytes.fromhex(content))))
        assert tree.root().hex() == root


def test_the_empty_tree():
    assert Range().root() == EMPTY_ROOT == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


@pytest.mark.parametrize("size", [*SIZES, *LARGE])
def test_a_compact_range_has_the_root_of_the_book(size):
    hashes = leaves(size)
    assert Tree(hashes).range.root() == root_by_the_book(hashes)


@pytest.mark.parametrize("size", [size for size in SIZES if size])
def test_every_leaf_of_every_size_is_proven(size):
    tree = Tree(leaves(size))
    for index in range(size):
        proof = inclusion_proof(tree.get, index, size)
        assert verify_inclusion(digest=tree.get(0, index), index=index, size=size, proof=proof, root=tree.range.root())


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("index", [0, 1, 255, 256, 32_768, 65_534])
def test_leaves_of_large_trees_are_proven(large, size, index):
    root = root_by_the_book([large.get(0, place) for place in range(size)])
    assert verify_inclusion(digest=large.get(0, index), index=index, size=size, proof=inclusion_proof(large.get, index, size), root=root)


@pytest.mark.parametrize("old", [0, 1, 256, 257, 65_535, 65_536])
@pytest.mark.parametrize("new", LARGE)
def test_large_trees_continue_each_other(large, old, new):
    if old > new:
        with pytest.raises(ValueError, match="continues"):
            consistency_proof(large.get, old, new)
        return
    roots = [root_by_the_book([large.get(0, place) for place in range(size)]) for size in (old, new)]
    proof = consistency_proof(large.get, old, new)
    assert verify_consistency(old=old, new=new, old_root=roots[0], new_root=roots[1], proof=proof)


@settings(deadline=None)
@given(size=st.integers(1, 600), data=st.data())
def test_a_proof_holds_for_its_leaf_and_place_alone(size, data):
    tree = Tree(leaves(size))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda place: place != index) if size > 1 else st.just(size))
    proof, root = inclusion_proof(tree.get, index, size), tree.range.root()

    assert verify_inclusion(digest=tree.get(0, index), index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(digest=tree.get(0, index), index=other, size=size, proof=proof, root=root)
    assert not verify_inclusion(digest=leaf_hash(b"another"), index=index, size=size, proof=proof, root=root)
    assert not verify_inclusion(digest=tree.get(0, index), index=index, size=size, proof=[*proof, root], root=root)
    if proof:
        assert not verify_inclusion(digest=tree.get(0, index), index=index, size=size, proof=proof[:-1], root=root)


@settings(deadline=None)
@given(old=st.integers(0, 300), grown=st.integers(0, 300), data=st.data())
def test_a_tree_is_consistent_with_its_own_past_alone(old, grown, data):
    hashes, new = leaves(old + grown), old + grown
    tree = Tree(hashes)
    old_root, proof = root_by_the_book(hashes[:old]), consistency_proof(tree.get, old, new)
    assert verify_consistency(old=old, new=new, old_root=old_root, new_root=tree.range.root(), proof=proof)

    if old:
        changed = list(hashes)
        changed[data.draw(st.integers(0, old - 1))] = leaf_hash(b"another")
        fork = Tree(changed)
        proof = consistency_proof(fork.get, old, new)
        assert not verify_consistency(old=old, new=new, old_root=old_root, new_root=fork.range.root(), proof=proof)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_a_tree_can_be_put_together_from_full_subtrees(sizes):
    """As ``audit.tree`` does it from stored nodes: any full subtree that fits, in place of its leaves."""
    whole = Tree(leaves(sum(1 << height for height in sizes)))
    built = Range()
    for height in sorted(sizes, reverse=True):
        list(built.append_subtree(height, whole.get(height, built.size >> height)))
    assert (built.size, built.root()) == (whole.range.size, whole.range.root())


def test_a_subtree_that_does_not_fit_is_refused():
    tree = Range()
    list(tree.append(leaf_hash(b"")))
    with pytest.raises(ValueError, match="height 1"):
        list(tree.append_subtree(1, node_hash(b"", b"")))


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_for_a_leaf_that_is_not_there(index):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(Tree(leaves(3)).get, index, 3)

"""T06: the tree agrees with public vectors, and its prover with its verifier at every size."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest

from audit import merkle
from audit.merkle import BadProof

VECTORS = Path(__file__).parents[1] / "corpora" / "rfc6962-merkle" / "testdata"
LARGEST = 256
# Every pair of sizes is tried, in a few hundred milliseconds.
LARGEST_GROWN = 128
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(LARGEST)]


def vectors(kind):
    return [json.loads(file.read_bytes()) for file in sorted((VECTORS / kind).rglob("*.json"))]


def decoded(texts):
    return [base64.b64decode(text) for text in texts or []]


def check_vector(kind, vector):
    proof = decoded(vector["proof"])
    if kind == "inclusion":
        (leaf, root) = decoded([vector["leafHash"] or "", vector["root"] or ""])
        merkle.check_inclusion(
            leaf, index=vector["leafIdx"], size=vector["treeSize"], proof=proof, root=root
        )
    else:
        one, two = decoded([vector["root1"] or "", vector["root2"] or ""])
        merkle.check_consistency((vector["size1"], vector["size2"]), proof, roots=(one, two))


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_public_vectors_are_decided_as_published(kind):
    wrong = []
    for vector in vectors(kind):
        try:
            check_vector(kind, vector)
            accepted = True
        except BadProof:
            accepted = False
        if accepted == vector["wantErr"]:
            wrong.append(vector["desc"])
    assert wrong == []


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_a_tree_that_does_not_part_leaves_from_nodes_would_be_found(kind, monkeypatch):
    """The planted fault: nodes are hashed without the byte that no leaf begins with."""
    monkeypatch.setattr(merkle, "node_hash", lambda left, right: sha256(left + right).digest())
    with pytest.raises(AssertionError):
        test_public_vectors_are_decided_as_published(kind)


def test_the_corpus_is_whole():
    found = vectors("inclusion") + vectors("consistency")
    assert (len(found), sum(not vector["wantErr"] for vector in found)) == (196, 12)


@pytest.fixture(scope="module")
def tree():
    """The perfect subtrees of the largest tree, and the root at every size."""
    frontier, roots, known = merkle.Frontier(), [merkle.EMPTY_ROOT], {}
    for index, leaf in enumerate(LEAVES):
        for level, value in enumerate(frontier.append(leaf)):
            known[merkle.Subtree(level, index >> level)] = value
        roots.append(frontier.root())
    return known.__getitem__, roots


def by_definition(leaves):
    """The hash of a tree exactly as RFC 6962 writes it down."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else merkle.EMPTY_ROOT
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_the_root_is_the_one_of_the_definition_at_every_size(tree):
    lookup, roots = tree
    for size in range(LARGEST + 1):
        assert roots[size] == merkle.root(size, lookup) == by_definition(LEAVES[:size])


def flipped(hashes, number):
    """The hashes with one bit of one of them changed, each time another one."""
    changed = [bytearray(value) for value in hashes]
    changed[number % len(changed)][number % 32] ^= 1 << number % 8
    return [bytes(value) for value in changed]


def is_included(proof, root, *, index, size):
    try:
        merkle.check_inclusion(LEAVES[index], index=index, size=size, proof=proof, root=root)
    except BadProof:
        return False
    return True


def is_consistent(proof, roots, *, sizes):
    try:
        merkle.check_consistency(sizes, proof, roots=roots)
    except BadProof:
        return False
    return True


def test_every_leaf_of_every_tree_is_proven_and_one_changed_bit_refused(tree):
    lookup, roots = tree
    proven = 0
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, lookup)
            proven += is_included(proof, roots[size], index=index, size=size)
            *bad_proof, bad_root = flipped([*proof, roots[size]], proven)
            assert not is_included(bad_proof, bad_root, index=index, size=size)
    assert proven == 32_896


def test_every_growth_is_proven_and_one_changed_bit_refused(tree):
    lookup, roots = tree
    proven = 0
    for later in range(2, LARGEST_GROWN + 1):
        for earlier in range(1, later):
            proof = merkle.consistency_proof(earlier, later, lookup)
            pair = (roots[earlier], roots[later])
            proven += is_consistent(proof, pair, sizes=(earlier, later))
            *bad, one, two = flipped([*proof, *pair], proven)
            assert not is_consistent(bad, (one, two), sizes=(earlier, later))
    assert proven == 8_128


def test_what_no_tree_has_cannot_be_proven(tree):
    lookup, _ = tree
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(index, size, lookup)
    for earlier, later in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no proof"):
            merkle.consistency_proof(earlier, later, lookup)

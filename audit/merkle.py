"""The tree of RFC 6962 (section 2.1): hashes, proofs, and what checks them. Pure.

Trees are seen as ranges of leaves. A range whose length is a power of two is a *perfect subtree*:
its hash never changes once its last leaf is there. Every other range is folded out of few of them,
so whoever can look perfect subtrees up makes any root or proof in logarithmic time.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Range = tuple[int, int]


class Subtree(NamedTuple):
    """The perfect subtree of the leaves `number * 2**level` up to, not with, its neighbour's."""

    level: int
    number: int

    @property
    def last_leaf(self) -> int:
        """The leaf with which it became complete."""
        return (self.number + 1 << self.level) - 1


Lookup = Callable[[Subtree], bytes]


class BadProof(ValueError):
    """The proof does not prove what it claims."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class Frontier:
    """All that appending needs of a tree: its perfect subtrees, the largest first."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf's hash; all subtrees that it completes, itself first, level by level."""
        completed = [leaf]
        size = self.size
        while size & 1:
            completed.append(node_hash(self.hashes.pop(), completed[-1]))
            size >>= 1
        self.hashes.append(completed[-1])
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The hash of the whole tree."""
        return _fold(self.hashes)


def perfect(lo: int, hi: int) -> list[Subtree]:
    """The perfect subtrees that make up a range of a tree, from left to right."""
    found = []
    while lo < hi:
        level = (hi - lo).bit_length() - 1
        found.append(Subtree(level, lo >> level))
        lo += 1 << level
    return found


def root(size: int, lookup: Lookup) -> bytes:
    """The hash of the tree of the first `size` leaves."""
    return range_hash((0, size), lookup)


def range_hash(leaves: Range, lookup: Lookup) -> bytes:
    """The hash of a range as proofs name it."""
    return _fold([lookup(part) for part in perfect(*leaves)])


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Which ranges prove that a leaf is in the tree, the leaf's neighbour first.

    Raises ValueError where the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    found: list[Range] = []
    lo, hi = 0, size
    while hi - lo > 1:
        middle = _middle(lo, hi)
        if index < middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    return found[::-1]


def consistency_ranges(earlier: int, later: int) -> list[Range]:
    """Which ranges prove that a tree only grew. Raises ValueError where it shrank or was empty."""
    if not 0 < earlier <= later:
        raise ValueError(f"no proof leads from {earlier} leaves to {later}")
    found: list[Range] = []
    lo, hi = 0, later
    while hi != earlier:
        middle = _middle(lo, hi)
        if earlier <= middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    if lo:  # otherwise it is the earlier tree itself, whose root the verifier has
        found.append((lo, hi))
    return found[::-1]


def inclusion_proof(index: int, size: int, lookup: Lookup) -> list[bytes]:
    """The hashes that lead from a leaf to the root."""
    return [range_hash(part, lookup) for part in inclusion_ranges(index, size)]


def consistency_proof(earlier: int, later: int, lookup: Lookup) -> list[bytes]:
    """The hashes that lead from an earlier root to a later one."""
    return [range_hash(part, lookup) for part in consistency_ranges(earlier, later)]


def check_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise BadProof unless the leaf's hash stands at this place of the tree with this root."""
    _check_lengths([leaf, *proof])
    if not 0 <= index < size:
        raise BadProof(f"a tree of {size} leaves has no leaf {index}")
    place, last = index, size - 1
    found = leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            place, last = _rise(place, last)
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if found != root:
        raise BadProof("the proof leads to another root")


def check_consistency(sizes: Range, proof: Sequence[bytes], *, roots: tuple[bytes, bytes]) -> None:
    """Raise BadProof unless the larger of two trees begins with the leaves of the smaller.

    `sizes` and `roots` are those of both trees, the smaller one's first.
    """
    first, second = sizes
    _check_lengths(proof)
    if not 0 < first <= second:
        raise BadProof(f"no proof leads from {first} leaves to {second}")
    if first == second:
        _check_same(proof, roots=roots)
        return
    if not proof:
        raise BadProof("the proof is empty")
    if first & (first - 1) == 0:
        proof = [roots[0], *proof]
    place, last = _shift_ones(first - 1, second - 1)
    small = large = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if place & 1 or place == last:
            small, large = node_hash(sibling, small), node_hash(sibling, large)
            place, last = _rise(place, last)
        else:
            large = node_hash(large, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if (small, large) != roots:
        raise BadProof("the proof leads to other roots")


def _check_same(proof: Sequence[bytes], *, roots: tuple[bytes, bytes]) -> None:
    if proof:
        raise BadProof("between trees of one size there is nothing to prove")
    if roots[0] != roots[1]:
        raise BadProof("two trees of one size have two roots")


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise BadProof(f"a hash does not have {HASH_BYTES} bytes")


def _middle(lo: int, hi: int) -> int:
    """Where RFC 6962 splits a range: after the largest power of two below its length."""
    return lo + (1 << (hi - lo - 1).bit_length() - 1)


def _rise(place: int, last: int) -> Range:
    """Skip the levels at which a right border has no sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _shift_ones(place: int, last: int) -> Range:
    while place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    found = hashes[-1]
    for left in reversed(hashes[:-1]):
        found = node_hash(left, found)
    return found

"""The stored tree of a log: its size, its frontier, roots and proofs, each out of few rows."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit import merkle
from audit.merkle import HASH_BYTES, Frontier, Subtree
from audit.models import AuditRecord, Checkpoint, Leaf


class Broken(Exception):
    """The stored leaves are not whole: a row that a hash is needed from is missing or cut."""


@dataclass(frozen=True)
class Inclusion:
    """That a record stands in the tree of a checkpoint: `hashes` lead from its leaf to the root."""

    leaf: Leaf
    checkpoint: Checkpoint
    hashes: list[bytes]


@dataclass(frozen=True)
class Consistency:
    """That the first `earlier` leaves of a checkpoint's tree are the tree that it was then."""

    earlier: int
    checkpoint: Checkpoint
    hashes: list[bytes]


def logs() -> set[str]:
    """Every log that has leaves or checkpoints; reads an index to its end."""
    found: set[str] = set()
    for model in (Leaf, Checkpoint):
        found |= set(model.objects.order_by().values_list("log", flat=True).distinct())
    return found


def size(log: str) -> int:
    """How many leaves the log has."""
    rows = Leaf.objects.filter(log=log).order_by("-leaf_index")
    last = rows.values_list("leaf_index", flat=True).first()
    return 0 if last is None else last + 1


def frontier(log: str, leaves: int) -> Frontier:
    """All that is needed to append to the tree of the first leaves; raises Broken."""
    parts = merkle.perfect(0, leaves)
    found = subtrees(log, parts)
    return Frontier(leaves, [found[part] for part in parts])


def root(log: str, leaves: int) -> bytes:
    """The root of the tree of the first leaves; raises Broken."""
    return frontier(log, leaves).root()


def consistency_proof(log: str, earlier: int, later: int) -> list[bytes]:
    """The hashes that prove that the tree only grew between two sizes; raises Broken."""
    ranges = merkle.consistency_ranges(earlier, later)
    found = subtrees(log, [part for pair in ranges for part in merkle.perfect(*pair)])
    return merkle.consistency_proof(earlier, later, found.__getitem__)


def consistency(head: Checkpoint, earlier: int) -> Consistency:
    """The proof from so many leaves, at most the checkpoint's, to all of them; raises Broken."""
    return Consistency(earlier, head, consistency_proof(head.log, earlier, head.size))


def inclusion(record: AuditRecord) -> Inclusion | None:
    """The proof towards the newest checkpoint; None while none covers the record. Raises Broken."""
    leaf = Leaf.objects.filter(record=record).select_related("record").first()
    newest = newest_checkpoint(record.log)
    if leaf is None or newest is None or leaf.leaf_index >= newest.size:
        return None
    ranges = merkle.inclusion_ranges(leaf.leaf_index, newest.size)
    found = subtrees(leaf.log, [part for pair in ranges for part in merkle.perfect(*pair)])
    proof = merkle.inclusion_proof(leaf.leaf_index, newest.size, found.__getitem__)
    return Inclusion(leaf, newest, proof)


def newest_checkpoint(log: str) -> Checkpoint | None:
    """The last one that was signed."""
    return Checkpoint.objects.filter(log=log).order_by("-size").first()


def checkpoint(log: str, leaves: int) -> Checkpoint | None:
    """The one that covers exactly so many leaves, if one was signed."""
    return Checkpoint.objects.filter(log=log, size=leaves).first()


def subtrees(log: str, parts: Iterable[Subtree]) -> dict[Subtree, bytes]:
    """The hashes of perfect subtrees, each from the leaf that completed it; raises Broken."""
    wanted = list(parts)
    indexes = {part.last_leaf for part in wanted}
    rows = Leaf.objects.filter(log=log, leaf_index__in=indexes)
    known = {
        index: bytes.fromhex(leaf_hash + completed)
        for index, leaf_hash, completed in rows.values_list("leaf_index", "leaf_hash", "completed")
    }
    found = {}
    for part in wanted:
        start = part.level * HASH_BYTES
        found[part] = known.get(part.last_leaf, b"")[start : start + HASH_BYTES]
        if len(found[part]) != HASH_BYTES:
            raise Broken(
                f"log {log}: leaf {part.last_leaf} is missing or cut; `manage.py audit_verify` "
                f"says where the log was changed"
            )
    return found

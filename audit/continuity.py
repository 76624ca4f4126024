"""Whether the database continues what was published: one that was set back to a backup does not.

What was published is kept outside the database (`published`), so the database cannot say otherwise.
Records that were not published yet, those of the last ten seconds, are missed by nobody here.
"""

from typing import NamedTuple

from audit import merkle, published, tree
from audit.checkpoints import BadNote, Head
from audit.services import SYSTEM_LOG


class Inconsistent(Exception):
    """The log is not a continuation of what was published; nothing is signed until it is."""


class SetBack(NamedTuple):
    """A log that does not continue its last published checkpoint; `found` says so in words.

    `mark` is the same for as long as that checkpoint is the last one.
    """

    log: str
    mark: str
    found: str


def set_back() -> SetBack | None:
    """The first log that does not continue what was published, that of the deployment before all.

    It has the heads of all others, so nearly always it is the one. None where all do, or where
    nothing was published on this machine.
    """
    for log in sorted(published.logs(), key=lambda name: (name != SYSTEM_LOG, name)):
        if (found := _of(log)) is not None:
            return found
    return None


def _of(log: str) -> SetBack | None:
    last = None
    try:
        last = published.newest(log)
        if last is not None:
            prove(last, _now(log))
    except (Inconsistent, BadNote, tree.Broken) as error:
        mark = f"{last.size} {last.root.hex()}" if last else "unreadable"
        return SetBack(log, f"{log} {mark}", str(error))
    return None


def _now(log: str) -> Head:
    size = tree.size(log)
    return Head(log, size, tree.root(log, size))


def prove(earlier: Head, later: Head) -> None:
    """Raise Inconsistent unless the later tree begins with the leaves of the earlier one."""
    if earlier.log != later.log or earlier.size > later.size:
        raise Inconsistent(
            f"a checkpoint of {earlier.size} leaves was published, the log has {later.size}: an "
            f"old state of the database was restored, or its end was cut. `manage.py audit_verify` "
            f"says more; if the database is new on purpose, move {published.folder()} away."
        )
    proof = tree.consistency_proof(later.log, earlier.size, later.size)
    try:
        merkle.check_consistency(
            (earlier.size, later.size), proof, roots=(earlier.root, later.root)
        )
    except merkle.BadProof as error:
        raise Inconsistent(
            f"the first {earlier.size} leaves are not those that were published ({error}): the "
            f"log was changed. `manage.py audit_verify` says where."
        ) from error

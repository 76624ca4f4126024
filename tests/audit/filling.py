"""Logs of a size that a test asks for, appended and signed as the application does."""

from audit import published, sequencer, services, tree
from audit.actions import AuditAction
from audit.context import Scope, Target
from tests.audit.conftest import give_all

AT_ONCE = 1000
SIGNED_EVERY = 256


def fill(log: str, count: int) -> None:
    """So many more records, each with its place."""
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(count, start + AT_ONCE))
        services.append(*(_draft(log, number) for number in numbers))
        give_all()


def sign_all(log: str) -> None:
    """A checkpoint after each 256 leaves, and one of all of them."""
    published.announce_key(sequencer._public_key())
    newest, size = tree.newest_checkpoint(log), tree.size(log)
    start = newest.size if newest else 0
    for signed in [*range(start + SIGNED_EVERY, size, SIGNED_EVERY), size]:
        sequencer.sign(log, signed)


def _draft(log: str, number: int):
    return services.draft(
        AuditAction.ACTION_APPROVED,
        target=Target("action", f"act_{number:026d}", 1),
        scope=Scope(log, "env_1"),
        changes={"status": ["pending", "approved"]},
        digest="ab" * 32,
    )

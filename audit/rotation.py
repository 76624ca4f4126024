"""Another signing key: announced by the old one, outside the database and in the tree."""

from django.db import transaction
from django.utils import timezone

from audit import keys, published, services
from audit.actions import AuditAction
from audit.context import NOWHERE, Target


class CannotRotate(Exception):
    """The keys at hand do not allow it; the message says what to do."""


@transaction.atomic
def rotate(*, old_seed: str, new_seed: str, is_lost: bool = False) -> str:
    """Announce a new key in the data folder and in log `system`; its public half.

    Raises CannotRotate where the old key is not the one that signs here, or is there although it
    is called lost.
    """
    known = published.public_keys()
    if not known:
        raise CannotRotate("nothing was signed here yet: start the scheduler with the new key")
    if not is_lost and keys.public(old_seed) != known[-1]:
        raise CannotRotate(
            f"COUNTERSIGN_AUDIT_SIGNING_KEY is not the key that signs here ({known[-1][:16]}…): "
            f"run this where the scheduler's key is, or say --lost"
        )
    if keys.public(new_seed) in known:
        raise CannotRotate("the new key has signed here before: take one that nobody has")
    now = timezone.now().isoformat(timespec="seconds")
    note = keys.announce("" if is_lost else old_seed, new_seed, at=now)
    services.record(
        AuditAction.KEY_ANNOUNCED,
        target=Target("key", keys.public(new_seed)[:32]),
        scope=NOWHERE,
        reason="lost" if is_lost else "",
        meta={"old": "" if is_lost else known[-1], "new": keys.public(new_seed), "note": note},
    )
    published.announce(keys.public(new_seed), note)
    return keys.public(new_seed)


def trusted(given: list[str]) -> tuple[list[str], list[str]]:
    """The keys whose signatures count, from those that were given on; and what to know of them.

    Without any, the first one in the data folder is believed, and so is one that took a lost
    one's place: whoever verifies must decide that, and is told.
    """
    notes = published.rotations()
    chain = keys.follow(given or published.public_keys()[:1], notes)
    if given:
        return chain.keys, []
    said = [
        f"key {found.new} took the place of a lost one at {found.at}, and no old key vouches for "
        f"it: is it the one that you were told?"
        for found in chain.lost
    ]
    return keys.follow([*chain.keys, *(found.new for found in chain.lost)], notes).keys, said

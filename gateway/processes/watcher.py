"""Ends the process groups of a tree whose root is gone: `python -m gateway.processes.watcher`.

The root tells its groups on standard input, `+PGID` and `-PGID` a line each. The end of that pipe
is the end of the root, however it ended: what is still listed is asked to stop, then made to. This
works on every Unix, for children that know nothing of it, and for what they have forked.

It also keeps the tree's lock open (an inherited file), so a new tree begins only when the old one
is gone. Standard library only: it is 8 MB beside the tree.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

GRACE_S = 4.0
LOOK_EVERY_S = 0.05


def follow(lines: Iterable[str]) -> set[int]:
    """The groups that are listed when the lines end."""
    groups: set[int] = set()
    for line in lines:
        word = line.strip()
        with suppress(ValueError):
            if word.startswith("+"):
                groups.add(int(word[1:]))
            elif word.startswith("-"):
                groups.discard(int(word[1:]))
    return groups


def end(groups: set[int], *, grace_s: float = GRACE_S) -> None:
    """Ask the groups to stop, wait, then kill what is left."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    give_up = time.monotonic() + grace_s
    while left and time.monotonic() < give_up:
        time.sleep(LOOK_EVERY_S)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """False when the group is gone."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group that is only a zombie.
        return False
    return True


def main() -> None:
    """Watch until the pipe ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(follow(sys.stdin))


if __name__ == "__main__":
    main()

"""How many files, and with them connections, an entrance may have open."""

import resource
from contextlib import suppress

# Far more than one process serves; beyond, tables that the system makes as large as asked for.
MOST = 65536


def allow_many() -> None:
    """As many as the system lets us have.

    What a shell or systemd begins with is 1024, for the sake of programs that use `select`. So many
    connections would leave no file for the database, and every delivery would be refused.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a limit below the one that they name.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

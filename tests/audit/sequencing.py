"""`python -m tests.audit.sequencing`: gives places and signs until it is killed, as the scheduler.

Without the scheduler's lease, so that a new one begins at once: what keeps two apart is the lock.
"""

import os
import sys
import time

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    django.setup()

    from django.db import DatabaseError

    from audit.sequencer import Sequencer
    from audit.tree import Broken

    sequencer = Sequencer()
    while True:
        try:
            sequencer.tick()
        except (DatabaseError, OSError, Broken) as error:
            print(repr(error), file=sys.stderr)  # noqa: T201 - for whoever reads a failure
        time.sleep(0.05)

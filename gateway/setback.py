"""A database that was set back to a backup executes nothing until people have looked.

What was approved when the backup was made may have been carried out since, and the database does
not know it. The published heads of the audit log do: they are kept outside of it. So before the
first message of a worker and the first sweep of a scheduler, both compare; where the log does not
continue what was published, every environment is stopped by its kill switch.
"""

import structlog

from approvals import services as approvals
from audit import continuity

log = structlog.get_logger(__name__)
REASON = (
    "The database was set back to an earlier state: its audit log does not continue what was "
    "published.\n\nWhat is approved here may have been carried out since. Compare each waiting "
    "action with its service, cancel those that happened, then let the environment go on."
)


def stop_if_set_back() -> bool:
    """Stop everything where the database does not continue what was published; whether it does not.

    Once for each checkpoint that is not continued: what people let go on is not stopped again.
    """
    found = continuity.set_back()
    if found is None:
        return False
    stopped = approvals.stop_everywhere(cause=found.mark, reason=REASON)
    log.error("database_set_back", log=found.log, found=found.found, environments_stopped=stopped)
    return True

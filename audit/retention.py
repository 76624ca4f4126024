"""What the audit log keeps. It is evidence: nothing of it is ever pruned."""

from audit.kept import Kept

AUDITORS = "auditors and admins of the tenant"

KEPT = (
    Kept(
        "audit.AuditRecord",
        "one line for each change: ids, times, states, digests; names and addresses sealed",
        AUDITORS,
        stays="for ever; a sealed value for as long as its person's key",
    ),
    Kept("audit.Leaf", "the place of a record in its tree", AUDITORS),
    Kept("audit.Checkpoint", "signed sizes and roots of the trees", AUDITORS),
    Kept("audit.Verification", "what the last verification found", AUDITORS),
    Kept("audit.Pending", "records that have no place yet", "nobody", stays="for seconds"),
    Kept(
        "audit.RefusalCount",
        "how often somebody was refused within a minute",
        AUDITORS,
        days="KEEP_REFUSALS_DAYS",
        since="minute",
        deletes=True,
    ),
)

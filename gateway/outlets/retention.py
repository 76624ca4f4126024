"""What is kept about where the audit log is delivered."""

from audit.kept import Kept

KEPT = (
    Kept(
        "outlets.Outlet",
        "addresses of custodians and sinks, and how far each is",
        "auditors and admins of the tenant; tokens in addresses nobody",
    ),
)

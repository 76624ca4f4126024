"""What is kept to reach services."""

from audit.kept import Kept

KEPT = (
    Kept(
        "connections.Connection",
        "how to authenticate at a service; the secret is sealed",
        "members who may see connections; the secret nobody",
    ),
    Kept("connections.Token", "sealed tokens that services issued, and when they expire", "nobody"),
)

"""What is kept of the dashboard's figures."""

from audit.kept import Kept

KEPT = (
    Kept(
        "board.Hour",
        "how much was asked, decided and carried out in each hour, by agent, tool and reviewer id",
        "members who may see actions",
    ),
    Kept("board.Reached", "up to when the hours are counted", "nobody"),
)

"""What is kept of agents and of those who run them."""

from audit.kept import Kept

KEPT = (
    Kept("agents.Agent", "an agent's name, owner, tools and caps", "members"),
    Kept("agents.Provider", "a provider's address; its key is sealed", "members; the key nobody"),
)

"""What is kept of tools: definitions, nothing about people."""

from audit.kept import Kept

SEEN = "members, and agents that may call the tool"

KEPT = (
    Kept("tools.Tool", "a tool's name and state", SEEN),
    Kept("tools.ToolVersion", "every definition of a tool", SEEN),
    Kept("tools.Upstream", "which documents tools were imported from", SEEN),
    Kept("tools.Pin", "what such a document said of a tool", SEEN),
)

"""What is pasted into an agent so that it asks Countersign: the base address and a key's place.

The key itself stands in none of them: it is taken from the environment, as `COUNTERSIGN_KEY`.
"""

from dataclasses import dataclass

from gateway.lib.tongue import gettext_noop

INSTRUCTIONS = """\
Before you do anything that changes the world outside this folder, ask Countersign:
POST {url}/api/v1/actions with the header "Authorization: Bearer $COUNTERSIGN_KEY" and the JSON
{{"tool": "{tool}", "arguments": {{"note": "..."}}, "reason": "why"}}.
Then GET {url}/api/v1/actions/ID?wait=25 until is_settled is true. Only "succeeded" means that it
was done; a rejection carries its reason: do as it says.
"""
PYTHON = """\
from os import environ

import httpx

api = httpx.Client(
    base_url="{url}/api/v1",
    headers={{"Authorization": f"Bearer {{environ['COUNTERSIGN_KEY']}}"}},
    timeout=40,
)
action = api.post("/actions", json={{
    "tool": "{tool}", "arguments": {{"note": "Hello"}}, "reason": "A first try",
}}).json()
while not action["is_settled"]:
    action = api.get(f"/actions/{{action['id']}}", params={{"wait": 25}}).json()
print(action["status"], action.get("result"), action.get("reason"))
"""
CURL = """\
curl -sS {url}/api/v1/actions -H "Authorization: Bearer $COUNTERSIGN_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"tool": "{tool}", "arguments": {{"note": "Hello"}}, "reason": "A first try"}}'
"""


@dataclass(frozen=True)
class Snippet:
    """What goes where."""

    key: str
    title: str
    place: str
    text: str


def snippets(url: str, *, tool: str) -> list[Snippet]:
    """For a shell, three coding agents, and Python."""
    told = INSTRUCTIONS.format(url=url, tool=tool)
    return [
        Snippet(
            "curl",
            gettext_noop("Any shell"),
            gettext_noop("to see it work"),
            CURL.format(url=url, tool=tool),
        ),
        Snippet("claude", "Claude Code", gettext_noop("into CLAUDE.md"), told),
        Snippet("cursor", "Cursor", gettext_noop("into .cursor/rules/countersign.mdc"), told),
        Snippet("codex", "Codex", gettext_noop("into AGENTS.md"), told),
        Snippet("python", "Python", gettext_noop("with httpx"), PYTHON.format(url=url, tool=tool)),
    ]

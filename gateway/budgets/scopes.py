"""Scopes: whose use a budget counts (pure).

`agent:support` counts one agent's use, `agent` each agent's by itself; the same holds for tools,
projects and users. `run` is always each run by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.lib.tongue import gettext_noop

SCOPES = {
    "tenant": gettext_noop("The whole tenant"),
    "environment": gettext_noop("This environment"),
    "agent": gettext_noop("Agent"),
    "run": gettext_noop("Each run"),
    "tool": gettext_noop("Tool"),
    "project_id": gettext_noop("Project (tag)"),
    "user_id": gettext_noop("User (tag)"),
}
# These are one thing each and take no name.
WHOLE = frozenset({"tenant", "environment"})
TAGS = ("project_id", "user_id")
MAX_VALUE = 200


class ScopeError(ValueError):
    """The text names no scope; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose use is counted: a kind, and the one that is meant; empty for each by itself."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Whom one use concerns: plain values, because the floor knows neither actions nor runs.

    `run` is the run's public id; `tags` are those of the run, or of an action without one.
    """

    agent: str = ""
    tool: str = ""
    run: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> str | None:
        """The counter's subject for this kind of scope; None where the use concerns none."""
        if kind in WHOLE:
            return kind
        name = self.tags.get(kind) if kind in TAGS else getattr(self, kind)
        return f"{kind}:{name}"[: MAX_VALUE + 20] if isinstance(name, str) and name else None


def parse(text: str) -> Scope:
    """The scope that a text names. Raises ScopeError for an unknown kind, or a name too many."""
    kind, _, value = text.strip().partition(":")
    if kind not in SCOPES:
        raise ScopeError(f"a scope is one of {', '.join(SCOPES)}; name one as in agent:support")
    if value and (kind in WHOLE or kind == "run"):
        raise ScopeError(f"the scope {kind} takes no name")
    if len(value) > MAX_VALUE:
        raise ScopeError(f"a scope's name has at most {MAX_VALUE} characters")
    return Scope(kind, value.strip())


def subject(scope: Scope, used_by: Subjects) -> str | None:
    """The subject whose counter this use adds to; None where the scope does not cover it."""
    found = used_by.of(scope.kind)
    if found is None or (scope.value and found != str(scope)):
        return None
    return found

"""What one check says about an action; the words that checks, rules and the gate share (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Ruling(StrEnum):
    """What a rule or a check asks for, from the mildest to the strictest."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer: who says it, a stable code, a sentence for people, and the ruling.

    `data` holds the same for machines, as JSON; it goes to the agent where the finding refuses.
    """

    source: str
    code: str
    detail: str
    verdict: Ruling
    data: Mapping[str, Any] | None = field(default=None, compare=False)

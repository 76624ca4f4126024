"""What one check says about an action; the words that checks, rules and the gate share (pure)."""

from dataclasses import dataclass
from enum import StrEnum


class Ruling(StrEnum):
    """What a rule or a check asks for, from the mildest to the strictest."""

    ALLOW = "allow"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer: who says it, a stable code, a sentence for people, and the ruling."""

    source: str
    code: str
    detail: str
    verdict: Ruling

"""Where a notice goes, why, and what somebody gets who has chosen nothing (pure)."""

from collections.abc import Mapping
from enum import StrEnum

from gateway.lib.tongue import gettext_noop

RISKS = ("low", "medium", "high", "critical")
# These are decided on the desk alone, where the whole payload stands.
DESK_ONLY = frozenset({"high", "critical"})


class Medium(StrEnum):
    """How somebody is told; the desk itself shows everything, live."""

    EMAIL = "email"
    SLACK = "slack"
    DISCORD = "discord"
    PUSH = "push"


class Occasion(StrEnum):
    """Why somebody is told of one version of an action."""

    ASKED = "asked"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    # A message in a chat that can no longer be answered gets its last form.
    CLOSED = "closed"


class Digest(StrEnum):
    """How mails about low and medium risk are gathered."""

    NONE = "none"
    HOURLY = "hourly"
    DAILY = "daily"


CHATS = (Medium.SLACK, Medium.DISCORD)
TITLES = {
    Medium.EMAIL: gettext_noop("E-mail"), Medium.SLACK: "Slack", Medium.DISCORD: "Discord",
    Medium.PUSH: gettext_noop("Browser"),
}  # fmt: skip
USUAL: Mapping[str, tuple[str, ...]] = {
    "low": (),
    "medium": (Medium.EMAIL,),
    "high": (Medium.EMAIL,),
    "critical": (Medium.EMAIL,),
}


def risk_of(text: str) -> str:
    """The risk by which a notice is judged: one that is not known is no small one."""
    return text if text in RISKS else "high"

"""What a notice says, in plain lines: hidden characters shown, addresses no link (pure).

Mail programs and chats make links of whatever looks like one. What comes from an agent or from the
outside is therefore written so that nothing in it does.
"""

import re
from dataclasses import dataclass

from gateway.lib.visible import hidden_count, reveal

# Longer sentences are cut in a chat, which then leaves the deciding to the desk.
MAX_EFFECT = 900
MAX_AFFECTED = 5
MAX_LABEL = 120
_SCHEME = re.compile(r":(?=//)")
_WWW = re.compile(r"(?i)\bwww\.")
_LINK_BY_WORD = re.compile(r"(?i)(mailto|javascript|vbscript|data(?=:\w+/)|\b(?:tel|sms)):")


@dataclass(frozen=True)
class Matter:
    """What is to be decided, as far as a notice may tell: nothing masked, nothing the agent claims.

    `more` is how many of those who are affected are not named. `url` is the action's page. What is
    said in words of ours is English, as in a room where many read it, unless `heading` and `others`
    say it in one reader's language.
    """

    effect: str
    risk: str
    tool: str
    agent: str
    place: str
    url: str
    affected: tuple[str, ...] = ()
    more: int = 0
    deadline: str = ""
    asked: str = ""
    heading: str = ""
    others: str = ""

    @property
    def title(self) -> str:
        """One line without anything that an agent wrote."""
        return self.heading or f"{self.risk.capitalize()} risk: {self.tool} waits for a decision"

    @property
    def effect_lines(self) -> list[str]:
        """The effect sentence, line by line."""
        return self.effect.split("\n")

    @property
    def whom(self) -> str:
        """Who is affected, in one line; empty where nobody knows."""
        rest = f"{self.more} more" if self.affected else f"{self.more}, named on the desk"
        parts = [*self.affected, *([self.others or rest] if self.more else [])]
        return ", ".join(parts)


def inert(text: str) -> str:
    """The text in which every hidden character shows as its code point and nothing is a link."""
    return "".join(
        "".join(f"⟦U+{ord(c):04X}⟧" for c in part.text) if part.kind == "hidden"
        else f"{unlinked(part.text)} ⟦{part.label}⟧" if part.kind == "confusable"
        else unlinked(part.text)
        for part in reveal(text)
    )  # fmt: skip


def unlinked(text: str) -> str:
    """The text in which no program finds an address to make a link of, still readable."""
    text = _SCHEME.sub("[:]", text)
    text = _LINK_BY_WORD.sub(r"\1[:]", text)
    return _WWW.sub("www[.]", text)


def line(text: str, *, longest: int = MAX_LABEL) -> str:
    """An inert text in one line, cut at a length."""
    flat = " ".join(inert(text).split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def cut(effect: str) -> str:
    """An inert effect sentence as a chat shows it."""
    if len(effect) <= MAX_EFFECT:
        return effect
    return f"{effect[: MAX_EFFECT - 1]}… (the rest is on the desk)"


def is_plain(text: str) -> bool:
    """Whether a chat can show the text as it is: nothing hidden, nothing cut."""
    return hidden_count(text) == 0 and len(inert(text)) <= MAX_EFFECT

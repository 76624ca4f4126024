"""Patterns that tenants write: matched in time linear in the text, whatever the pattern (pure)."""

import re
from collections.abc import Iterable
from functools import lru_cache

import jsonschema_rs

MAX_PATTERN_CHARACTERS = 200
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/-]")
_EDGE = r"[^\p{L}\p{N}_]"


class PatternError(ValueError):
    """The pattern cannot be used: it is malformed, too large, or needs what is not linear."""


class Pattern:
    """A compiled pattern; safe in threads."""

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._engine = jsonschema_rs.Draft202012Validator(
                {"type": "string", "pattern": source},
                # The engine without look-around and back-references: its time is linear.
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (jsonschema_rs.ValidationError, ValueError) as error:
            message = f"{source!r} is no pattern that can be used here"
            raise PatternError(f"{message}: look-around and \\1 are not supported") from error

    def is_in(self, text: str) -> bool:
        """Whether the text holds a match anywhere."""
        return self._engine.is_valid(text)


@lru_cache(maxsize=1024)
def compile_pattern(source: str) -> Pattern:
    """The compiled pattern, from the cache; raises PatternError."""
    if not source.strip():
        raise PatternError("an empty pattern matches everything")
    if len(source) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"a pattern has at most {MAX_PATTERN_CHARACTERS} characters")
    found = Pattern(source)
    if found.is_in(""):
        raise PatternError(f"{source!r} matches the empty text, and so everything")
    return found


def words_pattern(words: Iterable[str]) -> Pattern:
    """One pattern for any of these words or phrases, whole and in either case."""
    escaped = "|".join(_SPECIAL.sub(r"\\\g<0>", word) for word in words)
    return Pattern(f"(?i)(?:^|{_EDGE})(?:{escaped})(?:$|{_EDGE})")

"""What a sample is: a small delivery of a provider's shape, in words of our own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What stands for something that differs each time; see `fill`.
MARKS = ("$id", "$n", "$s", "$ms", "$iso")


@dataclass(frozen=True)
class Sample:
    """A body in which marks stand for id and time, and the type where a header tells it."""

    name: str
    title: str
    body: Any
    event_type: str = ""


def fill(value: Any, marks: Mapping[str, Any]) -> Any:
    """The value with every mark replaced."""
    if isinstance(value, dict):
        return {key: fill(item, marks) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, marks) for item in value]
    return marks.get(value, value) if isinstance(value, str) else value

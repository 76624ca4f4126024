"""JSON Pointers (RFC 6901): how every finding, change and mark names a place in a document."""

from collections.abc import Iterable

ROOT = ""


def pointer(parts: Iterable[str | int]) -> str:
    """The pointer to a place; the empty text means the whole document."""
    return "".join(f"/{escape(part)}" for part in parts)


def escape(part: str | int) -> str:
    """One step of a pointer, with `~` and `/` escaped."""
    return str(part).replace("~", "~0").replace("/", "~1")


def steps(path: str) -> tuple[str, ...]:
    """The steps of a pointer, or of a dotted path such as `customer.emails.*`."""
    if path.startswith("/"):
        return tuple(p.replace("~1", "/").replace("~0", "~") for p in path[1:].split("/"))
    return tuple(path.split(".")) if path else ()

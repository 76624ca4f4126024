"""How a JSON Schema hangs together: its parts, whether its objects are closed, its cost (pure).

References multiply quietly: forty short definitions that each name the next one twice make more
work than any machine does. A definition is therefore judged before it is ever used.
"""

from collections.abc import Iterator
from typing import Any

from gateway.lib.pointer import pointer

# Arguments are nested at most this deep (gateway.lib.strictjson), so recursion ends there.
MAX_ARGUMENT_DEPTH = 64
MAX_IN_PLACE = 500
MAX_EVALUATIONS = 100_000
REFERENCES = ("$ref", "$dynamicRef")
_SAME_VALUE = ("not", "if", "then", "else")
_SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")
_MEMBERS = ("properties", "patternProperties")
_ANY_MEMBER = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ITEM = ("items", "contains", "unevaluatedItems")
# What only asks a question about the value does not have to describe all of it.
_QUESTIONS = ("not", "if")
_CLOSING = ("additionalProperties", "unevaluatedProperties")

Schema = dict[str, Any]
Path = tuple[str | int, ...]


class Unsound(ValueError):
    """The definition is open, or too expensive to check; `path` is a JSON Pointer into it."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def same_value(part: Schema) -> Iterator[tuple[Path, Schema]]:
    """The parts that judge the value which this part judges, references aside."""
    for key in _SAME_VALUE:
        yield from _schema((key,), part.get(key))
    for key in _SAME_VALUE_LISTS:
        for index, inner in enumerate(_list(part, key)):
            yield from _schema((key, index), inner)
    for name, inner in _dict(part, "dependentSchemas").items():
        yield from _schema(("dependentSchemas", name), inner)


def inner_values(part: Schema) -> Iterator[tuple[Path, Schema]]:
    """The parts that judge members and items of the value."""
    for key in _MEMBERS:
        for name, inner in _dict(part, key).items():
            yield from _schema((key, name), inner)
    for key in (*_ANY_MEMBER, *_ITEM):
        yield from _schema((key,), part.get(key))
    for index, inner in enumerate(_list(part, "prefixItems")):
        yield from _schema(("prefixItems", index), inner)


def parts(part: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """The schema and every schema inside of it, with the steps that lead there."""
    yield path, part
    for step, inner in (*same_value(part), *inner_values(part)):
        yield from parts(inner, path + step)
    for name, inner in _dict(part, "$defs").items():
        for step, found in _schema(("$defs", name), inner):
            yield from parts(found, path + step)


def is_object(part: Schema) -> bool:
    """Whether the part describes an object."""
    kind = part.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in part


def check_closed(root: Schema) -> None:
    """Raises Unsound for an object that does not say what becomes of members it does not name."""
    for path, part in _uncovered(root, (), False):
        if is_object(part) and not _says(part):
            raise Unsound(
                "an object says what becomes of members it does not name: "
                "additionalProperties: false (or, on purpose, true)",
                pointer(path),
            )


def _uncovered(part: Schema, path: Path, covered: bool) -> Iterator[tuple[Path, Schema]]:
    """The parts that answer for all members of their value themselves."""
    if not covered:
        yield path, part
    for step, inner in same_value(part):
        is_question = step[0] in _QUESTIONS
        yield from _uncovered(inner, path + step, covered or _says(part) or is_question)
    for step, inner in inner_values(part):
        yield from _uncovered(inner, path + step, False)
    for name, inner in _dict(part, "$defs").items():
        if isinstance(inner, dict):
            yield from _uncovered(inner, (*path, "$defs", name), False)


def _says(part: Schema) -> bool:
    return any(key in part for key in _CLOSING)


def check_cost(root: Schema) -> None:
    """Raises Unsound where one value could be judged more than MAX_EVALUATIONS times.

    References must point into the definition and never lead back in place.
    """
    _Cost(root).of(root, MAX_ARGUMENT_DEPTH)


class _Cost:
    """The worst number of evaluations that a path of values can need, from any part on."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.known: dict[tuple[int, int], int] = {}
        self.groups: dict[int, tuple[int, list[list[Schema]]]] = {}

    def of(self, part: Schema, depth: int) -> int:
        if depth == 0:
            return 0
        key = (id(part), depth)
        if key not in self.known:
            here, groups = self._judged(part)
            deepest = max((self._sum(group, depth - 1) for group in groups), default=0)
            self.known[key] = _bounded(here + deepest)
        return self.known[key]

    def _sum(self, group: list[Schema], depth: int) -> int:
        return _bounded(sum(self.of(part, depth) for part in group))

    def _judged(self, part: Schema) -> tuple[int, list[list[Schema]]]:
        """How many parts judge the value itself, and those that judge each of its members."""
        if id(part) not in self.groups:
            closure = judging(self.root, part)
            members: dict[str | int, list[Schema]] = {}
            wild: list[Schema] = []
            items: list[Schema] = []
            for step, inner in (found for each in closure for found in inner_values(each)):
                if step[0] == "properties":
                    members.setdefault(step[1], []).append(inner)
                else:
                    (items if step[0] in (*_ITEM, "prefixItems") else wild).append(inner)
            named = [[*group, *wild] for group in members.values()]
            self.groups[id(part)] = len(closure), [*named, wild, items]
        return self.groups[id(part)]


def judging(root: Schema, part: Schema) -> list[Schema]:
    """The part and every schema that judges the same value with it, references followed.

    Raises Unsound for more than MAX_IN_PLACE of them.
    """
    waiting, found = [part], []
    while waiting:
        each = waiting.pop()
        found.append(each)
        if len(found) > MAX_IN_PLACE:
            raise Unsound(f"more than {MAX_IN_PLACE} schemas would judge one value")
        waiting += [inner for _, inner in same_value(each)]
        referred = (target(root, each[key]) for key in REFERENCES if key in each)
        waiting += [inner for inner in referred if isinstance(inner, dict)]
    return found


def _bounded(count: int) -> int:
    if count > MAX_EVALUATIONS:
        raise Unsound("checking arguments could take too long: its references multiply")
    return count


def target(root: Schema, reference: str) -> Any:
    """What a reference into the definition points to; raises LookupError where nothing stands."""
    found: Any = root
    for step in reference[2:].split("/") if len(reference) > 1 else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            raise LookupError(reference)
        found = found[name]
    return found


def _schema(path: Path, found: object) -> Iterator[tuple[Path, Schema]]:
    if isinstance(found, dict):
        yield path, found


def _list(part: Schema, key: str) -> list[Any]:
    found = part.get(key)
    return found if isinstance(found, list) else []


def _dict(part: Schema, key: str) -> Schema:
    found = part.get(key)
    return found if isinstance(found, dict) else {}

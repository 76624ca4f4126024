"""What a tool's CEL expressions name, compared with what its arguments are (pure).

CEL itself cannot tell: to it `args` may hold anything, and a name that does not exist is found out
only when the expression is evaluated, which is too late for a question of who is affected.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from gateway.tools import structure

_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<comment>//[^\n]*)|(?P<other>\S)""",
    re.DOTALL,
)
Token = tuple[str, str]


def unknown_arguments(source: str, schema: dict[str, Any]) -> list[str]:
    """The `args.…` paths of a compiled expression that no argument can ever have, sorted."""
    found = {".".join(path) for path in _paths(source) if not _may_exist(schema, path)}
    return sorted(found)


def literal_keys(source: str) -> frozenset[str] | None:
    """The keys of an expression that is a map written out, `{"total": …}`; None for any other."""
    tokens = _tokens(source)
    if not tokens or tokens[0] != ("other", "{") or tokens[-1] != ("other", "}"):
        return None
    depth, keys = 0, set()
    for at, (kind, text) in enumerate(tokens):
        if kind == "other" and text in "([{":
            depth += 1
        elif kind == "other" and text in ")]}":
            depth -= 1
            if depth == 0 and at != len(tokens) - 1:
                return None
        elif kind == "text" and depth == 1 and _starts_entry(tokens, at):
            keys.add(_value(text))
    return frozenset(keys)


def _starts_entry(tokens: list[Token], at: int) -> bool:
    opened, closed = tokens[at - 1][1], tokens[at + 1 : at + 2]
    return opened in "{," and closed == [("other", ":")]


def _paths(source: str) -> Iterator[tuple[str, ...]]:
    """Each path that starts at `args`, without the call that may end it."""
    tokens = _tokens(source)
    for at, token in enumerate(tokens):
        if token == ("name", "args") and (at == 0 or tokens[at - 1][1] != "."):
            yield tuple(_steps(tokens, at + 1))


def _steps(tokens: list[Token], at: int) -> Iterator[str]:
    texts = [text for _, text in tokens]
    while True:
        if texts[at : at + 1] == ["."] and tokens[at + 1][0] == "name":
            if texts[at + 2 : at + 3] == ["("]:
                return
            yield texts[at + 1]
            at += 2
        elif texts[at : at + 1] == ["["] and tokens[at + 1][0] == "text":
            if texts[at + 2 : at + 3] != ["]"]:
                return
            yield _value(texts[at + 1])
            at += 3
        else:
            return


def _may_exist(schema: dict[str, Any], path: tuple[str, ...]) -> bool:
    part: Any = schema
    for step in path:
        judging = structure.judging(schema, part)
        named = [p["properties"][step] for p in judging if step in (p.get("properties") or ())]
        if named:
            part = named[0]
            if not isinstance(part, dict):
                return True
        else:
            return not any(_is_closed(each) for each in judging)
    return True


def _is_closed(part: dict[str, Any]) -> bool:
    if part.get("patternProperties"):
        return False
    if part.get("additionalProperties") is False or part.get("unevaluatedProperties") is False:
        return True
    kind = part.get("type")
    return isinstance(kind, str) and kind != "object"


def _tokens(source: str) -> list[Token]:
    found = ((str(match.lastgroup), match[0]) for match in _TOKEN.finditer(source))
    return [token for token in found if token[0] != "comment"]


def _value(text: str) -> str:
    """The text that a literal stands for; escapes other than JSON's are left as they are."""
    inner = text.lstrip("rRbB").strip("\"'")
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:
        return inner

"""A JSON value as a CEL literal, and the condition that holds for one set of arguments (pure).

CEL's own literals: https://github.com/google/cel-spec/blob/master/doc/langdef.md, section "Syntax".
"""

import json
import re
from collections.abc import Mapping

from audit.canonical import JSON

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that the grammar keeps for itself: `args.in` would not compile.
_RESERVED = frozenset(
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import",
        "in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void",
        "while",
    }
)  # fmt: skip


def literal(value: JSON) -> str:
    """The value as CEL writes it; raises TypeError for what is no JSON."""
    if value is None or isinstance(value, bool | str):
        # CEL knows no surrogate pairs: what is beyond ASCII stands as it is.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # "1e+21" is a double in CEL as well; a whole double keeps its point.
        return repr(value)
    if isinstance(value, Mapping):
        pairs = (f"{literal(str(name))}: {literal(inner)}" for name, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"{type(value).__name__} is no JSON value")


def exact(arguments: Mapping[str, JSON]) -> str:
    """The condition over `args` that holds for these arguments and for no others."""
    lines = [f"{place(name)} == {literal(value)}" for name, value in sorted(arguments.items())]
    return "\n&& ".join([f"size(args) == {len(arguments)}", *lines])


def place(name: str) -> str:
    """How a condition names one argument."""
    is_plain = _IDENTIFIER.fullmatch(name) is not None and name not in _RESERVED
    return f"args.{name}" if is_plain else f"args[{literal(name)}]"

"""CEL expressions of policies, scopes, routes and mappings: compiled with limits, evaluated safely.

The only module that knows the CEL library. Its own limits (recursion 32, an iteration budget, RE2)
bound what an expression may cost in time; the size limit here bounds what compiling may, and the
memory limit what an expression may put together while it repeats itself.
"""

import datetime as dt
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from cel_expr_python import cel

MAX_SOURCE_CHARACTERS = 4096
MAX_DEPTH = 200
MAX_BUILT = 512 * 1024 * 1024
# The library's own budget; one more ends the evaluation.
_MAX_ITERATIONS = 10_000
_ELEMENT_BYTES = 64
_INT64 = range(-(2**63), 2**63)
_SURROGATE = re.compile("[\ud800-\udfff]")
# What repeats, and what makes a new value. Found in the text: in doubt it is one.
_REPEATS = re.compile(r"\b(?:all|exists|exists_one|existsOne|map|filter|transform\w*|bind)\b")
_BUILDS = re.compile(r"\+|\b(?:string|bytes)\b")
_REPORT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_NOISE = re.compile(r"\s*\(in container ''\)|\s*\[[A-Z_]+\]$")

_BOOL, _NO_VALUE = cel.Type.BOOL, (cel.Type.ERROR, cel.Type.UNKNOWN)
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Result = Literal["any", "bool", "texts"]
# What an expression may be seen to give where it is compiled, and what the error calls it.
_GIVES = {
    "bool": (("BOOL", "DYN"), "true or false"),
    "texts": (("LIST<STRING>", "LIST<DYN>", "DYN"), "a list of texts"),
}

# Compiling is rare and cached; the library makes no promise about concurrent compilation.
_compiling = threading.Lock()


class CelError(ValueError):
    """The expression does not compile; line and column count from 1."""

    def __init__(self, message: str, line: int, column: int, caret_text: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.caret_text = caret_text


class CelRuntimeError(ValueError):
    """The expression has no value for these facts, such as a missing key or division by zero."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Variables that were checked once and may be given to any number of expressions."""

    values: Mapping[str, Json]
    # The library's own form of them, made once for all expressions over the same variables.
    _activations: dict[tuple[str, ...], cel.Activation] = field(default_factory=dict, compare=False)

    def activation(self, variables: tuple[str, ...]) -> cel.Activation:
        """The facts as expressions over these variables take them; raises RuntimeError."""
        found = self._activations.get(variables)
        if found is None:
            found = _environment(variables).Activation(self.values)
            self._activations[variables] = found
        return found

    def largest(self) -> tuple[int, int]:
        """The longest text and the longest list or object in them."""
        texts, members, waiting = 0, 0, list[Json](self.values.values())
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                texts = max(texts, len(value))
            elif isinstance(value, dict | list):
                members = max(members, len(value))
                waiting += value.values() if isinstance(value, dict) else value
        return texts, members


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; evaluating it changes nothing and is safe in threads."""

    source: str
    result: Result
    program: cel.Expression
    variables: tuple[str, ...]

    def evaluate(self, facts: Mapping[str, Json] | Facts) -> Json:
        """The JSON value for these facts; raises CelRuntimeError where there is none."""
        checked = facts if isinstance(facts, Facts) else prepare(facts)
        _check_built(self.source, checked)
        try:
            answer = self.program.eval(activation=checked.activation(self.variables))
        except RuntimeError as error:
            raise CelRuntimeError(_plain_words(str(error))) from error
        kind = answer.type()
        if kind == _BOOL and self.result != "texts":
            return bool(answer.plain_value())  # most of what is asked, and nothing to look into
        if kind in _NO_VALUE:
            raise CelRuntimeError(_plain_words(str(answer.value())))
        value = _json(answer.plain_value())
        if self.result != "any" and not _is_given(self.result, value):
            raise CelRuntimeError(f"the expression must give {_GIVES[self.result][1]}")
        return value


@lru_cache(maxsize=4096)
def compile_expression(
    source: str, variables: tuple[str, ...], *, result: Result = "any"
) -> Expression:
    """The expression over these variables; raises CelError with a caret under the fault.

    With `result="bool"` (or `"texts"`, a list of texts) an expression that can be seen to give
    anything else is refused here, and one that turns out to at evaluation raises CelRuntimeError
    there.
    """
    if not source.strip():
        raise CelError("the expression is empty", 1, 1, "")
    if len(source) > MAX_SOURCE_CHARACTERS:
        message = f"the expression is longer than {MAX_SOURCE_CHARACTERS} characters"
        raise CelError(message, 1, 1, "")
    if "\0" in source or _SURROGATE.search(source):
        raise CelError("the expression holds characters that are no text", 1, 1, "")
    try:
        with _compiling:
            program = _environment(variables).compile(source)
    except RuntimeError as error:
        raise _compile_error(source, str(error)) from error
    found = str(program.return_type().name())
    if result != "any" and found not in _GIVES[result][0]:
        message = f"the expression must give {_GIVES[result][1]}, not {found.lower()}"
        raise CelError(message, 1, 1, _caret(source, 1, 1))
    return Expression(source, result, program, variables)


def prepare(facts: Mapping[str, Json]) -> Facts:
    """Facts checked for what CEL would misread; raises CelRuntimeError.

    The library cuts a text at its first NUL, so that a rule would judge another text than the one
    that is sent; lone surrogates and numbers beyond 64 bits have no CEL value.
    """
    for name, value in facts.items():
        _check(value, name, 0)
    return Facts(facts)


def _check(value: Json, name: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CelRuntimeError(f"{name} is nested too deeply")
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and _SURROGATE.search(value)):
            raise CelRuntimeError(f"{name} holds characters that are no text")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise CelRuntimeError(f"{name} holds a key that is no text")
            _check(key, name, depth)
            _check(inner, name, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, name, depth + 1)
    elif isinstance(value, int):
        if value not in _INT64:
            raise CelRuntimeError(f"{name} holds a number beyond 64 bits")
    elif value is not None and not isinstance(value, float):
        raise CelRuntimeError(f"{name} holds a {type(value).__name__}, which is no JSON")


def _check_built(source: str, facts: Facts) -> None:
    """Raises CelRuntimeError where an expression could fill the memory.

    The library counts repetitions, not what each puts together and keeps until the end. Putting
    together at most doubles the longest value there is; everything is taken at its worst.
    """
    repeats, builds = _copying(source)
    if not repeats or not builds:
        return
    texts, members = facts.largest()
    texts, members = max(texts, len(source)), max(members, source.count(",") + 1)
    turns = min(_MAX_ITERATIONS, members**repeats)
    longest = (texts + members * _ELEMENT_BYTES) << builds
    if turns * builds * longest > MAX_BUILT:
        raise CelRuntimeError("putting values together while repeating takes too much memory here")


@lru_cache(maxsize=4096)
def _copying(source: str) -> tuple[int, int]:
    """How often the text repeats something, and how often it makes a new value."""
    return len(_REPEATS.findall(source)), len(_BUILDS.findall(source))


def _is_given(result: Result, value: Json) -> bool:
    if result == "bool":
        return isinstance(value, bool)
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


@lru_cache(maxsize=64)
def _environment(variables: tuple[str, ...]) -> cel.Env:
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN))


def _compile_error(source: str, report: str) -> CelError:
    match = _REPORT.search(report)
    if match is None or int(match[1]) < 1:
        if "recursion" in report:
            return CelError("the expression is nested too deeply", 1, 1, "")
        return CelError(_plain_words(report), 1, 1, "")
    line, column = int(match[1]), int(match[2])
    return CelError(_NOISE.sub("", match[3]), line, column, _caret(source, line, column))


def _caret(source: str, line: int, column: int) -> str:
    lines = source.split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    # A tab before the fault stays a tab, so that the caret stands under it.
    margin = "".join("\t" if c == "\t" else " " for c in shown[: column - 1])
    return f"{shown}\n{margin.ljust(column - 1)}^"


def _plain_words(report: str) -> str:
    """The library's sentence without its status code."""
    head, colon, rest = report.partition(": ")
    return rest.strip() if colon and head.replace("_", "").isupper() else report.strip()


def _json(value: Any) -> Json:
    """A CEL value as JSON; raises CelRuntimeError for what has none (bytes, types)."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_json(inner) for inner in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise CelRuntimeError("the result has a key that is no text")
        return {key: _json(inner) for key, inner in value.items()}
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    raise CelRuntimeError("the result has no JSON form")

"""What the connectors of databases share: one statement with named values, judged (pure).

The text of a statement is an administrator's; a call only gives values, which are bound and never
become text. So the check is of an administrator's care: one statement, no comment behind which
another meaning could hide, values only where a value can stand.
"""

import base64
import datetime
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.connectors.base import Operation, Outcome, OutcomeStatus
from gateway.connectors.operations import by_name
from gateway.http.errors import OutsideError
from gateway.http.messages import RetryClass
from gateway.tools.render import RenderError

QUERY, CHANGE, CHANGE_ONCE = "query", "change", "change_once"
READING = ("select", "with", "values")
WRITING = ("insert", "update", "delete", "with")
NO_CHANGE = "it has to end in the change itself, whose rows max_rows counts"
CHANGING = ("insert", "update", "delete", "merge")
SETTINGS = frozenset({"sql", "show", "max_rows", "timeout_s", "ledger", "role"})
MAX_SQL = 20_000
MAX_ROWS, DEFAULT_READ, DEFAULT_CHANGED = 10_000, 100, 1
MAX_TIMEOUT_S, DEFAULT_TIMEOUT_S = 30, 5
MAX_RESULT = 256_000
# An integer beyond it does not survive as a JSON number everywhere.
EXACT = 2**53 - 1
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
QUALIFIED = re.compile(rf"{NAME.pattern}(\.{NAME.pattern})?")
_TOKEN = re.compile(
    r"""(?P<escapes>(?<!\w)(?:[eEbBxX]|[uU]&)')|(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")"""
    r"""|(?P<cast>::)"""
    r"""|(?P<name>(?<![:\w]):[A-Za-z_]\w*)"""
    r"""|(?P<bad>--|/\*|;|\$\w*\$|\$\d|\\|\0|['"])""",
    re.DOTALL,
)
_WORD = re.compile(r"[()]|[^\W\d]\w*")
_TROUBLE = {
    "--": "a comment hides what is meant", "/*": "a comment hides what is meant",
    ";": "one statement only, without a semicolon", "\\": "a backslash has two meanings",
    "\0": "a NUL character", "'": "a text is not closed", '"': "a name is not closed",
}  # fmt: skip
OPERATIONS_PROOF = "against a real server: `tests/gateway/connectors/test_{name}.py`"


@dataclass(frozen=True)
class Statement:
    """One statement; `names` are the arguments it binds, in the order of their first place."""

    text: str
    names: tuple[str, ...]

    def bound(self, style: str) -> str:
        """The text with each value's place as a driver writes it, as in `%({name})s`."""
        percent = style.startswith("%")

        def replaced(match: re.Match[str]) -> str:
            if match["name"]:
                return style.format(name=match["name"][1:])
            return match[0].replace("%", "%%") if percent else match[0]

        parts, at = [], 0
        for match in _TOKEN.finditer(self.text):
            between = self.text[at : match.start()]
            parts += [between.replace("%", "%%") if percent else between, replaced(match)]
            at = match.end()
        rest = self.text[at:]
        return "".join([*parts, rest.replace("%", "%%") if percent else rest])


def statement(source: Any, *, field: str, verbs: Sequence[str]) -> Statement:
    """The statement, judged; raises RenderError that names the field."""
    if not isinstance(source, str) or not source.strip():
        raise RenderError(field, "one SQL statement is needed")
    text = source.strip()
    if len(text) > MAX_SQL:
        raise RenderError(field, f"longer than {MAX_SQL} characters")
    names: dict[str, None] = {}
    for match in _TOKEN.finditer(text):
        if match["escapes"]:
            raise RenderError(field, "a text with escapes (E'…') has two meanings: bind a value")
        if bad := match["bad"]:
            raise RenderError(field, _TROUBLE.get(bad, "a dollar sign hides what is meant"))
        if match["name"]:
            names[match["name"][1:]] = None
    verb = re.match(r"[A-Za-z]*", text)
    if verb is None or verb[0].lower() not in verbs:
        raise RenderError(field, f"it has to begin with {', '.join(verbs)}")
    return Statement(text, tuple(names))


def uncounted(text: str) -> str:
    """Why the rows that this statement changes are not those that the server counts; or nothing.

    The count is of the main command alone, and `max_rows` of the count.
    """
    words = [word for depth, word in _outside_of_quotes(text) if depth == 0]
    if words[:1] != ["with"]:
        return ""
    # REPLACE is SQLite's other word for an insert; without INTO it is a function.
    mains = (*CHANGING, "select", "values", "table")
    main = next(
        (
            word
            for word, after in zip(words, [*words[1:], ""], strict=True)
            if word in mains or (word, after) == ("replace", "into")
        ),
        "",
    )
    if main not in (*CHANGING, "replace"):
        return NO_CHANGE
    before = ""
    for depth, word in _outside_of_quotes(text):
        # FOR UPDATE and FOR NO KEY UPDATE change nothing.
        if depth and word in CHANGING and before not in ("for", "key"):
            return (
                f"max_rows does not count what {word.upper()} changes inside of a WITH "
                "(a name like that goes in quotes)"
            )
        before = word
    return ""


def assert_counted(rendered: Mapping[str, Any]) -> None:
    """Raises OutsideError where max_rows cannot bound a change that is about to run.

    It may have been approved before statements were judged like this.
    """
    if why := uncounted(rendered["sql"]):
        raise refused(why)


def refused(why: str) -> OutsideError:
    """The refusal of a statement that ran, if at all, in a transaction that is rolled back."""
    return OutsideError(
        "statement_refused", True, False, detail=f"The statement is refused: {why}."
    )


def operations(name: str) -> dict[str, Operation]:
    """The operations that every database has."""
    proof = OPERATIONS_PROOF.format(name=name)
    return by_name(
        Operation(
            QUERY, "Read rows", side_effect="read", retry_class=RetryClass.SAFE, risk="low",
            proof=proof,
        ),
        Operation(
            CHANGE, "Change rows", side_effect="write", retry_class=RetryClass.UNSAFE,
            risk="high", has_preview=True, proof=proof,
        ),
        Operation(
            CHANGE_ONCE, "Change rows, once per key", side_effect="write", risk="high",
            retry_class=RetryClass.IDEMPOTENT, has_preview=True, has_lookup=True, proof=proof,
        ),
    )  # fmt: skip


def check(operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Judge a tool's configuration; raises RenderError."""
    if unknown := sorted(set(config) - SETTINGS):
        raise RenderError(unknown[0], "there is no such setting")
    given = set(schema.get("properties", {}))
    for field, one in _statements(operation, config):
        if missing := [name for name in one.names if name not in given]:
            raise RenderError(field, f"{', '.join(missing)}: not among the arguments")
    limit_of(operation, config)
    timeout_of(config)
    if (operation == CHANGE_ONCE) != bool(config.get("ledger")):
        raise RenderError("ledger", f"the table of keys belongs to {CHANGE_ONCE}, and is needed")
    for field, form in (("ledger", QUALIFIED), ("role", NAME)):
        value = config.get(field)
        if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
            raise RenderError(field, "a plain lower-case name is needed")


def render(
    operation: str, config: Mapping[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """What is approved: the statement, its values, and within which bounds it runs."""
    parts = dict(_statements(operation, config))
    names = {name for one in parts.values() for name in one.names}
    kept = {field: config[field] for field in ("ledger", "role") if config.get(field)}
    shown = {"show": parts["show"].text} if "show" in parts else {}
    return {
        "kind": "sql", "sql": parts["sql"].text, **shown, **kept,
        "values": {name: arguments.get(name) for name in sorted(names)},
        "max_rows": limit_of(operation, config),
    }  # fmt: skip


def limit_of(operation: str, config: Mapping[str, Any]) -> int:
    """How many rows may be read, or changed, at most; raises RenderError."""
    default = DEFAULT_READ if operation == QUERY else DEFAULT_CHANGED
    return _whole(config.get("max_rows", default), "max_rows", most=MAX_ROWS)


def timeout_of(config: Mapping[str, Any]) -> int:
    """Seconds for one statement; raises RenderError."""
    return _whole(config.get("timeout_s", DEFAULT_TIMEOUT_S), "timeout_s", most=MAX_TIMEOUT_S)


def readable(rows: Iterable[Sequence[Any]], columns: Sequence[str], *, most: int) -> dict[str, Any]:
    """Rows as JSON: at most so many, and no more than fits; `has_more` says that some are left."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        found = dict(zip(columns, map(plain, row), strict=True))
        size += len(json.dumps(found))
        if len(kept) == most or size > MAX_RESULT:
            return {"rows": kept, "has_more": True}
        kept.append(found)
    return {"rows": kept, "has_more": False}


def plain(value: Any) -> Any:
    """A column's value as JSON keeps it exactly; what JSON has no form for as its text."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def failed(reason: str, error: str, *, retryable: bool = False) -> Outcome:
    """An attempt that changed nothing: whatever it did was rolled back."""
    return Outcome(OutcomeStatus.FAILED, reason=reason, error=error, retryable=retryable)


def too_many(count: int, most: int) -> Outcome:
    """More rows than the tool may touch; nothing was changed."""
    return failed(
        "too_many_rows",
        f"It would have changed {count} rows; the tool may change {most}. Nothing was changed.",
    )


def _statements(operation: str, config: Mapping[str, Any]) -> list[tuple[str, Statement]]:
    verbs = READING if operation == QUERY else WRITING
    found = [("sql", statement(config.get("sql"), field="sql", verbs=verbs))]
    if operation != QUERY and (why := uncounted(found[0][1].text)):
        raise RenderError("sql", why)
    if config.get("show") is not None:
        if operation == QUERY:
            raise RenderError("show", "a reading statement shows itself")
        found.append(("show", statement(config["show"], field="show", verbs=READING)))
    return found


def _outside_of_quotes(text: str) -> Iterator[tuple[int, str]]:
    """The words of a statement, in lower case, with how many brackets are open around each."""
    depth = 0
    for match in _WORD.finditer(_TOKEN.sub(" ", text)):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        else:
            yield depth, match[0].lower()


def _whole(value: Any, field: str, *, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise RenderError(field, f"a whole number from 1 to {most} is needed")
    return value

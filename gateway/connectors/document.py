"""The connectors as docs/connectors.md lists them: a table for each, out of their operations."""

from collections.abc import Iterable

from gateway.connectors.base import Connector, Operation
from gateway.lib.generated import written_between

BEGIN = "<!-- What follows is written by `manage.py connector_table --write`. -->"
END = "<!-- Here it ends. -->"
HEAD = ("operation", "class", "repeating", "risk", "before deciding", "lost answer", "undone by")
REPEATING = {"safe": "safe", "idempotent": "with the same key", "unsafe": "never"}
YOURS = "the tool says"


def listing(connectors: Iterable[Connector]) -> str:
    """A section for each connector."""
    return "\n\n".join(_section(connector) for connector in connectors)


def written_into(text: str, connectors: Iterable[Connector]) -> str:
    """The page with the listing of now; raises ValueError where it has no place for it."""
    return written_between(text, BEGIN, END, content=listing(connectors))


def _section(connector: Connector) -> str:
    operations = list(connector.operations.values())
    rows = [HEAD, ("---",) * len(HEAD), *map(_row, operations)]
    lines = [f"### `{connector.name}`", "", *(f"| {' | '.join(cells)} |" for cells in rows)]
    proofs = _grouped(operations)
    if proofs:
        lines += ["", *(f"- {', '.join(names)}: {proof}" for proof, names in proofs.items())]
    return "\n".join(lines)


def _grouped(operations: list[Operation]) -> dict[str, list[str]]:
    """The operations under what was said of their proof; one sentence is not said twice."""
    found: dict[str, list[str]] = {}
    for one in operations:
        if one.proof:
            found.setdefault(one.proof, []).append(f"`{one.name}`")
    return found


def _repeating(one: Operation) -> str:
    is_blind = one.retry_class == "idempotent" and not (one.takes_key or one.has_lookup)
    return "over the same state" if is_blind else REPEATING[one.retry_class]


def _row(one: Operation) -> tuple[str, ...]:
    link = f"[{one.title}]({one.documentation})" if one.documentation else one.title
    is_ours = one.schema is not None
    return (
        f"`{one.name}`: {link}",
        one.side_effect if is_ours else YOURS,
        _repeating(one) if is_ours else YOURS,
        one.risk if is_ours else YOURS,
        "shows the present state" if one.has_preview else "–",
        "looked up by its key" if one.has_lookup else "–",
        f"`{one.undo}`" if one.undo else "–",
    )

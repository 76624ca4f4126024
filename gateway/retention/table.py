"""What is kept, as the table of docs/privacy.md."""

import re

from audit.kept import Kept
from gateway.retention import registry

BEGIN, END = "<!-- The table is written by `manage.py retention_table --write`. -->", "<!-- end -->"
HEAD = (
    "| model | what it holds | who sees it | how long | on erasure |",
    "| --- | --- | --- | --- | --- |",
)


def table() -> str:
    """One row for each model, as declared."""
    return "\n".join([*HEAD, *map(_row, registry.declared())])


def written_into(page: str) -> str:
    """The page with the table between its marks; raises ValueError where it has none."""
    place = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"The page has no {BEGIN} … {END}.")
    return place.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


def _row(kept: Kept) -> str:
    return f"| `{kept.model}` | {kept.holds} | {kept.seen_by} | {_time(kept)} | {_fate(kept)} |"


def _time(kept: Kept) -> str:
    if not kept.days:
        return kept.stays
    goes = "row removed" if kept.deletes else "emptied"
    return f"{goes} `COUNTERSIGN_{kept.days}` after `{kept.since}`"


def _fate(kept: Kept) -> str:
    if kept.model == "tenants.User":
        return "name and address go once the account is not in use; the row and its id stay"
    if kept.model == "tenants.SubjectKey":
        return "the key goes; the row says when"
    if kept.model == "audit.AuditRecord":
        return "sealed values cannot be opened any more; the record and its proof stay"
    if not kept.personal:
        return "-"
    fields = ", ".join(f"`{name}`" for name in kept.personal)
    return "row removed" if kept.deletes else f"emptied: {fields}"

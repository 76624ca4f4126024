"""One row's UPDATE that answers with the row as it wrote it, composed once for each form.

Composing an UPDATE and reading its row again take Django several times what the database needs for
both. The form is which columns change, in what way and on which condition; values come later, as in
`prepared`. What repeats itself in no form is composed each time, and answers in the same way.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connections, models, transaction
from django.db.models import F
from django.db.models.expressions import CombinedExpression, Value
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from gateway.lib.prepared import StandIn, Statement, fill

# So many forms are remembered; a program has as many as it has ways to change a row.
FORMS = 512
# Names of stand-ins that no column has.
KEY, OLD, CONDITION = "its key", "its old status", "if "
VALUE = "value"


class Condition:
    """One more condition on a change, for other values each time."""

    def __init__(self, build: Callable[..., Any], **kinds: Any) -> None:
        """`build` makes the condition from stand-ins of its values; `kinds` are their fields."""
        self._build = build
        self._kinds = kinds

    def __call__(self, **values: Any) -> "Held":
        """It, with these values."""
        return Held(self, {CONDITION + name: value for name, value in values.items()})

    def standing_in(self) -> Any:
        """It, with stand-ins for its values."""
        kinds = self._kinds.items()
        return self._build(**{name: StandIn(CONDITION + name, kind) for name, kind in kinds})


@dataclass(frozen=True)
class Held:
    """A condition with its values."""

    condition: Condition
    values: Mapping[str, Any]


def change(row: models.Model, old: str | None, only_if: Any = None, **new: Any) -> bool:
    """Set columns of the row while its status is the old one (if given) and the condition holds.

    `new` takes values and expressions, as `update` does. False: nothing was changed. Else the
    instance has its columns as they were written; related rows that it holds stay while they are
    its own.
    """
    model: Any = type(row)
    using = model._default_manager.db
    statement = _statement(model, using, old, only_if, new)
    values = {KEY: row.pk, OLD: old, **_values(new)}
    if isinstance(only_if, Held):
        values |= only_if.values
    connection = connections[using]
    with transaction.mark_for_rollback_on_error(using=using), connection.cursor() as cursor:
        cursor.execute(*fill(statement, values, connection))
        found = cursor.fetchall()
    if not found:
        return False
    keep(row, _reader(model, using).read(found, connection))
    return True


def keep(row: models.Model, written: Sequence[Any]) -> None:
    """Give the instance these values of its own columns."""
    for field, value in zip(row._meta.concrete_fields, written, strict=True):
        # A related row that is another one now is forgotten by the same assignment.
        setattr(row, field.attname, value)
    row._prefetched_objects_cache = {}  # type: ignore[attr-defined]  # Django's own


_known: dict[Hashable, Statement] = {}


def _statement(
    model: Any, using: str, old: str | None, only_if: Any, new: Mapping[str, Any]
) -> Statement:
    shapes = tuple((name, _shape(value)) for name, value in new.items())
    condition = only_if.condition if isinstance(only_if, Held) else only_if
    is_form = all(shape for _, shape in shapes) and (
        condition is None or isinstance(condition, Condition)
    )
    if not is_form:
        return _compose(model, using, old, condition, new)
    form = (model, using, old is None, condition, shapes)
    known = _known.get(form)
    if known is None:
        fields = {name: model._meta.get_field(name) for name in new}
        standing = {name: _standing_in(name, new[name], fields[name]) for name in new}
        known = _compose(
            model, using, old and StandIn(OLD, model._meta.get_field("status")),
            condition and condition.standing_in(), standing,
        )  # fmt: skip
        if len(_known) < FORMS:
            _known[form] = known
    return known


def _compose(model: Any, using: str, old: Any, condition: Any, new: Mapping[str, Any]) -> Statement:
    changed = model._default_manager.filter(pk=StandIn(KEY, model._meta.pk))
    if old is not None:
        changed = changed.filter(status=old)
    if condition is not None:
        changed = changed.filter(condition)
    query = changed.query.chain(UpdateQuery)
    query.add_update_values(new)
    # Nothing may be left over from a queryset's order or annotations.
    query.clear_ordering(force=True)
    query.annotations = {}
    sql, parameters = query.get_compiler(using).as_sql()
    return f"{sql} RETURNING {_reader(model, using).columns}", tuple(parameters)


def _shape(value: Any) -> Hashable:
    """What of a new value belongs to the form; none where it is of no kind known here."""
    if not hasattr(value, "resolve_expression"):
        return VALUE
    kind = type(value)
    if kind is Now:
        return "now"
    if kind is F:
        return ("column", value.name)
    if kind is Value:
        return (VALUE, type(value.value))
    if kind is CombinedExpression:
        sides = _shape(value.lhs), _shape(value.rhs)
        return (*sides, value.connector) if all(sides) else None
    return None


def _standing_in(name: str, value: Any, field: Any) -> Any:
    """The same with stand-ins for what is no part of the form."""
    if not hasattr(value, "resolve_expression"):
        return StandIn(name, field)
    if isinstance(value, Value):
        return StandIn(name, value.output_field)
    if isinstance(value, CombinedExpression):
        left = _standing_in(f"{name} left", value.lhs, field)
        right = _standing_in(f"{name} right", value.rhs, field)
        return CombinedExpression(left, value.connector, right)
    return value


def _values(new: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in new.items():
        if isinstance(value, CombinedExpression):
            found |= _values({f"{name} left": value.lhs, f"{name} right": value.rhs})
        else:
            found[name] = value.value if isinstance(value, Value) else value
    return found


class _Reader:
    """What a model's own columns are called, and how their values become Python's."""

    def __init__(self, model: Any, using: str) -> None:
        compiler = SQLCompiler(model._base_manager.all().query, connections[using], using)
        own = [field.get_col(model._meta.db_table) for field in model._meta.concrete_fields]
        self.columns = ", ".join(compiler.compile(column)[0] for column in own)
        self._compiler = compiler
        self._converters = compiler.get_converters(own)

    def read(self, rows: list[Any], connection: Any) -> Sequence[Any]:
        """The one row that was written."""
        (found,) = rows
        values = list(found)
        for at, (converters, expression) in self._converters.items():
            for convert in converters:
                values[at] = convert(values[at], expression, connection)
        return values


@cache
def _reader(model: Any, using: str) -> _Reader:
    return _Reader(model, using)

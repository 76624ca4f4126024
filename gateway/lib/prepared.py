"""Queries that Django composes once: for the few that each execution asks in the same form.

Composing a SELECT over several tables takes Django longer than a database needs to answer it. What
is asked again with other values alone is composed at its first use and gets its values later:

    BY_KEY = Prepared(lambda key: Action.objects.filter(pk=key), key=Action._meta.pk)
    found = BY_KEY(key=action.pk)

The one module that leans on the insides of Django's compiler (5.2); making instances and their
related rows of what the database answers stays Django's.
"""

from collections.abc import Callable
from copy import copy
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.expressions import Value
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query
from django.db.transaction import TransactionManagementError

M = TypeVar("M")
# A statement, and its parameters: some of them stand-ins until there are values.
Statement = tuple[str, tuple[Any, ...]]


class Prepared(Generic[M]):
    """One query, for other values each time: of rows, or of what `values_list` takes from them."""

    def __init__(self, build: Callable[..., models.QuerySet[Any, M]], **kinds: Any) -> None:
        """`build` makes the queryset from stand-ins of its values; `kinds` are their fields.

        It is called once, so nothing else may vary: not the time, not the length of a list.
        """
        self._build = build
        self._kinds = kinds
        self._composed: _Composed | None = None

    def __call__(self, **values: Any) -> list[M]:
        """The rows for these values, in the order that the query asks for.

        Raises TransactionManagementError where rows are to be locked outside a transaction.
        """
        if self._composed is None:
            stand_ins = {name: StandIn(name, kind) for name, kind in self._kinds.items()}
            self._composed = _Composed.of(self._build(**stand_ins))
        return self._composed.rows(values)


class StandIn(Value):
    """Where a value will be; it stands among the parameters of a composed statement."""

    def __init__(self, name: str, kind: Any) -> None:
        super().__init__(name, output_field=kind)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def of(self, values: dict[str, Any], connection: Any) -> Any:
        """Its value, as the database's driver wants it."""
        field, value = self.output_field, values[self.value]
        if isinstance(value, models.Model):
            value = value.pk
        if self.for_save:
            return field.get_db_prep_save(value, connection=connection)
        return field.get_db_prep_value(value, connection)


def fill(statement: Statement, values: dict[str, Any], connection: Any) -> Statement:
    """The statement with these values in the places of its stand-ins."""
    sql, parameters = statement
    return sql, tuple(
        one.of(values, connection) if isinstance(one, StandIn) else one for one in parameters
    )


class _Composed:
    """A queryset's statement, and what Django knows after composing it."""

    def __init__(self, queryset: models.QuerySet[Any], compiler: "_Compiler") -> None:
        self.queryset = queryset
        self.compiler = compiler

    @classmethod
    def of(cls, queryset: models.QuerySet[Any]) -> "_Composed":
        """Compose it."""
        using = queryset.db
        compiler = _Compiler(queryset.query, connections[using], using)
        compiler.statement = compiler.as_sql()
        return cls(queryset, compiler)

    def rows(self, values: dict[str, Any]) -> list[Any]:
        """What the database answers for these values."""
        model, using = self.queryset.model, self.queryset.db
        found: Any = models.QuerySet(model, _Query(model, self.compiler.filled(values)), using)
        found._iterable_class = self.queryset._iterable_class
        return list(found)


class _Query(Query):
    """A query that is answered by a compiler which has nothing to compose any more."""

    def __init__(self, model: Any, compiler: "_Compiler") -> None:
        super().__init__(model)
        self._composed = compiler

    def get_compiler(self, *args: Any, **kwargs: Any) -> "_Compiler":
        return self._composed


class _Compiler(SQLCompiler):
    statement: Statement | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._known: list[Any] = []

    def filled(self, values: dict[str, Any]) -> "_Compiler":
        """The same on the connection of this thread, with values in the places of stand-ins."""
        filled = copy(self)
        filled.connection = connections[self.connection.alias]
        if self.query.select_for_update and filled.connection.get_autocommit():
            raise TransactionManagementError("Rows are locked inside a transaction only.")
        filled.statement = fill(self.statement or ("", ()), values, filled.connection)
        return filled

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        return self.statement or super().as_sql(*args, **kwargs)

    def get_converters(self, expressions: Any) -> Any:
        # The same for every answer: looked up once, shared by all copies.
        if not self._known:
            self._known.append(super().get_converters(expressions))
        return self._known[0]

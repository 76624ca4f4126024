"""Arguments as an exact condition: it holds for them, and for nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.literals import exact, literal
from audit.canonical import canonical
from gateway.lib.cel import CelRuntimeError, compile_expression

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)


def holds(condition: str, arguments: dict[str, Any]) -> bool:
    try:
        return compile_expression(condition, ("args",)).evaluate({"args": arguments}) is True
    except CelRuntimeError:
        return False


@settings(max_examples=60, deadline=None)
@given(ARGUMENTS)
def test_the_condition_holds_for_its_arguments(arguments: dict[str, Any]) -> None:
    assert holds(exact(arguments), arguments)


@settings(max_examples=60, deadline=None)
@given(ARGUMENTS, ARGUMENTS)
def test_it_holds_for_no_others(arguments: dict[str, Any], others: dict[str, Any]) -> None:
    # By value, as JSON's one canonical form has it: 1 and 1.0 are the same, true and 1 are not.
    assert holds(exact(arguments), others) == (canonical(arguments) == canonical(others))


@pytest.mark.parametrize(
    ("arguments", "other"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": "1"}, {"a": 1}),
        ({"a": True}, {"a": "true"}),
        ({"a": None}, {}),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}),
        ({"a": "x "}, {"a": "x"}),
        ({"a": 'say "no" \\'}, {"a": "say no"}),
    ],
    ids=str,
)
def test_what_differs_a_little_is_another_call(
    arguments: dict[str, Any], other: dict[str, Any]
) -> None:
    assert holds(exact(arguments), arguments)
    assert not holds(exact(arguments), other)


def test_names_that_are_no_identifiers_are_quoted() -> None:
    condition = exact({"in": 1, "x-y": 2, "plain": 3})
    assert 'args["in"] == 1' in condition
    assert 'args["x-y"] == 2' in condition
    assert "args.plain == 3" in condition


def test_only_json_has_a_literal() -> None:
    with pytest.raises(TypeError):
        literal({1, 2})  # type: ignore[arg-type]

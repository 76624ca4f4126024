"""Expressions fail loudly at save, never guess at run time, and cannot run away."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.lib.cel import CelError, CelRuntimeError, compile_expression, prepare

VARIABLES = ("args", "tool", "time")


@pytest.mark.parametrize(
    ("source", "facts", "value"),
    [
        ("args.amount > 10.0", {"args": {"amount": 11}}, True),
        ("args.amount == 100", {"args": {"amount": 100.0}}, True),
        ("has(args.nope)", {"args": {}}, False),
        ("args.tags.exists(t, t == 'vip')", {"args": {"tags": ["a", "vip"]}}, True),
        (
            "args.mail.matches('^[a-z]+@a\\\\.example$')",
            {"args": {"mail": "x@a.example"}},
            True,
        ),
        ("args", {"args": {"a": [1, None, {"b": "ü"}]}}, {"a": [1, None, {"b": "ü"}]}),
        (
            "{'to': args.to, 'n': [1, 2.5, null]}",
            {"args": {"to": "x"}},
            {"to": "x", "n": [1, 2.5, None]},
        ),
        ("timestamp('2024-01-01T00:00:00Z')", {}, "2024-01-01T00:00:00Z"),
        ("duration('90s')", {}, 90),
    ],
)
def test_expression_gives_a_json_value(source, facts, value):
    assert compile_expression(source, VARIABLES).evaluate(facts) == value


@pytest.mark.parametrize(
    ("source", "line", "column", "says"),
    [
        ("typo > 3", 1, 1, "undeclared reference to 'typo'"),
        ("args.a == 1 &&\n  foo == 1", 2, 3, "undeclared reference to 'foo'"),
        ("args.a >", 1, 9, "Syntax error"),
        ("'a' + 1 == 2", 1, 5, "no matching overload"),
        ("args.x == 'ä' && nope", 1, 18, "undeclared reference to 'nope'"),
    ],
)
def test_fault_is_named_with_a_caret_below_it(source, line, column, says):
    with pytest.raises(CelError) as fault:
        compile_expression(source, VARIABLES)
    assert (fault.value.line, fault.value.column) == (line, column)
    assert says in fault.value.message
    shown, caret = fault.value.caret_text.split("\n")
    assert shown == source.split("\n")[line - 1]
    assert caret == " " * (column - 1) + "^"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  \n",
        "1+" * 3000 + "1",
        "(" * 300 + "1" + ")" * 300,
        "args" + ".a" * 400,
        "a\0",
    ],
)
def test_expression_that_is_empty_too_long_or_too_deep_is_refused(source):
    with pytest.raises(CelError):
        compile_expression(source, VARIABLES)


@pytest.mark.parametrize("source", ["1 + 1", "'yes'", "[true]", "size(args.a)"])
def test_condition_that_is_no_condition_is_refused_at_save(source):
    with pytest.raises(CelError, match="true or false"):
        compile_expression(source, VARIABLES, result="bool")


def test_condition_that_turns_out_to_be_something_else_is_an_error():
    with pytest.raises(CelRuntimeError, match="true or false"):
        compile_expression("args.a", VARIABLES, result="bool").evaluate({"args": {"a": 1}})


@pytest.mark.parametrize(
    ("source", "facts"),
    [
        ("args.nope == 1", {"args": {}}),
        ("1 / 0 == 1", {}),
        ("tool.name == 'x'", {"args": {}}),
        ("args.a < 'x'", {"args": {"a": 1}}),
        ("b'ab'", {}),
        ("type(args)", {"args": 1}),
        ("{1: 2}", {}),
    ],
)
def test_expression_without_a_value_raises(source, facts):
    with pytest.raises(CelRuntimeError):
        compile_expression(source, VARIABLES).evaluate(facts)


@pytest.mark.parametrize(
    "value",
    ["\0hidden", "a\0", {"k\0": 1}, ["\ud800"], 2**63, {1: 2}, b"x", Ellipsis],
    ids=repr,
)
def test_facts_that_cel_would_misread_are_refused(value):
    with pytest.raises(CelRuntimeError):
        compile_expression("args == ''", VARIABLES).evaluate({"args": value})


def test_nested_loops_over_long_lists_are_stopped():
    source = "args.all(a, args.all(b, args.all(c, a + b + c >= 0)))"
    started = time.perf_counter()
    with pytest.raises(CelRuntimeError):
        compile_expression(source, VARIABLES).evaluate({"args": list(range(300))})
    assert time.perf_counter() - started < 5


def test_one_expression_serves_many_threads():
    expression = compile_expression("args.n * 2", VARIABLES)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: expression.evaluate({"args": {"n": n}}), range(2000)))
    assert answers == [n * 2 for n in range(2000)]


def test_checked_facts_serve_many_expressions():
    facts = prepare({"args": {"n": 3}})
    assert compile_expression("args.n == 3", VARIABLES).evaluate(facts) is True
    assert compile_expression("args.n + 1", VARIABLES).evaluate(facts) == 4


@pytest.mark.parametrize(
    "source",
    [
        "size(args.many.map(one, args.text + args.text)) > 0",
        "args.many.exists(one, one + args.text == '')",
        "args.many.exists(one, bytes(args.text) == b'')",
        f"size(['aaaa']{'.map(one, one + one)' * 25}) > 0",
    ],
)
def test_expression_cannot_fill_the_memory(source):
    facts = {"args": {"many": ["x"] * 9000, "text": "y" * 200_000}}
    started = time.perf_counter()
    with pytest.raises(CelRuntimeError, match="memory"):
        compile_expression(source, VARIABLES).evaluate(facts)
    assert time.perf_counter() - started < 1


def test_putting_texts_together_while_repeating_is_for_usual_sizes():
    source = "args.many.exists(one, 'to:' + one + args.text == 'to:xy')"
    facts = {"args": {"many": ["x"] * 200, "text": "y" * 5_000}}
    assert compile_expression(source, VARIABLES).evaluate(facts) is False

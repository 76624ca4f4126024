"""A definition is strict, closed to the outside and cheap to check; problems say where."""

import re
import time

import pytest

from gateway.tools.schema import (
    FORMATS,
    SchemaError,
    check_definition,
    check_output,
    problems,
    warnings,
)

REFUND = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "pattern": "^ORD-[0-9]+$"},
        "amount": {"type": "integer", "minimum": 1},
        "to": {"type": "string", "format": "email"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "required": ["order_id"],
    "additionalProperties": False,
    "$defs": {
        "line": {
            "type": "object",
            "properties": {
                "sku": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/line"}},
            },
            "additionalProperties": False,
        },
    },
}


def definition(**more):
    return {"type": "object", "additionalProperties": False, **more}


def test_strict_definition_is_accepted():
    check_definition(REFUND)
    check_definition(definition())
    check_definition(definition(properties={"$ref": {"type": "string"}, "$id": {"type": "string"}}))
    check_definition(definition(properties={"a": {"const": {"$ref": "http://a.example"}}}))


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "object"),
        ({"type": "object"}, "additionalProperties"),
        ({"type": "object", "additionalProperties": True}, "additionalProperties"),
        ({"type": "array", "additionalProperties": False}, "type"),
        ({"additionalProperties": False}, "type"),
        (definition(**{"$schema": "http://json-schema.org/draft-07/schema#"}), "2020-12"),
        (definition(properties={"a": {"$ref": "http://a.example/s"}}), "itself"),
        (definition(properties={"a": {"$ref": "file:///etc/passwd"}}), "itself"),
        (definition(properties={"a": {"$ref": "other.json"}}), "itself"),
        (definition(properties={"a": {"$ref": "#/$defs/none"}}), "nothing"),
        (definition(allOf=[{"if": {"$ref": "//a.example"}}]), "itself"),
        (definition(**{"$id": "http://a.example/"}), r"\$id"),
        (definition(properties={"properties": {"$id": "http://a.example/"}}), r"\$id"),
        (definition(properties={"a": {"type": "text"}}), "text"),
        (definition(properties={"a": {"pattern": "("}}), None),
        (definition(properties={"a": {"pattern": "(?=a)b"}}), None),
        (definition(properties={"a": {"pattern": r"(a)\1"}}), None),
        (definition(patternProperties={"(?!x)": {}}), None),
        (definition(**{"$ref": "#"}), "leads back"),
        (
            definition(
                **{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}
            ),
            "leads back",
        ),
        (definition(properties={"a": {"maximum": float("nan")}}), None),
        (definition(properties={"a": {"maximum": 2**60}}), "safe integer"),
        (definition(description="x" * 70_000), "bytes"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_definition_that_is_not_strict_or_not_closed_is_refused(schema, says):
    with pytest.raises(SchemaError, match=says):
        check_definition(schema)


def test_bottomless_definition_is_refused():
    schema: dict = {"type": "string"}
    for _ in range(500):
        schema = {"allOf": [schema]}
    with pytest.raises(SchemaError, match="deep"):
        check_definition(definition(properties={"a": schema}))


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"order_id": "ORD-1", "amount": 1}, []),
        ({"order_id": "ORD-1", "amount": 5.0}, []),
        ({"order_id": "ORD-1", "amount": True}, ["/amount"]),
        ({"order_id": "ORD-1", "amount": "1"}, ["/amount"]),
        ({}, [""]),
        ([], [""]),
        (None, [""]),
        ({"order_id": "ORD-x", "amount": 0}, ["/amount", "/order_id"]),
        ({"order_id": "ORD-1", "extra/x": 1}, [""]),
        ({"order_id": "ORD-1", "to": "nobody"}, ["/to"]),
        ({"order_id": "ORD-1", "lines": [{"sku": "a"}, {"sku": 1}]}, ["/lines/1/sku"]),
        ({"order_id": "ORD-1", "lines": [{"parts": [{"sku": 2}]}]}, ["/lines/0/parts/0/sku"]),
    ],
    ids=str,
)
def test_problems_say_where(arguments, paths):
    assert sorted(problem.path for problem in problems(REFUND, arguments)) == paths


def test_messages_do_not_repeat_the_arguments():
    found = problems(REFUND, {"order_id": "s3cret", "amount": "s3cret"})
    assert len(found) == 2
    assert not any("s3cret" in problem.message for problem in found)


def test_unknown_argument_is_named():
    assert "extra" in problems(REFUND, {"order_id": "ORD-1", "extra": 1})[0].message


def test_patterns_take_linear_time():
    schema = definition(properties={"a": {"type": "string", "pattern": "^(a+)+$"}})
    check_definition(schema)
    started = time.perf_counter()
    assert problems(schema, {"a": "a" * 50_000 + "b"})
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "pattern",
    ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a{100}){90}"],
)
def test_a_hostile_pattern_costs_no_time(pattern):
    schema = definition(properties={"a": {"type": "string", "pattern": pattern}})
    started = time.process_time()
    check_definition(schema)
    problems(schema, {"a": "a" * 100_000 + "!"})
    assert time.process_time() - started < 1


def test_a_pattern_too_large_to_compile_is_refused_in_no_time():
    started = time.process_time()
    with pytest.raises(SchemaError):
        check_definition(definition(properties={"a": {"pattern": "((a{1000}){1000}){1000}"}}))
    assert time.process_time() - started < 1


def doubling(deep, **last):
    """Definitions that each name the next one twice."""
    names = {
        f"d{at}": {"anyOf": [{"$ref": f"#/$defs/d{at + 1}"}, {"$ref": f"#/$defs/d{at + 1}"}]}
        for at in range(deep)
    }
    return definition(
        properties={"a": {"$ref": "#/$defs/d0"}}, **{"$defs": {**names, f"d{deep}": last}}
    )


def test_references_that_multiply_are_refused_before_they_cost_anything():
    check_definition(doubling(6, const=1))
    started = time.process_time()
    with pytest.raises(SchemaError, match="judge one value"):
        check_definition(doubling(40, const=1))
    assert time.process_time() - started < 1


def test_recursion_that_multiplies_with_every_level_is_refused():
    again = {"$ref": "#/$defs/n"}
    tree = {"n": {"type": "array", "items": {"anyOf": [again, {**again, "minItems": 1}]}}}
    with pytest.raises(SchemaError, match="multiply"):
        check_definition(definition(properties={"a": again}, **{"$defs": tree}))


def test_a_tree_of_alternatives_that_each_name_their_own_member_is_fine():
    again = {"$ref": "#/$defs/rule"}
    sides = {
        name: {
            "type": "object", "properties": {name: {"type": "array", "items": again}},
            "required": [name], "additionalProperties": False,
        }
        for name in ("all", "any", "none")
    }  # fmt: skip
    rule = {"oneOf": [*sides.values(), {"type": "string"}]}
    check_definition(definition(properties={"rule": again}, **{"$defs": {"rule": rule}}))


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ({"type": "object"}, "/properties/a"),
        ({"properties": {"b": {}}}, "/properties/a"),
        ({"type": ["object", "null"]}, "/properties/a"),
        ({"type": "array", "items": {"type": "object"}}, "/properties/a/items"),
        ({"anyOf": [{"type": "null"}, {"type": "object"}]}, "/properties/a/anyOf/1"),
    ],
    ids=str,
)
def test_an_object_that_is_left_open_by_silence_is_refused(inner, path):
    with pytest.raises(SchemaError, match="additionalProperties: false") as refusal:
        check_definition(definition(properties={"a": inner}))
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "allOf": [{"properties": {"b": {}}}], "unevaluatedProperties": False},
        {"type": "string", "not": {"type": "object"}},
        {"if": {"properties": {"b": {"const": 1}}}},
    ],
    ids=str,
)
def test_an_object_that_says_what_it_takes_is_accepted(inner):
    check_definition(definition(properties={"a": inner}))


@pytest.mark.parametrize("name", ["emial", "int64", "password", ""])
def test_a_format_that_nobody_would_check_is_refused(name):
    with pytest.raises(SchemaError, match="not checked"):
        check_definition(definition(properties={"a": {"type": "string", "format": name}}))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_that_is_accepted_is_checked(name):
    schema = definition(properties={"a": {"type": "string", "format": name}})
    check_definition(schema)
    assert problems(schema, {"a": "%zz{{ (("})


@pytest.mark.parametrize(
    ("name", "inner", "says"),
    [
        ("amount", {"type": "number"}, "float"),
        ("refund_total", {"type": ["number", "null"]}, "float"),
        ("payload", {}, "any value"),
        ("meta", {"type": "object", "additionalProperties": True}, "does not name"),
    ],
)
def test_doubtful_parts_are_named_with_their_place(name, inner, says):
    schema = definition(properties={name: inner, "amount_cents": {"type": "integer"}})
    check_definition(schema)
    (found,) = warnings(schema)
    assert found.path == f"/properties/{name}"
    assert re.search(says, found.message)


def test_results_may_be_left_open():
    check_output({"type": "object", "properties": {"id": {"type": "string"}}})
    check_output({"type": "array"})
    with pytest.raises(SchemaError, match="itself"):
        check_output({"$ref": "http://a.example"})

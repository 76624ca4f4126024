"""A definition is strict, closed to the outside and cheap to check; problems say where."""

import time

import pytest

from gateway.tools.schema import SchemaError, check_definition, problems

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

"""Expressions may only name what the arguments can hold."""

import pytest

from gateway.tools.expressions import literal_keys, unknown_arguments

SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"},
        "customer": {"$ref": "#/$defs/customer"},
        "lines": {"type": "array", "items": {"type": "object", "additionalProperties": False}},
        "meta": {"type": "object", "additionalProperties": True},
        "any": {},
    },
    "additionalProperties": False,
    "$defs": {
        "customer": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "e-mail": {"type": "string"}},
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ('["order:" + args.order_id]', []),
        ('["order:" + args.ordr_id]', ["ordr_id"]),
        ("args.customer.id + args.customer.name", ["customer.name"]),
        ('args["customer"]["e-mail"] + args["custmer"]', ["custmer"]),
        ("args.lines.map(line, 'sku:' + line.sku)", []),
        ("args.lines[0].sku", []),
        ("args.order_id.startsWith('a')", []),
        ("args.order_id.length", ["order_id.length"]),
        ("has(args.meta.anything) ? args.meta.x.y : args.any.z", []),
        ('"args.nothing" + args.order_id // args.none', []),
        ("response.args.nothing + args.order_id", []),
        ("args", []),
        ("args.b + args.a", ["a", "b"]),
    ],
)
def test_a_name_that_no_argument_can_have_is_found(source, unknown):
    assert unknown_arguments(source, SCHEMA) == unknown


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ('{"total": response.total, "lines": {"n": 1}}', {"total", "lines"}),
        ("{'a': [1, {'b': 2}], 'c': f('d')}", {"a", "c"}),
        ("{}", set()),
        ("response", None),
        ('{"a": 1}.merge({"b": 2})', None),
        ('{"a": 1}["a"] == {"b": 1}', None),
    ],
)
def test_the_keys_of_a_map_are_read_where_it_is_written_out(source, keys):
    assert literal_keys(source) == (None if keys is None else frozenset(keys))

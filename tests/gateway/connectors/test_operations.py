"""Operations: what a tool made of one may ask for."""

import pytest

from gateway.connectors.base import Operation, Unknown
from gateway.connectors.operations import by_name, check_schema, found
from gateway.connectors.registry import connector, offered
from gateway.http.messages import RetryClass
from gateway.lib.cel import compile_expression
from gateway.tools import schema
from gateway.tools.expressions import unknown_arguments
from gateway.tools.render import RenderError, check_effect

COMMENT = Operation(
    "comment", "Comment", side_effect="write", retry_class=RetryClass.UNSAFE,
    schema={"properties": {"issue": {}, "text": {}, "mark": {}}, "required": ["issue", "text"]},
)  # fmt: skip


def test_a_tool_may_ask_for_less_than_its_operation_takes():
    check_schema(COMMENT, {"properties": {"issue": {}, "text": {}}, "required": ["issue", "text"]})


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"properties": {"issue": {}, "text": {}}, "required": ["issue"]}, "needs text"),
        ({"properties": {"to": {}}, "required": ["issue", "text"]}, "takes no to"),
    ],
)
def test_a_tool_may_not_ask_for_something_else(schema, named):
    with pytest.raises(RenderError, match=named):
        check_schema(COMMENT, schema)


UNDONE = {"properties": {"issue": {}}, "required": ["issue"]}


@pytest.mark.parametrize("result", [{}, {"properties": {"text": {}}, "required": ["text"]}])
def test_what_takes_a_call_back_is_given_its_arguments_and_what_it_gave(result):
    given = UNDONE["properties"] | {"reason": {}, "result": result}
    check_schema(COMMENT, UNDONE | {"properties": given})


def test_what_takes_a_call_back_must_get_all_it_needs():
    given = UNDONE["properties"] | {"result": {"properties": {"text": {}}, "required": []}}
    with pytest.raises(RenderError, match="needs text"):
        check_schema(COMMENT, UNDONE | {"properties": given})


def test_an_unknown_operation_is_named():
    with pytest.raises(Unknown, match="mail connector has no operation 'fly'"):
        found(by_name(COMMENT), "fly", connector="mail")


@pytest.mark.parametrize("name", offered())
def test_every_connector_describes_each_operation_under_its_own_name(name):
    for key, operation in connector(name).operations.items():
        assert (key, bool(operation.title)) == (operation.name, True)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        pytest.param(name, operation, id=f"{name}.{operation.name}")
        for name in offered()
        for operation in connector(name).operations.values()
        if operation.schema is not None
    ],
)
def test_each_described_operation_makes_a_sound_tool(name, operation):
    schema.check_definition(operation.schema)
    if operation.output_schema is not None:
        schema.check_output(operation.output_schema)
    check_effect(operation.effect, operation.schema)
    if operation.affected:
        compile_expression(operation.affected, ("args",))
        assert unknown_arguments(operation.affected, operation.schema) == []
    if operation.undo:
        assert operation.undo in connector(name).operations
    assert operation.documentation.startswith("https://")
    assert operation.proof

"""Everything that is sent to Shopify against Shopify's own schema."""

import json

import graphql
import pytest
from graphql.execution.values import get_variable_values

from gateway.connectors.shopify import documents
from gateway.connectors.shopify.catalogue import CALLS, CANCEL_REASONS, RESTOCK, VERSION
from gateway.connectors.shopify.connector import ShopifyConnector
from gateway.tools.schema import problems
from tests.doubles.shopify import schema
from tests.gateway.connectors.shopify.samples import SAMPLES
from tests.vendor import described

SHOPIFY = ShopifyConnector()
DOCUMENTS = {documents.name_of(text): text for text in documents.ASKED} | {
    documents.name_of(call.document): call.document for call in CALLS.values()
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_is_one_that_the_schema_takes_and_nothing_of_it_is_deprecated(name):
    parsed = graphql.parse(DOCUMENTS[name])
    assert graphql.validate(schema(), parsed) == []
    rules = [graphql.NoDeprecatedCustomRule]
    assert graphql.validate(schema(), parsed, rules) == []


@pytest.mark.parametrize(("operation", "arguments"), SAMPLES, ids=lambda v: str(v)[:24])
def test_the_variables_that_are_rendered_are_of_the_types_that_the_schema_wants(
    operation, arguments
):
    assert problems(SHOPIFY.operations[operation].schema, arguments) == ()
    rendered = SHOPIFY.render({"shop": "acme.myshopify.com"}, operation, arguments)
    body = json.loads(rendered["body"])
    (definition,) = [
        part
        for part in graphql.parse(body["query"]).definitions
        if isinstance(part, graphql.OperationDefinitionNode)
    ]
    assert definition.name.value == body["operationName"]
    named = {variable.variable.name.value for variable in definition.variable_definitions}
    assert set(body["variables"]) <= named
    found = get_variable_values(schema(), definition.variable_definitions, body["variables"])
    assert not isinstance(found, list), found


def test_every_operation_has_a_sample():
    assert {operation for operation, _ in SAMPLES} == set(CALLS)


@pytest.mark.parametrize(
    ("name", "ours"),
    [("OrderCancelReason", CANCEL_REASONS), ("RefundLineItemRestockType", RESTOCK)],
)
def test_enumerations_are_shopifys(name, ours):
    assert set(ours) <= set(schema().type_map[name].values)


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation.name)
def test_what_is_idempotent_by_key_is_documented_so_and_sends_the_key(call):
    mutation = schema().mutation_type.fields.get(call.field)
    is_documented = mutation is not None and "@idempotent" in (mutation.description or "")
    assert ("@idempotent(key: $key)" in call.document) == is_documented
    assert (("key",) in call.marks) == is_documented


def test_the_schema_is_of_the_pinned_version():
    assert VERSION in described.SHOPIFY.member

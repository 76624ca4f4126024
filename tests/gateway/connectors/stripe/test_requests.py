"""What is rendered for Stripe: a form that shows exactly what is sent."""

from urllib.parse import parse_qsl

import pytest

from gateway.connectors.stripe.connector import StripeConnector
from gateway.tools.render import RenderError
from gateway.tools.schema import problems

STRIPE = StripeConnector()


def rendered(operation="refund", config=None, **arguments):
    return STRIPE.render(config or {}, operation, arguments)


def form(request):
    return parse_qsl(request["body"], keep_blank_values=True, strict_parsing=True)


def test_a_refund_is_a_form_that_shows_the_place_of_its_mark():
    request = rendered(payment_intent="pi_1", amount=500, reason="duplicate", reverse_transfer=True,
                       metadata={"z": "ö & =", "a": "1"})  # fmt: skip
    assert (request["method"], request["url"]) == ("POST", "https://api.stripe.com/v1/refunds")
    assert request["headers"]["Stripe-Version"] == "2026-10-28.endive"
    assert request["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert form(request) == [
        ("payment_intent", "pi_1"), ("amount", "500"), ("reason", "duplicate"),
        ("reverse_transfer", "true"), ("metadata[a]", "1"), ("metadata[z]", "ö & ="),
        ("metadata[countersign_action]", "{action}"),
    ]  # fmt: skip


def test_members_that_were_stored_in_another_order_are_the_same_request():
    one = rendered(charge="ch_1", amount=5, metadata={"a": "1", "b": "2"})
    assert one == rendered(amount=5, metadata={"b": "2", "a": "1"}, charge="ch_1")


def test_a_connected_account_is_fixed_by_the_tool():
    request = rendered("read_charge", {"account": "acct_9"}, charge="ch_1")
    assert request["headers"]["Stripe-Account"] == "acct_9"
    assert request["body"] is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"amount": 5}, "exactly one of charge and payment_intent"),
        ({"amount": 5, "charge": "ch_1", "payment_intent": "pi_1"}, "exactly one"),
        ({"amount": 5, "charge": "ch_1&amount=9"}, "no id"),
        ({"amount": 5, "charge": "ch_1/../x"}, "no id"),
        ({"amount": 5, "charge": "ch_1\n"}, "no id"),
        ({"amount": 5.5, "charge": "ch_1"}, "amount"),
        ({"amount": [5], "charge": "ch_1"}, "amount"),
        ({"amount": 5, "charge": "ch_1", "metadata": {"countersign_action": "act_9"}}, "reserved"),
        ({"amount": 5, "charge": "ch_1", "metadata": {"a][b": "x"}}, "brackets"),
        ({"amount": 5, "charge": "ch_1", "metadata": {"a": {"b": "c"}}}, "metadata"),
    ],
)
def test_what_would_be_another_request_is_refused(arguments, named):
    with pytest.raises(RenderError, match=named):
        rendered(**arguments)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"account": "acct_9\r\nX: 1"}, "account"),
        ({"account": 9}, "account"),
        ({"base_url": "https://{x}"}, "base_url"),
        ({"version": "2020-08-27"}, "version"),
    ],
)
def test_a_setting_that_leads_elsewhere_is_refused_when_the_tool_is_saved(config, named):
    with pytest.raises(RenderError, match=named):
        STRIPE.check("read_charge", config, STRIPE.operations["read_charge"].schema)


@pytest.mark.parametrize("operation", STRIPE.operations.values(), ids=lambda o: o.name)
def test_every_operation_takes_its_own_definition(operation):
    STRIPE.check(operation.name, {}, operation.schema)
    if operation.side_effect != "read":
        assert operation.has_preview
        assert operation.has_lookup
        assert operation.material


@pytest.mark.parametrize(
    "arguments",
    [
        {"charge": "ch_1"},
        {"charge": "ch_1", "amount": 0},
        {"charge": "ch_1", "amount": "5.00"},
        {"charge": "ch_1", "payment_intent": "pi_1", "amount": 5},
        {"charge": "ch_1", "amount": 5, "metadata": {f"k{n}": "v" for n in range(50)}},
        {"charge": "ch_1", "amount": 5, "metadata": {"a]": "v"}},
        {"charge": "ch_1", "amount": 5, "expand": ["charge"]},
    ],
)
def test_the_schema_takes_only_what_a_person_can_approve(arguments):
    assert problems(STRIPE.operations["refund"].schema, arguments)

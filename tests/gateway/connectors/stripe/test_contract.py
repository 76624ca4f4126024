"""The connector beside Stripe's own package, and against a copy of Stripe's OpenAPI description."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from gateway.connectors.stripe.asking import VERSION
from gateway.connectors.stripe.catalogue import CALLS
from tests.doubles.stripe import HELD, SECRET, problem
from tests.vendor import described

# Our name for Stripe's parameter of the path.
OURS = {"{intent}": "{payment_intent}"}
SAME = [
    ("refund", {"payment_intent": "pi_1", "amount": 500, "reason": "duplicate",
                "reverse_transfer": False, "metadata": {"a": "ö &", "b": "2"}}),
    ("refund", {"charge": "ch_1", "amount": 1}),
    ("cancel_payment_intent", {"payment_intent": HELD, "cancellation_reason": "abandoned"}),
    ("capture_payment_intent", {"payment_intent": HELD, "amount_to_capture": 4000}),
    ("read_charge", {"charge": "ch_1"}),
    ("read_payment_intent", {"payment_intent": "pi_1"}),
    ("list_refunds", {"charge": "ch_1", "limit": 5}),
]  # fmt: skip


@pytest.fixture
def theirs(bank):
    """Stripe's own client, which speaks to the double."""
    import stripe

    return stripe.StripeClient(
        SECRET, base_addresses={"api": bank.url}, max_network_retries=0,
        http_client=stripe.UrllibClient() if hasattr(stripe, "UrllibClient") else None,
    )  # fmt: skip


def call_theirs(theirs: Any, operation: str, arguments: dict[str, Any]) -> Any:
    """The same call by Stripe's own package, under the same key and with the mark."""
    options = {"idempotency_key": "act_1"}
    rest = dict(arguments)
    v1 = theirs.v1
    match operation:
        case "refund":
            rest["metadata"] = {**rest.get("metadata", {}), "countersign_action": "act_1"}
            return v1.refunds.create(rest, options)
        case "cancel_payment_intent":
            return v1.payment_intents.cancel(rest.pop("payment_intent"), rest, options)
        case "capture_payment_intent":
            return v1.payment_intents.capture(rest.pop("payment_intent"), rest, options)
        case "read_charge":
            return v1.charges.retrieve(rest["charge"])
        case "read_payment_intent":
            return v1.payment_intents.retrieve(rest["payment_intent"])
    return v1.refunds.list(rest)


def said(asked: Any) -> tuple[Any, ...]:
    names = ("stripe-version", "authorization", "idempotency-key")
    kept = names if asked.method == "POST" else names[:2]
    return (
        asked.method, asked.path, dict(asked.query),
        sorted(parse_qsl(asked.body.decode(), keep_blank_values=True)),
        {name: asked.headers.get(name) for name in kept},
    )  # fmt: skip


@pytest.mark.parametrize(("operation", "arguments"), SAME, ids=lambda v: str(v)[:24])
def test_stripes_own_package_sends_the_same_and_reads_the_answer(
    bank, ask, theirs, stripe_connector, operation, arguments
):
    ours = stripe_connector.execute(ask(operation, **arguments))
    object_of_theirs = call_theirs(theirs, operation, arguments)
    assert said(bank.asked[0]) == said(bank.asked[1])
    assert len(bank.effects) <= 1
    if "id" in ours.result:
        assert object_of_theirs.id == ours.result["id"]


def test_the_pinned_version_is_the_one_of_the_package():
    import stripe

    assert stripe.api_version == VERSION


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(402, "card_error", "x", code="card_declined"), "CardError"),
        (problem(400, "invalid_request_error", "x", param="charge"), "InvalidRequestError"),
        (problem(401, "invalid_request_error", "x"), "AuthenticationError"),
        (problem(403, "invalid_request_error", "x"), "PermissionError"),
        (problem(429, "invalid_request_error", "x", code="rate_limit"), "RateLimitError"),
        (problem(400, "idempotency_error", "x"), "IdempotencyError"),
        (problem(409, "idempotency_error", "x", code="idempotency_key_in_use"), "APIError"),
        (problem(500, "api_error", "x"), "APIError"),
    ],
)
def test_stripes_own_package_takes_our_doubles_errors_for_stripes(bank, theirs, answer, error):
    import stripe

    bank.before = [answer]
    with pytest.raises(getattr(stripe, error)):
        theirs.v1.refunds.create({"charge": "ch_1"})


@pytest.fixture(scope="module")
def openapi() -> Any:
    return described.document(described.STRIPE)


def form_of(openapi: Any, call: Any) -> dict[str, Any]:
    wanted = openapi["paths"][path_of(openapi, call)][call.method.lower()]
    content = wanted["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return dict(content["properties"])


def path_of(openapi: Any, call: Any) -> str:
    def ours(path: str) -> str:
        for theirs, name in OURS.items():
            path = path.replace(theirs, name)
        return path

    (found,) = [path for path in openapi["paths"] if ours(path) == call.path]
    return found


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation.name)
def test_each_request_is_one_that_stripe_describes(openapi, call):
    said = openapi["paths"][path_of(openapi, call)][call.method.lower()]
    known = {parameter["name"] for parameter in said.get("parameters", [])}
    assert set(call.query) <= known
    if call.method == "POST":
        theirs, ours = form_of(openapi, call), call.operation.schema["properties"]
        assert set(call.fields) <= set(theirs)
        for name in call.fields:
            if "enum" in ours[name]:
                assert set(ours[name]["enum"]) == set(theirs[name]["enum"])
            if name != "metadata":
                assert ours[name]["type"] == theirs[name]["type"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("charge", "id amount amount_captured amount_refunded currency customer disputed status "
         "payment_intent billing_details"),
        ("payment_intent", "id amount amount_capturable amount_received currency customer status "
         "latest_charge"),
        ("refund", "id amount currency charge payment_intent reason status failure_reason "
         "metadata"),
        ("api_errors", "type message code param decline_code"),
    ],
)  # fmt: skip
def test_every_field_that_is_read_is_one_that_stripe_describes(openapi, name, fields):
    assert set(fields.split()) <= set(openapi["components"]["schemas"][name]["properties"])

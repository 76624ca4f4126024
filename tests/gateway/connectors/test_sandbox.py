"""The sandbox connector against the real demo shop: previews, effects and keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.connectors.base import Affected, ConnectorRequest, OutcomeStatus, Secret, Unknown
from gateway.connectors.sandbox import SandboxConnector
from gateway.http.errors import OutsideError
from gateway.tools.render import RenderError
from tests.demo_server import API_KEY, demo

SANDBOX = SandboxConnector()
REFUND = {"order_id": "ORD-1043", "amount": "120.00", "currency": "EUR", "reason": "dented"}
Make = Callable[..., ConnectorRequest]
MARA = Affected("customer", "CUST-77", "Mara Lindqvist")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    with demo(tmp_path) as url:
        yield url


@pytest.fixture
def ask(shop: str, attempt: Make) -> Make:
    """An attempt at the running shop."""

    def make(operation: str, arguments: dict[str, Any], **more: Any) -> ConnectorRequest:
        secret = Secret("bearer", more.pop("api_key", API_KEY))
        config = {"base_url": shop}
        allow = shop.removeprefix("http://")
        return attempt("sandbox", operation, config, arguments, allow=allow, secret=secret, **more)

    return make


def ledger(shop: str) -> list[dict[str, Any]]:
    return list(httpx.get(f"{shop}/ledger", trust_env=False).json()["items"])


def test_a_customer_is_looked_up_without_a_preview(ask: Make) -> None:
    request = ask("lookup_customer", {"customer_id": "CUST-77"})
    assert SANDBOX.preview(request) is None
    outcome = SANDBOX.execute(request)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result["email"] == "mara.lindqvist@example.com"


def test_a_refund_shows_the_amounts_before_and_after_and_whom_it_touches(ask: Make) -> None:
    seen = SANDBOX.preview(ask("refund", REFUND))
    assert seen is not None
    assert (seen.before["refunded"], seen.before["remaining"]) == ("0.00", "24000.00")
    assert (seen.after["refunded"], seen.after["remaining"]) == ("120.00", "23880.00")
    assert {k for k in seen.before if seen.before[k] != seen.after[k]} == {"refunded", "remaining"}
    assert seen.affected == (MARA, Affected("order", "ORD-1043"))


@pytest.mark.parametrize("amount", ["1e400", "NaN", "-5.00", "12", 12, None, {}])
def test_an_amount_the_shop_will_refuse_is_shown_as_changing_nothing(
    ask: Make, amount: Any
) -> None:
    seen = SANDBOX.preview(ask("refund", {**REFUND, "amount": amount}))
    assert seen is not None
    assert seen.before == seen.after


def test_a_preview_changes_nothing(ask: Make, shop: str) -> None:
    SANDBOX.preview(ask("refund", REFUND))
    assert ledger(shop) == []


def test_what_was_previewed_is_what_the_shop_shows_afterwards(ask: Make, shop: str) -> None:
    seen = SANDBOX.preview(ask("refund", REFUND))
    assert SANDBOX.execute(ask("refund", REFUND)).status is OutcomeStatus.SUCCEEDED
    headers = {"Authorization": f"Bearer {API_KEY}"}
    order = httpx.get(f"{shop}/orders/ORD-1043", headers=headers, trust_env=False).json()
    assert seen is not None
    assert order == seen.after


def test_a_refund_repeated_with_its_key_happens_once(ask: Make, shop: str) -> None:
    outcomes = [SANDBOX.execute(ask("refund", REFUND)) for _ in range(3)]
    assert len({outcome.result["id"] for outcome in outcomes}) == 1
    assert [line["kind"] for line in ledger(shop)] == ["refund"]
    assert ledger(shop)[0]["idempotency_key"] == "act_1"


def test_the_shop_can_say_whether_it_happened(ask: Make) -> None:
    assert SANDBOX.lookup(ask("refund", REFUND)) is None
    done = SANDBOX.execute(ask("refund", REFUND))
    found = SANDBOX.lookup(ask("refund", REFUND))
    assert found is not None
    assert (found.status, found.result) == (OutcomeStatus.SUCCEEDED, done.result)


def test_the_shops_refusal_is_a_failure_with_its_answer(ask: Make, shop: str) -> None:
    outcome = SANDBOX.execute(ask("refund", {**REFUND, "amount": "99999.00"}))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "http_409")
    assert outcome.response is not None
    assert "24000.00" in outcome.response.body
    assert not outcome.may_have_happened
    assert ledger(shop) == []


def test_mails_and_tickets_show_what_will_be_there(ask: Make) -> None:
    mail = {"to": "mara.lindqvist@example.com", "subject": "Hello", "body": "Text"}
    seen = SANDBOX.preview(ask("send_email", mail))
    assert seen is not None
    assert (seen.before, seen.after) == ({"email": None}, {"email": mail})
    assert seen.affected == (Affected("email", mail["to"]), MARA)
    ticket = {"customer_id": "CUST-77", "subject": "Dent", "priority": "high"}
    seen = SANDBOX.preview(ask("create_support_ticket", ticket))
    assert seen is not None
    assert seen.after == {"ticket": ticket}
    assert seen.affected == (MARA,)


def test_a_mail_to_a_stranger_names_no_customer(ask: Make) -> None:
    seen = SANDBOX.preview(ask("send_email", {"to": "x@else.example", "subject": "s", "body": "b"}))
    assert seen is not None
    assert seen.affected == (Affected("email", "x@else.example"),)


def test_an_unknown_order_has_no_before(ask: Make) -> None:
    seen = SANDBOX.preview(ask("refund", {**REFUND, "order_id": "ORD-0"}))
    assert seen is not None
    assert (seen.before, seen.affected) == (None, (Affected("order", "ORD-0"),))


def test_a_wrong_key_is_told_as_such(ask: Make) -> None:
    outcome = SANDBOX.execute(ask("refund", REFUND, api_key="guessed"))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "http_401")
    with pytest.raises(OutsideError, match="401"):
        SANDBOX.preview(ask("refund", REFUND, api_key="guessed"))


def test_an_answer_that_is_no_shops_is_the_outsides_fault(
    peer: Any, answering: Callable[..., Any], attempt: Make
) -> None:
    peer.scripts = [answering(200, body=b'{"surprise":[]}')]
    request = attempt("sandbox", "refund", {"base_url": peer.url}, REFUND, allow=peer.host_port)
    with pytest.raises(OutsideError) as caught:
        SANDBOX.preview(request)
    assert caught.value.reason == "bad_answer"


def test_an_argument_cannot_leave_its_place_in_the_address() -> None:
    config = {"base_url": "http://shop.example/"}
    rendered = SANDBOX.render(config, "refund", {**REFUND, "order_id": "a/b?c"})
    assert rendered["url"] == "http://shop.example/orders/a%2Fb%3Fc/refunds"
    with pytest.raises(RenderError):
        SANDBOX.render(config, "refund", {**REFUND, "order_id": ".."})


def test_unknown_operations_and_missing_settings_are_refused_when_a_tool_is_saved() -> None:
    with pytest.raises(Unknown, match="drop"):
        SANDBOX.check("drop", {"base_url": "http://shop.example"}, {})
    with pytest.raises(RenderError, match="base_url"):
        SANDBOX.check("send_email", {}, {"properties": {}})
    with pytest.raises(RenderError, match="order_id"):
        SANDBOX.check("refund", {"base_url": "http://shop.example"}, {"properties": {}})

"""The main road: a signed webhook, an approval, one effect, a report, and the whole story."""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.factories.tools import RefundFactory
from tests.flows.outside import Outside, outside
from tests.flows.scenes import PROVIDER_KEY, SHOP_KEY, Place, configured, send, shop
from tests.flows.tree import free_ports, started, until

pytestmark = pytest.mark.flow
CORRELATION = "order-1043-complaint"
REFUND = {
    "order_id": "ORD-1043", "amount": "120.00", "currency": "EUR", "reason": "Dented lid",
}  # fmt: skip
ON_POSTGRES = os.environ.get("DATABASE_URL", "").startswith("postgres")
STORY = (
    "runs.run.started",
    "approvals.action.proposed",
    "approvals.action.sent_to_review",
    "approvals.approval.cast",
    "approvals.action.approved",
    "approvals.action.claimed",
    "approvals.execution.sent",
    "approvals.action.succeeded",
    "runs.report.delivered",
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Outside]:
    with outside() as service:
        yield service


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="queue"),
        pytest.param(
            True,
            id="fallback-queue",
            marks=pytest.mark.skipif(ON_POSTGRES, reason="once is enough: in the run on SQLite"),
        ),
    ],
)
def road(request: pytest.FixtureRequest, provider: Outside) -> Iterator[tuple[Place, httpx.Client]]:
    """A configured tenant with the refund tool, and the shop."""
    (port,) = free_ports(1)
    allow = [provider.place, f"127.0.0.1:{port}"]
    provider.received.clear()
    with started("--no-demo", allow=allow, fallback=request.param) as tree:
        assert bool(tree.pids("fallback")) is request.param
        with shop(tree, port) as client:
            place = configured(tree, provider.url)
            place.make("connections", slug="shop", kind="bearer", value=SHOP_KEY)
            refund = dict(RefundFactory(base_url=f"http://127.0.0.1:{port}"))
            place.make("tools", **refund, connection="shop")
            rule = {"name": "one person", "when": "true", "verdict": "require_approval"}
            place.make("policies", name="refunds", comment="For the flow.", rules=[rule])
            yield place, client


def tool_required(run: str, call: str) -> dict[str, object]:
    wanted = {"id": call, "name": "refund", "arguments": REFUND}
    return {"event": "run.tool_required", "run_id": run, "sequence": 1, "tool_call": wanted}


def pending_call(place: Place, call: str) -> Any:
    waiting = place.items("actions", status="pending")
    return next((action for action in waiting if action["call_id"] == call), None)


def story(place: Place) -> list[Any]:
    """The audit records of this correlation id, in their order."""
    return [line["record"] for line in place.items("audit", correlation=CORRELATION)][::-1]


def events(place: Place) -> list[str]:
    return [record["event"] for record in story(place)]


def difference(before: dict[str, str], after: dict[str, str]) -> Decimal:
    return Decimal(before["remaining"]) - Decimal(after["remaining"])


def test_from_the_webhook_to_the_result(
    road: tuple[Place, httpx.Client], provider: Outside
) -> None:
    place, ledger = road
    event = tool_required("their-1", "call-1")
    first = send(place, event, "msg_1", **{"X-Correlation-ID": CORRELATION})
    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    again = send(place, event, "msg_1")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")

    # It waits, and shows what it would do.
    pending = until(lambda: pending_call(place, "call-1"), "an action waits")
    assert len(place.items("actions")) == 1
    action = place.get(f"/actions/{pending['id']}")
    assert action["effect"] == "Refund 120.00 EUR on order ORD-1043"
    assert difference(action["before"], action["after"]) == Decimal("120.00")
    assert ledger.get("/ledger").json()["items"] == []

    # A person approves exactly this; nothing else counts.
    stale = place.api.post(f"/actions/{action['id']}/approve", json={"digest": "0" * 64})
    assert stale.status_code == 409, stale.text
    assert stale.json()["digest"] == action["digest"]
    approve = {"digest": action["digest"], "comment": "The photographs are convincing."}
    assert place.api.post(f"/actions/{action['id']}/approve", json=approve).status_code == 200
    done = place.settled(action["id"])
    assert done["status"] == "succeeded"
    lines = ledger.get("/ledger").json()["items"]
    assert [(line["kind"], line["idempotency_key"]) for line in lines] == [("refund", action["id"])]
    second = place.api.post(f"/actions/{action['id']}/approve", json=approve)
    assert second.status_code == 409

    # The agent hears the result, once, and ends the run.
    resolve = "/v1/runs/their-1/tools/resolve"
    (report,) = until(lambda: provider.posts(resolve), "the result is reported")
    assert report.headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert report.headers["x-correlation-id"] == CORRELATION
    assert (report.json["tool_call_id"], report.json["result"]["amount"]) == ("call-1", "120.00")
    # The report has arrived before it is noted here.
    until(lambda: STORY[-1] in events(place), "the delivery is noted")
    send(place, {"event": "run.completed", "run_id": "their-1", "output": {"ok": True}}, "msg_2")
    run = until(
        lambda: next(iter(place.items("runs", status="completed")), None), "the run is completed"
    )
    assert (run["id"], run["output"]) == (action["run"], {"ok": True})
    assert len(provider.posts(resolve)) == 1

    # One correlation id tells the whole story, in order.
    records, told = story(place), events(place)
    positions = [told.index(name) for name in STORY]
    assert positions == sorted(positions), told
    cast = records[told.index("approvals.approval.cast")]
    assert (cast["actor"]["kind"], cast["digest"]) == ("person", action["digest"])


def test_a_rejection_reaches_the_agent_with_its_reason(
    road: tuple[Place, httpx.Client], provider: Outside
) -> None:
    place, ledger = road
    before = ledger.get("/ledger").json()["items"]
    send(place, tool_required("their-2", "call-9"), "msg_9")
    waiting = until(lambda: pending_call(place, "call-9"), "an action waits")
    answer = place.api.post(
        f"/actions/{waiting['id']}/reject",
        json={"digest": waiting["digest"], "reason": "Ask for photographs first."},
    )
    assert answer.status_code == 200
    (report,) = until(lambda: provider.posts("/v1/runs/their-2/"), "the refusal is reported")
    assert report.json["error"]["code"] == "rejected"
    assert "photographs" in report.json["error"]["message"]
    assert ledger.get("/ledger").json()["items"] == before

"""The running demo: its people, and one row of every kind, so that every page has something."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from gateway.lib import ids
from tests.certificates import TRUSTED
from tests.flows.scenes import Place
from tests.flows.tree import Tree, started, until

ADMIN = "ana@demo.example"
REVIEWER = "rui@demo.example"
AUDITOR = "ida@demo.example"
INVITED = "newcomer@example.com"


@dataclass
class Demo:
    """A tree with the demo and, by an admin's key, the API of its sandbox."""

    tree: Tree
    place: Place
    known: dict[str, str] = field(default_factory=dict)
    other_pages: dict[str, str] = field(default_factory=dict)

    def kept(self) -> dict[str, Any]:
        """What `up` prints and keeps: passwords, the agent's key, where the shop is."""
        return dict(json.loads((self.tree.data_dir / "demo.json").read_text(encoding="utf-8")))

    def ask(self, tool: str, **arguments: str) -> Any:
        """The demo's agent asks for something, by its own key; the action."""
        with self.tree.client(self.kept()["agent_api_key"]) as client:
            answer = client.post("/actions", json={"tool": tool, "arguments": arguments})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def ask_refund(self, amount: str = "12.50") -> Any:
        """A refund, which waits for one reviewer."""
        return self.ask(
            "refund", order_id="ORD-1043", amount=amount, currency="EUR", reason="Late delivery"
        )

    def ledger(self) -> list[Any]:
        """What the shop really did."""
        port = self.kept()["service_port"]
        return list(
            httpx.get(f"http://127.0.0.1:{port}/ledger", timeout=5, verify=TRUSTED).json()["items"]
        )


@contextmanager
def demo() -> Iterator[Demo]:
    """The demo, once its first action waits for a person."""
    with started(prepare=_kept_elsewhere) as tree:
        key = tree.bootstrap("demo", "tess@example.com")["api_key"]
        here = Demo(tree, Place(tree, tree.client(key), ""))
        _look_around(here)
        yield here


def _kept_elsewhere(environment: dict[str, str]) -> dict[str, str]:
    """A custodian of checkpoints: a folder."""
    folder = f"{environment['COUNTERSIGN_DATA_DIR']}/custodian"
    return {"COUNTERSIGN_AUDIT_CUSTODIANS": f"file:{folder}"}


def _look_around(here: Demo) -> None:
    place = here.place
    waiting = until(lambda: place.items("actions", status="pending"), "the demo's action waits")
    made = place.make("members", email=INVITED, roles={"sandbox": ["viewer"]})
    here.known = {
        "tenant": "demo",
        "environment": "sandbox",
        "action": waiting[0]["id"],
        "run": place.items("runs")[0]["id"],
        "event": place.items("events")[0]["id"],
        "source": place.items("sources")[0]["slug"],
        "agent": place.items("agents")[0]["id"],
        "tool": next(tool["id"] for tool in place.items("tools") if tool["name"] == "refund"),
        "policy": place.items("policies")[0]["id"],
        "number": "1",
        "record": _newest_record(place),
        "offer": "http.request",
        "member": place.items("members")[0]["id"],
        "invitation": made["id"],
        "switch": _past_switch(place),
        "grant": place.items("grants")[0]["id"],
        "emergency": _decided_alone(here),
        "delegation": _planned_absence(place),
        "view": _shared_view(here),
        "budget": place.items("budgets")[0]["id"],
        "connection": place.items("connections")[0]["id"],
        "kind": "slack",
        "identity": f"chi_{0:026d}",  # only a form's address has one
        "browser": f"brw_{0:026d}",  # likewise
        "outlet": f"out_{0:026d}",  # only a form's address has one
        "secret": made["url"].rstrip("/").rpartition("/")[2],
        "pk": "1",
        "sign_in": "sgn_none",
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-set/",
    }
    here.other_pages = {
        "admin": "/admin/",
        "admin-audit": "/admin/audit/auditrecord/",
        "admin-audit-record": f"/admin/audit/auditrecord/{_newest_record(place)}/change/",
        "api-docs": "/api/docs",
    }


def _shared_view(here: Demo) -> str:
    """The view of the inbox that the demo's reviewer shares."""
    ((pk,),) = here.tree.sql("SELECT id FROM approvals_savedview")
    return ids.encode("viw", UUID(str(pk)))


def _planned_absence(place: Place) -> str:
    """A substitute for the admin, next week."""
    start = datetime.now(UTC) + timedelta(days=7)
    made = place.make(
        "delegations", substitute=REVIEWER, starts_at=start.isoformat(),
        ends_at=(start + timedelta(days=5)).isoformat(), note="Away for a week.",
    )  # fmt: skip
    return str(made["id"])


def _decided_alone(here: Demo) -> str:
    """An urgent ticket that the admin approved alone; nobody has reviewed that yet."""
    asked = here.ask(
        "create_support_ticket", customer_id="CUST-77", priority="urgent",
        subject="The warehouse is flooded", description="Call the fire brigade and the insurer.",
    )  # fmt: skip
    body = {"digest": asked["digest"], "reason": "Nobody else is awake, and water is rising."}
    answer = here.place.api.post(f"/actions/{asked['id']}/break-glass", json=body)
    assert answer.status_code == 200, answer.text
    return str(here.place.items("break-glass")[0]["id"])


def _past_switch(place: Place) -> str:
    """A kill switch that was on for a moment."""
    turns = ((True, "Looked like the wrong recipients."), (False, "They were right."))
    for on, reason in turns:
        body = {"scope": "tool:send_email", "on": on, "reason": reason}
        answer = place.api.post("/kill-switch", json=body)
        assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def _newest_record(place: Place) -> str:
    return str(place.get("/audit")["items"][0]["record"]["id"])

"""The demo service over real HTTP: the agent's protocol, the shop, keys, and life after a kill."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from gateway.demo.service import HOOK_VARIABLE, KEY_VARIABLE, BadSettings, settings_from
from tests.demo_server import API_KEY, HOOK_SECRET, demo

TIMEOUT_S = 20
START = {"client_run_id": "run_1", "task": "support_reply"}
ROOT = Path(__file__).parents[3]


@dataclass
class Agent:
    """A client of the service, with the events it has sent so far."""

    url: str
    inbox: "Inbox"

    def post(
        self, path: str, body: Any, *, key: str = "", api_key: str = API_KEY
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {api_key}"} | ({"Idempotency-Key": key} if key else {})
        return httpx.post(self.url + path, json=body, headers=headers, trust_env=False)

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return httpx.get(self.url + path, headers=headers, trust_env=False).json()

    def start(self, **more: Any) -> str:
        answer = self.post("/v1/runs", {**START, **more})
        assert answer.status_code == 202
        return str(answer.json()["run_id"])

    def resolve(self, run: str, call: str, **answer: Any) -> httpx.Response:
        body = {"tool_call_id": call, **(answer or {"result": {}})}
        return self.post(f"/v1/runs/{run}/tools/resolve", body, key=f"{run}-{call}")


@dataclass
class Inbox:
    """Receives and verifies webhooks; `wait` returns once so many different ones have come."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        signature = next(line for line in head.decode().split("\r\n") if "-signature" in line)
        headers["webhook-signature"] = signature.split(": ", 1)[1]
        Webhook(HOOK_SECRET).verify(body, headers)
        with self.changed:
            if headers["webhook-id"] not in self.ids:
                self.ids.append(headers["webhook-id"])
                self.messages.append(json.loads(body))
            self.changed.notify_all()

    def wait(self, count: int) -> dict[str, Any]:
        """The last of the first `count` events."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= count, TIMEOUT_S)
            return self.messages[count - 1]


@pytest.fixture
def inbox(peer: Any) -> Inbox:
    found = Inbox()

    def script(server: Any, connection: Any) -> None:
        server.read_request(connection)
        found.take(server.requests[-1])
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")

    peer.scripts = [script]
    return found


@pytest.fixture
def agent(tmp_path: Path, peer: Any, inbox: Inbox) -> Iterator[Agent]:
    with demo(tmp_path, webhook_url=f"{peer.url}/webhooks/in_x") as url:
        yield Agent(url, inbox)


def test_it_says_that_it_lives(agent: Agent) -> None:
    answer = httpx.get(f"{agent.url}/healthz", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_whole_story_runs_by_webhook_and_answer(agent: Agent) -> None:
    run = agent.start()
    assert agent.inbox.wait(1)["event"] == "run.started"
    asked = []
    for step in range(2, 6):
        event = agent.inbox.wait(step)
        assert (event["event"], event["run_id"]) == ("run.tool_required", run)
        asked.append(event["tool_call"]["name"])
        result = {"orders": ["ORD-1043"], "email": "m@example.com", "name": "M"}
        assert agent.resolve(run, event["tool_call"]["id"], result=result).status_code == 200
    end = agent.inbox.wait(6)
    assert asked == ["lookup_customer", "create_support_ticket", "send_email", "refund"]
    assert (end["event"], end["output"]["done"]) == ("run.completed", asked)
    assert [message["sequence"] for message in agent.inbox.messages] == [1, 2, 3, 4, 5, 6]
    assert end["usage"]["steps"] == 5


def test_a_rejection_is_told_and_not_tried_again(agent: Agent) -> None:
    run = agent.start()
    for step in range(2, 5):
        agent.resolve(run, agent.inbox.wait(step)["tool_call"]["id"])
    error = {"code": "rejected", "message": "Not this one.", "retryable": False}
    agent.resolve(run, agent.inbox.wait(5)["tool_call"]["id"], error=error)
    end = agent.inbox.wait(6)
    assert end["event"] == "run.completed"
    assert "rejected: Not this one." in end["output"]["summary"]
    assert len(agent.inbox.messages) == 6


def test_the_same_start_is_one_run(agent: Agent) -> None:
    first = agent.post("/v1/runs", START, key="k1").json()
    assert agent.post("/v1/runs", START, key="k1").json() == first
    assert agent.post("/v1/runs", START, key="another").json() == first
    agent.inbox.wait(2)
    assert len(agent.inbox.messages) == 2


def test_an_answer_sent_twice_counts_once(agent: Agent) -> None:
    run = agent.start()
    call = agent.inbox.wait(2)["tool_call"]["id"]
    for key in ("a", "a", "b"):
        body = {"tool_call_id": call, "result": {"n": 1}}
        answer = agent.post(f"/v1/runs/{run}/tools/resolve", body, key=key)
        assert answer.status_code == 200
    agent.inbox.wait(3)
    assert len(agent.get(f"/v1/runs/{run}")["answers"]) == 1
    other = agent.post(
        f"/v1/runs/{run}/tools/resolve", {"tool_call_id": call, "result": {"n": 2}}, key="c"
    )
    assert other.status_code == 409


def test_a_key_of_another_request_is_refused(agent: Agent) -> None:
    agent.post("/v1/runs", START, key="k1")
    answer = agent.post("/v1/runs", {**START, "client_run_id": "run_2"}, key="k1")
    assert (answer.status_code, answer.json()["error"]) == (422, "key_reused")


def test_a_canceled_run_ends_and_takes_late_answers_without_effect(agent: Agent) -> None:
    run = agent.start()
    call = agent.inbox.wait(2)["tool_call"]["id"]
    assert agent.post(f"/v1/runs/{run}/cancel", {}).json()["status"] == "canceled"
    assert agent.inbox.wait(3)["event"] == "run.canceled"
    assert agent.resolve(run, call).json()["status"] == "canceled"
    assert agent.post(f"/v1/runs/{run}/cancel", {}).status_code == 200
    assert len(agent.inbox.messages) == 3


def test_a_failing_task_is_answered_with_500_and_leaves_nothing(agent: Agent) -> None:
    answer = agent.post("/v1/runs", {**START, "task": "support_reply failing"}, key="k1")
    assert answer.status_code == 500
    assert agent.post("/v1/runs", START, key="k1").status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/runs", {"client_run_id": "run_1"}, 422),
        ("/v1/runs", {"task": "support_reply"}, 422),
        ("/v1/runs", [], 400),
        ("/v1/runs/run-unknown/cancel", {}, 404),
        ("/v1/runs/run-unknown/tools/resolve", {"tool_call_id": "c", "result": 1}, 404),
        ("/nowhere", {}, 404),
        ("/ledger", {}, 405),
        ("/tickets", {"customer_id": "CUST-77"}, 422),
        ("/tickets", {"customer_id": "CUST-0", "subject": "s"}, 404),
        ("/tickets", {"customer_id": "CUST-77", "subject": "s", "priority": "huge"}, 422),
        ("/emails", {"to": "a@example.com", "subject": ""}, 422),
        ("/orders/ORD-0/refunds", {"amount": "1.00", "currency": "EUR"}, 404),
        ("/orders/ORD-1043/refunds", {"amount": "1.00", "currency": "USD"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": "-1.00", "currency": "EUR"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": "1.001", "currency": "EUR"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": "1e400", "currency": "EUR"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": "NaN", "currency": "EUR"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": 100, "currency": "EUR"}, 422),
        ("/orders/ORD-1043/refunds", {"amount": "24000.01", "currency": "EUR"}, 409),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    agent: Agent, path: str, body: Any, status: int
) -> None:
    assert agent.post(path, body).status_code == status
    assert agent.get("/ledger") == {"items": []}
    assert agent.get("/orders/ORD-1043")["refunded"] == "0.00"


@pytest.mark.parametrize("answer", [{}, {"result": 1, "error": {"code": "x"}}, {"error": "no"}])
def test_an_answer_is_a_result_or_an_error(agent: Agent, answer: dict[str, Any]) -> None:
    run = agent.start()
    body = {"tool_call_id": agent.inbox.wait(2)["tool_call"]["id"], **answer}
    assert agent.post(f"/v1/runs/{run}/tools/resolve", body).status_code == 422


def test_an_answer_to_a_call_that_nobody_made_is_refused(agent: Agent) -> None:
    assert agent.resolve(agent.start(), "call_9").status_code == 404


def test_a_wrong_key_opens_nothing_but_health_and_ledger(agent: Agent) -> None:
    assert agent.post("/v1/runs", START, api_key="guess").status_code == 401
    for path, status in (("/customers", 401), ("/ledger", 200), ("/healthz", 200)):
        assert httpx.get(agent.url + path, trust_env=False).status_code == status


def test_a_huge_body_is_refused(agent: Agent) -> None:
    answer = agent.post("/emails", {"to": "a", "subject": "s", "body": "x" * 1_100_000})
    assert answer.status_code == 413


def test_a_repeated_refund_happens_once_and_two_keys_are_two(agent: Agent) -> None:
    body = {"amount": "100.00", "currency": "EUR"}
    path = "/orders/ORD-1043/refunds"
    first = agent.post(path, body, key="one")
    assert agent.post(path, body, key="one").json() == first.json()
    assert agent.post(path, body, key="two").json() != first.json()
    assert agent.get("/orders/ORD-1043")["refunded"] == "200.00"
    lines = agent.get("/ledger")["items"]
    assert [line["idempotency_key"] for line in lines] == ["one", "two"]


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path, peer: Any, inbox: Inbox) -> None:
    hook = f"{peer.url}/webhooks/in_x"
    with demo(tmp_path, webhook_url=hook) as url:
        agent = Agent(url, inbox)
        run = agent.start()
        call = inbox.wait(2)["tool_call"]["id"]
    with demo(tmp_path, webhook_url=hook) as url:
        again = Agent(url, inbox)
        again.resolve(run, call, result={"orders": ["ORD-1043"]})
        assert inbox.wait(3)["tool_call"]["name"] == "create_support_ticket"


def process(state_dir: Path, hook: str) -> tuple[subprocess.Popen[str], str]:
    """The service as `manage.py demo_service` runs it, and its URL."""
    environment = {
        **os.environ,
        HOOK_VARIABLE: HOOK_SECRET,
        KEY_VARIABLE: API_KEY,
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "COUNTERSIGN_DATA_DIR": str(state_dir / "data"),
    }
    command = [sys.executable, "manage.py", "demo_service", "--port", "0", "--webhook-url", hook]
    started = subprocess.Popen(
        [*command, "--state-dir", str(state_dir)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    line = started.stdout.readline()
    assert "demo service at http://127.0.0.1:" in line
    return started, line.split()[-1]


def test_a_kill_loses_neither_an_answer_nor_a_webhook(
    tmp_path: Path, peer: Any, inbox: Inbox, answering: Callable[..., Any]
) -> None:
    taking = peer.scripts
    peer.scripts = [answering(503)]
    started, url = process(tmp_path, peer.url)
    try:
        run = Agent(url, inbox).start()
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait(TIMEOUT_S)
    assert inbox.messages == []
    peer.scripts = taking
    started, url = process(tmp_path, peer.url)
    try:
        call = inbox.wait(2)["tool_call"]
        assert (inbox.messages[0]["run_id"], call["name"]) == (run, "lookup_customer")
        assert Agent(url, inbox).resolve(run, call["id"]).status_code == 200
        assert inbox.wait(3)["tool_call"]["name"] == "create_support_ticket"
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(TIMEOUT_S) is not None


@pytest.mark.parametrize(
    ("environment", "url", "words"),
    [
        ({KEY_VARIABLE: "k"}, "http://h/", HOOK_VARIABLE),
        ({HOOK_VARIABLE: HOOK_SECRET}, "http://h/", KEY_VARIABLE),
        ({HOOK_VARIABLE: "whsec_no!", KEY_VARIABLE: "k"}, "http://h/", "whsec_"),
        ({HOOK_VARIABLE: HOOK_SECRET, KEY_VARIABLE: "k"}, "localhost", "webhook URL"),
    ],
)
def test_it_refuses_to_start_without_what_it_needs(
    tmp_path: Path, environment: dict[str, str], url: str, words: str
) -> None:
    with pytest.raises(BadSettings, match=words):
        settings_from(port=0, webhook_url=url, state_dir=tmp_path, environment=environment)

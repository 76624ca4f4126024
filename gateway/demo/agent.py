"""The sandbox agent: runs of the generic provider protocol, one step per answer."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.demo import story
from gateway.demo.calls import Call, Refusal, Reply, Route, route
from gateway.demo.store import Documents
from gateway.lib import ids

FINAL = frozenset({"completed", "failed", "canceled"})
TOKENS_IN_PER_STEP = 820
TOKENS_OUT_PER_STEP = 145
COST_USD_PER_STEP = 0.0034


def _start(call: Call) -> Reply:
    task = call.text("task")
    try:
        story.check(task)
    except story.CannotStart as error:
        raise Refusal(500, "broken", str(error)) from error
    client_run_id = call.text("client_run_id")
    known = call.documents.get("client_run", client_run_id)
    if known is not None:
        return 200, {"run_id": known["run_id"], "status": "running"}
    run = {
        "id": f"run-{str(ids.new_id())}",
        "client_run_id": client_run_id,
        "task": task,
        "status": "running",
        "sequence": 0,
        "open_call": None,
        "answers": [],
    }
    call.documents.put("client_run", client_run_id, {"run_id": run["id"]})
    _emit(call.documents, run, "run.started", {})
    _proceed(call.documents, run)
    return 202, {"run_id": run["id"], "status": "running"}


def _resolve(call: Call) -> Reply:
    run = _run(call)
    call_id = call.text("tool_call_id")
    answer = _answer(call.body)
    earlier = [entry for entry in run["answers"] if entry["call_id"] == call_id]
    if earlier:
        return _repeated(run, earlier[0], answer)
    if run["status"] in FINAL:
        return 200, {"run_id": run["id"], "status": run["status"]}
    wanted = run["open_call"]
    if wanted is None or wanted["id"] != call_id:
        raise Refusal(404, "not_found", f"The run waits for no call {call_id[:60]}.")
    run["answers"].append({"call_id": call_id, "tool": wanted["name"], **answer})
    run["open_call"] = None
    _proceed(call.documents, run)
    return 200, {"run_id": run["id"], "status": run["status"]}


def _cancel(call: Call) -> Reply:
    run = _run(call)
    if run["status"] not in FINAL:
        run["status"] = "canceled"
        run["open_call"] = None
        _emit(call.documents, run, "run.canceled", {"usage": _usage(run)})
    return 200, {"run_id": run["id"], "status": run["status"]}


def _show(call: Call) -> Reply:
    return 200, _run(call)


def _proceed(documents: Documents, run: dict[str, Any]) -> None:
    """Take the next step and tell the other side, in the transaction that stored the answer."""
    answers = [
        story.Answered(entry["tool"], entry.get("result"), entry.get("error"))
        for entry in run["answers"]
    ]
    step = story.proceed(run["task"], answers)
    if isinstance(step, story.Wanted):
        call_id = f"call_{len(answers) + 1}_{step.tool}"
        run["open_call"] = {"id": call_id, "name": step.tool, "arguments": step.arguments}
        _emit(documents, run, "run.tool_required", {"tool_call": run["open_call"]})
    elif step.error is not None:
        run["status"] = "failed"
        _emit(documents, run, "run.failed", {"error": step.error, "usage": _usage(run)})
    else:
        run["status"] = "completed"
        _emit(documents, run, "run.completed", {"output": step.output, "usage": _usage(run)})


def _emit(documents: Documents, run: dict[str, Any], event: str, more: Mapping[str, Any]) -> None:
    """Store the run with a webhook about it; the outbox sends it."""
    run["sequence"] += 1
    payload = {
        "event": event,
        "run_id": run["id"],
        "sequence": run["sequence"],
        "occurred_at": datetime.now(UTC).isoformat(),
        **more,
    }
    message_id = f"msg_{run['id']}_{run['sequence']}"
    webhook = {
        "id": message_id,
        "run_id": run["id"],
        "sequence": run["sequence"],
        "body": json.dumps(payload, separators=(",", ":")),
    }
    documents.put("webhook", message_id, webhook)
    documents.put("run", run["id"], run)


def _run(call: Call) -> dict[str, Any]:
    run = call.documents.get("run", call.path["id"])
    if run is None:
        raise Refusal(404, "not_found", f"There is no run {call.path['id'][:60]}.")
    return run


def _answer(body: Mapping[str, Any]) -> dict[str, Any]:
    if ("result" in body) == ("error" in body):
        raise Refusal(422, "invalid", "Exactly one of result and error is needed.")
    if "error" not in body:
        return {"result": body["result"]}
    error = body["error"]
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        raise Refusal(422, "invalid", "error needs a code.")
    return {"error": error}


def _repeated(run: dict[str, Any], earlier: dict[str, Any], answer: dict[str, Any]) -> Reply:
    if {name: earlier[name] for name in ("result", "error") if name in earlier} != answer:
        raise Refusal(409, "answered", "This call was answered before, with something else.")
    return 200, {"run_id": run["id"], "status": run["status"]}


def _usage(run: dict[str, Any]) -> dict[str, Any]:
    steps = len(run["answers"]) + 1
    return {
        "model": "sandbox-story",
        "input_tokens": steps * TOKENS_IN_PER_STEP,
        "output_tokens": steps * TOKENS_OUT_PER_STEP,
        "cost_usd": f"{steps * COST_USD_PER_STEP:.4f}",
        "steps": steps,
    }


ROUTES: tuple[Route, ...] = (
    route("POST", "/v1/runs", _start, once=True),
    route("GET", "/v1/runs/{id}", _show),
    route("POST", "/v1/runs/{id}/tools/resolve", _resolve, once=True),
    route("POST", "/v1/runs/{id}/cancel", _cancel, once=True),
)

"""The generic run service: our own small protocol over HTTP out and signed webhooks in."""

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, RetryClass
from gateway.http.status import refused
from gateway.lib.strictjson import Ambiguous, Marked, find_marked, parse_marked
from gateway.providers.base import (
    ProviderRequest,
    RunStatus,
    RunUpdate,
    StartRequest,
    ToolAnswer,
    ToolCall,
    Unparsable,
    Usage,
)
from gateway.providers.fetching import get_json

MAX_ID_LENGTH = 200
MAX_CALLS = 100
MICRO = 1_000_000

_EVENTS = {
    "run.started": RunStatus.RUNNING,
    "run.progress": RunStatus.RUNNING,
    "run.tool_required": RunStatus.TOOL_REQUIRED,
    "run.waiting_approval": RunStatus.WAITING_APPROVAL,
    "run.completed": RunStatus.COMPLETED,
    "run.failed": RunStatus.FAILED,
    "run.canceled": RunStatus.CANCELED,
}
# A fetched run tells its state. One that is queued still has no webhook, so it has no meaning.
_EVENT_OF = {str(status): f"run.{status}" for status in RunStatus} | {"running": "run.progress"}


class GenericProvider:
    """Speaks the protocol of CONTRACT, "Generic agent provider".

    Calls are made once: what has to be repeated is a row with its own due time.
    """

    name = "generic"

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """Start a run; the answer names it."""
        answer = _post(request, "/v1/runs", asdict(start))
        if (body := _reply(answer)) is None or not _is_id(body.get("run_id")):
            raise OutsideError(
                "bad_answer",
                True,
                True,
                answer.status,
                detail="The provider accepted the run but its answer has no run_id.",
            )
        return RunUpdate(body["run_id"], _status(body.get("status")), event="start")

    def submit_result(self, request: ProviderRequest, run_id: str, answer: ToolAnswer) -> None:
        """Hand over one answer. The reply's body has no meaning: what follows comes by webhook."""
        body: dict[str, Any] = {"tool_call_id": answer.call_id}
        if answer.error is not None:
            body["error"] = asdict(answer.error)
        else:
            body["result"] = answer.result
            if answer.result_mismatch:
                body["result_mismatch"] = answer.result_mismatch
        if answer.effective_arguments is not None:
            body |= {"arguments_changed": True, "effective_arguments": answer.effective_arguments}
        _post(request, f"/v1/runs/{quote(run_id, safe='')}/tools/resolve", body)

    def cancel(self, request: ProviderRequest, run_id: str) -> None:
        """Ask for the end of the run; its webhook says when it has ended."""
        _post(request, f"/v1/runs/{quote(run_id, safe='')}/cancel", {})

    def is_thin(self, payload: bytes) -> bool:
        """A webhook that asks for a tool without naming the call, or that says `"thin": true`."""
        try:
            body = _envelope(payload)
        except Unparsable:
            return False
        if body.get("event") not in _EVENTS or not _is_id(body.get("run_id")):
            return False
        is_bare = body["event"] == "run.tool_required" and "tool_call" not in body
        return is_bare or body.get("thin") is True

    def fetch(self, request: ProviderRequest, payload: bytes) -> bytes:
        """The run as it is now: the members of a webhook, with `status` instead of `event`."""
        run_id = _envelope(payload).get("run_id")
        if not isinstance(run_id, str) or not _is_id(run_id):
            raise Unparsable("run_id is missing")
        return get_json(request, f"/v1/runs/{quote(run_id, safe='')}")

    def parse(self, payload: bytes) -> RunUpdate | None:
        """One webhook, or a run that was fetched; None for an event type the protocol lacks."""
        body = _envelope(payload)
        event = body.get("event", _EVENT_OF.get(str(body.get("status"))))
        if not isinstance(event, str):
            raise Unparsable("event is missing or not a text")
        if (status := _EVENTS.get(event)) is None:
            return None
        if not _is_id(body.get("run_id")):
            raise Unparsable(f"run_id is missing or not a text of 1 to {MAX_ID_LENGTH} characters")
        return RunUpdate(
            run_id=body["run_id"],
            status=status,
            calls=_calls(body, wanted=status is RunStatus.TOOL_REQUIRED),
            output=_readable(body.get("output")),
            error=_readable(body.get("error")),
            usage=_usage(body.get("usage")),
            sequence=_sequence(body.get("sequence")),
            occurred_at=_moment(body.get("occurred_at")),
            event=event,
        )


def _post(request: ProviderRequest, path: str, body: dict[str, Any]) -> Answer:
    answer = request.client.send(
        Request(
            "POST",
            request.base_url.rstrip("/") + path,
            {
                "Authorization": f"Bearer {request.api_key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Idempotency-Key": request.idempotency_key,
                "X-Correlation-ID": request.correlation_id,
            },
            json.dumps(body, separators=(",", ":")).encode(),
        ),
        retry_class=RetryClass.IDEMPOTENT,
        deadline_s=request.deadline_s,
        attempts=1,
    )
    if not answer.ok:
        raise refused(answer, service="The provider")
    return answer


def _reply(answer: Answer) -> dict[str, Any] | None:
    try:
        body = parse_marked(answer.body)
    except Ambiguous:
        return None
    return body if isinstance(body, dict) else None


def _status(text: Any) -> RunStatus:
    """The state right after the start; a provider that says nothing known has queued it."""
    try:
        return RunStatus(text)
    except ValueError:
        return RunStatus.QUEUED


def _envelope(payload: bytes) -> dict[str, Any]:
    try:
        body = parse_marked(payload)
    except Ambiguous as error:
        raise Unparsable(f"the body is not JSON ({error})") from error
    if isinstance(body, Marked):
        raise Unparsable(f"the body has more than one meaning ({_why(body)})")
    if not isinstance(body, dict):
        raise Unparsable("the body is not a JSON object")
    return body


def _why(marked: Marked) -> str:
    return f"{marked.reason} at {marked.path or 'the top'}"


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH


def _calls(body: dict[str, Any], *, wanted: bool) -> tuple[ToolCall, ...]:
    """The tool calls of `tool_call`, which is one object or a list of them."""
    value = body.get("tool_call")
    if value is None or value == []:
        if wanted:
            raise Unparsable("tool_call is missing")
        return ()
    if not wanted:
        # Only run.tool_required asks for something; elsewhere a call is an echo for the timeline.
        return ()
    calls = value if isinstance(value, list) else [value]
    if len(calls) > MAX_CALLS:
        raise Unparsable(f"tool_call has {len(calls)} entries; at most {MAX_CALLS} are taken")
    found = tuple(_call(call, index) for index, call in enumerate(calls))
    named = [call.id for call in found if call.id is not None]
    if len(set(named)) != len(named):
        raise Unparsable("two entries of tool_call have the same id")
    return found


def _call(value: Any, index: int) -> ToolCall:
    at = f"tool_call[{index}]"
    if isinstance(value, Marked):
        raise Unparsable(f"{at} has more than one meaning ({_why(value)})")
    if not isinstance(value, dict):
        raise Unparsable(f"{at} is not an object")
    call_id = value.get("id")
    if call_id is not None and not _is_id(call_id):
        raise Unparsable(f"{at}.id is not a text of 1 to {MAX_ID_LENGTH} characters")
    if not _is_id(value.get("name")):
        raise Unparsable(f"{at}.name is missing or not a text of 1 to {MAX_ID_LENGTH} characters")
    if "arguments" not in value:
        raise Unparsable(f"{at}.arguments is missing")
    arguments = value["arguments"]
    return ToolCall(call_id, index, value["name"], find_marked(arguments) or arguments)


def _readable(value: Any) -> Any:
    """Output and errors are only shown: an ambiguous one is named instead of losing the event."""
    if (marked := find_marked(value)) is None:
        return value
    return {"unreadable": marked.reason, "path": marked.path, "sha256": marked.sha256}


def _sequence(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unparsable("sequence is not a whole number from 0")
    return value


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unparsable("occurred_at is not an ISO 8601 time with its offset")
    return moment


def _usage(value: Any) -> Usage | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Unparsable("usage is not an object")
    model = value.get("model")
    return Usage(
        model=model[:MAX_ID_LENGTH] if isinstance(model, str) else "",
        input_tokens=_count(value, "input_tokens"),
        output_tokens=_count(value, "output_tokens"),
        cost_micro_usd=_micro_usd(value.get("cost_usd")),
        steps=_count(value, "steps"),
    )


def _count(value: dict[str, Any], name: str) -> int:
    number = value.get(name)
    if number is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise Unparsable(f"usage.{name} is not a whole number from 0")
    return number


def _micro_usd(value: Any) -> int:
    """Dollars, as a number or a decimal text, in millionths, rounded to the nearest."""
    if value is None:
        return 0
    try:
        amount = Decimal(str(value)) * MICRO
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < 2**53:
        raise Unparsable("usage.cost_usd is not an amount of money from 0")
    return int(amount.to_integral_value())

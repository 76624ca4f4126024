"""OpenAI: its webhooks name a response, batch, job or session; that is fetched here.

Starting runs and answering tool calls is not built: those parts say so.
"""

from typing import Any

from gateway.providers.base import (
    ProviderRequest,
    RunUpdate,
    StartRequest,
    ToolAnswer,
    Unparsable,
    not_built,
)
from gateway.providers.fetching import get_json, object_of, step

SESSIONS = "/v1/agents/sessions/"
AGENTS = {"OpenAI-Beta": "agents=v1"}
# What `data.id` names, by the beginning of the event's type. A run of an evaluation is not among
# them: it can be read only under its evaluation, which the webhook does not name.
PLACES = {
    "response.": "/v1/responses/",
    "batch.": "/v1/batches/",
    "fine_tuning.job.": "/v1/fine_tuning/jobs/",
    "agent.session.": SESSIONS,
}
EVALUATION = "eval.run."


class OpenAIProvider:
    """Looks up what OpenAI's thin webhooks are about."""

    name = "openai"

    def is_thin(self, payload: bytes) -> bool:
        """Whether it names something that can be read by its id alone."""
        body = object_of(payload)
        return _place(body) is not None and isinstance(_data(body).get("id"), str)

    def fetch(self, request: ProviderRequest, payload: bytes) -> bytes:
        """The response, batch, job or session that the webhook names, as OpenAI tells it now."""
        body = object_of(payload)
        place = _place(body)
        if place is None:
            raise Unparsable("its type names nothing that can be looked up")
        headers = AGENTS if place == SESSIONS else None
        return get_json(request, place + step(_data(body).get("id")), headers=headers)

    def start(self, request: ProviderRequest, start: StartRequest) -> RunUpdate:
        """Not built."""
        raise not_built("OpenAI", "start runs")

    def submit_result(self, request: ProviderRequest, run_id: str, answer: ToolAnswer) -> None:
        """Not built."""
        raise not_built("OpenAI", "answer tool calls")

    def cancel(self, request: ProviderRequest, run_id: str) -> None:
        """Not built."""
        raise not_built("OpenAI", "cancel runs")

    def parse(self, payload: bytes) -> RunUpdate | None:
        """Not built: such an event can be recorded or propose an action by a route."""
        raise Unparsable("feeding runs from OpenAI's events is not supported yet; add a route")


def _data(body: dict[str, Any]) -> dict[str, Any]:
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def _place(body: dict[str, Any]) -> str | None:
    kind = str(body.get("type", ""))
    if kind.startswith(EVALUATION):
        eval_id = _data(body).get("eval_id")
        return f"/v1/evals/{step(eval_id)}/runs/" if isinstance(eval_id, str) else None
    return next((place for start, place in PLACES.items() if kind.startswith(start)), None)

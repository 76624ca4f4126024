"""An answer that leaves it open leaves it open where the tool may have changed something."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from approvals import executor
from approvals.models import Action, Execution
from approvals.states import ActionStatus, ExecutionStatus
from tests.doubles.mcp_server import mcp_server
from tests.doubles.serving import Asked, Said, Service, serving
from tests.factories.tools import strict
from tests.invariants.scene import run_out, scene

pytestmark = pytest.mark.django_db
WHOLE = {"type": "integer"}


@dataclass
class Bell(Service):
    """It rings on a GET, and sends whoever rang to another page."""

    def answer(self, asked: Asked) -> Said:
        self.effects.append(asked.path)
        return Said(302, b"", {"Location": "/rang"})


@pytest.fixture
def bell(settings: Any) -> Iterator[Bell]:
    with serving(Bell()) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        yield double


def rung(bell: Bell, side_effect: str) -> Action:
    config = {"method": "GET", "url": f"{bell.url}/ring"}
    here = scene(
        connector="http", operation="request", config=config, side_effect=side_effect,
        retry_class="unsafe",
    )  # fmt: skip
    action = here.ask() if side_effect == "read" else here.approved()
    executor.execute(str(action.pk))
    action.refresh_from_db()
    return action


def test_a_redirect_after_a_change_made_by_get_is_not_known(bell: Bell) -> None:
    action = rung(bell, "write")
    assert (action.status, bell.effects) == (ActionStatus.UNKNOWN, ["/ring"])
    assert Execution.objects.get().status == ExecutionStatus.UNKNOWN


@pytest.mark.parametrize(
    ("side_effect", "config", "end"),
    [
        ("write", {}, ActionStatus.UNKNOWN),
        ("write", {"errors_mean_not_done": True}, ActionStatus.FAILED),
        ("read", {}, ActionStatus.FAILED),
    ],
)
def test_a_tool_of_an_mcp_server_that_broke_is_not_known_and_not_called_again(
    settings: Any, side_effect: str, config: dict[str, Any], end: ActionStatus
) -> None:
    with mcp_server() as server:
        settings.OUTBOUND_ALLOW = [server.host_port]
        here = scene(
            connector="mcp", operation="call_tool", retry_class="unsafe", side_effect=side_effect,
            config={"url": server.url, "tool": "pay", **config}, input_schema=strict(amount=WHOLE),
            effect="Pay {{ amount }}",
        )  # fmt: skip
        asked = {"arguments": {"amount": 5}}
        action = here.ask(**asked) if side_effect == "read" else here.approved(**asked)
        for _ in range(2):
            run_out(Action.objects.filter(pk=action.pk, due_at__isnull=False), "due_at")
            executor.execute(str(action.pk))
        action.refresh_from_db()
        assert (action.status, server.effects) == (end, [5])
        assert action.reason.startswith("Error executing tool pay")


def test_a_redirect_after_a_reading_is_a_failure(bell: Bell) -> None:
    action = rung(bell, "read")
    assert action.status == ActionStatus.FAILED

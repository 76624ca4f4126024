"""Messages, mails and calls of tools through the whole gate: what was lost is never sent twice."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.execution.finishing import MAX_ATTEMPTS
from approvals.models import Action
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors import registry
from gateway.tools.services import save
from tests.approvals.execution.test_looking_up import work
from tests.doubles.discord import CHANNEL, Discord
from tests.doubles.discord import TOKEN as DISCORD_TOKEN
from tests.doubles.mail import mail_server
from tests.doubles.mcp_server import mcp_server
from tests.doubles.serving import serving
from tests.doubles.slack import TOKEN as SLACK_TOKEN
from tests.doubles.slack import Slack
from tests.factories.connections import ConnectionFactory
from tests.factories.tools import strict
from tests.invariants.scene import scene

pytestmark = pytest.mark.django_db
GENERAL = "C00GENERAL"
Approved = Callable[..., Action]


@pytest.fixture
def approved(settings: Any) -> Approved:
    """An approved action of a tool made of a connector's operation, as it describes itself."""

    def make(
        connector: str, operation: str, arguments: dict[str, Any], *, allow: str,
        config: dict[str, Any], secret: tuple[str, str] | None = None, **tool: Any,
    ) -> Action:  # fmt: skip
        settings.OUTBOUND_ALLOW = [allow]
        here = scene()
        described = registry.connector(connector).operations[operation]
        kind, value = secret or ("bearer", "unused")
        connection = ConnectionFactory(environment=here.environment, kind=kind, value=value)
        definition = {
            "input_schema": described.schema, "side_effect": described.side_effect,
            "retry_class": described.retry_class.value, "risk": described.risk,
            "effect": described.effect, "affected": described.affected, **tool,
        }  # fmt: skip
        save(
            here.environment, connection=connection, name="tool", connector=connector,
            operation=operation, config=config, description="", **definition,
        )  # fmt: skip
        return here.approved(tool="tool", arguments=arguments)

    return make


def slack_action(approved: Approved, slack: Slack) -> Action:
    return approved(
        "slack", "post_message", {"channel": GENERAL, "text": "Green."}, allow=slack.host_port,
        config={"base_url": f"{slack.url}/api"}, secret=("bearer", SLACK_TOKEN),
    )  # fmt: skip


def test_a_lost_slack_message_is_found_and_not_posted_again(approved: Approved) -> None:
    with serving(Slack()) as slack:
        action = slack_action(approved, slack)
        slack.clock = int(action.created_at.timestamp())
        slack.after = [None]
        work(action, times=3)
        assert action.status == ActionStatus.SUCCEEDED
        assert action.result["ts"] == slack.messages[GENERAL][0]["ts"]
        assert slack.effects == [("post", action.public_id)]


def test_a_channel_that_others_joined_since_the_approval_gets_nothing(approved: Approved) -> None:
    with serving(Slack()) as slack:
        action = slack_action(approved, slack)
        slack.channels[GENERAL]["num_members"] += 1
        slack.channels[GENERAL]["is_ext_shared"] = True
        work(action)
        assert (action.status, slack.effects) == (ActionStatus.PENDING, [])


def test_a_lost_discord_message_waits_for_a_person(approved: Approved) -> None:
    with serving(Discord()) as discord:
        action = approved(
            "discord", "create_message", {"channel_id": CHANNEL, "content": "Green."},
            allow=discord.host_port, config={"base_url": f"{discord.url}/api/v10"},
            secret=("bearer", DISCORD_TOKEN),
        )  # fmt: skip
        discord.now_ms = int(action.created_at.timestamp() * 1000)
        discord.after = [None]
        work(action, times=MAX_ATTEMPTS + 1)
        assert (action.status, len(discord.messages)) == (ActionStatus.UNKNOWN, 1)
        looked = action.executions.exclude(looked_up=None).last()
        assert looked is not None
        assert discord.messages[0]["id"] in looked.looked_up["detail"]


def test_a_mail_whose_answer_was_lost_is_sent_once(approved: Approved) -> None:
    with mail_server() as mail:
        mail.breaks_at = "."
        config = {
            "from": "support@acme.example", "tls": "none",
            "templates": {"hello": {"subject": "Hello", "text": "Hello {{ name }}"}},
            "recipients": {"domains": ["example.com"]},
        }  # fmt: skip
        arguments = {"template": "hello", "to": ["m@example.com"], "values": {"name": "Mara"}}
        action = approved(
            "email", "send", arguments, allow=f"127.0.0.1:{mail.port}", config=config,
            secret=("dsn", f"smtp://127.0.0.1:{mail.port}"),
        )  # fmt: skip
        assert [row["id"] for row in action.affected] == ["m@example.com"]
        work(action, times=3)
        assert (action.status, len(mail.mails)) == (ActionStatus.UNKNOWN, 1)
        assert mail.mails[0]["Message-ID"] in action.reason


def test_a_tool_of_another_server_whose_answer_was_lost_ran_once(approved: Approved) -> None:
    with mcp_server() as server:
        action = approved(
            "mcp", "call_tool", {"text": "hello"}, allow=server.host_port,
            config={"url": server.url, "tool": "write_note"}, effect="Write {{ text }}",
            side_effect="write", input_schema=strict(text={"type": "string"}),
        )  # fmt: skip
        server.loses = 1
        work(action, times=3)
        assert (action.status, server.effects) == (ActionStatus.UNKNOWN, ["hello"])
        assert [e.status for e in action.executions.all()] == [ExecutionStatus.UNKNOWN]

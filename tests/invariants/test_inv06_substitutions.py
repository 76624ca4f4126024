"""Invariant 6 (T16): seven ways in which approvals of other products were slipped something else.

Each is a published pattern (arguments rebuilt after the approval, a file swapped, a name that leads
elsewhere, a trailing space, a hidden extra argument, a command line rewritten, an interpreter that
was never bound), here as a tool call. None of them executes.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals.models import Action
from approvals.services import approve
from approvals.states import ActionStatus
from audit.canonical import canonical
from gateway.connections.models import Connection
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Conflict
from gateway.lib.strictjson import parse_marked
from gateway.tools.models import ToolVersion
from gateway.tools.services import save
from tests.factories.connections import ConnectionFactory
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]
ARGV = {"argv": ["deploy", "--to", "staging"]}


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    made = scene()
    argv = {"type": "array", "items": TEXT, "maxItems": 8}
    definition = ToolDefinitionFactory(name="run", input_schema=strict(argv=argv), effect="Run it")
    save(made.environment, connection=ConnectionFactory(environment=made.environment), **definition)
    return made


def approved(here: Scene, tool: str = "run", **arguments: Any) -> Action:
    action = here.ask(tool, arguments=arguments or ARGV)
    person = here.people.principal(here.people.may)
    return approve(action=action, by=person, digest=action.digest)


def assert_nothing_ran(connector: FakeConnector, settle: Settle, action: Action) -> None:
    settle(delayed=True)
    action.refresh_from_db()
    assert connector.calls == []
    assert action.status in {ActionStatus.DENIED, ActionStatus.PENDING, ActionStatus.INVALID}
    assert action.status != ActionStatus.PENDING or action.version > 1


def test_arguments_that_were_rebuilt_after_the_approval(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = approved(here)
    other = canonical({"argv": ["deploy", "--to", "production"]}).decode()
    Action.objects.filter(pk=action.pk).update(arguments=other)
    assert_nothing_ran(connector, settle, action)


def test_a_definition_that_was_swapped_after_the_approval(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = approved(here)
    version = action.tool_version
    assert version is not None
    definition = {
        **ToolDefinitionFactory(name="run", effect="Run it"),
        "input_schema": version.input_schema,
        "operation": "lose",
    }
    save(here.environment, connection=version.connection, **definition)
    assert_nothing_ran(connector, settle, action)


def test_a_name_that_leads_elsewhere_after_the_approval(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = approved(here)
    assert action.tool_version is not None
    Connection.objects.filter(pk=action.tool_version.connection_id).update(revision=2)
    assert_nothing_ran(connector, settle, action)


def test_a_trailing_space_is_another_call(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = here.ask("note", arguments={"note": "rm build"}, call_id="one")
    with pytest.raises(Conflict):
        here.ask("note", arguments={"note": "rm build "}, call_id="one")
    strange = here.ask("note ", arguments={"note": "rm build"})
    assert (strange.status, strange.code) == (ActionStatus.INVALID, "not_permitted")
    settle()
    action.refresh_from_db()
    assert (action.status, connector.calls) == (ActionStatus.PENDING, [])


@pytest.mark.parametrize(
    "text",
    [
        '{"argv": ["deploy"], "sudo": "yes"}',
        '{"argv": ["deploy"], "argv": ["deploy", "--force"]}',
        '{"argv": ["deploy"], "argv\\u0000": ["--force"]}',
        '{"argv": ["deploy"], "__proto__": {"sudo": true}}',
    ],
)
def test_a_hidden_extra_argument(
    here: Scene, connector: FakeConnector, settle: Settle, text: str
) -> None:
    call = parse_marked(json.dumps({"name": "run"})[:-1] + f', "arguments": {text}}}')
    assert isinstance(call, dict)
    action = here.ask("run", arguments=call["arguments"])
    assert_nothing_ran(connector, settle, action)
    assert action.status == ActionStatus.INVALID


@pytest.mark.parametrize("argv", [["--to", "staging", "deploy"], ["deploy --to staging"], []])
def test_a_command_line_that_was_rewritten(
    here: Scene, connector: FakeConnector, settle: Settle, argv: list[str]
) -> None:
    action = approved(here)
    request = {"arguments": {"argv": argv}, "kind": "fake", "operation": "echo"}
    Action.objects.filter(pk=action.pk).update(rendered=canonical(request).decode())
    assert_nothing_ran(connector, settle, action)


def test_an_operation_that_was_never_part_of_what_was_bound(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = approved(here)
    ToolVersion.objects.filter(pk=action.tool_version_id).update(operation="lose")
    assert_nothing_ran(connector, settle, action)

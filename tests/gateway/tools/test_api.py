"""Tools by API."""

import pytest

from gateway.tools.models import Tool
from tests import people
from tests.callers import key_for, key_of
from tests.factories.agents import AgentFactory
from tests.factories.connections import ConnectionFactory
from tests.factories.tools import ToolDefinitionFactory, ToolFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


def test_a_tool_is_defined_and_redefined(here, admin):
    connection = ConnectionFactory(environment=here.environment)
    definition = {**ToolDefinitionFactory(name="note"), "connection": connection.slug}
    first = admin.post("tools", definition)
    assert first.status_code == 201, first.content
    assert first.json()["connection"] == connection.public_id
    again = admin.post("tools", {**definition, "risk": "high"}).json()
    assert (again["id"], again["version"]) == (first.json()["id"], 2)
    assert admin.get("tools/note").json() == again


@pytest.mark.parametrize(
    ("field", "value"),
    [("input_schema", {"type": "object"}), ("connector", "nothing"), ("effect", ""),
     ("effect", "{{ unknown }}"), ("affected", "args.("), ("risk", "none"), ("connection", "x"),
     ("name", "no blanks")],
)  # fmt: skip
def test_a_part_that_is_wrong_is_named_and_nothing_is_stored(admin, field, value):
    answer = admin.post("tools", {**ToolDefinitionFactory(), field: value})
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not Tool.objects.exists()


def test_a_machine_learns_what_a_tool_takes_and_not_how_it_works(here, admin):
    tool = ToolFactory(environment=here.environment)
    shown = key_for(AgentFactory(environment=here.environment)).get(f"tools/{tool.name}").json()
    assert "input_schema" in shown
    assert "config" not in shown
    assert "config" in admin.get(f"tools/{tool.name}").json()

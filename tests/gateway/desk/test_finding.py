"""The palette finds pages, ids, tools and commands, and nothing that is not the person's."""

import pytest

from tests.desk import HTMX, at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


def found(people: People, q: str, *, user=None, **headers):
    browser = signed_in(user or people.may)
    return browser.get(at(people.environment, "find"), {"q": q}, headers=headers)


def test_pages_are_found_by_a_few_letters(people: People) -> None:
    shown = text(found(people, "poli", **HTMX))
    assert at(people.environment, "approvals:policies") in shown
    assert at(people.environment, "tools:list") not in shown
    assert "<html" not in shown
    assert "<html" in text(found(people, "poli"))


def test_a_row_of_each_kind_is_found_by_its_id(people: People) -> None:
    here = people.environment
    rows = {
        "approvals:detail": ("action", ActionFactory(environment=here)),
        "runs:detail": ("run", RunFactory(environment=here)),
        "webhooks:event": ("event", EventFactory(source=SourceFactory(environment=here))),
        "tools:detail": ("tool", ToolFactory(environment=here)),
        "agents:detail": ("agent", AgentFactory(environment=here)),
    }
    for name, (part, row) in rows.items():
        shown = text(found(people, row.public_id))
        assert f'href="{at(here, name, **{part: row.public_id})}"' in shown


def test_tools_agents_and_waiting_actions_are_found_by_name(people: People) -> None:
    tool = ToolFactory(environment=people.environment, name="send_parcel")
    action = ActionFactory(environment=people.environment, tool=tool, effect="Send parcel 77")
    shown = text(found(people, "parcel"))
    assert tool.public_id in shown
    assert action.public_id in shown


def test_rows_of_others_are_not_found(people: People) -> None:
    tool = ToolFactory(environment=people.elsewhere, name="send_parcel")
    action = ActionFactory(environment=people.elsewhere, tool=tool, effect="Send parcel 77")
    for q in ("parcel", tool.public_id, action.public_id):
        assert "data-hit" not in text(found(people, q))


def test_what_a_person_may_not_open_is_not_found(people: People) -> None:
    assert at(people.environment, "audit:records") in text(
        found(people, "audit", user=people.admin)
    )
    assert at(people.environment, "audit:records") not in text(found(people, "audit"))
    assert found(people, "", user=people.auditor).status_code == 403
    assert found(people, "", user=people.stranger).status_code == 404


@pytest.mark.parametrize("q", ["act_", "act_nonsense", "\x00", "%", "' OR 1=1 --", "x" * 5000])
def test_nonsense_finds_nothing_and_breaks_nothing(people: People, q: str) -> None:
    ActionFactory(environment=people.environment)
    assert found(people, q).status_code == 200


def test_hostile_effects_are_inert_in_the_palette(people: People) -> None:
    ActionFactory(environment=people.environment, effect="pay <script>alert(1)</script>\u202e")
    shown = text(found(people, "pay"))
    assert "&lt;script&gt;" in shown
    assert "\u202e" not in shown

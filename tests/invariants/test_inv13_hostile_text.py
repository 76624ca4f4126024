"""Invariant 13: hostile text renders inertly and visibly, and nothing of a payload is cut."""

import html
import json
import re

import pytest

from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.invariants.doors import desk_addresses, rows_of
from tests.people import People, ready

pytestmark = [pytest.mark.django_db, pytest.mark.once]
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "\"><a href='javascript:alert(1)'>x</a>",
]
# Left-to-right override, zero width, tag characters, a bell: none may reach the page as it is.
HIDDEN = "\u202e\u200b\u2066\U000e0041\x07"
TEMPLATE = "{{ 7|add:7 }}{% now 'Y' %}"
HOSTILE = "".join(MARKUP) + HIDDEN + TEMPLATE
LINES = 400


@pytest.fixture
def people() -> People:
    return ready()


def hostile_rows(people: People) -> dict[str, str]:
    """A row of each kind whose every free text is hostile."""
    environment = people.environment
    agent = AgentFactory(environment=environment, name=HOSTILE[:120])
    action = ActionFactory(
        environment=environment, agent=agent, with_arguments={"note": HOSTILE, HOSTILE: "key"},
        effect=HOSTILE, agent_reason=HOSTILE, target=[f"customer:{HOSTILE}"],
        tags={"user": HOSTILE},
        requester_label=HOSTILE[:120], reason=HOSTILE, before={"note": ""}, after={"note": HOSTILE},
        tool=ToolFactory(environment=environment, current__description=HOSTILE),
    )  # fmt: skip
    run = RunFactory(
        environment=environment, agent=agent, task=HOSTILE, output={"text": HOSTILE},
        error={"message": HOSTILE}, tags={"user_id": HOSTILE}, provider_run_id=HOSTILE[:100],
    )  # fmt: skip
    source = SourceFactory(environment=environment, name=HOSTILE[:120])
    event = EventFactory(
        source=source, event_id=HOSTILE[:100], event_type=HOSTILE[:100], reason=HOSTILE,
        body=json.dumps({"note": HOSTILE}).encode(), headers=f"x-note: {HOSTILE}\n".encode(),
    )  # fmt: skip
    return rows_of(environment) | {
        "action": action.public_id, "run": run.public_id, "event": event.public_id,
        "source": source.slug, "agent": agent.public_id,
        "tool": action.tool_version.tool.public_id,
    }  # fmt: skip


def test_no_page_lets_it_act_or_hide(people: People) -> None:
    rows = hostile_rows(people)
    browser = signed_in(people.admin)
    seen = 0
    for address in desk_addresses(people.environment, rows).values():
        answer = browser.get(address)
        if answer.status_code == 405 or address.endswith("/demo/remove/"):
            continue  # nothing to look at: a deed, and a page that only the demo has
        # Whoever comes back from a service with nothing is told so (400).
        assert answer.status_code in {200, 302, 400}, address
        shown = text(answer)
        seen += html.escape("<script>alert(1)") in shown
        for one in MARKUP:
            assert one not in shown, address
        assert not re.search(r"<(script(?![^>]*\bsrc=)|svg onload|img src=x)", shown), address
        assert not set(HIDDEN) & set(shown), address
        assert not re.search(r'href=["\']?\s*javascript:', shown), address
    # It was on the pages, or this test would show nothing.
    assert seen >= 6


def test_nothing_of_a_payload_is_folded_or_cut(people: People) -> None:
    lines = {f"line {number:04d}": f"value {number} end" for number in range(LINES)}
    long_text = "start-of-it " + "x" * 20_000 + " end-of-it"
    action = ActionFactory(
        environment=people.environment, with_arguments={**lines, "long": long_text}
    )
    address = at(people.environment, "approvals:detail", action=action.public_id)
    shown = html.unescape(text(signed_in(people.may).get(address)))
    assert all(value in shown for value in lines.values())
    assert "x" * 20_000 + " end-of-it" in shown


def test_a_diff_that_lists_not_all_says_so_and_the_payload_shows_every_value(
    people: People,
) -> None:
    members = {f"key{number}": f"value {number} end" for number in range(700)}
    action = ActionFactory(environment=people.environment, with_arguments=members)
    address = at(people.environment, "approvals:detail", action=action.public_id)
    shown = html.unescape(text(signed_in(people.may).get(address)))
    payload = shown[shown.index("data-layout") : shown.index("</code>", shown.index("data-layout"))]
    assert all(value in payload for value in members.values())
    assert "200 more changes are not listed here" in shown

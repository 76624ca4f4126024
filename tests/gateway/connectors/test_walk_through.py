"""The page's "write your own in 60 lines", done so: its code, and a real service desk."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from approvals import executor
from approvals.models import Action
from approvals.services import approve
from gateway.connectors import registry
from gateway.connectors.document import written_into
from gateway.lib.errors import Refused
from gateway.tools import services
from tests.doubles.serving import Asked, Said, Service, serving
from tests.invariants.scene import run_out, scene, sweep_once

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors.md"
CLOSE = {"ticket": "T-7", "answer": "It is on its way."}


@dataclass
class Desk(Service):
    """A service desk with one ticket."""

    ticket: dict[str, str] = field(
        default_factory=lambda: {"title": "Where is my parcel?", "status": "open"}
    )

    def answer(self, asked: Asked) -> Said:
        if asked.steps == ["tickets", "T-7"]:
            return Said(body=self.ticket)
        assert asked.steps == ["tickets", "T-7", "close"]
        key = asked.headers["idempotency-key"]
        self.effects.append(key)
        self.ticket |= {"status": "closed", "closed_by": key, "answer": asked.json["answer"]}
        return Said(body=self.ticket)


@pytest.fixture
def desk(settings):
    with serving(Desk()) as found:
        settings.OUTBOUND_ALLOW = [found.host_port]
        yield found


@pytest.fixture
def _own_connector(settings, tmp_path, monkeypatch):
    """What the page tells a developer to do."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert code is not None
    assert len(code[1].strip().splitlines()) <= 66
    (tmp_path / "our_desk.py").write_text(code[1], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings.CONNECTORS = ["our_desk.DeskConnector"]
    yield
    sys.modules.pop("our_desk", None)


@pytest.fixture
def asked(db, desk, _own_connector):
    """A ticket that an agent asks to close, and the people there."""
    here = scene()
    definition = services.with_offer(
        {"connector": "desk", "operation": "close", "config": {"base_url": desk.url}}
    )
    services.save(here.environment, name="close_ticket", **definition)
    return here, here.ask("close_ticket", arguments=CLOSE)


def approved(here, action):
    return approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)


def test_reviewers_see_the_ticket_as_it_stands(asked):
    _, action = asked

    assert (action.status, action.before["status"], action.after["status"]) == (
        "pending", "open", "closed",
    )  # fmt: skip
    assert action.effect == "Close T-7 with the answer: It is on its way."
    assert action.affected[0]["label"] == "Where is my parcel?"


def test_the_ticket_is_closed_once_after_the_approval(asked, desk):
    here, action = asked
    assert desk.effects == []

    executor.execute(str(approved(here, action).pk))

    action.refresh_from_db()
    assert (action.status, desk.effects) == ("succeeded", [action.public_id])
    assert action.result["answer"] == CLOSE["answer"]


def test_a_lost_answer_is_looked_up_and_the_ticket_is_closed_once(asked, desk):
    here, action = asked
    desk.after = [None]

    executor.execute(str(approved(here, action).pk))
    run_out(Action.objects.filter(pk=action.pk), "due_at")
    sweep_once()

    action.refresh_from_db()
    assert action.status == "succeeded"

    assert desk.effects == [action.public_id]


def test_a_tool_that_asks_for_something_else_is_refused(asked, desk):
    here, _ = asked
    definition = services.with_offer(
        {"connector": "desk", "operation": "close", "config": {"base_url": desk.url}}
    )
    definition["input_schema"] = {
        "type": "object", "properties": {"ticket": {"type": "string"}}, "required": ["ticket"],
        "additionalProperties": False,
    }  # fmt: skip
    definition["effect"] = "Close {{ ticket }}"
    with pytest.raises(Refused) as found:
        services.save(here.environment, name="other", **definition)
    assert "needs answer" in str(found.value)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("nowhere.AtAll", "nowhere"),
        ("gateway.connectors.http.HttpConnector", "there is a connector 'http' already"),
    ],
)
def test_a_connector_that_cannot_be_used_is_named(settings, named, words):
    settings.CONNECTORS = [named]
    with pytest.raises(ImproperlyConfigured, match=words):
        registry.known()


def test_the_page_lists_what_the_connectors_say():
    page = PAGE.read_text("utf-8")
    connectors = [registry.connector(name) for name in registry.offered()]
    assert page == written_into(page, connectors), "Run `manage.py connector_table --write`."

"""Invariant 6: what executes is byte for byte what the reviewer saw and approved."""

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals.models import Action
from approvals.services import approve
from approvals.states import ActionStatus
from gateway.connections import services as connections
from tests.desk import at, signed_in, text
from tests.factories.tools import LONG_TEXT, strict
from tests.flows.outside import Outside, outside
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
TOKEN = "token-of-the-service"
NOTE = 'Räksmörgås “quoted” \\ / \u202e hidden <b>&amp; "5" 1e3'


@pytest.fixture
def service(settings: Any) -> Iterator[Outside]:
    with outside() as running:
        settings.OUTBOUND_ALLOW = [running.place]
        yield running


@pytest.fixture
def here(service: Outside) -> Scene:
    from gateway.tools.services import save

    made = scene()
    connection = connections.create(made.environment, slug="them", kind="bearer", value=TOKEN)
    save(
        made.environment, name="post", connection=connection, side_effect="write", risk="low",
        retry_class="idempotent", connector="http", operation="request", effect="Post {{ note }}",
        input_schema=strict(note=LONG_TEXT, id=LONG_TEXT),
        config={"method": "POST", "url": f"{service.url}/items/{{id}}"},
    )  # fmt: skip
    return made


def test_the_request_on_the_wire_is_the_one_on_the_page(
    here: Scene, service: Outside, settle: Callable[..., list[Any]]
) -> None:
    person = here.people.may
    action = here.ask("post", arguments={"note": NOTE, "id": "a/b ?#%"})
    address = at(here.environment, "approvals:detail", action=action.public_id)
    page = text(signed_in(person).get(address))
    digest = re.search(r'name="digest" value="(\w+)"', page)
    assert digest is not None

    approve(action=action, by=here.people.principal(person), digest=digest[1])
    settle()
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    (request,) = service.posts("/")
    approved = action.rendered_value
    assert approved is not None
    assert request.body.decode() == approved["body"]
    assert service.url + request.path == approved["url"]
    assert request.path == "/items/a%2Fb%20%3F%23%25"
    assert request.path in html.unescape(page)
    # The secret joined on the way out: it was never part of what people see.
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in action.rendered + page


@pytest.mark.parametrize(
    "change",
    [
        {"rendered": '{"kind":"http","method":"POST","url":"http://127.0.0.1:1/"}'},
        {"digest": "0" * 64},
        {"version": 2},
        {"requester_id": "agt_somebody_else"},
    ],
)
def test_what_was_changed_after_the_vote_is_not_sent(
    here: Scene, service: Outside, settle: Callable[..., list[Any]], change: dict[str, Any]
) -> None:
    action = here.ask("post", arguments={"note": "one", "id": "1"})
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    Action.objects.filter(pk=action.pk).update(**change)
    settle()
    action.refresh_from_db()
    assert service.posts("/") == []
    assert action.status in {ActionStatus.DENIED, ActionStatus.PENDING}

"""The desk's pages of outcomes: what is known of an attempt, settling it, again, and undoing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve, save_policy
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.tenants.freshness import Authentication
from tests.approvals.execution.test_looking_up import work
from tests.desk import HTMX, at, signed_in, text
from tests.factories.factors import with_passkey
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here(service: FakeConnector) -> Scene:
    return scene(operation="lose", retry_class="unsafe")


@pytest.fixture
def action(here: Scene) -> Action:
    return work(here.approved())


def page(action: Action, name: str = "detail") -> str:
    return at(action.environment, f"approvals:{name}", action=action.public_id)


def test_the_page_of_an_unknown_outcome_shows_what_was_sent_and_who_may_settle_it(
    here: Scene, action: Action
) -> None:
    shown = text(signed_in(here.people.operator).get(page(action)))
    assert "Find out what became of it" in shown
    assert f"<code>{action.public_id}</code>" in shown
    assert "Say what happened" in shown
    assert "Look again" not in shown
    viewed = text(signed_in(here.people.may).get(page(action)))
    assert "An operator or an admin settles it" in viewed
    assert "Say what happened" not in viewed


def test_an_operator_settles_it_with_evidence_and_others_may_not(
    here: Scene, action: Action
) -> None:
    told = {"outcome": "succeeded", "evidence": "Order 1043 shows it."}
    for who in (here.people.may, here.people.may_not, here.people.auditor):
        assert signed_in(who).post(page(action, "reconcile"), told).status_code == 403
    assert signed_in(here.people.stranger).get(page(action, "reconcile")).status_code == 404
    operator = signed_in(here.people.operator)
    assert operator.post(page(action, "reconcile"), {"outcome": "succeeded"}).status_code == 422
    assert operator.post(page(action, "reconcile"), told).status_code == 302
    action.refresh_from_db()
    assert (action.status, action.reason) == (ActionStatus.SUCCEEDED, "Order 1043 shows it.")
    assert operator.post(page(action, "reconcile"), told).status_code == 409


def test_one_orders_to_run_it_again_and_somebody_else_confirms(here: Scene, action: Action) -> None:
    operator, admin = signed_in(here.people.operator), signed_in(here.people.admin)
    assert operator.post(page(action, "run_again"), {"reason": ""}).status_code == 422
    assert operator.post(page(action, "run_again"), {"reason": "No trace."}).status_code == 302
    assert "Somebody else than you confirms it" in text(operator.get(page(action)))
    asked = text(admin.get(page(action, "run_again")))
    assert "No trace." in asked
    order = action.orders.get().public_id
    assert operator.post(page(action, "run_again"), {"order": order}).status_code == 403
    assert admin.post(page(action, "run_again"), {"order": order}).status_code == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert "confirmed that it runs again" in text(admin.get(page(action)))


def test_where_the_rule_asks_for_proof_both_people_give_it_first(service: FakeConnector) -> None:
    here = scene(operation="lose", retry_class="unsafe")
    rules = [{"name": "all", "when": "true", "verdict": "require_approval", "step_up": True}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")
    asked = here.ask()
    proof = Authentication(timezone.now(), ("password",))
    by = replace(here.people.principal(here.people.may), authentication=proof)
    approve(action=asked, by=by, digest=asked.digest)
    action = work(asked)
    operator, admin = here.people.operator, here.people.admin

    form = text(signed_in(operator).get(page(action, "run_again")))
    assert "This asks for your password first" in form
    assert "<textarea" not in form
    led = signed_in(operator).post(page(action, "run_again"), {"reason": "No trace."})
    assert quote(page(action, "run_again"), safe="") in led["Location"]
    assert not action.orders.exists()

    passkeys = {person.pk: with_passkey(person) for person in (operator, admin)}
    for person in (operator, admin):
        browser = signed_in(person)
        form = text(browser.get(page(action, "run_again")))
        assert f'data-options-from="{page(action, "challenge")}"' in form
        assert ("Sign and order it" in form) is (person == operator)
        assert ("Sign and run it again" in form) is (person == admin)
        given = browser.post(page(action, "challenge")).json()
        credential = passkeys[person.pk].sign(given["publicKey"])
        assertion = json.dumps({"challenge": given["challenge"], "credential": credential})
        order = action.orders.first()
        posted = {"order": order.public_id} if order else {"reason": "No trace."}
        unsigned = browser.post(page(action, "run_again"), posted)
        assert "reauthenticate" in unsigned["Location"]
        answer = browser.post(page(action, "run_again"), {**posted, "assertion": assertion})
        assert answer.status_code == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED


def test_an_older_page_cannot_confirm_what_is_ordered_no_more(here: Scene, action: Action) -> None:
    admin = signed_in(here.people.admin)
    assert admin.post(page(action, "run_again"), {"order": "rag_x"}).status_code == 409


def test_the_service_is_asked_again_at_the_press_of_a_button(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(operation="mumble", retry_class="unsafe")
    with monkeypatch.context() as patch:
        patch.setattr(service, "lookup", lambda request: 1 / 0)
        action = work(here.approved(), times=10)
    operator = signed_in(here.people.operator)
    shown = text(operator.get(page(action)))
    assert "Look again" in shown
    assert "The service could not be asked" in shown
    assert operator.get(page(action, "look_again")).status_code == 302
    assert operator.post(page(action, "look_again"), headers=HTMX).status_code == 200
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


def test_what_succeeded_is_undone_from_its_page_and_both_link_to_each_other(
    service: FakeConnector,
) -> None:
    undo = {"operation": "echo", "effect": "Take the note {{ note }} back"}
    here = scene(compensate=undo)
    action = work(here.approved())
    person = signed_in(here.people.second)
    shown = text(person.get(page(action)))
    assert "Can be undone: Take the note hello back" in shown
    assert page(action, "compensate") in shown
    assert page(action, "compensate") not in text(signed_in(here.people.may_not).get(page(action)))
    answer = person.post(page(action, "compensate"), {"reason": "Wrong one."})
    made = Action.objects.get(undoes=action)
    assert answer["Location"] == page(made)
    assert page(action) in text(person.get(page(made)))
    again = text(person.get(page(action)))
    assert page(made) in again
    assert page(action, "compensate") not in again
    assert person.post(page(action, "compensate"), {"reason": ""}).status_code == 409


def test_a_result_that_is_not_what_was_promised_is_marked_on_the_page(
    service: FakeConnector,
) -> None:
    promised = {"type": "object", "properties": {"id": {}}, "required": ["id"]}
    here = scene(output_schema=promised)
    action = work(here.approved())
    shown = text(signed_in(here.people.may).get(page(action)))
    assert "not what the tool promises" in shown


def test_a_card_links_to_what_else_is_open_on_its_target_and_says_what_it_waits_for(
    service: FakeConnector,
) -> None:
    from approvals import executor

    here = scene(affected='["note:" + args.note]')
    first, second = here.approved(call_id="1"), here.approved(call_id="2")
    reader = signed_in(here.people.may)
    assert page(second) in text(reader.get(page(first)))
    assert executor.claim(str(first.pk)) is not None
    assert "Waits for its target" in text(reader.get(page(second)))


def test_a_page_says_that_its_target_moved(service: FakeConnector) -> None:
    here = scene(config={"before": {"total": "120.00"}})
    action = here.approved()
    service.world["total"] = "90.00"
    work(action)
    shown = text(signed_in(here.people.may).get(page(action)))
    assert "The target moved since this was decided" in shown
    assert "90.00" in shown

"""Break-glass: one person decides alone, with a reason, an alarm, and a review that others owe."""

import json

import pytest

from approvals.models import Action, Approval, BreakGlass
from approvals.services import approve, break_glass, edit, review_break_glass, save_policy, undo
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants.models import MemberRole
from gateway.tenants.roles import Role
from tests.desk import at, signed_in, text
from tests.invariants.doors import api
from tests.invariants.scene import Scene, fakes, scene
from tests.people import person

pytestmark = pytest.mark.django_db
TWO = {"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2, "hold_s": 60}
WHY = "The shop is down and everybody sleeps."


@pytest.fixture
def here() -> Scene:
    made = scene()
    save_policy(made.environment, name="p", comment="c", rules=[TWO])
    return made


@pytest.fixture
def connector():
    with fakes() as (connector, _):
        yield connector


def alone(here: Scene, action: Action | None = None, **more) -> Action:
    action = action or here.ask()
    wish = {"by": here.people.principal(here.people.admin), "digest": action.digest, "reason": WHY}
    return break_glass(action=action, **(wish | more))


def test_an_admin_decides_alone_and_it_runs_at_once(here, connector, settle):
    action = alone(here)
    settle()
    action.refresh_from_db()

    assert (action.status, len(connector.effects)) == (ActionStatus.SUCCEEDED, 1)
    found = BreakGlass.objects.get()
    assert (found.reason, found.asked_for) == (WHY, "2 of role:reviewer")
    record = AuditRecord.objects.get(action="approvals.break_glass.used")
    assert record.actor_id == here.people.admin.public_id


def test_a_second_one_is_refused_while_the_first_is_not_reviewed(here):
    first, second = alone(here), here.ask(arguments={"note": "more"})
    with pytest.raises(Conflict, match="not reviewed"):
        alone(here, second)
    second.refresh_from_db()
    assert second.status == ActionStatus.PENDING
    assert not second.approvals.exists()

    by = here.people.principal(person(here.environment, Role.ADMIN))
    review_break_glass(
        emergency=first.emergencies.get(),
        by=by,
        finding="justified",
        comment="Looked at the outage.",
    )
    assert alone(here, second).status == ActionStatus.APPROVED
    assert AuditRecord.objects.filter(action="approvals.break_glass.reviewed").count() == 1


def test_who_may_not_cannot(here):
    action = here.ask()
    for who in (here.people.may, here.people.operator, here.people.may_not, here.people.auditor):
        with pytest.raises(Denied):
            alone(here, action, by=here.people.principal(who))
    here.agent.owner = here.people.member(here.people.admin)
    here.agent.save()
    with pytest.raises(Denied, match="answer for"):
        alone(here, action)
    assert not BreakGlass.objects.exists()


def test_who_edited_it_cannot_whoever_edited_it_since(here):
    action = here.ask()
    for who, note in ((here.people.admin, "theirs"), (here.people.may, "theirs.")):
        by = here.people.principal(who)
        action = edit(action=action, by=by, digest=action.digest, arguments={"note": note})
    with pytest.raises(Denied, match="edited"):
        alone(here, action)
    other = here.people.principal(person(here.environment, Role.ADMIN))
    assert alone(here, action, by=other).status == ActionStatus.APPROVED


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
def test_a_reason_is_needed(here, reason):
    with pytest.raises(Refused):
        alone(here, reason=reason)


def test_what_changed_since_it_was_shown_is_not_decided(here):
    with pytest.raises(StaleState):
        alone(here, digest="0" * 64)


def test_policy_that_denies_now_is_not_overruled(here, connector, settle):
    action = alone(here)
    save_policy(
        here.environment, name="p", comment="c", rules=[{**TWO, "verdict": "deny", "quorum": None}]
    )
    settle()
    action.refresh_from_db()
    assert (action.status, connector.effects) == (ActionStatus.DENIED, {})


def test_who_lost_the_role_meanwhile_decided_nothing(here, connector, settle):
    action = alone(here)
    MemberRole.objects.filter(member__user=here.people.admin).update(role=Role.REVIEWER)
    settle()
    action.refresh_from_db()
    assert (action.status, connector.effects) == (ActionStatus.PENDING, {})


def test_a_forged_or_unnoted_one_decides_nothing(here, connector, settle):
    action = alone(here)
    Approval.objects.update(signature="0" * 128)
    settle()
    action.refresh_from_db()
    assert (action.status, connector.effects) == (ActionStatus.PENDING, {})


def test_a_vote_called_so_without_its_note_decides_nothing(here, connector, settle):
    action = alone(here)
    BreakGlass.objects.all().delete()
    settle()
    action.refresh_from_db()
    assert (action.status, connector.effects) == (ActionStatus.PENDING, {})


def test_it_is_no_vote_among_the_others(here):
    action = here.ask()
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    assert alone(here, action).status == ActionStatus.APPROVED
    other = here.ask(arguments={"note": "other"})
    with pytest.raises(Conflict):
        alone(here, other)
    approve(action=other, by=here.people.principal(here.people.admin), digest=other.digest)


def test_whoever_did_it_does_not_review_it_and_nobody_twice(here):
    found = alone(here).emergencies.get()
    wish = {"emergency": found, "finding": "unjustified", "comment": "It could have waited."}
    with pytest.raises(Denied):
        review_break_glass(by=here.people.principal(here.people.admin), **wish)
    with pytest.raises(Denied):
        review_break_glass(by=here.people.principal(here.people.may), **wish)
    auditor = here.people.principal(here.people.auditor)
    with pytest.raises(Refused):
        review_break_glass(by=auditor, **{**wish, "finding": "fine"})
    with pytest.raises(Refused):
        review_break_glass(by=auditor, **{**wish, "comment": ""})
    assert review_break_glass(by=auditor, **wish).finding == "unjustified"
    with pytest.raises(Conflict):
        review_break_glass(by=auditor, **wish)


def test_on_the_desk_with_an_alarm_on_every_page_until_it_is_reviewed(here):
    action = here.ask()
    browser = signed_in(here.people.admin)
    page = at(here.environment, "approvals:break_glass", action=action.public_id)
    detail = at(here.environment, "approvals:detail", action=action.public_id)
    assert "Nobody else can decide in time" in text(browser.get(detail))
    assert "Nobody else can" not in text(signed_in(here.people.may).get(detail))
    assert "Decide alone" in text(browser.get(page))
    assert browser.post(page, {"digest": action.digest, "reason": ""}).status_code == 422
    assert browser.post(page, {"digest": action.digest, "reason": WHY}).status_code == 302

    runs = at(here.environment, "runs:list")
    assert "decided alone" in text(signed_in(here.people.may_not).get(runs))
    row = BreakGlass.objects.get()
    review = at(here.environment, "approvals:review_break_glass", emergency=row.public_id)
    second = signed_in(person(here.environment, Role.ADMIN, Role.AUDITOR))
    assert WHY in text(second.get(review))
    assert browser.post(review, {"finding": "justified", "comment": "me"}).status_code in (403, 422)
    sent = second.post(review, {"finding": "justified", "comment": "The outage was real."})
    assert sent.status_code == 302
    assert "decided alone" not in text(signed_in(here.people.may_not).get(runs))
    listed = text(second.get(at(here.environment, "approvals:emergencies")))
    assert "The outage was real." in listed


def test_by_api(here):
    action = here.ask()
    key = api(here.people.member(here.people.admin), here.environment)
    body = json.dumps({"digest": action.digest, "reason": WHY})
    address = f"/api/v1/actions/{action.public_id}/break-glass"
    reviewer = api(here.people.member(here.people.may), here.environment)
    assert reviewer.post(address, body, content_type="application/json").status_code == 403
    done = key.post(address, body, content_type="application/json")
    assert (done.status_code, done.json()["status"]) == (200, "approved")
    (row,) = key.get("/api/v1/break-glass").json()["items"]
    assert (row["action"], row["finding"]) == (action.public_id, "")


def test_undo_takes_it_back_while_nothing_was_claimed(here):
    action = alone(here)
    with pytest.raises(StaleState):
        undo(action=action, by=here.people.principal(here.people.admin))


def test_whoever_answers_for_the_action_does_not_review_it_either(here):
    alone(here)
    owner = here.people.member(here.people.owner)
    MemberRole.objects.create(member=owner, environment=here.environment, role=Role.AUDITOR)
    by = here.people.principal(here.people.owner)

    with pytest.raises(Denied, match="answers for it"):
        review_break_glass(
            emergency=BreakGlass.objects.get(), by=by, finding="justified", comment="Fine."
        )

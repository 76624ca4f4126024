"""The desk's pages about actions: who sees and decides what, with htmx and without script."""

import json
import re

import pytest

from approvals.models import Approval
from approvals.requirement import Requirement
from approvals.states import ActionStatus
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.approvals import ActionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def action(met):
    return ActionFactory(environment=met.environment)


def page(action, verb="detail"):
    return at(action.environment, f"approvals:{verb}", action=action.public_id)


def approve(user, action, **more):
    return signed_in(user).post(page(action, "approve"), {"digest": action.digest}, headers=more)


def test_a_reviewer_approves_what_was_shown(met, action):
    answer = approve(met.may, action)
    action.refresh_from_db()
    assert answer.status_code == 302
    assert action.status == ActionStatus.APPROVED
    assert Approval.objects.get().digest == action.digest


def test_htmx_gets_the_action_and_the_new_count(met, action):
    answer = approve(met.may, action, **HTMX)
    shown = text(answer)
    assert answer.status_code == 200
    assert 'id="action"' in shown
    assert 'id="inbox-count"' in shown
    assert 'hx-swap-oob="true"' in shown
    assert "<html" not in shown
    assert "cs:decided" in json.loads(answer["HX-Trigger"])


def test_the_desk_learns_whether_the_same_person_goes_on_with_the_action(met, action):
    comment = signed_in(met.may).post(page(action, "comment"), {"text": "Hm."}, headers=HTMX)
    assert told(comment) == {"said": f"Commented on: {action.effect}", "stays": True}
    assert told(approve(met.may, action, **HTMX))["stays"] is False


def test_what_is_said_of_a_long_effect_fits_a_header(met):
    long = ActionFactory(environment=met.environment, effect="Write \u202e" * 2000)
    assert len(approve(met.may, long, **HTMX)["HX-Trigger"]) < 1200


def told(answer):
    return json.loads(answer["HX-Trigger"])["cs:decided"]


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
def test_nobody_is_asked_about_what_is_decided(met, action, verb):
    approve(met.may, action)
    answer = signed_in(met.second).get(page(action, verb), follow=True)
    assert answer.redirect_chain == [(page(action), 302)]
    assert "It is approved already" in text(answer)


def test_a_viewer_cannot_decide_and_reads_why(met, action):
    answer = approve(met.may_not, action)
    action.refresh_from_db()
    assert answer.status_code == 403
    assert "do not let you decide" in text(answer)
    assert action.status == ActionStatus.PENDING


def test_a_stranger_does_not_find_the_action(met, action):
    assert approve(met.stranger, action).status_code == 404


def test_the_agents_owner_cannot_approve_its_action(met):
    from tests.factories.agents import AgentFactory

    agent = AgentFactory(environment=met.environment, owner=met.member(met.owner))
    own = ActionFactory(environment=met.environment, agent=agent)
    assert approve(met.owner, own).status_code == 403


def test_a_stale_digest_is_a_conflict_that_shows_the_action_as_it_stands(met, action):
    answer = signed_in(met.may).post(page(action, "approve"), {"digest": "0" * 64}, headers=HTMX)
    assert answer.status_code == 409
    assert "changed since you looked" in text(answer)
    assert action.digest in text(answer)


def test_a_second_decision_is_a_conflict(met, action):
    approve(met.may, action)
    assert approve(met.second, action).status_code == 409


def test_a_get_never_decides(met, action):
    answer = signed_in(met.may).get(page(action, "approve"), {"digest": action.digest})
    action.refresh_from_db()
    assert answer.status_code == 200
    assert action.status == ActionStatus.PENDING


def test_a_rejection_needs_a_reason(met, action):
    answer = signed_in(met.may).post(page(action, "reject"), {"digest": action.digest})
    action.refresh_from_db()
    assert answer.status_code == 422
    assert "Say why" in text(answer)
    assert action.status == ActionStatus.PENDING


def test_htmx_gets_the_form_with_its_errors_into_the_dialog(met, action):
    answer = signed_in(met.may).post(
        page(action, "reject"), {"digest": action.digest}, headers=HTMX
    )
    assert answer.status_code == 422
    assert answer["HX-Retarget"] == "#reject-form"


def test_a_rejection_carries_preset_and_text_to_the_agent(met, action):
    data = {"digest": action.digest, "preset": "Wrong amount", "reason": "49.00, not 49.90"}
    signed_in(met.may).post(page(action, "reject"), data)
    action.refresh_from_db()
    assert action.status == ActionStatus.REJECTED
    assert action.reason == "Wrong amount: 49.00, not 49.90"


def test_an_operator_cancels_and_a_reviewer_may_not(met, action):
    assert signed_in(met.may).post(page(action, "cancel")).status_code == 403
    assert signed_in(met.operator).post(page(action, "cancel")).status_code == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.CANCELED


def test_the_card_has_its_four_blocks_and_posts_the_digest(met, action):
    shown = text(signed_in(met.may).get(page(action)))
    for block in ("What will happen", "Who is affected", "Exact payload", "Risk"):
        assert block in shown
    assert f'name="digest" value="{action.digest}"' in shown


@pytest.mark.parametrize(
    ("length", "heading"), [(140, "cs-title "), (480, "cs-title is-long"), (481, "is-longest")]
)
def test_a_long_sentence_is_a_smaller_heading_and_whole_in_the_first_block(met, length, heading):
    effect = "Tell all. " * 100
    action = ActionFactory(environment=met.environment, effect=effect[:length])
    shown = text(signed_in(met.may).get(page(action)))
    assert f'{heading}">{action.effect}</h1>' in shown
    assert f'<p class="cs-effect">{action.effect}</p>' in shown
    assert ("The whole sentence stands below" in shown) == (heading == "is-longest")


def test_hostile_text_renders_inertly_and_visibly(met):
    hostile = ActionFactory(
        environment=met.environment,
        with_arguments={"note": "statement_\u202efdp.exe <script>alert(1)</script>"},
        effect="Send statement_\u202efdp.exe <img src=x>",
        agent_reason="<b>trust me</b> https://evil.example",
    )
    shown = text(signed_in(met.may).get(page(hostile)))
    assert "[U+202E]" in shown.split("</title>")[0]
    assert 'data-char="U+202E"' in shown
    assert "\u202e" not in shown
    assert "<script>alert" not in shown
    assert "<img src=x>" not in shown
    assert "<b>trust me" not in shown
    assert "hides" in shown


def test_the_card_warns_when_nobody_is_executing(met, action):
    assert "Nobody is executing" in text(signed_in(met.may).get(page(action)))


def test_the_warning_ends_when_a_worker_beats(met, action):
    from gateway.lib import heartbeat

    heartbeat.beat("worker")
    assert "Nobody is executing" not in text(signed_in(met.may).get(page(action)))


def test_the_card_warns_when_nobody_can_decide(met):
    asked = Requirement(reviewers=("group:nobody",)).as_dict()
    lonely = ActionFactory(environment=met.environment, requirement=asked)
    assert "Nobody can decide this" in text(signed_in(met.may).get(page(lonely)))


def test_an_action_without_a_tool_still_has_a_page(met):
    refused = ActionFactory(
        environment=met.environment, tool_version=None, tool_name="no_such_tool", arguments="",
        rendered="", effect="", requirement=None, status=ActionStatus.INVALID, code="not_permitted",
    )  # fmt: skip
    answer = signed_in(met.may).get(page(refused))
    assert answer.status_code == 200
    assert "no_such_tool" in text(answer)


def test_the_inbox_holds_what_waits_for_this_person(met, action):
    inbox = at(met.environment, "approvals:inbox")
    assert action.public_id in text(signed_in(met.may).get(inbox))
    assert action.public_id not in text(signed_in(met.may_not).get(inbox))
    assert action.public_id in text(signed_in(met.may_not).get(inbox, {"tab": "team"}))


def test_an_action_leaves_my_inbox_when_i_voted_and_others_are_needed(met):
    asked = Requirement(reviewers=("role:reviewer",), quorum=2).as_dict()
    action = ActionFactory(environment=met.environment, requirement=asked)
    approve(met.may, action)
    inbox = at(met.environment, "approvals:inbox")
    row = f'id="row-{action.public_id}"'
    assert row not in text(signed_in(met.may).get(inbox))
    assert row in text(signed_in(met.second).get(inbox))


def test_the_inbox_answers_parts_for_htmx(met, action):
    browser, inbox = signed_in(met.may), at(met.environment, "approvals:inbox")
    rows = text(browser.get(inbox, {"part": "rows"}, headers=HTMX))
    assert action.public_id in rows
    assert "<html" not in rows
    assert "1 new" in text(browser.get(inbox, {"part": "new"}, headers=HTMX))
    after = {"part": "new", "after": action.public_id}
    assert "new" not in text(browser.get(inbox, after, headers=HTMX))


def test_links_in_a_part_of_the_inbox_lead_to_whole_pages(met, action):
    inbox = at(met.environment, "approvals:inbox")

    rows = text(signed_in(met.may).get(inbox, {"part": "rows", "tab": "team"}, headers=HTMX))

    addresses = re.findall(r'href="([^"]+)"', rows)
    assert addresses
    assert not [address for address in addresses if "part=" in address]
    assert not re.findall(r"part=rows[^\"]*part=rows", rows)


def test_a_selected_action_stands_beside_the_list(met, action):
    inbox = at(met.environment, "approvals:inbox")
    shown = text(signed_in(met.may).get(inbox, {"selected": action.public_id}))
    assert f'data-action="{action.public_id}"' in shown


def test_filters_narrow_the_list(met, action):
    browser, listed = signed_in(met.may), at(met.environment, "approvals:list")
    assert action.public_id in text(browser.get(listed, {"q": action.public_id}))
    assert action.public_id in text(browser.get(listed, {"agent": action.agent.slug}))
    assert action.public_id not in text(browser.get(listed, {"status": "failed"}))


def test_a_csv_cell_is_never_a_formula(met):
    ActionFactory(environment=met.environment, effect="=HYPERLINK(1)")
    listed = at(met.environment, "approvals:list")
    shown = text(signed_in(met.may).get(listed, {"format": "csv"}))
    assert "'=HYPERLINK(1)" in shown

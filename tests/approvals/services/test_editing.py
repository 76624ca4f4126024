"""Edit, then approve: judged anew, voted on anew, kept beside what the agent asked."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.models import Action, Approval
from approvals.quorum import Requirement
from approvals.services import approve, binding, edit, save_policy, versions
from approvals.services.reading import eligible_reviewers
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.agents.services import create_api_key
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants import principals
from gateway.tenants.roles import Role
from gateway.tools.models import Tool
from gateway.tools.services import save
from tests.factories.tenants import GroupFactory
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.scene import Scene, fakes, scene
from tests.people import person

pytestmark = pytest.mark.django_db
OTHER = {"note": "goodbye"}


@pytest.fixture
def here() -> Scene:
    return scene()


def changed(here: Scene, action: Action, arguments: Any = None, **more: Any) -> Action:
    by = here.people.principal(here.people.may)
    return edit(
        action=action, by=by, digest=action.digest, arguments=arguments or OTHER, **more
    )  # fmt: skip


def rule(here: Scene, when: str, verdict: str, **more: Any) -> None:
    rules = [{"name": "a rule", "when": when, "verdict": verdict, **more}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")


def second_needed(here: Scene) -> None:
    rule(here, 'tool.name == "note"', "require_approval", edit_needs_second=True)


def test_an_edit_is_a_new_version_that_nobody_has_voted_on(here: Scene) -> None:
    rule(here, "true", "require_approval", quorum=2)
    action = here.ask()
    approve(action=action, by=here.people.principal(here.people.second), digest=action.digest)
    edited = changed(here, action, comment="Politer.")

    assert (edited.version, edited.status) == (2, ActionStatus.PENDING)
    assert edited.arguments_value == OTHER
    assert edited.effect == "Write the note goodbye"
    assert edited.rendered_value == {"kind": "fake", "operation": "echo", "arguments": OTHER}
    assert edited.digest not in ("", action.digest)
    assert edited.nonce != action.nonce
    assert edited.editor == here.people.may
    assert binding.digest_of(edited) == edited.digest
    assert Approval.objects.get().void_at is not None
    assert edited.agent == action.agent


def test_an_edited_first_use_is_judged_as_the_first_use_still(here: Scene) -> None:
    rule(here, "history.is_first_use && history.calls_24h == 0", "require_approval")
    action = here.ask()
    edited = changed(here, action)
    assert (action.rule, edited.rule, edited.status) == ("a rule", "a rule", ActionStatus.PENDING)


def test_what_was_proposed_and_what_it_became_are_both_kept(here: Scene) -> None:
    action = here.ask(reason="The customer asked.")
    edited = changed(here, action, comment="Politer.")
    asked, made = edited.versions.select_related("made_by")
    assert (asked.origin, asked.arguments, asked.comment) == (
        "proposed", '{"note":"hello"}', "The customer asked.",
    )  # fmt: skip
    assert (made.origin, made.arguments, made.comment) == (
        "edited", '{"note":"goodbye"}', "Politer.",
    )  # fmt: skip
    assert (asked.made_by, made.made_by) == (None, here.people.may)
    assert (asked.digest, made.digest) == (action.digest, edited.digest)
    assert binding.digest_of(versions.as_of(asked)) == action.digest
    record = AuditRecord.objects.get(action="approvals.action.edited")
    assert record.body_json["meta"]["paths"] == ["/note"]
    assert "goodbye" not in record.body


def test_the_edited_request_is_what_runs(here: Scene, settle: Any) -> None:
    with fakes() as (connector, _):
        edited = changed(here, here.ask())
        approve(action=edited, by=here.people.principal(here.people.may), digest=edited.digest)
        settle()
        assert [dict(call.arguments) for call in connector.calls] == [OTHER]
    edited.refresh_from_db()
    assert edited.status == ActionStatus.SUCCEEDED


def test_a_vote_on_what_was_shown_before_the_edit_is_refused_with_the_present_digest(
    here: Scene,
) -> None:
    action = here.ask()
    edited = changed(here, action)
    second = here.people.principal(here.people.second)
    for decide in (approve, edit):
        more = {"arguments": {"note": "third"}} if decide is edit else {}
        with pytest.raises(StaleState) as refused:
            decide(action=action, by=second, digest=action.digest, **more)
        assert refused.value.extra["digest"] == edited.digest
    edited.refresh_from_db()
    assert (edited.version, edited.arguments_value) == (2, OTHER)


def test_approving_with_arguments_edits_and_votes_at_once(here: Scene) -> None:
    action = here.ask()
    by = here.people.principal(here.people.may)
    done = approve(action=action, by=by, digest=action.digest, arguments=OTHER, comment="So.")
    assert (done.status, done.version) == (ActionStatus.APPROVED, 2)
    assert Approval.objects.get().digest == done.digest


def test_approving_with_arguments_is_no_yes_to_a_definition_in_doubt(here: Scene) -> None:
    action = here.ask()
    Tool.objects.update(drifted_at=timezone.now())
    by = here.people.principal(here.people.may)
    with pytest.raises(StaleState, match="describes the tool otherwise"):
        approve(action=action, by=by, digest=action.digest, arguments=OTHER)
    action.refresh_from_db()
    assert (action.version, Approval.objects.count()) == (1, 0)
    # To say what it should be is not to say yes.
    assert edit(action=action, by=by, digest=action.digest, arguments=OTHER).version == 2


def test_where_an_edit_needs_a_second_person_the_editor_waits_for_them(here: Scene) -> None:
    second_needed(here)
    action = here.ask()
    by = here.people.principal(here.people.may)
    edited = approve(action=action, by=by, digest=action.digest, arguments=OTHER)
    assert (edited.status, Approval.objects.count()) == (ActionStatus.PENDING, 0)
    with pytest.raises(Denied, match="edited this action"):
        approve(action=edited, by=by, digest=edited.digest)
    second = here.people.principal(here.people.second)
    done = approve(action=edited, by=second, digest=edited.digest)
    assert done.status == ActionStatus.APPROVED


@pytest.mark.parametrize("last", [{"note": "goodbye!"}, {"note": "hello"}])
def test_no_further_edit_makes_an_earlier_editor_the_second_person(
    here: Scene, last: dict[str, str]
) -> None:
    second_needed(here)
    edited = changed(here, here.ask())
    second = here.people.principal(here.people.second)
    again = edit(action=edited, by=second, digest=edited.digest, arguments=last)
    for editor in (here.people.may, here.people.second):
        by = here.people.principal(editor)
        with pytest.raises(Denied, match="edited this action"):
            approve(action=again, by=by, digest=again.digest)
        assert editor not in [member.user for member in eligible_reviewers(again)]
    third = here.people.principal(here.people.admin)
    done = approve(action=again, by=third, digest=again.digest)
    assert done.status == ActionStatus.APPROVED


def test_an_editor_stays_one_when_the_action_comes_back_to_people(here: Scene) -> None:
    second_needed(here)
    edited = changed(here, here.ask())
    back = here.people.principal(here.people.admin)
    action = approve(action=edited, by=back, digest=edited.digest)
    versions.return_to_review(action, binding.requirement_of(action))
    by = here.people.principal(here.people.may)
    with pytest.raises(Denied, match="edited this action"):
        approve(action=action, by=by, digest=action.digest)


def test_where_no_second_person_is_asked_for_every_editor_has_a_vote(here: Scene) -> None:
    rule(here, "true", "require_approval", quorum=2, edit_needs_second=False)
    edited = changed(here, here.ask())
    second = here.people.principal(here.people.second)
    again = approve(
        action=edited, by=second, digest=edited.digest, arguments={"note": "third"}
    )  # fmt: skip
    by = here.people.principal(here.people.may)
    assert approve(action=again, by=by, digest=again.digest).status == ActionStatus.APPROVED


def test_the_editors_are_asked_for_once_however_many_people_decide(here: Scene) -> None:
    second_needed(here)
    edited = changed(here, here.ask())
    for _ in range(5):
        person(here.environment, Role.REVIEWER)
    with CaptureQueriesContext(connection) as caught:
        assert len(eligible_reviewers(edited)) > 5
    told = [query for query in caught if "approvals_actionversion" in query["sql"]]
    assert len(told) == 1


def test_unchanged_arguments_are_no_edit(here: Scene) -> None:
    second_needed(here)
    action = here.ask()
    with pytest.raises(Refused, match="arguments that it has"):
        changed(here, action, {"note": "hello"})
    by = here.people.principal(here.people.may)
    done = approve(action=action, by=by, digest=action.digest, arguments={"note": "hello"})
    assert (done.status, done.version) == (ActionStatus.APPROVED, 1)


def test_what_policy_denies_after_the_edit_is_denied(here: Scene) -> None:
    rule(here, 'args.note == "goodbye"', "deny", reason="No farewells.")
    edited = changed(here, here.ask())
    assert (edited.status, edited.reason) == (ActionStatus.DENIED, "No farewells.")
    assert edited.settled_at is not None
    told = AuditRecord.objects.filter(target_id=edited.public_id).order_by("id")
    assert [record.action for record in told][-2:] == [
        "approvals.action.edited", "approvals.action.denied",
    ]  # fmt: skip


def test_what_policy_would_allow_still_waits_for_a_person(here: Scene) -> None:
    rule(here, 'args.note == "goodbye"', "allow")
    action = here.ask()
    edited = changed(here, action)
    assert edited.status == ActionStatus.PENDING
    assert edited.requirement == action.requirement


def test_a_stricter_requirement_comes_with_the_edit_and_a_milder_does_not(here: Scene) -> None:
    rule(here, 'args.note == "goodbye"', "require_approval", quorum=3)
    action = here.ask()
    strict_now = changed(here, action)
    assert binding.requirement_of(strict_now).quorum == 3
    again = changed(here, strict_now, {"note": "hello"})
    assert binding.requirement_of(again).quorum == 3
    assert again.decide_by == action.decide_by


def test_an_edit_never_gives_more_time(here: Scene) -> None:
    rule(here, 'args.note == "goodbye"', "require_approval", quorum=2, expires_in_s=600)
    action = here.ask()
    edited = changed(here, action)
    assert edited.decide_by < action.decide_by


@pytest.mark.parametrize(
    ("arguments", "path"),
    [({"note": 5}, "/note"), ({"note": "x", "bcc": "eve"}, ""), ([1], ""), ({"note": ""}, "/note")],
)
def test_arguments_that_the_schema_refuses_change_nothing_and_name_the_place(
    here: Scene, arguments: Any, path: str
) -> None:
    action = here.ask()
    with pytest.raises(Refused) as refused:
        changed(here, action, arguments)
    assert path in refused.value.extra["errors"]
    action.refresh_from_db()
    assert (action.version, action.versions.count()) == (1, 0)


def test_an_edit_stays_within_what_the_agent_may_do(here: Scene) -> None:
    Agent.objects.filter(pk=here.agent.pk).update(
        tools=[{"name": "note", "scope": 'args.note == "hello"'}]
    )
    here.agent.refresh_from_db()
    with pytest.raises(Denied) as refused:
        changed(here, here.ask())
    assert refused.value.code == "not_permitted"


@pytest.mark.parametrize("who", ["may_not", "operator", "auditor", "stranger", "owner"])
def test_who_may_not_decide_does_not_edit_either(here: Scene, who: str) -> None:
    action = here.ask()
    by = here.people.principal(getattr(here.people, who))
    with pytest.raises(Denied):
        edit(action=action, by=by, digest=action.digest, arguments=OTHER)
    action.refresh_from_db()
    assert action.version == 1


def test_machine_keys_never_edit(here: Scene) -> None:
    action = here.ask()
    key, _ = create_api_key(here.environment, name="bot", agent=here.agent)
    with pytest.raises(Denied, match="machine keys never"):
        edit(
            action=action, by=principals.of_key(key), digest=action.digest, arguments=OTHER
        )  # fmt: skip


def test_the_same_call_delivered_again_is_still_the_same_action(here: Scene) -> None:
    action = here.ask(call_id="c1")
    edited = changed(here, action)
    assert here.ask(call_id="c1").pk == edited.pk
    with pytest.raises(Conflict):
        here.ask(call_id="c1", arguments=OTHER)


def test_a_masked_argument_survives_an_edit_unseen_and_cannot_be_moved(here: Scene) -> None:
    save(
        here.environment,
        **ToolDefinitionFactory(
            name="pay", input_schema=strict(note=TEXT, iban=TEXT), sensitive=["/iban"]
        ),
    )
    from approvals.services import shown_arguments

    action = here.ask("pay", arguments={"note": "rent", "iban": "DE02120300000000202051"})
    shown = shown_arguments(action)
    assert shown["iban"].startswith("[masked ")
    edited = changed(here, action, {**shown, "note": "more rent"})
    assert edited.arguments_value == {"note": "more rent", "iban": "DE02120300000000202051"}
    with pytest.raises(Refused) as refused:
        changed(here, edited, {"note": shown["iban"], "iban": "x"})
    assert list(refused.value.extra["errors"]) == ["/note"]


def test_a_decided_action_is_not_edited_any_more(here: Scene) -> None:
    action = here.approved()
    with pytest.raises(StaleState, match="approved already"):
        changed(here, action)


def test_requirement_of_an_edit_is_part_of_its_digest(here: Scene) -> None:
    edited = changed(here, here.ask())
    edited.requirement = Requirement(quorum=1, reviewers=("user:eve@example.com",)).as_dict()
    assert binding.digest_of(edited) != edited.digest


def test_an_escalation_is_none_to_those_whom_only_the_edited_call_goes_on_to(here: Scene) -> None:
    group = GroupFactory(tenant=here.environment.tenant, slug="first")
    group.members.add(here.people.member(here.people.may))
    GroupFactory(tenant=here.environment.tenant, slug="other").members.add(
        here.people.member(here.people.second)
    )
    more = {"verdict": "require_approval", "escalate_at": 0.5}
    first = {"reviewers": ["group:first"], "escalate_to": ["role:admin"], **more}
    then = {"reviewers": ["group:other"], "escalate_to": ["group:first"], **more}
    rules = [
        {"name": "hello", "when": 'args.note == "hello"', **first},
        {"name": "else", "when": "true", **then},
    ]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")
    action = here.ask()
    Action.objects.filter(pk=action.pk).update(escalated_at=timezone.now(), escalate_due_at=None)

    edited = changed(here, action)
    assert (edited.escalated_at, edited.escalate_due_at is None) == (None, False)
    by = here.people.principal(here.people.may)
    with pytest.raises(Denied, match="waits for 1 of group:other"):
        approve(action=edited, by=by, digest=edited.digest)

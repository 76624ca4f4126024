"""Grants instead of "always allow": exact, bounded, signed, revocable."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.models import Action, Grant, GrantUse
from approvals.requirement import Requirement
from approvals.services import approve, grants, save_policy
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.tenants.models import Member
from gateway.tools.services import save
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db
PENDING, APPROVED, SUCCEEDED = ActionStatus.PENDING, ActionStatus.APPROVED, ActionStatus.SUCCEEDED


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def connector():
    with fakes() as (connector, _):
        yield connector


def in_hours(hours: float):
    return timezone.now() + timedelta(hours=hours)


def granted(here: Scene, **more) -> Grant:
    """A grant derived by `may` from a call of `note` that they approved."""
    action = more.pop("action", None) or here.approved()
    wish = {"expires_at": in_hours(1), "max_uses": 10, "reason": "The same every day."} | more
    return grants.create(action=action, by=here.people.principal(here.people.may), **wish)


def test_grant_with_ten_uses_lets_ten_through_and_the_eleventh_waits(here, connector, settle):
    grant = granted(here)
    settle()
    ten = [here.ask() for _ in range(10)]
    eleventh = here.ask()
    settle()

    found = [Action.objects.get(pk=action.pk) for action in ten]
    assert {(action.status, action.requirement) for action in found} == {(SUCCEEDED, None)}
    assert {action.grant_use.grant_id for action in found} == {grant.pk}
    assert (eleventh.status, GrantUse.objects.count()) == (PENDING, 10)
    assert len(connector.effects) == 11  # and the one that was approved
    used = AuditRecord.objects.filter(action="approvals.grant.used")
    assert used.count() == 10


def test_only_the_same_arguments_of_the_same_agent_and_tool_go_through(here):
    granted(here)
    other = scene()

    assert here.ask().status == APPROVED
    assert here.ask(arguments={"note": "another"}).status == PENDING
    assert other.ask().status == PENDING


def test_condition_may_be_widened_within_what_it_says(here):
    granted(here, condition='args.note.startsWith("hel")')

    assert here.ask(arguments={"note": "help"}).status == APPROVED
    assert here.ask(arguments={"note": "no"}).status == PENDING


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"condition": "true"}, "condition_empty"),
        ({"condition": 'args.note == "other"'}, "condition_differs"),
        ({"condition": "args.note =="}, "condition_invalid"),
        ({"condition": "tool.name == 'note'"}, "condition_invalid"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "invalid"),
        ({"expires_at": timezone.now() + timedelta(days=91)}, "invalid"),
        ({"max_uses": 0}, "invalid"),
        ({"max_uses": 1001}, "invalid"),
        ({"reason": " "}, "reason_missing"),
    ],
)
def test_what_is_not_exact_or_not_bounded_is_refused(here, wish, code):
    with pytest.raises(Refused) as refused:
        granted(here, **wish)
    assert refused.value.code == code
    assert not Grant.objects.exists()


def test_destructive_and_critical_tools_have_no_grants(here):
    for name, danger in (("drop", {"side_effect": "destructive"}), ("nuke", {"risk": "critical"})):
        rules = [{"name": "one", "when": "true", "verdict": "require_approval"}]
        save_policy(here.environment, name=name, comment="c", rules=rules)
        save(here.environment, **ToolDefinitionFactory(name=name, **danger))
        with pytest.raises(Denied, match="each time"):
            granted(here, action=here.approved(tool=name))


def test_only_whoever_approved_the_action_grants_more_of_it(here):
    action = here.approved()
    wish = {"expires_at": in_hours(1), "max_uses": 1, "reason": "r"}
    for person in (here.people.second, here.people.owner, here.people.operator):
        with pytest.raises(Denied):
            grants.create(action=action, by=here.people.principal(person), **wish)
    with pytest.raises(Denied):
        granted(here, action=here.ask())
    refused = AuditRecord.objects.filter(action="approvals.grant.attempt_refused")
    assert refused.exists()


def test_one_of_two_people_grants_nothing(here):
    rules = [{"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}]
    save_policy(here.environment, name="p", comment="c", rules=rules)
    action = here.ask()
    for person in (here.people.may, here.people.second):
        approve(action=action, by=here.people.principal(person), digest=action.digest)
    action.refresh_from_db()

    with pytest.raises(Denied, match="more than one person"):
        granted(here, action=action)


def test_grant_does_not_count_where_more_is_asked_than_was_then(here):
    granted(here)
    rules = [{"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}]
    save_policy(here.environment, name="p", comment="c", rules=rules)

    assert here.ask().status == PENDING


def test_policy_that_denies_is_not_answered_by_a_grant(here):
    granted(here)
    rules = [{"name": "no", "when": "true", "verdict": "deny"}]
    save_policy(here.environment, name="p", comment="c", rules=rules)

    assert here.ask().status == ActionStatus.DENIED


def test_new_definition_of_the_tool_ends_the_grant(here):
    granted(here)
    schema = strict(note={**TEXT, "maxLength": 100})
    save(here.environment, **ToolDefinitionFactory(name="note", input_schema=schema))

    assert here.ask().status == PENDING


def test_revoked_grant_lets_nothing_through_and_calls_back_what_is_queued(here, connector, settle):
    rules = [{"name": "one", "when": "true", "verdict": "require_approval", "hold_s": 60}]
    save_policy(here.environment, name="p", comment="c", rules=rules)
    grant = granted(here)
    queued = here.ask()
    assert queued.status == APPROVED
    grants.revoke(grant=grant, by=here.people.principal(here.people.admin))
    run_out(Action.objects.filter(due_at__isnull=False), "due_at")
    settle(delayed=True)

    queued.refresh_from_db()
    assert (queued.status, queued.version) == (PENDING, 2)
    assert Requirement.from_dict(queued.requirement).hold_s == 60
    assert queued.public_id not in connector.effects
    assert here.ask().status == PENDING
    with pytest.raises(Conflict):
        grants.revoke(grant=grant, by=here.people.principal(here.people.admin))


def test_grant_that_ends_while_a_call_waits_out_its_hold_lets_it_wait_for_a_person(
    here, connector, settle
):
    granted(here)
    queued = here.ask()
    run_out(Grant.objects.all(), "expires_at")
    settle()

    queued.refresh_from_db()
    assert (queued.status, queued.version) == (PENDING, 2)
    assert queued.public_id not in connector.effects


@pytest.mark.parametrize(
    "change",
    [
        {"condition": "args.note != ''"},
        {"max_uses": 1000},
        {"definition_sha256": "0" * 64},
        {"signature": "0" * 128},
        {"signature": ""},
    ],
    ids=str,
)
def test_grant_that_was_changed_behind_the_application_counts_no_more(here, change):
    granted(here)
    Grant.objects.update(**change)

    assert here.ask().status == PENDING


def test_grant_of_somebody_who_may_not_decide_any_more_does_not_count(here):
    granted(here)
    Member.objects.filter(user=here.people.may).update(deactivated_at=timezone.now())

    assert here.ask().status == PENDING


def test_grant_never_covers_what_its_maker_answers_for(here):
    granted(here)
    here.agent.owner = here.people.member(here.people.may)
    here.agent.save()

    assert here.ask().status == PENDING


def test_what_another_check_asks_of_a_person_no_grant_answers(here):
    from approvals.services.wishes import RunContext
    from gateway.lib import ids

    granted(here)
    run = RunContext(id=ids.new_id(), facts={}, require_approval_for=("note",))

    assert here.ask(run=run).status == PENDING


def test_somebody_else_takes_the_last_use(here, monkeypatch):
    from approvals.services import granted as applying

    grant = granted(here, max_uses=1)
    original = applying.find

    def late(action, wanted):
        found = original(action, wanted)
        Grant.objects.filter(pk=grant.pk).update(uses=1)
        return found

    monkeypatch.setattr(applying, "find", late)
    assert here.ask().status == PENDING
    assert not GrantUse.objects.exists()


def test_what_a_condition_would_have_let_through_is_shown(here):
    action = here.approved()
    for note in ("hello", "hello", "other"):
        here.ask(arguments={"note": note})

    found = grants.matching(action, grants.suggest(action))
    assert (found.count, found.looked_at, found.is_cut) == (3, 4, False)
    assert len(found.actions) == 3


def test_only_its_maker_or_who_changes_policies_revokes_it(here):
    grant = granted(here)
    for person in (here.people.second, here.people.may_not, here.people.operator):
        with pytest.raises(Denied):
            grants.revoke(grant=grant, by=here.people.principal(person))
    assert grants.revoke(grant=grant, by=here.people.principal(here.people.may)).revoked_at


SECRET = {"iban": "DE02120300000000202051", "n": 1}


@pytest.fixture
def pays(here) -> Scene:
    """A tool one of whose arguments nobody reads."""
    schema = strict(iban=TEXT, n={"type": "integer"})
    definition = {"input_schema": schema, "sensitive": ["iban"], "effect": "Pay."}
    save(here.environment, **ToolDefinitionFactory(name="pay", **definition))
    return here


def test_secret_argument_stays_out_of_the_grant_which_still_holds_for_the_same_one(pays):
    grant = granted(pays, action=pays.approved(tool="pay", arguments=SECRET))

    assert SECRET["iban"] not in grant.condition
    assert pays.ask(tool="pay", arguments=SECRET).status == APPROVED
    assert pays.ask(tool="pay", arguments=SECRET | {"iban": "DE03"}).status == PENDING


def test_text_that_looks_like_the_mask_is_not_the_secret(pays):
    grant = granted(pays, action=pays.approved(tool="pay", arguments=SECRET))
    mask = grant.condition.partition('args.iban == "')[2].partition('"')[0]

    assert mask.startswith("[masked ")
    assert pays.ask(tool="pay", arguments=SECRET | {"iban": mask}).status == PENDING


def test_nobody_reads_a_secret_out_of_what_a_condition_holds_for(pays):
    action = pays.approved(tool="pay", arguments=SECRET)

    assert grants.matching(action, 'args.iban.startsWith("DE")').count == 0
    assert grants.matching(action, "args.n == 1").count == 1
    with pytest.raises(Refused, match="does not hold"):
        granted(pays, action=action, condition='args.iban.startsWith("DE")')


def test_trying_a_condition_ends_in_time(here, monkeypatch):
    action = here.approved()
    here.ask()
    monkeypatch.setattr(grants, "TIME_BUDGET_S", -1.0)

    found = grants.matching(action, grants.suggest(action))
    assert (found.looked_at, found.is_cut) == (1, True)

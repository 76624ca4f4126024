"""`policy_check` and `policy_simulate`: what they tell, and with which code they end."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from approvals.services import Rollout, save_policy, try_version
from tests import people
from tests.factories.approvals import ActionFactory

pytestmark = pytest.mark.django_db
GOOD = """
name: main
rules:
  - {name: small, when: 'args.amount <= 50', verdict: allow}
  - {name: rest, when: 'true', verdict: require_approval}
cases:
  - {name: small is free, args: {amount: 5}, expect: {verdict: allow}}
"""
DENY = [{"name": "none", "when": "true", "verdict": "deny"}]
WAIT = [{"name": "all", "when": "true", "verdict": "require_approval"}]


def run(command, *args, code=0):
    out = StringIO()
    if not code:
        call_command(command, *args, stdout=out)
        return out.getvalue()
    with pytest.raises(SystemExit) as ended:
        call_command(command, *args, stdout=out)
    assert ended.value.code == code
    return out.getvalue()


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "policy.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def place():
    return people.ready().environment


def where(place):
    return ["--tenant", place.tenant.slug, "--environment", place.slug]


def test_a_sound_file_ends_with_zero(file):
    assert "1 of 1 tests pass" in run("policy_check", file(GOOD))


def test_a_failing_case_ends_with_one_and_is_told(file):
    told = run("policy_check", file(GOOD.replace("amount: 5}", "amount: 500}")), code=1)
    assert "test 'small is free': verdict is 'require_approval'" in told


def test_a_rule_that_does_not_compile_is_told_with_its_caret(file):
    told = run("policy_check", file("- {name: bad, when: 'args.(', verdict: deny}"), code=1)
    assert "rule bad, field when, line 1, column 6" in told
    assert "|      ^" in told


def test_warnings_count_only_when_asked_to(file):
    text = GOOD + "  - {name: all, args: {amount: 1}, expect: {rule: small}}\n"
    risky = text.replace(
        "{name: rest, when: 'true', verdict: require_approval}",
        "{name: rest, when: 'true', verdict: allow}",
    )
    assert "destructive" in run("policy_check", file(risky))
    run("policy_check", file(risky), "--strict", code=1)


@pytest.mark.parametrize(
    "text", ["rules: 5", "just words", "{rules: [], color: red}", "a: [", "\x00"]
)
def test_a_file_that_holds_no_policy_is_refused(file, text):
    with pytest.raises(CommandError, match="cannot be read"):
        run("policy_check", file(text))


def test_stored_policies_are_checked_in_their_order_as_json(place):
    save_policy(place, name="first", rules=WAIT, comment="x", position=1)
    save_policy(place, name="second", rules=DENY, comment="x", position=2)
    found = json.loads(run("policy_check", *where(place), "--json"))
    assert [one["ok"] for one in found] == [True, True]
    assert [warning["code"] for warning in found[1]["warnings"]] == ["unreachable"]
    with pytest.raises(CommandError, match="no policy"):
        run("policy_check", "--policy", "third")


def test_a_draft_is_simulated_on_what_happened(place, file):
    save_policy(place, name="main", rules=WAIT, comment="x")
    action = ActionFactory(environment=place, facts={"args": {"amount": 5}, "tool": {}})
    told = run("policy_simulate", *where(place), "--draft", file(GOOD))
    assert "1 actions, 0 with the same verdict" in told
    assert f"{action.public_id} {action.tool_name}: all -> small" in told


def test_the_version_on_trial_is_simulated_without_a_file(place):
    save_policy(place, name="main", rules=WAIT, comment="x")
    ActionFactory(environment=place, facts={"args": {}, "tool": {}})
    with pytest.raises(CommandError, match="--draft"):
        run("policy_simulate", *where(place), "--policy", "main")
    try_version(place, name="main", rules=DENY, comment="x", rollout=Rollout())
    told = json.loads(run("policy_simulate", *where(place), "--policy", "main", "--json"))
    assert (told["examined"], told["newly_denied"], told["changed"][0]["after"]) == (1, 1, "none")


def test_a_draft_with_a_fault_or_for_nowhere_is_refused(place, file):
    bad = file("- {name: bad, when: 'args.(', verdict: deny}")
    with pytest.raises(CommandError, match="bad, when"):
        run("policy_simulate", *where(place), "--draft", bad)
    with pytest.raises(CommandError, match="no such environment"):
        run("policy_simulate", "--tenant", "x", "--environment", "y", "--draft", bad)

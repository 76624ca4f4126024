"""Policies: versions that stay, tests that guard, positions that move."""

import pytest

from approvals.models import Policy, PolicyVersion
from approvals.models.policies import Immutable
from approvals.services import (
    Rollout,
    active_rules,
    change_policy,
    move_policy,
    restore,
    save_policy,
    try_version,
)
from audit import context
from audit.models import AuditRecord
from gateway.lib.errors import Refused
from tests import people
from tests.factories.approvals import PolicyFactory

pytestmark = pytest.mark.django_db
WAIT = [{"name": "all wait", "when": "true", "verdict": "require_approval"}]
DENY = [{"name": "none", "when": "true", "verdict": "deny"}]
GUARD = "cases: [{name: refunds wait, tool: refund, expect: {verdict: require_approval}}]"


@pytest.fixture
def place():
    return people.ready().environment


def save(place, rules=WAIT, name="main", **more):
    return save_policy(place, name=name, rules=rules, comment=more.pop("comment", "why"), **more)


def test_each_save_leaves_a_version_with_its_reason_and_author(place):
    here = people.ready()
    with context.bind(actor=here.principal(here.admin).actor):
        save(place, comment="first")
        save(place, DENY, comment="second")
    newest, oldest = PolicyVersion.objects.all()
    assert (newest.number, newest.rules, newest.comment) == (2, DENY, "second")
    assert (oldest.number, oldest.rules, oldest.comment) == (1, WAIT, "first")
    assert (oldest.author_kind, oldest.author_id) == ("person", here.admin.public_id)
    assert oldest.sha256 != newest.sha256


def test_a_version_is_written_once(place):
    version = save(place).versions.get()
    version.comment = "other"
    with pytest.raises(Immutable):
        version.save()
    with pytest.raises(Immutable):
        version.delete()
    with pytest.raises(Immutable):
        PolicyVersion.objects.filter(pk=version.pk).update(comment="other")


def test_an_old_version_comes_back_as_a_new_one(place):
    policy = save(place, WAIT, tests=GUARD)
    save(place, DENY, tests="")
    back = restore(policy, number=1, comment="it was better")
    assert (back.version, back.rules, back.tests) == (3, WAIT, GUARD)
    assert AuditRecord.objects.latest("id").body_json["meta"]["restored_from"] == 1
    with pytest.raises(Refused, match="no version 9"):
        restore(policy, number=9, comment="x")


def test_switching_off_and_on_is_a_version_too(place):
    policy = save(place)
    off = change_policy(policy, enabled=False, comment="too strict")
    assert (off.version, active_rules(place)) == (2, ())
    change_policy(policy, enabled=True, comment="needed after all")
    assert len(active_rules(place)) == 1


@pytest.mark.parametrize("comment", ["", "  ", "x" * 301])
def test_a_change_needs_a_reason_of_some_length(place, comment):
    with pytest.raises(Refused):
        save(place, comment=comment)
    assert not Policy.objects.exists()


def test_a_policy_whose_own_tests_fail_is_not_saved(place):
    policy = save(place, tests=GUARD)
    with pytest.raises(Refused, match="1 of 1 tests fail: refunds wait: verdict is") as caught:
        save(place, DENY)
    assert caught.value.extra["failed"][0]["case"] == "refunds wait"
    policy.refresh_from_db()
    assert (policy.version, policy.rules, policy.versions.count()) == (1, WAIT, 1)


def test_tests_that_cannot_be_read_are_refused(place):
    with pytest.raises(Refused, match="tests cannot be read"):
        save(place, tests="cases: {")


def test_a_rule_that_does_not_compile_is_refused_with_its_place(place):
    with pytest.raises(Refused) as caught:
        save(place, [{"name": "bad", "when": "true &&\n  args.(", "verdict": "deny"}])
    extra = caught.value.extra
    assert (extra["rule"], extra["field"], extra["line"]) == ("bad", "when", 2)
    assert extra["caret"].splitlines()[1].index("^") == extra["column"] - 1


def test_policies_are_asked_in_the_order_to_which_they_were_moved(place):
    first, second, third = (save(place, name=name) for name in ("a", "b", "c"))
    moved = move_policy(third, up=True)
    assert _order(place) == ["a", "c", "b"]
    assert third.pk in {row.pk for row in moved}
    move_policy(first, up=False)
    assert _order(place) == ["c", "a", "b"]
    assert move_policy(third, up=True) == []
    second.refresh_from_db()
    assert second.versions.first().position == second.position


def test_a_move_keeps_the_version_on_trial_and_other_rules_end_it(place):
    save(place, name="other")
    policy = save(place, name="main")
    try_version(place, name="main", rules=DENY, comment="watch", rollout=Rollout())
    move_policy(policy, up=True)
    policy.refresh_from_db()
    assert policy.trial.number == 2
    save(place, name="main", comment="mended")
    policy.refresh_from_db()
    assert (policy.trial, policy.trial_stage, policy.version) == (None, "", 3)
    assert AuditRecord.objects.latest("id").body_json["meta"]["trial_ended"] == 2


def _order(place):
    rows = Policy.objects.within(place).order_by("position", "created_at")
    return [row.name for row in rows]


def test_the_factory_makes_a_policy_with_its_version(place):
    policy = PolicyFactory(environment=place)
    assert policy.versions.get().rules == policy.rules

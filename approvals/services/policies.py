"""Policies: the environment's one ordered list of rules, and the only place that changes it."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from approvals.models import Policy, PolicyVersion
from approvals.policy.cases import CasesError, Outcome, failed, load_cases, run_cases
from approvals.policy.engine import PolicyError, PolicyRule, load_rules
from approvals.services.quorums import require_people
from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tools.models import Tool

MAX_COMMENT = 300
MAX_TOLD = 5
POSITION_STEP = 10


@transaction.atomic
def save_policy(
    environment: Environment,
    *,
    name: str,
    rules: list[dict[str, Any]],
    comment: str,
    position: int | None = None,
    enabled: bool | None = None,
    tests: str | None = None,
) -> Policy:
    """Create the policy, or give it a new version that is in force from now on.

    What is not given stays as it is. A version on trial ends: it was made from older rules. Raises
    Refused with the rule, the field and a caret where an expression does not compile, with the
    failing cases where the policy's own tests do not pass, and with what is missing where the
    environment's members could never agree as a rule asks.
    """
    policy = Policy.objects.select_for_update().within(environment).filter(name=name).first()
    if policy is None:
        return _created(
            environment, name=name, rules=rules, comment=comment, tests=tests or "",
            position=100 if position is None else position, enabled=enabled is not False,
        )  # fmt: skip
    return _changed(
        policy, rules=rules, comment=comment, tests=tests, position=position, enabled=enabled
    )


@transaction.atomic
def change_policy(
    policy: Policy,
    *,
    comment: str,
    rules: list[dict[str, Any]] | None = None,
    tests: str | None = None,
    position: int | None = None,
    enabled: bool | None = None,
) -> Policy:
    """Give the policy a new version; what is not given stays. Raises Refused as `save_policy`."""
    locked = lock(policy)
    return _changed(
        locked, rules=rules, comment=comment, tests=tests, position=position, enabled=enabled
    )


@transaction.atomic
def restore(policy: Policy, *, number: int, comment: str) -> Policy:
    """Put an old version's rules and tests in force again, as a new version."""
    locked = lock(policy)
    old = version_of(locked, number)
    return _changed(
        locked, rules=old.rules, tests=old.tests, comment=comment, restored_from=old.number
    )


@transaction.atomic
def move_policy(policy: Policy, *, up: bool) -> list[Policy]:
    """Let the policy be asked before its neighbour, or after it; those that got another position.

    A version on trial stays: position belongs to the policy, a trial changes rules.
    """
    everyone = Policy.objects.within(policy.environment)
    ordered = list(everyone.select_for_update().order_by("position", "created_at"))
    at = next(place for place, row in enumerate(ordered) if row.pk == policy.pk)
    other = at - 1 if up else at + 1
    if not 0 <= other < len(ordered):
        return []
    places = _distinct([row.position for row in ordered])
    ordered[at], ordered[other] = ordered[other], ordered[at]
    beyond = ordered[at]
    side = "before" if up else "after"
    moved = []
    for row, place in zip(ordered, places, strict=True):
        if row.position != place:
            words = (
                f"Asked {side} “{beyond.name}” now."
                if row.pk == policy.pk
                else f"Made room for “{policy.name}”."
            )
            moved.append(_changed(row, position=place, comment=words[:MAX_COMMENT]))
    return moved


def _distinct(positions: Sequence[int]) -> list[int]:
    """The positions in their order, none of them twice."""
    found: list[int] = []
    for position in positions:
        found.append(max(position, found[-1] + POSITION_STEP if found else 0))
    return found if len(set(positions)) < len(positions) else list(positions)


def lock(policy: Policy) -> Policy:
    """The row, locked for this transaction, with what the services read of it."""
    rows = Policy.objects.select_for_update(of=("self",))
    found: Policy = rows.select_related("environment__tenant", "trial").get(pk=policy.pk)
    return found


def version_of(policy: Policy, number: int) -> PolicyVersion:
    """This version of the policy; raises Refused where there is none."""
    found: PolicyVersion | None = policy.versions.filter(number=number).first()
    if found is None:
        raise Refused("unknown_version", f"{policy.name} has no version {number}.")
    return found


def latest_number(policy: Policy) -> int:
    """The number of the newest version, in force or not; 0 without any."""
    return policy.versions.aggregate(number=Max("number"))["number"] or 0


def checked(
    policy: str, rules: list[dict[str, Any]], tests: str
) -> tuple[tuple[PolicyRule, ...], list[Outcome]]:
    """The rules as they would count, and what their tests say; raises Refused for the unreadable.

    A test that fails is in the outcomes: whether that ends the matter is the caller's business.
    """
    try:
        loaded = load_rules(policy, rules)
        return loaded, run_cases(loaded, load_cases(tests))
    except PolicyError as error:
        raise Refused("policy_invalid", str(error), **place_of(error)) from error
    except CasesError as error:
        raise Refused("tests_invalid", f"The tests cannot be read: {error}") from error


def tool_facts(environment: Environment) -> list[dict[str, Any]]:
    """What rules see of the environment's tools, for warnings about them."""
    rows = Tool.objects.within(environment).select_related("current__tool", "current__connection")
    return [tool.current.facts() for tool in rows if tool.current]


def place_of(error: PolicyError) -> dict[str, Any]:
    """Where a rule is at fault: rule, field, line, column, and the caret under the place."""
    return {
        "rule": error.rule, "field": error.field, "message": error.message,
        "line": error.line, "column": error.column, "caret": error.caret,
    }  # fmt: skip


def record_version(policy: Policy, *, rules: Any, tests: str, comment: str) -> PolicyVersion:
    """The next version of a locked policy, after every check that any version has to pass."""
    _check_comment(comment)
    _pass_tests(checked(policy.public_id, rules, tests)[1])
    content = {
        "rules": rules, "tests": tests,
        "position": policy.position, "is_enabled": policy.is_enabled,
    }  # fmt: skip
    author = context.current().actor
    return PolicyVersion.objects.create(
        environment=policy.environment, policy=policy, number=latest_number(policy) + 1,
        comment=comment.strip(), author_kind=author.kind, author_id=author.id,
        sha256=digest(content), **content,
    )  # fmt: skip


def _check_comment(comment: str) -> None:
    if not comment.strip():
        raise Refused("comment_missing", "Say in `comment` why the policy changes.")
    if len(comment) > MAX_COMMENT:
        raise Refused("too_long", f"A comment has at most {MAX_COMMENT} characters.")


def _pass_tests(outcomes: list[Outcome]) -> None:
    wrong = failed(outcomes)
    if not wrong:
        return
    told = "; ".join(f"{outcome.case}: {outcome.detail}" for outcome in wrong[:MAX_TOLD])
    more = f"; and {len(wrong) - MAX_TOLD} more" if len(wrong) > MAX_TOLD else ""
    raise Refused(
        "tests_fail",
        f"{len(wrong)} of {len(outcomes)} tests fail: {told}{more}. Change the rules or the tests.",
        failed=[{"case": outcome.case, "detail": outcome.detail} for outcome in wrong],
    )


def _created(
    environment: Environment,
    *,
    name: str,
    rules: list[dict[str, Any]],
    comment: str,
    tests: str,
    position: int,
    enabled: bool,
) -> Policy:
    _check_comment(comment)  # before the row, which could not hold a longer one
    policy = Policy(
        environment=environment, name=name, rules=rules, tests=tests, comment=comment.strip(),
        position=position, is_enabled=enabled,
    )  # fmt: skip
    policy.save(force_insert=True)
    record_version(policy, rules=rules, tests=tests, comment=comment)
    if enabled:
        require_people(environment, rules)
    _record(AuditAction.POLICY_CREATED, policy, before=None)
    return policy


def _changed(
    policy: Policy,
    *,
    comment: str,
    rules: list[dict[str, Any]] | None = None,
    tests: str | None = None,
    position: int | None = None,
    enabled: bool | None = None,
    **meta: Any,
) -> Policy:
    """The locked policy with a new version in force; other rules, or none at all, end a trial."""
    before = _state(policy)
    policy.rules = policy.rules if rules is None else rules
    policy.tests = policy.tests if tests is None else tests
    policy.position = policy.position if position is None else position
    policy.is_enabled = policy.is_enabled if enabled is None else enabled
    made = record_version(policy, rules=policy.rules, tests=policy.tests, comment=comment)
    if policy.is_enabled and (rules is not None or enabled):
        require_people(policy.environment, policy.rules)
    policy.version, policy.comment = made.number, made.comment
    if policy.trial is not None and (rules is not None or enabled is False):
        meta["trial_ended"] = policy.trial.number
        clear_trial(policy)
    policy.save()
    _record(AuditAction.POLICY_CHANGED, policy, before=before, **meta)
    return policy


def clear_trial(policy: Policy) -> None:
    """No version on trial any more; the caller saves and records."""
    policy.trial, policy.trial_stage = None, ""
    policy.trial_agents, policy.trial_percent = [], 0


def _state(policy: Policy) -> dict[str, Any]:
    return {
        "rules_sha256": digest(policy.rules), "position": policy.position,
        "enabled": policy.is_enabled,
    }  # fmt: skip


def _record(
    what: AuditAction, policy: Policy, *, before: dict[str, Any] | None, **meta: Any
) -> None:
    now = _state(policy)
    old = before or dict.fromkeys(now)
    audit.record(
        what,
        target=Target("policy", policy.public_id, policy.version),
        scope=policy.environment.audit_scope,
        changes={name: [old[name], now[name]] for name in now if old[name] != now[name]},
        meta=meta,
    )

"""How policies, their versions and simulations look outside, and what may be sent."""

from typing import Any

from rest_framework import serializers

from approvals.models import Policy, PolicyVersion, ShadowVerdict
from approvals.policy.comparing import DISAGREEMENTS, Change
from approvals.policy.engine import Evaluation
from approvals.services.disagreements import counts_of
from approvals.services.simulating import MAX_ACTIONS, MAX_DAYS, Changed, Replay, Simulated
from gateway.lib.rest import StrictFields

MAX_RULES = 200
MAX_TESTS = 65_536


def _rules(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.DictField(), max_length=MAX_RULES, **options)


def _tests() -> serializers.CharField:
    return serializers.CharField(
        max_length=MAX_TESTS, allow_blank=True, required=False, trim_whitespace=False,
        help_text="YAML cases that the rules must pass to be saved.",
    )  # fmt: skip


class RolloutIn(StrictFields):
    """How far a version on trial counts: for nobody, for these agents, for a share of runs."""

    stage = serializers.ChoiceField(choices=Policy.Stage.choices)
    agents = serializers.ListField(
        child=serializers.CharField(max_length=80), max_length=200, required=False
    )
    percent = serializers.IntegerField(min_value=1, max_value=100, required=False)


class PolicyPatch(StrictFields):
    """What changes; what is left out stays. With `rollout` the new version is on trial."""

    comment = serializers.CharField(max_length=300)
    rules = _rules(required=False)
    tests = _tests()
    position = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    enabled = serializers.BooleanField(required=False)
    rollout = RolloutIn(required=False)


class PolicyIn(PolicyPatch):
    """A policy; the same name again gives it a new version."""

    name = serializers.CharField(max_length=120)
    rules = _rules()


class RestoreIn(StrictFields):
    """The number of an old version, and why it comes back."""

    version = serializers.IntegerField(min_value=1)
    comment = serializers.CharField(max_length=300)


class CheckIn(StrictFields):
    """Rules that are looked at and not saved."""

    rules = _rules()
    tests = _tests()


class SimulateIn(StrictFields):
    """A draft (`rules`, in the place of `policy` or as one of its own), and what it is asked about:
    one `action`, one call (`tool`, `arguments`, `agent`), or the last `days`."""

    policy = serializers.CharField(max_length=120, required=False)
    rules = _rules(required=False)
    position = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    action = serializers.CharField(max_length=40, required=False)
    tool = serializers.CharField(max_length=80, required=False)
    arguments = serializers.JSONField(required=False)
    agent = serializers.CharField(max_length=80, required=False)
    at = serializers.DateTimeField(required=False)
    days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_ACTIONS, required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """Exactly one question."""
        if len({"action", "tool", "days"} & set(data)) != 1:
            raise serializers.ValidationError("Name one of action, tool or days.")
        if "tool" in data and not {"arguments", "agent"} <= set(data):
            raise serializers.ValidationError("A call needs tool, arguments and agent.")
        return data


class PolicyOut(serializers.Serializer[Policy]):
    """A policy with the rules that are in force, in the order in which they are asked."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    position = serializers.IntegerField()
    version = serializers.IntegerField(help_text="The number in force; 0 while none is.")
    comment = serializers.CharField()
    rules = serializers.JSONField()
    tests = serializers.CharField()
    enabled = serializers.BooleanField(source="is_enabled")
    trial = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_trial(self, policy: Policy) -> dict[str, Any] | None:
        """The version on trial, and how far it counts."""
        if policy.trial is None:
            return None
        return {
            "version": policy.trial.number, "stage": policy.trial_stage,
            "agents": policy.trial_agents, "percent": policy.trial_percent,
        }  # fmt: skip


class PolicyDetailOut(PolicyOut):
    """A policy, and how its watched versions compare with what was applied."""

    shadows = serializers.SerializerMethodField()

    def get_shadows(self, policy: Policy) -> list[dict[str, int]]:
        """By version: how often it agreed, and how it would have decided otherwise."""
        return [
            {"version": number, **{str(change): found[change] for change in Change}}
            for (_, number), found in sorted(counts_of([policy]).items())
        ]


class PolicyVersionOut(serializers.Serializer[PolicyVersion]):
    """What a policy said at one time."""

    id = serializers.CharField(source="public_id")
    number = serializers.IntegerField()
    comment = serializers.CharField()
    rules = serializers.JSONField()
    tests = serializers.CharField()
    position = serializers.IntegerField()
    enabled = serializers.BooleanField(source="is_enabled")
    author = serializers.SerializerMethodField()
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_author(self, version: PolicyVersion) -> dict[str, str]:
        """Who saved it."""
        return {"kind": version.author_kind, "id": version.author_id}


class DisagreementOut(serializers.Serializer[ShadowVerdict]):
    """One action that a watched version would have judged otherwise."""

    action = serializers.CharField(source="action.public_id")
    effect = serializers.CharField(source="action.effect")
    status = serializers.CharField(source="action.status")
    version = serializers.IntegerField(source="version.number")
    change = serializers.CharField()
    verdict = serializers.CharField()
    rule = serializers.CharField()
    requirement = serializers.JSONField(allow_null=True)
    applied_verdict = serializers.CharField()
    applied_rule = serializers.CharField()
    created_at = serializers.DateTimeField()


def said(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation without its trace."""
    asked = evaluation.requirement
    return {
        "verdict": str(evaluation.verdict),
        "rule": evaluation.rule_name,
        "reason": evaluation.reason,
        "requirement": asked.as_dict() if asked else None,
        "hold_s": evaluation.hold_s,
    }


def simulated(found: Simulated) -> dict[str, Any]:
    """The answer about one call or one past action."""
    verdict = found.verdict
    gate = {"status": verdict.status, "code": verdict.code} if verdict else {}
    return {
        **said(found.said),
        **gate,
        "findings": [
            {"source": f.source, "code": f.code, "detail": f.detail} for f in found.findings
        ],
        "trace": [line.as_dict() for line in found.said.trace],
        "policy_hash": found.policy_hash,
        "change": str(found.change),
        "before": said(found.before),
        "uncertain": list(found.uncertain),
        "facts": found.facts,
    }


def replayed(found: Replay) -> dict[str, Any]:
    """The answer about the last days."""
    return {
        "since": found.since,
        "oldest": found.oldest,
        "examined": found.examined,
        "without_facts": found.without_facts,
        "unchanged": found.counts[Change.SAME],
        "uncertain": found.uncertain,
        "note": found.note,
        **{
            str(change): {
                "count": found.counts[change],
                "items": [_changed(one) for one in found.listed[change]],
            }
            for change in DISAGREEMENTS
        },
    }


def _changed(one: Changed) -> dict[str, Any]:
    action = one.action
    return {
        "action": action.public_id,
        "effect": action.effect,
        "tool": action.tool_name,
        "status": action.status,
        "created_at": action.created_at,
        "before": said(one.before),
        "after": said(one.after),
        "uncertain": list(one.uncertain),
    }

"""How actions look outside. Secrets are masked as on the desk; the digest covers what is sent."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from approvals.models import Action, ActionVersion, Approval, Comment, Execution, RunAgain
from approvals.services.compensating import undone_by
from approvals.services.masking import (
    shown,
    shown_affected,
    shown_arguments,
    shown_request,
    shown_target,
)
from approvals.services.rerunning import open_order
from approvals.services.switching import stopping
from approvals.states import ActionStatus
from gateway.lib import ids
from gateway.lib.rest import StrictFields
from gateway.tenants.authentication import caller

RUN_MARK = "run"


class ApprovalOut(serializers.Serializer[Approval]):
    """One person's decision on one version."""

    id = serializers.CharField(source="public_id")
    user = serializers.CharField(source="user.public_id")
    on_behalf_of = serializers.SerializerMethodField()
    decision = serializers.CharField()
    comment = serializers.CharField()
    digest = serializers.CharField()
    action_version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    authenticated_at = serializers.DateTimeField(allow_null=True)
    authentication_methods = serializers.ListField(child=serializers.CharField())
    assertion = serializers.SerializerMethodField()
    void_at = serializers.DateTimeField(allow_null=True)

    def get_assertion(self, vote: Approval) -> dict[str, str] | None:
        """What the person's passkey signed, to verify it offline; agents need not know it."""
        request = self.context.get("request")
        return vote.assertion if request is not None and caller(request).is_member else None

    def get_on_behalf_of(self, vote: Approval) -> str | None:
        """Whose right it was, where a substitute used it."""
        return vote.on_behalf_of.public_id if vote.on_behalf_of else None


class ExecutionOut(serializers.Serializer[Execution]):
    """One attempt to carry the action out."""

    id = serializers.CharField(source="public_id")
    attempt = serializers.IntegerField()
    action_version = serializers.IntegerField()
    status = serializers.CharField()
    idempotency_key = serializers.CharField()
    connection = serializers.CharField()
    sent_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    request = serializers.JSONField(allow_null=True)
    response = serializers.JSONField(allow_null=True)
    looked_up = serializers.JSONField(allow_null=True)
    error = serializers.CharField()
    created_at = serializers.DateTimeField()


class QuestionOut(serializers.Serializer[Comment]):
    """A question of a reviewer to the agent, as the agent reads it: data, never orders."""

    id = serializers.CharField(source="public_id")
    text = serializers.CharField()
    asked_at = serializers.DateTimeField(source="created_at")
    answer = serializers.SerializerMethodField()

    def get_answer(self, question: Comment) -> str | None:
        """What the agent said; null while the question is open."""
        said = getattr(question, "answer", None)
        return said.text if said else None


class ActionOut(serializers.Serializer[Action]):
    """An action as lists show it."""

    id = serializers.CharField(source="public_id")
    status = serializers.ChoiceField(choices=ActionStatus.choices)
    version = serializers.IntegerField()
    digest = serializers.CharField()
    verdict = serializers.SerializerMethodField()
    tool = serializers.CharField(source="tool_name")
    arguments = serializers.SerializerMethodField()
    arguments_changed = serializers.BooleanField(source="has_other_arguments")
    effective_arguments = serializers.SerializerMethodField()
    agent = serializers.CharField(source="agent.public_id")
    run = serializers.SerializerMethodField()
    call_id = serializers.CharField()
    repeats = serializers.SerializerMethodField()
    undoes = serializers.SerializerMethodField()
    requester = serializers.SerializerMethodField()
    reason = serializers.CharField(source="agent_reason")
    tags = serializers.JSONField()
    effect = serializers.CharField()
    risk = serializers.CharField()
    target = serializers.SerializerMethodField()
    rule = serializers.CharField()
    requirement = serializers.JSONField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField(source="reason")
    refusal = serializers.JSONField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    result_mismatch = serializers.CharField()
    is_settled = serializers.BooleanField()
    decide_by = serializers.DateTimeField(allow_null=True)
    execute_by = serializers.DateTimeField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    event = serializers.CharField(source="source_event")
    correlation_id = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_verdict(self, action: Action) -> str:
        """What the gate said: allow, deny, require_approval or invalid."""
        if action.status == ActionStatus.INVALID and not action.digest:
            return "invalid"
        if action.requirement is not None:
            return "require_approval"
        return "allow" if action.digest else "deny"

    def get_arguments(self, action: Action) -> Any:
        """The arguments that count, sensitive ones masked; null where they had two meanings."""
        return shown_arguments(action)

    def get_effective_arguments(self, action: Action) -> Any:
        """The same where a reviewer changed them, else null: what the agent asked then differs."""
        return shown_arguments(action) if action.has_other_arguments else None

    def get_target(self, action: Action) -> list[str]:
        """What is touched, `kind:id`; what the arguments hide is masked in it."""
        return shown_target(action)

    def get_run(self, action: Action) -> str | None:
        """The run's id, if it belongs to one."""
        return ids.encode(RUN_MARK, action.run_id) if action.run_id else None

    def get_repeats(self, action: Action) -> str | None:
        """The refused or waiting action that this call only repeats; nobody is asked again."""
        return ids.encode(Action.PREFIX, action.repeats_id) if action.repeats_id else None

    def get_undoes(self, action: Action) -> str | None:
        """The action that this one takes back."""
        return ids.encode(Action.PREFIX, action.undoes_id) if action.undoes_id else None

    def get_requester(self, action: Action) -> dict[str, str]:
        """Who chose the arguments."""
        return {"kind": action.requester_kind, "id": action.requester_id}


class OrderOut(serializers.Serializer[RunAgain]):
    """An order to run the action again, which a second person has not confirmed yet."""

    id = serializers.CharField(source="public_id")
    reason = serializers.CharField()
    ordered_by = serializers.CharField(source="ordered_by.public_id")
    ordered_at = serializers.DateTimeField(source="created_at")


class VersionOut(serializers.Serializer[ActionVersion]):
    """What an action was in one version: proposed by the agent, or made by a person or the gate."""

    number = serializers.IntegerField()
    origin = serializers.ChoiceField(choices=ActionVersion.Origin.choices)
    made_by = serializers.CharField(source="made_by.public_id", default=None)
    made_at = serializers.DateTimeField()
    comment = serializers.CharField()
    arguments = serializers.SerializerMethodField()
    effect = serializers.CharField()
    target = serializers.SerializerMethodField()
    requirement = serializers.JSONField(allow_null=True)
    digest = serializers.CharField()

    def get_arguments(self, version: ActionVersion) -> Any:
        """The arguments of this version, sensitive ones masked."""
        return shown_arguments(version)

    def get_target(self, version: ActionVersion) -> list[str]:
        """What is touched, `kind:id`; what the arguments hide is masked in it."""
        return shown_target(version)


class ActionDetailOut(ActionOut):
    """An action with everything a reviewer decides by."""

    request = serializers.SerializerMethodField()
    stopped_by = serializers.SerializerMethodField()
    run_again = serializers.SerializerMethodField()
    undone_by = serializers.SerializerMethodField()
    affected = serializers.SerializerMethodField()
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()
    previewed_at = serializers.DateTimeField(allow_null=True)
    trace = serializers.JSONField()
    policy_hash = serializers.CharField()
    reminded_at = serializers.DateTimeField(allow_null=True)
    escalated_at = serializers.DateTimeField(allow_null=True)
    assigned_to = serializers.SerializerMethodField()
    taken_by = serializers.SerializerMethodField()
    taken_until = serializers.DateTimeField(allow_null=True)
    questions = serializers.SerializerMethodField()
    versions = VersionOut(many=True, source="versions.all")
    approvals = ApprovalOut(many=True, source="approvals.all")
    executions = ExecutionOut(many=True, source="executions.all")

    def get_assigned_to(self, action: Action) -> str | None:
        """The person's id, or `group:slug`; whoever could decide before still can."""
        if action.assignee:
            return action.assignee.public_id
        return f"group:{action.assigned_group.slug}" if action.assigned_group else None

    def get_taken_by(self, action: Action) -> str | None:
        """Who said that they are on it, until `taken_until`; it blocks nobody."""
        return action.taken_by.public_id if action.taken_by else None

    @extend_schema_field(QuestionOut(many=True))
    def get_questions(self, action: Action) -> Any:
        """What people asked the agent; it answers by `POST actions/{id}/answer`."""
        asked = action.comments.filter(kind=Comment.Kind.QUESTION).select_related("answer")
        return [QuestionOut(question).data for question in asked]

    def get_request(self, action: Action) -> Any:
        """The exact request without secrets; a body that holds masked members is text as well."""
        return shown_request(action)

    def get_affected(self, action: Action) -> Any:
        """Who and what the live read found."""
        return shown_affected(action)

    def get_before(self, action: Action) -> Any:
        """The state that the live read found; what the arguments hide is masked in it."""
        return shown(action, action.before)

    def get_after(self, action: Action) -> Any:
        """The same after the action."""
        return shown(action, action.after)

    def get_undone_by(self, action: Action) -> str | None:
        """The action that takes it back, or is about to."""
        other = undone_by(action) if action.status == ActionStatus.SUCCEEDED else None
        return other.public_id if other else None

    @extend_schema_field(OrderOut(allow_null=True))
    def get_run_again(self, action: Action) -> Any:
        """The open order to run it again; `POST actions/{id}/confirm-run-again` confirms it."""
        order = open_order(action) if action.status == ActionStatus.UNKNOWN else None
        return OrderOut(order).data if order else None

    def get_stopped_by(self, action: Action) -> list[str]:
        """The scopes whose kill switch keeps it from being carried out now."""
        return [] if action.is_settled else [switch.scope for switch in stopping(action)]


class ActionIn(StrictFields):
    """A wish: a tool and its arguments."""

    tool = serializers.CharField(max_length=80)
    arguments = serializers.JSONField()
    run = serializers.CharField(max_length=40, required=False)
    call_id = serializers.CharField(max_length=200, required=False)
    reason = serializers.CharField(max_length=4000, required=False)
    tags = serializers.DictField(required=False)


class ApproveIn(StrictFields):
    """A vote for exactly what the digest covers; `arguments` take the place of the present ones."""

    digest = serializers.CharField(max_length=64)
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    arguments = serializers.JSONField(required=False)


class EditIn(StrictFields):
    """Other arguments for exactly what the digest covers, without a vote."""

    digest = serializers.CharField(max_length=64)
    arguments = serializers.JSONField()
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class UndoIn(StrictFields):
    """Why an approval is taken back."""

    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class ExtendIn(StrictFields):
    """A later deadline for the decision."""

    decide_by = serializers.DateTimeField()


class RejectIn(StrictFields):
    """A refusal; the agent gets the reason."""

    digest = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=4000)


class CancelIn(StrictFields):
    """A withdrawal."""

    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class ReconcileIn(StrictFields):
    """What a person found out about an unknown outcome."""

    outcome = serializers.ChoiceField(choices=["succeeded", "failed"])
    evidence = serializers.CharField(max_length=4000)


class RunAgainIn(StrictFields):
    """What the first person saw at the service, and why it may be sent once more."""

    reason = serializers.CharField(max_length=4000)


class ConfirmAgainIn(StrictFields):
    """The order that the second person confirms."""

    order = serializers.CharField(max_length=40)

"""Actions: proposing, looking, deciding."""

import hashlib
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.api.shapes import (
    RUN_MARK,
    ActionDetailOut,
    ActionIn,
    ActionOut,
    ApproveIn,
    CancelIn,
    ConfirmAgainIn,
    EditIn,
    ExtendIn,
    ReconcileIn,
    RejectIn,
    RunAgainIn,
    UndoIn,
)
from approvals.api.thread import (
    AnswerIn,
    AssignIn,
    CommentIn,
    CommentOut,
    SnoozeIn,
    SnoozeOut,
)
from approvals.models import Action
from approvals.services.wishes import RunContext
from approvals.states import ActionStatus
from gateway.agents import services as agents
from gateway.agents.models import Agent
from gateway.lib import ids
from gateway.lib.errors import Denied, Refused
from gateway.lib.rest import EnvironmentViews, checked, find, wait_of
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent, key_of
from gateway.tenants.principals import Principal

NOT_PERMITTED = "not_permitted"
WAIT = OpenApiParameter("wait", int, description="Hold the answer until settled, at most 60 s.")
FILTERS = [
    OpenApiParameter("status", str, enum=ActionStatus.values),
    OpenApiParameter("tool", str),
    OpenApiParameter("run", str),
    OpenApiParameter("agent", str, description="Its id or slug."),
]


class ActionViews(EnvironmentViews[Action]):
    """One requested tool call, from wish to outcome."""

    queryset = Action.objects.all()
    serializer_class = ActionDetailOut
    permissions: ClassVar[dict[str, str]] = {
        "list": "approvals.view_action",
        "retrieve": "approvals.view_action",
        "create": "approvals.propose_action",
        "approve": "approvals.decide_action",
        "reject": "approvals.decide_action",
        "edit": "approvals.decide_action",
        "undo": "approvals.view_action",
        "break_glass": "approvals.break_glass",
        "extend": "approvals.decide_action",
        "cancel": "approvals.cancel_action",
        "reconcile": "approvals.reconcile_action",
        "look_up": "approvals.reconcile_action",
        "run_again": "approvals.reconcile_action",
        "compensate": "approvals.view_action",
        "confirm_run_again": "approvals.reconcile_action",
        "comments": "approvals.view_comment",
        "add_comment": "approvals.comment_action",
        "answer": "approvals.answer_action",
        "take": "approvals.decide_action",
        "let_go": "approvals.decide_action",
        "assign": "approvals.assign_action",
        "snooze": "approvals.view_comment",
        "wake": "approvals.view_comment",
    }

    def get_queryset(self) -> QuerySet[Action]:
        """A machine sees what its own agent asked for; a member all of the environment."""
        rows = super().get_queryset().for_lists()  # type: ignore[attr-defined]
        if self.is_described or caller(self.request).is_member:
            return rows
        return rows.filter(agent_id=caller(self.request).agent_id)

    def run_context(self, text: str) -> RunContext:
        """The run that an action is to belong to; the app that knows runs overrides this."""
        raise Refused("unknown_run", f"There is no run {text[:40]!r} in this environment.")

    @extend_schema(parameters=FILTERS, responses=ActionOut(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        page = self.paginate_queryset(_narrowed(self.get_queryset(), request)) or []
        return self.get_paginated_response([ActionOut(row).data for row in page])

    @extend_schema(parameters=[WAIT])
    def retrieve(self, request: Request, id: str) -> Response:
        """The action's state or result."""
        wait_of(request.query_params.get("wait"))
        return super().retrieve(request, id)

    @extend_schema(
        parameters=[WAIT],
        request=ActionIn,
        responses={200: ActionDetailOut, 201: ActionDetailOut},
    )
    @idempotent(is_atomic=False)
    def create(self, request: Request) -> Response:
        """Propose a tool call. The same `call_id` and arguments give the existing action (200)."""
        wait_of(request.query_params.get("wait"))
        body, by = checked(ActionIn, request), caller(request)
        began = timezone.now()
        agent = agents.agent_of_principal(by)
        wish = services.propose(
            environment=by.environment,
            agent=agent,
            tool_name=body["tool"],
            arguments=body["arguments"],
            requester=_with_owner(by, agent),
            call_id=body.get("call_id") or _call_of(request),
            run=self.run_context(body["run"]) if "run" in body else None,
            reason=body.get("reason", ""),
            tags=body.get("tags"),
        )
        _refuse_invalid(wish)
        status = 200 if wish.created_at < began else 201
        return Response(ActionDetailOut(wish).data, status=status)

    @extend_schema(request=ApproveIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def approve(self, request: Request, id: str) -> Response:
        """Vote for exactly the version that the digest covers; members only.

        With `arguments` they are edited first. Where the edit needs somebody else's vote, the
        answer is a pending action with the digest that this vote has to name.
        """
        return self._decided(request, services.approve, ApproveIn)

    @extend_schema(request=EditIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def edit(self, request: Request, id: str) -> Response:
        """Change the arguments of a pending action: a new version, on which nobody has voted."""
        return self._decided(request, services.edit, EditIn)

    @extend_schema(request=UndoIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def undo(self, request: Request, id: str) -> Response:
        """Take an approval back while it rests in its hold; its approvers and operators only."""
        return self._decided(request, services.undo, UndoIn)

    @extend_schema(request=ExtendIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def extend(self, request: Request, id: str) -> Response:
        """Give a pending action a later deadline; its votes stay."""
        return self._decided(request, services.extend, ExtendIn)

    @extend_schema(request=RejectIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def reject(self, request: Request, id: str) -> Response:
        """Refuse, with the reason that the agent gets; members only."""
        return self._decided(request, services.reject, RejectIn)

    @extend_schema(request=RejectIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"], url_path="break-glass")
    def break_glass(self, request: Request, id: str) -> Response:
        """Approve alone in an emergency; others review it later, and owe that before another."""
        return self._decided(request, services.break_glass, RejectIn)

    @extend_schema(request=CancelIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Withdraw an action that has not begun."""
        return self._decided(request, services.cancel, CancelIn)

    @extend_schema(request=ReconcileIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def reconcile(self, request: Request, id: str) -> Response:
        """Settle an unknown outcome by what a person found out; members only."""
        return self._decided(request, services.reconcile, ReconcileIn)

    @extend_schema(request=None, responses=ActionDetailOut)
    @route(detail=True, methods=["post"], url_path="look-up")
    def look_up(self, request: Request, id: str) -> Response:
        """Ask the service by key what became of an unknown outcome; members only.

        What it remembers settles the action; else the answer is with the execution.
        """
        found = services.look_again(action=self.get_object(), by=caller(request))
        return Response(ActionDetailOut(found).data)

    @extend_schema(request=UndoIn, responses={201: ActionDetailOut})
    @route(detail=True, methods=["post"])
    def compensate(self, request: Request, id: str) -> Response:
        """Propose to undo what succeeded, as its tool declares: an action of its own."""
        body = checked(UndoIn, request)
        made = services.compensate(action=self.get_object(), by=caller(request), **body)
        return Response(ActionDetailOut(made).data, status=201)

    @extend_schema(request=RunAgainIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"], url_path="run-again")
    def run_again(self, request: Request, id: str) -> Response:
        """Order an action of unknown outcome to be sent once more; somebody else confirms it."""
        action, body = self.get_object(), checked(RunAgainIn, request)
        services.order_again(action=action, by=caller(request), **body)
        return Response(ActionDetailOut(self.get_object()).data)

    @extend_schema(request=ConfirmAgainIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"], url_path="confirm-run-again")
    def confirm_run_again(self, request: Request, id: str) -> Response:
        """Confirm somebody else's order to run it again: it is sent with the same key."""
        return self._decided(request, services.confirm_again, ConfirmAgainIn)

    @extend_schema(responses=CommentOut(many=True))
    @route(detail=True, methods=["get"], pagination_class=None)
    def comments(self, request: Request, id: str) -> Response:
        """The whole thread, oldest first; members only."""
        thread = self.get_object().comments.select_related("author", "agent", "question")
        return Response([CommentOut(said).data for said in thread])

    @extend_schema(request=CommentIn, responses={201: CommentOut})
    @comments.mapping.post
    def add_comment(self, request: Request, id: str) -> Response:
        """Add to the thread, or with `ask` put a question to the agent; members only."""
        body = checked(CommentIn, request)
        is_question = body.get("ask", False)
        said = services.comment(
            action=self.get_object(), by=caller(request), text=body["text"], is_question=is_question
        )
        return Response(CommentOut(said).data, status=201)

    @extend_schema(request=AnswerIn, responses={201: CommentOut})
    @route(detail=True, methods=["post"])
    def answer(self, request: Request, id: str) -> Response:
        """Answer a question of `questions`; with the key of the agent that asked for the action."""
        body = checked(AnswerIn, request)
        said = services.answer(action=self.get_object(), by=caller(request), **body)
        return Response(CommentOut(said).data, status=201)

    @extend_schema(request=None, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def take(self, request: Request, id: str) -> Response:
        """Say that one is on it, for 15 minutes; others can still decide. Members only."""
        taken = services.take_up(action=self.get_object(), by=caller(request))
        return Response(ActionDetailOut(taken).data)

    @extend_schema(request=None, responses=ActionDetailOut)
    @route(detail=True, methods=["post"], url_path="let-go")
    def let_go(self, request: Request, id: str) -> Response:
        """Say that one is not on it any more; members only."""
        free = services.let_go(action=self.get_object(), by=caller(request))
        return Response(ActionDetailOut(free).data)

    @extend_schema(request=AssignIn, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def assign(self, request: Request, id: str) -> Response:
        """Name who should decide; whoever could before still can. Members only."""
        return self._decided(request, services.assign, AssignIn)

    @extend_schema(request=SnoozeIn, responses=SnoozeOut)
    @route(detail=True, methods=["post"])
    def snooze(self, request: Request, id: str) -> Response:
        """Hide it from one's own inbox; no deadline moves. Members only."""
        body = checked(SnoozeIn, request)
        aside = services.snooze(action=self.get_object(), by=caller(request), **body)
        return Response(SnoozeOut(aside).data)

    @extend_schema(request=None, responses=ActionDetailOut)
    @route(detail=True, methods=["post"])
    def wake(self, request: Request, id: str) -> Response:
        """Show it in one's own inbox again; members only."""
        shown = services.wake(action=self.get_object(), by=caller(request))
        return Response(ActionDetailOut(shown).data)

    def _decided(self, request: Request, decide: Any, shape: Any) -> Response:
        body = checked(shape, request)
        done = decide(action=self.get_object(), by=caller(request), **body)
        return Response(ActionDetailOut(done).data)


def _narrowed(rows: QuerySet[Action], request: Request) -> QuerySet[Action]:
    asked = request.query_params
    if status := asked.get("status"):
        if status not in ActionStatus.values:
            raise Refused("invalid", f"status is one of {', '.join(ActionStatus.values)}.")
        rows = rows.filter(status=status)
    if tool := asked.get("tool"):
        rows = rows.filter(tool_name=tool)
    if run := asked.get("run"):
        rows = rows.filter(run_id=_run_id(run)) if _run_id(run) else rows.none()
    if name := asked.get("agent"):
        agent = find(Agent.objects.within(caller(request).environment), name, by="slug")
        rows = rows.filter(agent=agent) if agent else rows.none()
    return rows


def _run_id(text: str) -> Any:
    try:
        return ids.decode(RUN_MARK, text)
    except ids.BadId:
        return None


def _with_owner(by: Principal, agent: Agent) -> Principal:
    """The key and its owner are the requester: the person behind a machine never approves."""
    if by.owner_id is None and agent.owner is not None:
        return replace(by, owner_id=agent.owner.user_id)
    return by


def _call_of(request: Request) -> str | None:
    """Without a call id the Idempotency-Key identifies the call, even across a crash."""
    key = key_of(request)
    return f"key_{hashlib.sha256(key.encode()).hexdigest()[:40]}" if key else None


def _refuse_invalid(wish: Action) -> None:
    if wish.status == ActionStatus.INVALID and not wish.digest:
        kind = Denied if wish.code == NOT_PERMITTED else Refused
        raise kind(wish.code or "invalid", wish.reason, action=wish.public_id)

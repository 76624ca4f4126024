"""Policies: the environment's ordered rules, their versions, trials and simulations."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import services
from approvals.api.policy_shapes import (
    CheckIn,
    DisagreementOut,
    PolicyDetailOut,
    PolicyIn,
    PolicyOut,
    PolicyPatch,
    PolicyVersionOut,
    RestoreIn,
    RolloutIn,
    SimulateIn,
    replayed,
    simulated,
)
from approvals.models import Action, Policy
from approvals.policy.advice import advice
from approvals.policy.changes import changes
from approvals.policy.comparing import Change
from approvals.policy.templates import TEMPLATES
from approvals.services import disagreements, policies, simulating
from approvals.services.simulating import Draft
from gateway.agents.models import Agent
from gateway.lib.errors import Refused
from gateway.lib.rest import EnvironmentViews, checked, named
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

VIEW, CHANGE = "approvals.view_policy", "approvals.change_policy"
ANY = OpenApiTypes.OBJECT
NUMBERS = [
    OpenApiParameter("from", int, description="The older version's number."),
    OpenApiParameter("to", int, description="The newer version's number."),
]
WHICH = [
    OpenApiParameter("version", int, description="Only of this version."),
    OpenApiParameter("change", str, enum=[str(change) for change in Change]),
]


class PolicyViews(EnvironmentViews[Policy]):
    """A named part of the environment's one list of rules."""

    queryset = Policy.objects.all()
    serializer_class = PolicyDetailOut
    named_by = "name"
    permissions: ClassVar[dict[str, str]] = {
        "list": VIEW,
        "retrieve": VIEW,
        "versions": VIEW,
        "version": VIEW,
        "diff": VIEW,
        "disagreements": VIEW,
        "templates": VIEW,
        "check": VIEW,
        "simulate": VIEW,
        "create": CHANGE,
        "partial_update": CHANGE,
        "restore": CHANGE,
        "rollout": CHANGE,
        "promote": CHANGE,
        "withdraw": CHANGE,
    }

    def get_queryset(self) -> QuerySet[Policy]:
        """With the version on trial."""
        return super().get_queryset().select_related("trial", "environment__tenant")

    @extend_schema(responses=PolicyOut(many=True))
    def list(self, request: Request) -> Response:
        """One page."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([PolicyOut(row).data for row in page])

    @extend_schema(request=PolicyIn, responses={201: PolicyDetailOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Save a policy. A rule that does not compile is refused with the place of the fault."""
        body = checked(PolicyIn, request)
        place = caller(request).environment
        if "rollout" in body:
            return Response(_shown(_tried(place, body)), status=201)
        return Response(_shown(services.save_policy(place, **body)), status=201)

    @extend_schema(request=PolicyPatch, responses=PolicyDetailOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Give the policy a new version, after the same checks; what is left out stays."""
        policy, body = self.get_object(), checked(PolicyPatch, request)
        if "rollout" in body:
            body = {"name": policy.name, "rules": policy.rules, **body}
            return Response(_shown(_tried(policy.environment, body)))
        return Response(_shown(services.change_policy(policy, **body)))

    @extend_schema(responses=PolicyVersionOut(many=True))
    @route(detail=True)
    def versions(self, request: Request, id: str) -> Response:
        """Every version, the newest first."""
        page = self.paginate_queryset(self.get_object().versions.all()) or []
        return self.get_paginated_response([PolicyVersionOut(row).data for row in page])

    @extend_schema(responses=PolicyVersionOut)
    @route(detail=True, url_path="versions/(?P<number>[0-9]{1,9})")
    def version(self, request: Request, id: str, number: str) -> Response:
        """One version."""
        return Response(PolicyVersionOut(policies.version_of(self.get_object(), int(number))).data)

    @extend_schema(parameters=NUMBERS, responses=ANY)
    @route(detail=True)
    def diff(self, request: Request, id: str) -> Response:
        """What became of each rule between two versions, matched by name."""
        policy = self.get_object()
        old, new = (policies.version_of(policy, _number(request, name)) for name in ("from", "to"))
        return Response(
            {
                "from": old.number,
                "to": new.number,
                "rules": [asdict(change) for change in changes(old.rules, new.rules)],
                "tests_changed": old.tests != new.tests,
                "position": [old.position, new.position],
                "enabled": [old.is_enabled, new.is_enabled],
            }
        )

    @extend_schema(request=RestoreIn, responses=PolicyDetailOut)
    @route(detail=True, methods=["post"])
    def restore(self, request: Request, id: str) -> Response:
        """Put an old version in force again, as a new one."""
        body = checked(RestoreIn, request)
        done = services.restore(self.get_object(), number=body["version"], comment=body["comment"])
        return Response(_shown(done))

    @extend_schema(request=RolloutIn, responses=PolicyDetailOut)
    @route(detail=True, methods=["post"])
    def rollout(self, request: Request, id: str) -> Response:
        """Let the version on trial count for others than so far."""
        body = checked(RolloutIn, request)
        return Response(_shown(services.widen(self.get_object(), rollout=_rollout(body))))

    @extend_schema(request=None, responses=PolicyDetailOut)
    @route(detail=True, methods=["post"])
    def promote(self, request: Request, id: str) -> Response:
        """Put the version on trial in force for all."""
        return Response(_shown(services.promote(self.get_object())))

    @extend_schema(request=None, responses=PolicyDetailOut)
    @route(detail=True, methods=["post"])
    def withdraw(self, request: Request, id: str) -> Response:
        """End the trial."""
        return Response(_shown(services.withdraw(self.get_object())))

    @extend_schema(parameters=WHICH, responses=DisagreementOut(many=True))
    @route(detail=True)
    def disagreements(self, request: Request, id: str) -> Response:
        """The actions that a watched version would have judged otherwise, the newest first."""
        asked = request.query_params.get("change", "")
        if asked and asked not in set(Change):
            raise Refused("invalid", f"change is one of {', '.join(Change)}.")
        number = _number(request, "version") if "version" in request.query_params else 0
        rows = disagreements.listed(self.get_object(), number=number, change=asked)
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response([DisagreementOut(row).data for row in page])

    @extend_schema(responses=ANY)
    @route(detail=False)
    def templates(self, request: Request) -> Response:
        """Ready-made rules, each with the cases that show what it does."""
        return Response({"items": [asdict(template) for template in TEMPLATES]})

    @extend_schema(request=CheckIn, responses=ANY)
    @route(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Compile rules, run their tests and warn; nothing is saved."""
        body = checked(CheckIn, request)
        rules, outcomes = policies.checked("draft", body["rules"], body.get("tests", ""))
        place = caller(request).environment
        warned = advice(rules, policies.tool_facts(place))
        warned += services.warnings_of(place, body["rules"])
        return Response(
            {
                "tests": [asdict(outcome) for outcome in outcomes],
                "passed": not [outcome for outcome in outcomes if not outcome.passed],
                "warnings": [asdict(warning) for warning in warned],
            }
        )

    @extend_schema(request=SimulateIn, responses=ANY)
    @route(detail=False, methods=["post"])
    def simulate(self, request: Request) -> Response:
        """What the rules, or a draft of them, say of one call, one past action or the last days.

        Checks beside policy (constraints of a run, budgets, loops) are not replayed; secrets are
        masked in stored facts, and `uncertain` names those that a rule looked at.
        """
        body, place = checked(SimulateIn, request), caller(request).environment
        draft = self._draft(body)
        if "days" in body:
            options = {"limit": body["limit"]} if "limit" in body else {}
            found = simulating.replay(place, days=body["days"], draft=draft, **options)
            return Response(replayed(found))
        if "action" in body:
            action = named(
                Action.objects.within(place).select_related("environment__tenant"),
                body["action"], by="", what="action",
            )  # fmt: skip
            return Response(simulated(simulating.simulate_action(action, draft)))  # type: ignore[arg-type]
        agent = named(Agent.objects.within(place), body["agent"], by="slug", what="agent")
        one = simulating.simulate_call(
            place, agent=agent, tool=body["tool"], arguments=body["arguments"], draft=draft,  # type: ignore[arg-type]
            now=body.get("at"),
        )  # fmt: skip
        return Response(simulated(one))

    def _draft(self, body: dict[str, Any]) -> Draft | None:
        """The draft of the body; a policy without rules means its version on trial."""
        policy = named(self.get_queryset(), body.get("policy"), by="name", what="policy")
        if "rules" in body:
            return Draft(body["rules"], policy, body.get("position", 100))
        if policy is None:
            return None
        if policy.trial is None:
            raise Refused("no_draft", f"{policy.name} has no version on trial: give `rules`.")
        return Draft(policy.trial.rules, policy)


def _tried(place: Any, body: dict[str, Any]) -> Policy:
    if extra := {"position", "enabled"} & set(body):
        raise Refused("invalid", f"A version on trial has no {sorted(extra)[0]} of its own.")
    rollout = _rollout(body.pop("rollout"))
    return services.try_version(place, rollout=rollout, **body)


def _rollout(body: dict[str, Any]) -> services.Rollout:
    return services.Rollout(body["stage"], tuple(body.get("agents", ())), body.get("percent", 0))


def _shown(policy: Policy) -> Any:
    return PolicyDetailOut(policy).data


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused("invalid", f"{name} is the number of a version.")
    return int(text)

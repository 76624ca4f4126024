"""The REST resource of budgets."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action as route
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.budgets import amounts, periods, services
from gateway.budgets.models import Budget, Counter, UsageEntry
from gateway.lib.rest import EnvironmentViews, StrictFields, checked
from gateway.tenants.authentication import caller
from gateway.tenants.idempotency import idempotent

VIEW, CHANGE = "budgets.view_budget", "budgets.change_budget"


class BudgetIn(StrictFields):
    """A new budget. `limit` counts calls, minor units of the currency, tokens or micro-USD."""

    scope = serializers.CharField(
        max_length=240,
        help_text="tenant, environment, run; agent, tool, project_id or user_id for each by "
        "itself, or one by name as in agent:support.",
    )
    kind = serializers.ChoiceField(choices=list(amounts.KINDS))
    limit = serializers.IntegerField(min_value=0, max_value=amounts.MAX_AMOUNT)
    period = serializers.ChoiceField(choices=list(periods.PERIODS))
    alert_at = serializers.FloatField(required=False)
    name = serializers.SlugField(max_length=60, required=False)
    currency = serializers.CharField(max_length=3, required=False)
    amount = serializers.CharField(
        max_length=4096,
        required=False,
        help_text="Of money: CEL over args and tool that yields integer minor units, a decimal "
        "text, or {amount, currency}.",
    )


class BudgetChangeIn(StrictFields):
    """What may change of a budget; whose use it counts, and of what, stays."""

    limit = serializers.IntegerField(min_value=0, max_value=amounts.MAX_AMOUNT, required=False)
    alert_at = serializers.FloatField(required=False)
    enabled = serializers.BooleanField(source="is_enabled", required=False)
    amount = serializers.CharField(max_length=4096, required=False)


class CounterOut(serializers.Serializer[Counter]):
    """What one subject has taken in one window."""

    subject = serializers.CharField()
    window = serializers.CharField()
    used = serializers.IntegerField()
    reserved = serializers.IntegerField()
    resets_at = serializers.DateTimeField(source="ends_at", allow_null=True)


class BudgetOut(serializers.Serializer[Budget]):
    """A budget, and the fullest of its open counters."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    scope = serializers.CharField(source="scoped_to")
    kind = serializers.ChoiceField(choices=list(amounts.KINDS))
    currency = serializers.CharField()
    amount = serializers.CharField()
    limit = serializers.IntegerField()
    period = serializers.ChoiceField(choices=list(periods.PERIODS))
    alert_at = serializers.FloatField()
    enabled = serializers.BooleanField(source="is_enabled")
    fullest = serializers.SerializerMethodField()
    open_counters = serializers.IntegerField(default=0)
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    @extend_schema_field(CounterOut(allow_null=True))
    def get_fullest(self, budget: Budget) -> Any:
        """The counter that has the least room."""
        found = self.context.get("counters", {}).get(budget.pk)
        return CounterOut(found).data if found else None


class UsageOut(serializers.Serializer[UsageEntry]):
    """What one action or run took."""

    id = serializers.CharField(source="public_id")
    ref = serializers.CharField()
    amount = serializers.IntegerField()
    state = serializers.CharField(source="status")
    subject = serializers.CharField(source="counter.subject")
    window = serializers.CharField(source="counter.window")
    created_at = serializers.DateTimeField()


class BudgetViews(EnvironmentViews[Budget]):
    """How much may be used, by whom, in which period."""

    queryset = Budget.objects.all()
    serializer_class = BudgetOut
    named_by = "name"
    permissions: ClassVar[dict[str, str]] = {
        "list": VIEW,
        "retrieve": VIEW,
        "usage": VIEW,
        "create": CHANGE,
        "partial_update": CHANGE,
        "archive": CHANGE,
    }

    def get_queryset(self) -> Any:
        """With the fullest counter of each."""
        return services.with_fullest(super().get_queryset())

    def list(self, request: Request) -> Response:
        """Newest first, archived ones too."""
        page = self.paginate_queryset(self.get_queryset()) or []
        counters = services.counters_of(page)
        context = {"counters": counters}
        return self.get_paginated_response([BudgetOut(row, context=context).data for row in page])

    def retrieve(self, request: Request, id: str) -> Response:
        """One budget."""
        return Response(_shown(self.get_object()))

    @extend_schema(request=BudgetIn, responses={201: BudgetOut})
    @idempotent()
    def create(self, request: Request) -> Response:
        """Make a budget. It counts from now on; what was used before is not charged."""
        by = caller(request)
        made = services.create(by.environment, by=by, **checked(BudgetIn, request))
        return Response(_shown(made), status=201)

    @extend_schema(request=BudgetChangeIn, responses=BudgetOut)
    def partial_update(self, request: Request, id: str) -> Response:
        """Another limit, alert or amount; on or off."""
        body = checked(BudgetChangeIn, request)
        services.change(self.get_object(), by=caller(request), **body)
        return Response(_shown(self.get_object()))

    @extend_schema(request=None, responses=BudgetOut)
    @route(detail=True, methods=["post"])
    def archive(self, request: Request, id: str) -> Response:
        """End it for good; what it counted stays readable."""
        services.archive(self.get_object(), by=caller(request))
        return Response(_shown(self.get_object()))

    @extend_schema(responses=UsageOut(many=True))
    @route(detail=True, methods=["get"])
    def usage(self, request: Request, id: str) -> Response:
        """What was taken from it, by which actions and runs of this environment."""
        entries = services.uses(self.get_object(), caller(request).environment)
        page = self.paginate_queryset(entries) or []
        return self.get_paginated_response([UsageOut(entry).data for entry in page])


def _shown(budget: Budget) -> Any:
    return BudgetOut(budget, context={"counters": services.counters_of([budget])}).data

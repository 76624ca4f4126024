"""What is kept of budgets and of what was used."""

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from audit.kept import Kept

MEMBERS = "members"

KEPT = (
    Kept("budgets.Budget", "limits", MEMBERS),
    Kept(
        "budgets.Counter",
        "how much was used of a budget, by agent, project or user",
        MEMBERS,
        # Unique in its window, so what stands there afterwards has to differ.
        personal={"subject": Concat(Value("erased:"), Cast("id", CharField()))},
        tenant="environment__tenant",
    ),
    Kept("budgets.UsageEntry", "how much each action or run used", MEMBERS),
    Kept("budgets.BudgetAlert", "that a limit was near or reached", MEMBERS),
)

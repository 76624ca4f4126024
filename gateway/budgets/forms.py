"""Forms of the budgets' pages; amounts are typed in whole units, such as 500.00."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.budgets import amounts, scopes
from gateway.budgets.amounts import AmountError
from gateway.budgets.models import KINDS, PERIODS, SCOPES, Budget

STATES = (("", _("On or off")), ("on", _("On")), ("off", _("Off")), ("archived", _("Archived")))
LIMIT_HELP = _("Calls and tokens as whole numbers, money and model cost (USD) as 500.00.")
AMOUNT_HELP = _(
    "Of money: CEL over args and tool that gives the call's amount, as in args.amount or "
    'tool.name == "refund" ? args.amount : 0'
)


class BudgetFilter(forms.Form):
    """Name or scope, kind, state; empty fields do not narrow. Archived ones only when asked for."""

    q = forms.CharField(required=False, label=_("Search name or scope"))
    kind = forms.ChoiceField(
        required=False, label=_("Kind"), choices=[("", _("Every kind")), *KINDS]
    )
    state = forms.ChoiceField(required=False, label=_("State"), choices=STATES)

    def narrow(self, budgets: Any) -> Any:
        """The budgets that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return budgets.none()
        data = self.cleaned_data
        if text := data["q"]:
            budgets = budgets.filter(
                Q(name__icontains=text) | Q(value__icontains=text) | Q(scope__icontains=text)
            )
        if data["kind"]:
            budgets = budgets.filter(kind=data["kind"])
        if data["state"] == "archived":
            return budgets.exclude(archived_at=None)
        if data["state"]:
            budgets = budgets.filter(is_enabled=data["state"] == "on")
        return budgets.live()


class _LimitForm(forms.Form):
    """What every form of a budget asks for."""

    limit = forms.CharField(max_length=24, label=_("Limit"), help_text=LIMIT_HELP)
    alert_percent = forms.IntegerField(
        min_value=1, max_value=100, initial=80, label=_("Alert at percent of the limit")
    )

    def read_limit(self, *, kind: str, currency: str) -> int | None:
        """The limit in its smallest unit; None, with an error on the field, where it is none."""
        try:
            text = self.cleaned_data["limit"].strip()
            return amounts.parse(text, kind=kind, currency=currency)
        except AmountError as error:
            self.add_error("limit", gettext("This is no limit: {error}.").format(error=error))
        except KeyError:
            pass
        return None


class BudgetForm(_LimitForm):
    """A new budget."""

    scope = forms.ChoiceField(label=_("Whose use"), choices=SCOPES, initial="environment")
    value = forms.CharField(
        required=False, max_length=scopes.MAX_VALUE, label=_("Its name"),
        help_text=_("The agent's slug, the tool's name, the tag's value; empty: each by itself."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("Counts"), choices=KINDS)
    period = forms.ChoiceField(
        label=_("For"), choices=PERIODS, initial="day",
        help_text=_("Days and months by the tenant's clock. A minute limits the pace of calls."),
    )  # fmt: skip
    currency = forms.CharField(
        required=False, max_length=3, label=_("Currency"), help_text=_("Of money: EUR, USD, JPY …")
    )
    amount = forms.CharField(
        required=False, max_length=4096, label=_("A call's amount"), help_text=AMOUNT_HELP,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )  # fmt: skip
    name = forms.SlugField(
        required=False, max_length=60, label=_("Name"), help_text=_("Rules read budget.NAME.")
    )
    field_order = ("scope", "value", "kind", "period", "limit", "currency", "amount")

    def clean(self) -> dict[str, Any]:
        """With the limit in its smallest unit."""
        data = super().clean() or self.cleaned_data
        data["currency"] = data.get("currency", "").upper()
        kind = data.get("kind", "")
        data["limit"] = self.read_limit(kind=kind, currency=data["currency"])
        return data

    @property
    def values(self) -> dict[str, Any]:
        """What the service takes."""
        data = self.cleaned_data
        kept = ("kind", "limit", "period", "name", "currency", "amount")
        scope = (
            f"{data['scope']}:{data['value'].strip()}" if data["value"].strip() else data["scope"]
        )
        return {
            **{name: data[name] for name in kept},
            "scope": scope,
            "alert_at": data["alert_percent"] / 100,
        }


class BudgetChangeForm(_LimitForm):
    """What may change of a budget."""

    amount = forms.CharField(
        max_length=4096, label=_("A call's amount"), help_text=AMOUNT_HELP,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )  # fmt: skip
    is_enabled = forms.BooleanField(required=False, label=_("On: it limits what is used"))

    def __init__(self, *args: Any, budget: Budget, **more: Any) -> None:
        limit = amounts.plain(budget.limit, kind=budget.kind, currency=budget.currency)
        more["initial"] = {
            "limit": limit, "amount": budget.amount, "is_enabled": budget.is_enabled,
            "alert_percent": round(100 * budget.alert_at),
        }  # fmt: skip
        super().__init__(*args, **more)
        self.budget = budget
        if budget.kind != "money":
            del self.fields["amount"]

    def clean(self) -> dict[str, Any]:
        """With the limit in its smallest unit."""
        data = super().clean() or self.cleaned_data
        budget = self.budget
        data["limit"] = self.read_limit(kind=budget.kind, currency=budget.currency)
        return data

    @property
    def values(self) -> dict[str, Any]:
        """What the service takes: only what differs, so that a fraction keeps its digits."""
        data, budget = self.cleaned_data, self.budget
        values: dict[str, Any] = {
            name: data[name] for name in ("limit", "amount", "is_enabled") if name in data
        }
        if data["alert_percent"] != round(100 * budget.alert_at):
            values["alert_at"] = data["alert_percent"] / 100
        return {name: new for name, new in values.items() if new != getattr(budget, name)}

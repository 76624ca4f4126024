"""Audit records as the desk shows them: found by filters, with names as they are today."""

import json
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import tree
from audit.actions import AuditAction
from audit.context import KINDS
from audit.models import AuditRecord, Checkpoint, Leaf
from gateway.lib.labels import labels_of
from gateway.lib.words import Words
from gateway.tenants.models import Environment

AREAS = sorted({action.rpartition(".")[0] for action in AuditAction})
# Columns that a link narrows, by the name in its address.
NARROWED = {"correlation": "correlation_id", "target": "target_id", "actor_id": "actor_id"}
MAX_ID = 128
# Where an id leads on the desk: its prefix, the page, and what the page calls it.
PAGES = {
    "act": ("approvals:detail", "action"),
    "run": ("runs:detail", "run"),
    "evt": ("webhooks:event", "event"),
    "tol": ("tools:detail", "tool"),
    "agt": ("agents:detail", "agent"),
    "bud": ("budgets:detail", "budget"),
    "mem": ("tenants:member", "member"),
    "pol": ("approvals:policy", "policy"),
}
SHORT = 12


def _choices(first: Words, values: Any) -> list[tuple[str, Words]]:
    return [("", first), *((value, value) for value in values)]


class RecordFilter(forms.Form):
    """Text or id, area, outcome, kind of actor, day; what is empty does not narrow."""

    q = forms.CharField(required=False, label=_("Search an id, action or reason"))
    area = forms.ChoiceField(
        required=False, label=_("Area"), choices=_choices(_("Every area"), AREAS)
    )
    outcome = forms.ChoiceField(
        required=False, label=_("Outcome"), choices=_choices(_("Ok or not"), ("ok", "refused"))
    )
    actor = forms.ChoiceField(
        required=False, label=_("Actor"), choices=_choices(_("Everybody"), sorted(KINDS))
    )
    day = forms.DateField(
        required=False, label=_("Day"), widget=forms.DateInput(attrs={"type": "date"})
    )

    correlation = forms.CharField(required=False, max_length=MAX_ID, widget=forms.HiddenInput)
    target = forms.CharField(required=False, max_length=MAX_ID, widget=forms.HiddenInput)
    actor_id = forms.CharField(required=False, max_length=MAX_ID, widget=forms.HiddenInput)

    def narrow(self, rows: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """The records that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return rows.none()
        data = self.cleaned_data
        if text := data["q"].strip():
            exact = Q(target_id=text) | Q(actor_id=text) | Q(correlation_id=text)
            rows = rows.filter(exact | Q(action__contains=text) | Q(reason__contains=text))
        if data["area"]:
            rows = rows.filter(action__startswith=f"{data['area']}.")
        if data["outcome"]:
            rows = rows.filter(outcome=data["outcome"])
        if data["actor"]:
            rows = rows.filter(actor_kind=data["actor"])
        if self.span is not None:
            rows = rows.filter(occurred_at__gte=self.span[0], occurred_at__lt=self.span[1])
        wanted = {column: data[name] for name, column in NARROWED.items() if data[name]}
        return rows.filter(**wanted)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From when to before when the chosen day is, by the tenant's clock."""
        day = self.cleaned_data.get("day")
        if day is None:
            return None
        return (
            timezone.make_aware(datetime.combine(day, time.min)),
            timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)),
        )

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """What narrows beside the form's fields: name in the address, and value."""
        if not self.is_valid():
            return []
        return [(name, self.cleaned_data[name]) for name in NARROWED if self.cleaned_data[name]]


def within(environment: Environment) -> QuerySet[AuditRecord]:
    """The records of an environment, and those of its tenant as a whole."""
    scope = environment.audit_scope
    rows = AuditRecord.objects.of_tenant(scope.tenant or "")
    return rows.filter(Q(environment=scope.environment) | Q(environment=None))


@dataclass(frozen=True)
class Change:
    """One path with what it was and what it is."""

    path: str
    before: str
    after: str


class Line:
    """One record, as a line of the list and as a page."""

    def __init__(self, row: AuditRecord, labels: dict[str, str], environment: Environment) -> None:
        self.row = row
        self.labels = labels
        self.environment = environment

    @cached_property
    def leaf(self) -> Leaf | None:
        """Its place in the tree, once it has one."""
        return getattr(self.row, "leaf", None)

    @property
    def number(self) -> str:
        """Its place in the log as people count, from 1."""
        return f"{self.leaf.leaf_index + 1:,}" if self.leaf else gettext("new")

    @property
    def who(self) -> str:
        """Who did it, by today's name."""
        return self._named(self.row.actor_kind, self.row.actor_id)

    @property
    def what(self) -> str:
        """What it was done to, by today's name."""
        return self._named(self.row.target_kind, self.row.target_id)

    @property
    def target_url(self) -> str:
        """The target's page on the desk, if it has one."""
        name, part = PAGES.get(self.row.target_id.partition("_")[0], ("", ""))
        where = {"tenant": self.environment.tenant.slug, "environment": self.environment.slug}
        try:
            return reverse(name, kwargs={**where, part: self.row.target_id}) if name else ""
        except NoReverseMatch:
            return ""

    @property
    def is_refused(self) -> bool:
        """Whether it was refused."""
        return self.row.outcome != "ok"

    @property
    def leaf_hash(self) -> str:
        """The hash of its leaf, short."""
        return f"{self.leaf.leaf_hash[:SHORT]}…" if self.leaf else ""

    @cached_property
    def body(self) -> dict[str, Any]:
        """The record's fields, from the text that was hashed."""
        return dict(json.loads(self.row.body))

    @property
    def changes(self) -> list[Change]:
        """What changed, before and after."""
        return [
            Change(path, _text(before), _text(after))
            for path, (before, after) in sorted(self.body["changes"].items())
        ]

    @property
    def sealed(self) -> list[str]:
        """The names of the personal values that the record holds sealed."""
        return sorted(self.body["sealed"])

    @property
    def pretty(self) -> str:
        """The whole record, laid out; escapes keep hidden characters visible."""
        return json.dumps(self.body, indent=2)

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The first signed head that covers it."""
        if self.leaf is None:
            return None
        signed = Checkpoint.objects.filter(log=self.row.log, size__gt=self.leaf.leaf_index)
        return signed.order_by("size").first()

    @cached_property
    def siblings(self) -> int | None:
        """How many hashes prove it towards the newest checkpoint; None where the tree is broken."""
        try:
            found = tree.inclusion(self.row)
        except tree.Broken:
            return None
        return len(found.hashes) if found else None

    def _named(self, kind: str, id_: str) -> str:
        label = self.labels.get(id_)
        return f"{kind} {label}" if label else kind if kind == "system" else f"{kind} {id_}"


def lines(rows: list[AuditRecord], environment: Environment) -> list[Line]:
    """Records with the names of whoever and whatever they are about, looked up at once."""
    labels = labels_of({id_ for row in rows for id_ in (row.actor_id, row.target_id)})
    return [Line(row, labels, environment) for row in rows]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""The records for people: search, filters, one journey in one click; nothing changes anything."""

import hashlib
import json
from datetime import UTC
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from audit import badge, exporting, services
from audit.actions import AuditAction
from audit.context import KINDS, Scope, Target
from audit.escaping import escaped
from audit.exporting import CannotExport
from audit.models import AuditRecord, Leaf, RefusalCount, Verification
from audit.tree import Broken

SHORT = 12
OUTCOMES = ("ok", "refused")


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known without asking the table."""

    values: ClassVar[tuple[str, ...]] = ()
    condition: ClassVar[str] = ""

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Every value as it is."""
        return [(value, value) for value in self.values]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows with the chosen value."""
        return queryset.filter(**{self.condition: self.value()}) if self.value() else queryset


class AreaFilter(ChoiceFilter):
    """What the record is about, such as approvals.action."""

    title = "area"
    parameter_name = "area"
    condition = "action__startswith"
    values = tuple(sorted({f"{action.rpartition('.')[0]}." for action in AuditAction}))


class OutcomeFilter(ChoiceFilter):
    """Done, or refused."""

    title = "outcome"
    parameter_name = "outcome_is"
    condition = "outcome"
    values = OUTCOMES


class ActorFilter(ChoiceFilter):
    """Who acted: a person, a machine, a rule."""

    title = "actor"
    parameter_name = "actor_is"
    condition = "actor_kind"
    values = tuple(sorted(KINDS))


class EnvironmentFilter(admin.SimpleListFilter):
    """One of the environments in which the person may read."""

    title = "environment"
    parameter_name = "environment_is"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """The environments by what people call them."""
        known = [scope.environment for scope in request.user.audit_scopes if scope.environment]
        labels = model_admin.admin_site.labels_of(known)
        return sorted(((id_, labels.get(id_, id_)) for id_ in known), key=lambda pair: pair[1])

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen one."""
        return queryset.filter(environment=self.value()) if self.value() else queryset


class EvidenceAdmin(admin.ModelAdmin):
    """No row is added, changed or deleted, by no button and no address."""

    is_read_only: ClassVar[bool] = True
    actions = None
    list_per_page = 100
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: services write records."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may open the admin at all; the queryset says which rows."""
        return self.admin_site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """As for viewing."""
        return self.admin_site.has_permission(request)


@admin.register(AuditRecord)
class AuditRecordAdmin(EvidenceAdmin):
    """The log of the tenants, and environments, in which the person may read it."""

    list_display = ("when", "action", "result", "journey", "actor", "target", "place")
    list_filter = (AreaFilter, OutcomeFilter, ActorFilter, EnvironmentFilter)
    list_display_links = ("when", "action")
    search_fields = (
        "correlation_id__exact",
        "target_id__exact",
        "actor_id__exact",
        "action__contains",
        "reason__contains",
    )
    search_help_text = "An id of anything, a correlation id, or part of an action or reason."
    date_hierarchy = "occurred_at"
    ordering = ("-id",)
    fields = (
        "when", "action", "result", "actor", "target", "place", "journey", "log", "verified",
        "proof", "changes", "text_matches_digest", "body_sha256", "record",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """The person's own tenants only; a superuser's are all."""
        rows = super().get_queryset(request).defer("body", "body_json")
        if request.user.is_superuser:
            return rows
        return rows.filter(_allowed(request.user.audit_scopes))

    def get_urls(self) -> list[Any]:
        """The proof of one record beside Django's own pages."""
        proof = path(
            "<uuid:record>/proof/", self.admin_site.admin_view(self.proof_view),
            name="audit_auditrecord_proof",
        )  # fmt: skip
        return [proof, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list below the badges of the logs that the person may read."""
        return super().changelist_view(
            request,
            {
                "badges": _badges(request),
                "weaker_promise": badge.weaker_promise(),
                **(extra_context or {}),
            },
        )

    def proof_view(self, request: HttpRequest, record: Any) -> HttpResponse:
        """A folder that proves one record to whoever holds the public key and the verifier."""
        row = self.get_queryset(request).filter(pk=record).first()
        if row is None:
            raise Http404
        leaf = Leaf.objects.filter(record=row).first()
        try:
            if leaf is None:
                raise CannotExport("the record has no place in the tree yet")
            span = exporting.span_of_leaves(row.log, leaf.leaf_index, leaf.leaf_index + 1)
            packed = exporting.packed(span)
        except (CannotExport, Broken) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:audit_auditrecord_change", args=[row.pk]))
        services.record(
            AuditAction.PROOF_EXPORTED, target=Target("record", str(row.pk)),
            scope=Scope(row.tenant, row.environment),
        )  # fmt: skip
        answer = HttpResponse(packed, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="proof-{row.pk}.zip"'
        return answer

    def get_changelist_instance(self, request: Any) -> Any:
        """The page with the names of its actors, targets and environments, asked for at once."""
        page = super().get_changelist_instance(request)
        self._name(page.result_list)
        return page

    def get_object(self, request: Any, object_id: str, from_field: str | None = None) -> Any:
        """One record with its names."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self._name([found])
        return found

    def _name(self, records: Any) -> None:
        rows = list(records)
        known = {
            id_ for row in rows for id_ in (row.actor_id, row.target_id, row.environment) if id_
        }
        labels = self.admin_site.labels_of(known)  # type: ignore[attr-defined]
        for row in rows:
            row.labels = labels

    @admin.display(description="when (UTC)", ordering="occurred_at")
    def when(self, row: Any) -> str:
        """To the microsecond, as the record says it."""
        return row.occurred_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    @admin.display(description="outcome", ordering="outcome")
    def result(self, row: Any) -> str:
        """How it ended, and why it was refused."""
        return escaped(f"{row.outcome}: {row.reason}" if row.reason else row.outcome)

    @admin.display(ordering="actor_id")
    def actor(self, row: Any) -> str:
        """Who did it, by today's name."""
        return _named(row, row.actor_kind, row.actor_id)

    @admin.display(ordering="target_id")
    def target(self, row: Any) -> str:
        """What it was done to, and everything that was ever done to it."""
        url = _list_url({"target_id": row.target_id})
        return format_html('<a href="{}">{}</a>', url, _named(row, row.target_kind, row.target_id))

    @admin.display(description="environment")
    def place(self, row: Any) -> str:
        """Where."""
        return escaped(row.labels.get(row.environment, row.environment or row.tenant or "-"))

    @admin.display(description="correlation", ordering="correlation_id")
    def journey(self, row: Any) -> str:
        """All records of one journey, from the first webhook to the last result."""
        url = _list_url({"correlation_id": row.correlation_id})
        text, whole = escaped(row.correlation_id[:SHORT]), escaped(row.correlation_id)
        return format_html('<a href="{}" title="{}">{}…</a>', url, whole, text)

    @admin.display
    def changes(self, row: Any) -> str:
        """What changed, before and after."""
        return _json(json.loads(row.body)["changes"])

    @admin.display(description="record")
    def record(self, row: Any) -> str:
        """The whole record, laid out."""
        return _json(json.loads(row.body))

    @admin.display
    def proof(self, row: Any) -> str:
        """The way to a proof that can be checked offline."""
        url = reverse("admin:audit_auditrecord_proof", args=[row.pk])
        return format_html('<a href="{}">download, for countersign_verify.py</a>', url)

    @admin.display(description="log verified")
    def verified(self, row: Any) -> str:
        """What the last verification of its log found."""
        said = badge.badge_of(row.log)
        return escaped(f"{said.title}. {said.text}")

    @admin.display(description="text matches its digest", boolean=True)
    def text_matches_digest(self, row: Any) -> bool:
        """Whether text, digest and search copy still belong together."""
        is_whole = hashlib.sha256(row.body.encode()).hexdigest() == row.body_sha256
        return is_whole and json.loads(row.body) == row.body_json


@admin.register(RefusalCount)
class RefusalCountAdmin(EvidenceAdmin):
    """How often somebody was refused beyond the first record of a minute."""

    list_display = ("minute", "action", "why", "actor_id", "count")
    search_fields = ("actor_id__exact", "action__contains", "reason__contains")
    date_hierarchy = "minute"
    ordering = ("-minute",)
    fields = ("minute", "action", "why", "actor_id", "tenant", "count")
    readonly_fields = fields

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """The person's own tenants only; a superuser's are all."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(tenant__in={scope.tenant for scope in request.user.audit_scopes})

    @admin.display(description="reason", ordering="reason")
    def why(self, row: Any) -> str:
        """The reason, with whatever cannot be seen escaped."""
        return escaped(row.reason)


@admin.register(Verification)
class VerificationAdmin(EvidenceAdmin):
    """What the last verification of each log found."""

    list_display = ("log", "verified_at", "leaves", "found", "leaf_index", "text")
    fields = (
        "log", "verified_at", "leaves", "root", "found", "leaf_index", "record", "text",
        "asked_at", "read", "trouble",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """The logs of the person's own tenants only; a superuser's are all."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(log__in={scope.tenant for scope in request.user.audit_scopes})


def _badges(request: Any) -> list[tuple[str, badge.Badge]]:
    """Of the person's tenants, by name; a superuser's are those that were ever verified."""
    if request.user.is_superuser:
        logs = set(Verification.objects.values_list("log", flat=True))
    else:
        logs = {scope.tenant for scope in request.user.audit_scopes if scope.tenant}
    return [(log, badge.badge_of(log)) for log in sorted(logs)]


def _allowed(scopes: list[Scope]) -> Q:
    """Tenant-wide records of the person's tenants, and those of the environments."""
    tenants = {scope.tenant for scope in scopes}
    environments = {scope.environment for scope in scopes if scope.environment}
    in_place = Q(environment__isnull=True) | Q(environment__in=environments)
    return Q(tenant__in=tenants) & in_place


def _list_url(query: dict[str, str]) -> str:
    return f"{reverse('admin:audit_auditrecord_changelist')}?{urlencode(query)}"


def _named(row: Any, kind: str, id_: str) -> str:
    label = row.labels.get(id_)
    shown = escaped(f"{kind} {label}" if label else f"{kind} {id_}")
    return format_html('<span title="{}">{}</span>', id_, shown)


def _json(value: Any) -> str:
    # Escapes keep whatever a reader could not see visible.
    return format_html('<pre class="cs-json">{}</pre>', json.dumps(value, indent=2))

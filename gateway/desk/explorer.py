"""The audit explorer: records found, read, proven and exported; nothing is changed."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from audit import badge, exporting
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from audit.exporting import CannotExport
from audit.models import AuditRecord
from audit.tree import Broken
from gateway import verifying
from gateway.desk.records import Line, RecordFilter, lines, within
from gateway.lib.html import csv_answer, is_fragment, page, paged, show
from gateway.tenants.principals import of_user
from gateway.tenants.services import subjects

VIEW, EXPORT = "audit.view_record", "audit.export_record"
CSV_HEADER = (
    "number", "time", "actor_kind", "actor_id", "action", "outcome", "reason", "target_kind",
    "target_id", "correlation_id", "record", "leaf_hash",
)  # fmt: skip
HEAVY = ("body", "body_json")


@page(VIEW)
def index(request: Any) -> HttpResponseBase:
    """The records that the filters leave, newest first; as CSV or JSON lines for who may export."""
    filters = RecordFilter(request.GET)
    found = filters.narrow(within(request.environment)).order_by("-id")
    may_export = request.user.has_perm(EXPORT, request.environment)
    form = request.GET.get("format") if may_export else None
    if form == "csv":
        rows = found.select_related("leaf").defer(*HEAVY)
        return csv_answer(request, "audit", header=CSV_HEADER, rows=map(_cells, rows.iterator()))
    if form == "jsonl":
        return _json_lines(request, found)
    page_obj = paged(request, found.select_related("leaf").defer(*HEAVY))
    context = {
        "page_obj": page_obj,
        "rows": lines(list(page_obj.object_list), request.environment),
        "filters": filters,
        "badge": badge.badge_of(request.environment.tenant.public_id),
        "may_export": may_export,
        "weaker_promise": badge.weaker_promise(),
    }
    return show(request, "audit/list.html", fragment="audit/_list.html", context=context)


@page(VIEW)
def verification(request: Any) -> HttpResponse:
    """The badge of the log; posting has a worker verify it, and the badge then tells how far."""
    log = request.environment.tenant.public_id
    if request.method == "POST":
        by = of_user(request.user, request.environment).actor
        # The log is the tenant's, so the record of it is too.
        is_new = verifying.ask(log, by=by, scope=request.environment.tenant.audit_scope)
        if not is_fragment(request):
            text = gettext("is being verified") if is_new else gettext("is being verified already")
            messages.info(request, f"The log {text}: the badge says how far it is.")
            return _back(request, "audit:records")
    elif not is_fragment(request):
        return _back(request, "audit:records")
    return render(request, "audit/_badge.html", {"badge": badge.badge_of(log)})


@page(VIEW)
def detail(request: Any, record: Any) -> HttpResponse:
    """One record: what changed, its proof, and its personal values where they are asked for."""
    line = _line(request, record)
    context = {
        "line": line,
        "badge": badge.badge_of(line.row.log),
        "revealed": _revealed(request, line) if request.GET.get("personal") else None,
    }
    return render(request, "audit/detail.html", context)


@page(VIEW)
def proof(request: Any, record: Any) -> HttpResponse:
    """A folder that proves this one record to whoever holds the public key and the verifier."""
    line = _line(request, record)
    try:
        if line.leaf is None:
            raise CannotExport("The record has no place in the tree yet: try again in a moment.")
        span = exporting.span_of_leaves(
            line.row.log, line.leaf.leaf_index, line.leaf.leaf_index + 1
        )
        packed = exporting.packed(span)
    except (CannotExport, Broken) as error:
        messages.error(request, str(error))
        return _back(request, "audit:record", record=line.row.pk)
    _record(request, AuditAction.PROOF_EXPORTED, Target("record", str(line.row.pk)))
    return _zip(packed, f"proof-{line.row.pk}")


@page(EXPORT)
def bundle(request: Any) -> HttpResponse:
    """A signed export of the log, or of one day of it, for the offline verifier.

    Records of other environments are in it by their hashes only.
    """
    filters, log = RecordFilter(request.GET), request.environment.tenant.public_id
    try:
        if not filters.is_valid():
            raise CannotExport("This is no day: write it as 2026-11-26.")
        span = exporting.span_of_time(log, *(filters.span or (None, None)))
        here = {None, request.environment.public_id}
        packed = exporting.packed(span, holds_back=lambda row: row.environment not in here)
    except (CannotExport, Broken) as error:
        messages.error(request, str(error))
        return _back(request, "audit:records")
    _record(
        request, AuditAction.RECORDS_EXPORTED, Target("log", log), first=span.first, end=span.shown
    )
    return _zip(packed, f"audit-{span.first}-{span.shown}")


def _line(request: Any, record: Any) -> Line:
    row = within(request.environment).select_related("leaf").filter(pk=record).first()
    if row is None:
        raise Http404
    return lines([row], request.environment)[0]


def _revealed(request: Any, line: Line) -> list[subjects.Revealed]:
    """The personal values in the clear; that somebody read them is recorded."""
    _record(request, AuditAction.PERSONAL_REVEALED, Target("record", str(line.row.pk)))
    return subjects.reveal(line.row)


def _json_lines(request: Any, rows: Any) -> StreamingHttpResponse:
    asked = {name: value for name, value in request.GET.items() if value}
    _record(request, AuditAction.RECORDS_EXPORTED, Target("list", "audit"), **asked)
    return StreamingHttpResponse(
        exporting.texts(rows),
        content_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _record(request: Any, what: AuditAction, target: Target, **meta: Any) -> None:
    audit.record(
        what, target=target, scope=request.environment.audit_scope, meta=meta,
        actor=of_user(request.user, request.environment).actor,
    )  # fmt: skip


def _cells(row: AuditRecord) -> tuple[object, ...]:
    leaf = getattr(row, "leaf", None)
    return (
        leaf.leaf_index + 1 if leaf else "", row.occurred_at, row.actor_kind, row.actor_id,
        row.action, row.outcome, row.reason, row.target_kind, row.target_id, row.correlation_id,
        row.pk, leaf.leaf_hash if leaf else "",
    )  # fmt: skip


def _zip(packed: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(packed, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _back(request: Any, name: str, **parts: Any) -> HttpResponse:
    place = request.environment
    return redirect(name, tenant=place.tenant.slug, environment=place.slug, **parts)

"""Pages of the desk: who may open one, whole page or fragment, pages of a list, CSV.

`request.environment` is set by the tenants' middleware; permission is asked through Django alone.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target

PAGE_SIZE = 50
CSV_ROWS = 10_000
# A cell that begins like this would be run as a formula by a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

View = Callable[..., HttpResponseBase]


def page(permission: str) -> Callable[[View], View]:
    """A page of an environment: for signed-in people with this permission there.

    Strangers and unknown places look alike (404); a member without the permission gets 403 and why.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(
            request: Any, *, tenant: str, environment: str, **rest: Any
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            place = getattr(request, "environment", None)
            if place is None:
                raise Http404
            if not request.user.has_perm(permission, place):
                raise PermissionDenied(permission)
            with timezone.override(ZoneInfo(request.user.time_zone or place.tenant.time_zone)):
                answer = view(request, **rest)
            # Neither the back button nor who sits down here next sees what was true, or allowed.
            answer.headers.setdefault("Cache-Control", "no-store")
            return answer

        return guarded

    return decorate


def sign_in_first(request: Any) -> HttpResponse:
    """To the sign-in and back, with nothing done.

    Where htmx asked, the whole page goes there, and comes back to itself: a sign-in form inside of
    an action would be the answer to a decision that nobody took.
    """
    if not is_fragment(request):
        return redirect_to_login(request.get_full_path())
    back = urlencode({"next": request.htmx.current_url_abs_path or "/"})
    return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{back}")


def is_fragment(request: Any) -> bool:
    """Whether htmx asks for a part; coming back by the history wants the whole page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not (htmx.boosted or htmx.history_restore_request)


def show(
    request: HttpRequest,
    template: str,
    *,
    fragment: str,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    """The fragment for htmx, else the page that includes it."""
    name = fragment if is_fragment(request) else template
    answer = render(request, name, context, status=status)
    # The same address answers in two forms, so a cache must not mix them.
    answer["Vary"] = "HX-Request"
    return answer


class _Counted(Paginator):  # type: ignore[type-arg]  # not subscriptable when run
    """Pages of rows whose number is known already."""

    def __init__(self, rows: QuerySet[Any] | Sequence[Any], *, count: int) -> None:
        super().__init__(rows, PAGE_SIZE)
        self.count = count


def paged(
    request: HttpRequest, rows: QuerySet[Any] | Sequence[Any], *, count: int | None = None
) -> Page[Any]:
    """The asked-for page; a number out of range gives the nearest.

    `count` is how many there are, where the page has asked that before.
    """
    pages = Paginator(rows, PAGE_SIZE) if count is None else _Counted(rows, count=count)
    return pages.get_page(request.GET.get("page"))


def csv_answer(
    request: Any, name: str, *, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponse:
    """A list as a file, at most CSV_ROWS lines; the export leaves an audit record."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow([cell(value) for value in row])
        count += 1
        if count == CSV_ROWS:
            break
    audit.record(
        AuditAction.RECORDS_EXPORTED,
        target=Target("list", name),
        scope=request.environment.audit_scope,
        meta={"rows": count, "columns": list(header)},
    )
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text

"""The admin's one kind of page: it shows rows and changes nothing.

Texts come from agents and services, so hidden characters are made visible and nothing is markup.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gateway.lib import ids
from gateway.lib.visible import reveal

Shown = Callable[[Any], Any]
# Whatever a model calls these is never shown: sealed values, and digests that stand for a secret.
NEVER = ("sealed", "password")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Lists and single rows of the environments in whose audit log the person may look.

    `within` leads from the row to its environment; where it is empty, `of_tenant` leads to the
    tenant. `hidden` names columns that are nobody's business here.
    """

    is_read_only: ClassVar[bool] = True
    within: ClassVar[str] = "environment"
    of_tenant: ClassVar[str] = ""
    hidden: ClassVar[tuple[str, ...]] = ()
    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: configuration happens on the desk and by API."""
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

    def get_queryset(self, request: Any) -> models.QuerySet[Any]:
        """The rows of the person's environments; a superuser's are all."""
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        places = [place.pk for place in request.user.audited_environments]
        if self.within:
            return rows.filter(**{f"{self.within}__in": places})
        tenants = {place.tenant_id for place in request.user.audited_environments}
        return rows.filter(**{f"{self.of_tenant}__in": tenants}).distinct()

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """A public id finds its row."""
        try:
            return queryset.filter(pk=ids.decode(self.model.PREFIX, search_term.strip())), False
        except ids.BadId:
            return super().get_search_results(request, queryset, search_term)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The listed columns, the public id first."""
        return [_public_id, *(self._column(str(name)) for name in self.list_display)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Every column that may be seen."""
        names = [field.name for field in self.model._meta.fields if self._is_shown(field.name)]
        return [_public_id, *(self._column(name) for name in names if name != "id")]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All of them."""
        return self.get_fields(request, obj)

    def _is_shown(self, name: str) -> bool:
        return not name.startswith(NEVER) and name not in self.hidden

    def _column(self, name: str) -> Shown:
        field = self.model._meta.get_field(name)

        def show(row: Any) -> Any:
            return shown(getattr(row, name))

        show.__name__ = name
        show.short_description = field.verbose_name  # type: ignore[attr-defined]
        show.admin_order_field = name  # type: ignore[attr-defined]
        show.boolean = isinstance(field, models.BooleanField)  # type: ignore[attr-defined]
        return show


def shown(value: Any) -> Any:
    """A value as a reader should see it: JSON laid out, hidden characters named."""
    if isinstance(value, dict | list):
        # Escapes keep whatever a reader could not see visible.
        return format_html('<pre class="cs-json">{}</pre>', json.dumps(value, indent=2))
    if isinstance(value, str):
        return plain(value) if value else "-"
    if isinstance(value, models.Model):
        return plain(str(value))
    return "-" if value is None else value


def plain(text: str) -> SafeString:
    """The text with a named mark in the place of each character that would not be seen."""
    return format_html_join("", "{}", ((_span(span),) for span in reveal(text)))


def _span(span: Any) -> str:
    if span.kind == "text":
        return span.text
    if span.kind == "hidden":
        return format_html('<mark title="{}">{}</mark>', span.name, span.label)
    return format_html('<mark title="{}: {}">{}</mark>', span.label, span.name, span.text)


@admin.display(description="id", ordering="pk")
def _public_id(row: Any) -> str:
    return str(row.public_id)

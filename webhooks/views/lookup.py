"""What the pages of one source share: finding it, and what a person may do with it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from webhooks.ingest.client import client_address
from webhooks.models import Source
from webhooks.schemes.base import Scheme
from webhooks.schemes.secrets import BadSecret, new_secret

CHANGE = "webhooks.change_source"


def open_sources(request: Any) -> Any:
    """The sources of the page's environment that are not archived."""
    rows = Source.objects.within(request.environment).filter(archived_at__isnull=True)
    return rows.select_related("provider", "environment__tenant")


def source_of(request: Any, slug: str) -> Source:
    """The source of this slug; one of another environment does not exist here (404)."""
    found: Source = get_object_or_404(open_sources(request), slug=slug)
    return found


def to(name: str, source: Source) -> HttpResponse:
    """On to a page of the source."""
    place = source.environment
    return redirect(name, tenant=place.tenant.slug, environment=place.slug, source=source.slug)


def can_make(scheme: Scheme) -> bool:
    """Whether secrets of this scheme can be made here, rather than by the provider alone."""
    try:
        new_secret(scheme)
    except BadSecret:
        return False
    return True


def address_of(request: HttpRequest) -> str:
    """The reader's address as the intake would see it, through the trusted proxies."""
    headers = [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]
    return client_address((request.META.get("REMOTE_ADDR", ""), 0), headers)

"""Reading from GitHub without changing anything: what previews and look-ups share."""

from typing import Any
from urllib.parse import quote, urlencode

from gateway.connectors.base import ConnectorRequest
from gateway.connectors.calls import dwindling, read
from gateway.connectors.github.answers import refusal
from gateway.connectors.rest import base_url
from gateway.http import paging
from gateway.http.errors import OutsideError
from gateway.http.paging import Page, numbered
from gateway.tools.render import RenderError, render_http

API = "https://api.github.com"
# The version that GitHub's description, which the operations are checked against, describes.
VERSION = "2022-11-28"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION}
PER_PAGE = 100


def get(request: ConnectorRequest, path: str, **query: str | int) -> Any:
    """What stands at the path (its parts in braces are arguments); None for 404.

    Raises OutsideError.
    """
    url = base_url(request.config, API) + path
    config = {"method": "GET", "url": url, "headers": HEADERS}
    try:
        rendered = render_http(config, dict(request.arguments))
    except RenderError as error:
        raise OutsideError("preview_failed", True, False, detail=str(error)) from error
    if query:
        rendered["url"] = f"{rendered['url']}?{urlencode(query, quote_via=quote)}"
    return read(request, rendered, refusal=refusal)


def find(request: ConnectorRequest, path: str, *, mark: str, **query: str | int) -> Any:
    """The one of a list whose text holds the mark; None where none of all does.

    Raises OutsideError where the list is longer than is looked through: then nobody knows.
    """

    left = dwindling(request)

    def fetch(cursor: str | None) -> Page:
        number = int(cursor or 1)
        items = get(left(), path, per_page=PER_PAGE, page=number, **query)
        if not isinstance(items, list):
            raise bad_answer()
        return numbered(items, page=number, per_page=PER_PAGE)

    return paging.find(fetch, lambda item: mark in str(item.get("body") or ""))


def bad_answer() -> OutsideError:
    """The error for an answer that does not look like GitHub's."""
    return OutsideError("bad_answer", True, False, detail="The answer is not GitHub's.")

"""Lists that come in pages: where the next one is, and never more of them than was said. Pure.

A page is `items` and `next_cursor`; fetching one is the caller's business. Services say in three
ways what follows: a Link header, a cursor in the body, or nothing but a page that is full.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from gateway.http.errors import OutsideError
from gateway.http.guard import DEFAULT_PORTS
from gateway.http.messages import Answer

MAX_PAGES = 10
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """Some items, and the cursor under which more are to be had (None after the last)."""

    items: tuple[Any, ...]
    next_cursor: str | None = None

    @property
    def has_more(self) -> bool:
        """Whether there are more."""
        return self.next_cursor is not None

    def result(self) -> dict[str, Any]:
        """As an action's result tells it."""
        return {
            "items": list(self.items),
            "has_more": self.has_more,
            "next_cursor": self.next_cursor,
        }


# Fetches the page of this cursor; None is the first. Raises OutsideError.
Fetch = Callable[[str | None], Page]


def links(answer: Answer) -> dict[str, str]:
    """The addresses of the Link header (RFC 8288) by relation; the first of each counts."""
    found: dict[str, str] = {}
    for link in _LINK.finditer(answer.headers.get("link", "")):
        rel = _REL.search(link[2])
        for name in (rel[1] or rel[2] or "").lower().split() if rel else ():
            found.setdefault(name, link[1].strip())
    return found


def linked(items: Sequence[Any], answer: Answer, *, url: str) -> Page:
    """The page whose Link header names the next one; `url` is where this one was.

    Raises OutsideError where the next one is at another place: the credential is not for that.
    """
    target = links(answer).get("next")
    if target is None:
        return Page(tuple(items))
    following = urljoin(url, target)
    if _origin(following) != _origin(url):
        raise _bad("The next page is said to be at another host.")
    return Page(tuple(items), following)


def cursored(items: Sequence[Any], body: Any, *, at: str, more: str | None = None) -> Page:
    """The page whose body holds the next cursor at this path (`meta.next`); empty is the end.

    `more` is the path of a yes or no that comes before the cursor, where the service has one.
    Raises OutsideError for a cursor that is neither text nor number.
    """
    cursor = _at(body, at)
    if cursor in (None, "", False) or (more is not None and not _at(body, more)):
        return Page(tuple(items))
    if not isinstance(cursor, str | int) or isinstance(cursor, bool):
        raise _bad("The cursor of the next page is no text.")
    return Page(tuple(items), str(cursor))


def numbered(items: Sequence[Any], *, page: int, per_page: int, total: int | None = None) -> Page:
    """The page of a service that counts pages from 1: only a full one has a next."""
    is_last = len(items) < per_page or (total is not None and page * per_page >= total)
    return Page(tuple(items), None if is_last else str(page + 1))


def collect(
    fetch: Fetch, *, max_items: int, max_pages: int = MAX_PAGES, start: str | None = None
) -> Page:
    """The items of several pages, until there are `max_items` or `max_pages` were fetched.

    Pages are taken whole, so that `next_cursor` goes on exactly after the last item: there may be
    one page more than `max_items`. Raises OutsideError, also where a cursor comes again.
    """
    items: list[Any] = []
    page = Page(())
    for page in _pages(fetch, max_pages=max_pages, start=start):
        items += page.items
        if len(items) >= max_items:
            break
    return Page(tuple(items), page.next_cursor)


def find(
    fetch: Fetch, is_wanted: Callable[[Any], bool], *, max_pages: int = MAX_PAGES
) -> Any | None:
    """The first such item of all pages; None where none of all is.

    Raises OutsideError `too_many` where there are more pages than are looked through: then nobody
    knows whether it exists.
    """
    page = Page(())
    for page in _pages(fetch, max_pages=max_pages, start=None):
        for item in page.items:
            if is_wanted(item):
                return item
    if page.has_more:
        detail = f"There are more than {max_pages} pages: it was not found among the first."
        raise OutsideError("too_many", True, False, detail=detail)
    return None


def _pages(fetch: Fetch, *, max_pages: int, start: str | None) -> Iterator[Page]:
    cursor, seen = start, {start}
    for _ in range(max_pages):
        page = fetch(cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
        if cursor in seen:
            raise _bad("The service gives the same page again and again.")
        seen.add(cursor)


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme, (parts.hostname or "").lower(), port


def _bad(detail: str) -> OutsideError:
    return OutsideError("bad_page", True, False, detail=detail)

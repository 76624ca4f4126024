"""Pages: what follows, and the bounds of what is fetched."""

from typing import Any

import pytest

from gateway.http import paging
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer
from gateway.http.paging import Page

URL = "https://api.example/items?page=2"


def link(value: str) -> Answer:
    return Answer(200, {"link": value})


@pytest.mark.parametrize(
    ("header", "following"),
    [
        ('<https://api.example/items?page=3>; rel="next"', "https://api.example/items?page=3"),
        (
            "<https://api.example:443/items?page=3>; rel=next",
            "https://api.example:443/items?page=3",
        ),
        ('</items?page=3>; REL="last next"', "https://api.example/items?page=3"),
        (
            '<https://api.example/items?page=1>; rel="prev", <?page=3>; title="a, b"; rel="next"',
            "https://api.example/items?page=3",
        ),
        ('<https://api.example/items?page=1>; rel="prev"', None),
        ("nonsense", None),
        ("<>" * 5000, None),
        ("", None),
    ],
)
def test_the_link_header_names_the_next_page(header: str, following: str | None) -> None:
    page = paging.linked([1, 2], link(header), url=URL)
    assert (page.items, page.next_cursor) == ((1, 2), following)
    assert page.has_more == (following is not None)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/items",
        "http://api.example/items",
        "https://api.example:8443/items",
        "//evil.example/items",
        "https://api.example@evil.example/",
        "https://api.example:port/",
    ],
)
def test_a_next_page_at_another_place_is_refused(target: str) -> None:
    with pytest.raises(OutsideError) as caught:
        paging.linked([], link(f'<{target}>; rel="next"'), url=URL)
    assert (caught.value.reason, caught.value.permanent) == ("bad_page", True)


@pytest.mark.parametrize(
    ("body", "following"),
    [
        ({"meta": {"next": "abc"}}, "abc"),
        ({"meta": {"next": 7}}, "7"),
        ({"meta": {"next": ""}}, None),
        ({"meta": {"next": None}}, None),
        ({"meta": {}}, None),
        ({"meta": [1]}, None),
        ([], None),
    ],
)
def test_a_cursor_in_the_body_is_the_next_page(body: Any, following: str | None) -> None:
    assert paging.cursored([1], body, at="meta.next").next_cursor == following


def test_a_service_that_says_no_more_is_believed_against_its_cursor() -> None:
    body = {"has_more": False, "last": "abc"}
    assert not paging.cursored([1], body, at="last", more="has_more").has_more
    assert paging.cursored([1], body | {"has_more": True}, at="last", more="has_more").has_more


@pytest.mark.parametrize("cursor", [True, 1.5, ["a"], {"a": 1}])
def test_a_cursor_that_is_no_text_is_refused(cursor: Any) -> None:
    with pytest.raises(OutsideError):
        paging.cursored([1], {"next": cursor}, at="next")


def test_only_a_full_page_is_followed_by_another() -> None:
    assert paging.numbered([1, 2], page=3, per_page=2).next_cursor == "4"
    assert not paging.numbered([1], page=3, per_page=2).has_more
    assert not paging.numbered([1, 2], page=3, per_page=2, total=6).has_more
    assert paging.numbered([1, 2], page=3, per_page=2, total=7).has_more


class Shelf:
    """A service of `pages` pages of two; it counts what it was asked."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.asked: list[str | None] = []

    def __call__(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        number = int(cursor or 1)
        items = (2 * number - 1, 2 * number)
        return Page(items, str(number + 1) if number < self.pages else None)


def test_pages_are_fetched_until_there_is_enough_and_go_on_where_they_ended() -> None:
    shelf = Shelf(5)
    first = paging.collect(shelf, max_items=3)
    assert (first.items, first.next_cursor, shelf.asked) == ((1, 2, 3, 4), "3", [None, "2"])
    rest = paging.collect(shelf, max_items=100, start=first.next_cursor)
    assert (rest.items, rest.has_more) == ((5, 6, 7, 8, 9, 10), False)
    assert rest.result() == {"items": [5, 6, 7, 8, 9, 10], "has_more": False, "next_cursor": None}


def test_a_list_without_end_is_fetched_no_further_than_the_bound() -> None:
    shelf = Shelf(10**9)
    found = paging.collect(shelf, max_items=10**9, max_pages=7)
    assert (len(shelf.asked), found.next_cursor) == (7, "8")


def test_a_page_that_leads_to_itself_is_refused() -> None:
    with pytest.raises(OutsideError, match="again and again"):
        paging.collect(lambda cursor: Page((1,), "same"), max_items=100)


def test_what_is_looked_for_is_found_missed_or_not_known() -> None:
    assert paging.find(Shelf(3), lambda item: item == 5) == 5
    assert paging.find(Shelf(3), lambda item: item == 9) is None
    with pytest.raises(OutsideError) as caught:
        paging.find(Shelf(99), lambda item: item == 190, max_pages=3)
    assert caught.value.reason == "too_many"

"""Which route an event takes and what is filled in: a table, without a database."""

import pytest

from webhooks.routing import (
    RouteError,
    Rule,
    check,
    choose,
    facts,
    fill_in,
    read_body,
    shown,
    type_in,
)
from webhooks.schemes.catalogue import GITHUB, STANDARD

EVENT = {"id": "msg_1", "type": "order.created", "source": "shop", "received_at": "", "sent_at": ""}
HEADERS = [("x-region", "eu"), ("x-region", "us")]
BODY = b'{"order": {"id": 7, "total": 12.5, "lines": ["a"]}, "odd": {"x": 1, "x": 2}}'


def seen(body: bytes = BODY, content_type: str = "application/json"):
    return facts(EVENT, HEADERS, read_body(body, content_type))


def rule(when: str = "true", **arguments: str) -> Rule:
    return Rule(f"when {when}", when, arguments)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("true", True),
        ("event.type == 'order.created'", True),
        ("event.type.startsWith('order.') && body.order.id == 7", True),
        ("headers['x-region'] == 'eu'", True),
        ("body.order.total > 100.0", False),
        ("has(body.odd)", False),
        ("body.missing == 1", False),
        ("body.order.id", False),
    ],
)
def test_filter_holds_only_when_it_is_true(when, holds):
    assert (choose([rule(when)], seen()).index == 0) is holds


def test_first_filter_that_holds_decides_and_trouble_is_told():
    choice = choose([rule("body.nothing.at.all"), rule("false"), rule(), rule()], seen())

    assert choice.index == 2
    assert len(choice.trouble) == 1
    assert "when body.nothing" in choice.trouble[0]


def test_without_a_match_there_is_no_choice():
    assert choose([rule("false")], seen()).index is None
    assert choose([], seen()).index is None


def test_mapping_fills_in_values_of_every_kind():
    filled = fill_in(
        rule(number="body.order.id", text="'Order ' + string(body.order.id)",
             lines="body.order.lines", fixed="'EUR'", total="body.order.total"),
        seen(),
    )  # fmt: skip

    assert filled == {
        "number": 7, "text": "Order 7", "lines": ["a"], "fixed": "EUR", "total": 12.5,
    }  # fmt: skip


def test_mapping_without_a_value_is_refused_by_name():
    with pytest.raises(RouteError, match="^amount: ") as caught:
        fill_in(rule(amount="body.order.amount"), seen())
    assert caught.value.field == "arguments"


def test_what_has_two_meanings_is_not_there_to_be_mapped():
    with pytest.raises(RouteError):
        fill_in(rule(amount="body.odd.x"), seen())


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (rule("body.a =="), "when"),
        (rule("'text'"), "when"),
        (rule("nobody == 1"), "when"),
        (rule(""), "when"),
        (rule(amount="body.a +"), "arguments"),
    ],
)
def test_expression_that_cannot_work_is_refused_at_once(given, field):
    with pytest.raises(RouteError) as caught:
        check(given)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("raw", "content_type", "value"),
    [
        (b'{"a":1}', "application/json", {"a": 1}),
        (b"[1,2]", "application/cloudevents+json; charset=utf-8", [1, 2]),
        (b"{", "application/json", None),
        (b"\xff", "application/json", None),
        (b"", "application/json", None),
        (b"a=1&b=two+words", "application/x-www-form-urlencoded", {"a": "1", "b": "two words"}),
        (b"a=1&a=2", "application/x-www-form-urlencoded", None),
        (b"payload=%7B%22a%22%3A1%7D", "application/x-www-form-urlencoded", {"a": 1}),
        (b"a=%ff", "application/x-www-form-urlencoded", None),
    ],
)
def test_body_is_read_by_its_media_type(raw, content_type, value):
    assert read_body(raw, content_type) == value


def test_body_that_cel_would_misread_is_left_out():
    cut_at_nul = facts(EVENT, [], {"text": "a\0b"})

    assert choose([rule("body == null")], cut_at_nul).index == 0


def test_type_is_read_where_the_scheme_says():
    assert type_in(STANDARD, {"type": "a", "event": "b"}) == "a"
    assert type_in(STANDARD, {"event": "run.started"}) == "run.started"
    assert type_in(STANDARD, {"type": 5}) == "5"  # Discord counts its types
    assert type_in(STANDARD, [1]) == ""
    assert type_in(GITHUB, {"type": "a"}) == ""


def test_mapped_value_is_shown_as_text():
    assert shown("task") == "task"
    assert shown({"a": "é"}) == '{"a": "é"}'

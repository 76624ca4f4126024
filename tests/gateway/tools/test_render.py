"""Arguments fill the request without ever changing where it goes."""

import pytest

from gateway.tools.render import (
    RenderError,
    check_effect,
    check_http_config,
    render_effect,
    render_http,
)

SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"},
        "amount": {"type": "integer"},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "customer": {
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "required": ["id"],
        },
    },
    "required": ["order_id", "customer"],
    "additionalProperties": False,
}
BASE = "https://shop.example:8443/api"


def url(template, query=None, **arguments):
    config = {"method": "GET", "url": BASE + template, "query": query}
    return render_http(config, arguments)["url"].removeprefix(BASE)


def test_request_is_exact_and_its_body_canonical():
    config = {
        "method": "POST",
        "url": BASE + "/orders/{order_id}/refunds",
        "headers": {"X-Shop": "a"},
    }
    assert render_http(config, {"order_id": "A 1/ü", "amount": 5.0}) == {
        "kind": "http",
        "method": "POST",
        "url": BASE + "/orders/A%201%2F%C3%BC/refunds",
        "headers": {"X-Shop": "a", "Content-Type": "application/json"},
        "body": '{"amount":5,"order_id":"A 1/ü"}',
    }


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_request_that_reads_or_deletes_has_no_body(method):
    rendered = render_http({"method": method, "url": BASE}, {"order_id": "1"})
    assert rendered["body"] is None
    assert "Content-Type" not in rendered["headers"]


@pytest.mark.parametrize(
    ("template", "arguments", "path"),
    [
        ("/o/{a}", {"a": "1"}, "/o/1"),
        ("/o/{a}/x{a}", {"a": "?#&%"}, "/o/%3F%23%26%25/x%3F%23%26%25"),
        ("/o/{a}.json", {"a": "..x"}, "/o/..x.json"),
        ("/o/{a}", {"a": 12}, "/o/12"),
        ("/o/{a}", {"a": True}, "/o/true"),
        ("/o/{a.b}", {"a": {"b": "x"}}, "/o/x"),
        ("/o/{a}", {"a": "{b}"}, "/o/%7Bb%7D"),
        ("/o?x=1&q={a}", {"a": "a&b=c"}, "/o?x=1&q=a%26b%3Dc"),
        ("/o?q={a}", {}, "/o"),
        ("/o?q={a}&z=%20", {"a": "+"}, "/o?q=%2B&z=%20"),
    ],
)
def test_values_are_percent_encoded(template, arguments, path):
    assert url(template, **arguments) == path


def test_query_fields_may_repeat_and_be_left_out():
    query = {"tag": "{tags}", "q": "is:{note}", "n": 5}
    assert url("/o", query, tags=["a", "b&"], note="x y") == "/o?tag=a&tag=b%26&q=is%3Ax%20y&n=5"
    assert url("/o", query) == "/o?n=5"


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "../admin",
        "a/../b",
        "a//b",
        "..\\x",
        "a\0",
        "a\nb",
        "\x9b",
        None,
        [],
        {},
        ["a"],
    ],
    ids=repr,
)
def test_value_that_would_walk_the_path_is_refused(value):
    with pytest.raises(RenderError):
        url("/o/{a}", a=value)


def test_values_that_only_together_make_dots_are_refused():
    with pytest.raises(RenderError):
        url("/o/{a}{b}/x", a=".", b=".")
    with pytest.raises(RenderError):
        url("/o/.{a}/x", a=".")


def test_missing_value_of_the_path_is_refused():
    with pytest.raises(RenderError, match="needed"):
        url("/o/{a}")


def test_value_of_the_query_must_be_a_scalar():
    with pytest.raises(RenderError):
        url("/o?q={a}", a={"b": 1})


def test_body_template_takes_whole_values():
    config = {
        "method": "PUT",
        "url": BASE,
        "body": {"id": "{order_id}", "all": ["{tags}", "{gone}"], "no": "{gone}", "k": "v"},
    }
    body = render_http(config, {"order_id": '"}', "tags": ["a"]})["body"]
    assert body == '{"all":[["a"]],"id":"\\"}","k":"v"}'
    assert render_http({**config, "body": None}, {})["body"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"method": "get"}, "method"),
        ({"method": "CONNECT"}, "method"),
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "//a.example/"}, "url"),
        ({"url": "https:///x"}, "url"),
        ({"url": "https://{order_id}.example/"}, "url"),
        ({"url": "https://a.example:{amount}/"}, "url"),
        ({"url": "https://u:p@a.example/"}, "url"),
        ({"url": "https://a.example/x#y"}, "url"),
        ({"url": "https://a.example/\r\nX: y"}, "url"),
        ({"url": "https://a.example\\@b.example/"}, "url"),
        ({"url": "https://a.example:99999/"}, "url"),
        ({"url": BASE + "/{nope}"}, "url"),
        ({"url": BASE + "/{note}"}, "url"),
        ({"url": BASE + "/{order_id"}, "url"),
        ({"url": BASE + "/../x"}, "url"),
        ({"url": BASE + "?{order_id}=1"}, "url"),
        ({"query": {"{note}": "x"}}, "query"),
        ({"query": {"x": "{nope}"}}, "query"),
        ({"query": []}, "query"),
        ({"headers": {"Authorization": "x"}}, "headers"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"headers": {"X A": "x"}}, "headers"),
        ({"headers": {"X-A": "x\r\ny"}}, "headers"),
        ({"headers": {"X-A": "{note}"}}, "headers"),
        ({"body": {"a": "x {note}"}}, "body"),
        ({"body": {"a": "{nope}"}}, "body"),
        ({"body": {"{note}": 1}}, "body"),
        ({"method": "GET", "body": {}}, "body"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=str,
)
def test_configuration_that_could_be_steered_is_refused(change, field):
    with pytest.raises(RenderError) as refusal:
        check_http_config({"method": "POST", "url": BASE, **change}, SCHEMA)
    assert refusal.value.field == field


def test_sound_configuration_is_accepted():
    check_http_config(
        {
            "method": "POST",
            "url": BASE + "/c/{customer.id}/{order_id}?q={note}",
            "headers": {"X-A": "b c"},
            "query": {"t": "{tags}", "n": 1},
            "body": {"a": "{amount}"},
        },
        SCHEMA,
    )


def test_effect_sentence_is_filled_with_text_as_it_is():
    template = "Refund {{ amount }} to {{customer.id}} ({{ note }}), {{ tags }}"
    filled = render_effect(
        template, {"amount": 5.0, "customer": {"id": "<b>{{ note }}"}, "tags": ["a"]}
    )
    assert filled == 'Refund 5 to <b>{{ note }} (—), ["a"]'


@pytest.mark.parametrize(
    "template", ["", "  ", "{{ nope }}", "{{ note|safe }}", "{{ note", "{% now %}"]
)
def test_effect_that_cannot_be_filled_is_refused(template):
    with pytest.raises(RenderError):
        check_effect(template, SCHEMA)


def test_sound_effect_is_accepted():
    check_effect("Refund {{ amount }} on {{order_id}}: {{ customer.id }}", SCHEMA)

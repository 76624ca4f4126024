"""A body of several events is cut into the exact bytes of each, or refused as a whole."""

import json

import pytest

from webhooks.schemes.base import Split
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.items import MAX_ITEMS, NotAList, cut

TOP = Split(id=("id",), types=("kind",))


def test_each_item_keeps_its_own_bytes():
    raw = ' [ {"a" : 1.10,\t"é":"\\u00e9"} , "text" ,[ 1 , 2 ],null,  -0 ]\n'.encode()

    assert [item.raw for item in cut(raw, TOP)] == [
        '{"a" : 1.10,\t"é":"\\u00e9"}'.encode(), b'"text"', b"[ 1 , 2 ]", b"null", b"-0",
    ]  # fmt: skip


def test_list_may_stand_within_the_body():
    raw = b'{"first": [9], "data" : {"x": {"value": 1}, "value": [ {"id":1}, {"id":2} ]}, "z": 0}'
    found = cut(raw, Split(items="data.value"))

    assert [item.raw for item in found] == [b'{"id":1}', b'{"id":2}']
    assert [item.number for item in found] == [0, 1]


def test_empty_list_has_no_items():
    assert cut(b"[ ]", TOP) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"no json", b"{}", b'"text"', b"[1", b"[1,]", b"[1 2]", b"[1]]", b"[1] x",
        b"\xff\xfe[\x001\x00", b"[" * 100_000, b"[\x00]", b'["\xff"]',
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused_with_the_reason(raw: bytes):
    with pytest.raises(NotAList, match=r"^The body is not"):
        cut(raw, TOP)


@pytest.mark.parametrize(
    "raw", [b"[]", b"{}", b'{"value": {}}', b'{"value":[1],"value":[2]}', b'{"other":[1]}', b"5"]
)
def test_list_that_is_not_where_it_should_be_or_there_twice_is_refused(raw: bytes):
    with pytest.raises(NotAList, match="value"):
        cut(raw, Split(items="value"))


def test_mark_in_front_of_the_text_is_passed_over():
    assert [item.raw for item in cut(b"\xef\xbb\xbf[1]", TOP)] == [b"1"]


def test_number_longer_than_python_reads_costs_nothing():
    digits = b"9" * 10_000
    (item,) = cut(b"[" + digits + b"]", TOP)

    assert item.raw == digits


def test_more_items_than_may_be_are_refused_as_a_whole():
    raw = json.dumps([0] * (MAX_ITEMS + 1)).encode()

    with pytest.raises(NotAList, match="more than"):
        cut(raw, TOP)
    assert len(cut(json.dumps([0] * MAX_ITEMS).encode(), TOP)) == MAX_ITEMS


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"id":"a","part":7}', "a:7"),
        (b'{"id":"a"}', ""),
        (b'{"id":null,"part":7}', ""),
        (b'{"id":{},"part":7}', ""),
        (b'{"id":true,"part":7}', ""),
        (b'{"id":"","part":7}', ""),
        (b"5", ""),
    ],
)
def test_item_is_identified_by_all_of_its_parts_or_not_at_all(raw: bytes, expected: str):
    rules = Split(id=("id", "part"))
    (item,) = cut(b"[" + raw + b"]", rules)

    assert item.id(rules) == expected
    assert item.id(Split()) == ""


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b'{"kind":"k"}', "k"), (b'{"kind":"a\\nb"}', ""), (b"{}", ""), (b'{"kind":[]}', "")],
)
def test_item_tells_its_type_where_it_has_one(raw: bytes, expected: str):
    (item,) = cut(b"[" + raw + b"]", TOP)

    assert item.type(TOP) == expected


def test_catalogue_finds_the_items_of_its_providers():
    hubspot = SCHEMES["hubspot_v3"].split
    sendgrid = SCHEMES["sendgrid"].split
    assert hubspot
    assert sendgrid
    (change,) = cut(
        b'[{"eventId":1,"subscriptionId":22,"occurredAt":1462216307945,'
        b'"subscriptionType":"contact.creation"}]',
        hubspot,
    )
    (bounce,) = cut(b'[{"sg_event_id":"abc","event":"bounce"}]\r\n', sendgrid)

    assert (change.id(hubspot), change.type(hubspot)) == (
        "22:1:1462216307945", "contact.creation",
    )  # fmt: skip
    assert (bounce.id(sendgrid), bounce.type(sendgrid)) == ("abc", "bounce")


def test_parts_of_an_id_are_joined_so_that_different_ones_stay_different():
    split = Split(id=("tenant", "key"))
    one, other = cut(b'[{"tenant":"a:b","key":"c"},{"tenant":"a","key":"b:c"}]', split)
    assert one.id(split) != other.id(split)

"""What somebody pastes is read as the one request it means, or refused with what to do."""

import pytest

from webhooks.pasted import BadPaste, parse

HEADERS = "Content-Type: application/json\r\nX-Signature: abc \r\n"
PAIRS = ((b"content-type", b"application/json"), (b"x-signature", b"abc"))


def test_header_lines_and_a_body():
    pasted = parse(HEADERS, '{"a": 1}\r\n')
    assert pasted.headers == PAIRS
    assert pasted.body == b'{"a": 1}\n'
    assert pasted.method == b"POST"


def test_a_whole_request_with_its_body():
    pasted = parse("PUT /hooks?a=b HTTP/1.1\r\n" + HEADERS + "\r\nline 1\r\nline 2", "")
    assert pasted.headers == PAIRS
    assert pasted.body == b"line 1\nline 2"
    assert (pasted.method, pasted.query) == (b"PUT", b"a=b")


def test_what_curl_shows_of_what_it_sent():
    assert parse("> POST /x HTTP/1.1\n> X-Signature: abc\n>", "").headers == PAIRS[1:]


def test_a_json_object_of_headers():
    text = '{"Content-Type": "application/json", "X-Signature": ["abc"]}'
    assert parse(text, "").headers == PAIRS


def test_a_curl_command():
    command = (
        "curl -sS -X POST 'https://example.com/hooks?a=b' \\\r\n"
        "  -H 'Content-Type: application/json' --header 'X-Signature: abc' "
        """--data-raw '{"text": "it'\\''s"}'"""
    )
    pasted = parse(command, "")
    assert pasted.headers == PAIRS
    assert pasted.body == b'{"text": "it\'s"}'
    assert pasted.query == b"a=b"


def test_base64_carries_bytes_that_no_text_field_does():
    assert parse(HEADERS, "/wANCg==\n", is_base64=True).body == b"\xff\x00\r\n"


REFUSED = {
    "no header": ("nonsense", "", False, "headers"),
    "a header's name with a blank inside": ("bad name: x", "", False, "headers"),
    "two bodies": ("X-A: 1\n\nbody", "body", False, "headers"),
    "no base64": (HEADERS, "%%%", True, "body"),
    "broken JSON": ("{x", "", False, "headers"),
    "open quotes": ("curl -H 'x", "", False, "headers"),
    "quotes of another shell": ("curl -d $'a'", "", False, "headers"),
    "a body in a file": ("curl --data-binary @- -H 'X-A: 1'", "", False, "body"),
    "too many": ("\n".join(f"x-{n}: 1" for n in range(201)), "", False, "headers"),
    "an address that is none": ("POST http://[x HTTP/1.1\nX-A: 1", "", False, "headers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_or_two_meanings_is_refused(what):
    headers, body, is_base64, field = REFUSED[what]
    with pytest.raises(BadPaste) as caught:
        parse(headers, body, is_base64=is_base64)
    assert caught.value.field == field
    assert str(caught.value)

"""What both servers refuse before an application sees it, sent byte by byte."""

import socket

import pytest

from gateway.processes.limits import MAX_HEAD_BYTES, MAX_HEADERS
from tests.webhooks.ingest.serving import Sender
from tests.webhooks.ingest.wire import connect, exchange, head, read_answer, send_all
from webhooks.models import Event

# No database decides what a server refuses before an application sees it.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
JSON = b"Content-Type: application/json"
UNKNOWN = "/webhooks/in_" + "0" * 26
TEN_GB = b"Content-Length: 10737418240"
SIGNED = [b"webhook-id: a", b"webhook-timestamp: 1", b"webhook-signature: v1,AAAA"]


def path_of(sender: Sender) -> str:
    return f"/webhooks/{sender.source.address}"


@pytest.mark.parametrize("is_known", [True, False])
def test_length_beyond_the_limit_is_refused_before_any_of_the_body_came(server, sender, is_known):
    path = path_of(sender) if is_known else UNKNOWN

    answer = exchange(server, head(path, JSON, TEN_GB))

    assert (answer.status, answer.body) == (413, b'{"error":"too_large"}')
    assert ("connection", "close") in answer.headers


def test_nobody_is_asked_to_go_on_with_a_body_that_is_too_long(server):
    answer = exchange(server, head(UNKNOWN, JSON, TEN_GB, b"Expect: 100-continue"))

    assert answer.status == 413


def test_sender_that_waits_for_leave_is_asked_to_go_on_and_accepted(server, sender):
    request = sender.request(b"{}")
    lines = [b": ".join(pair) for pair in request.headers.raw if pair[0].lower() != b"host"]

    with connect(server) as connection:
        connection.sendall(head(path_of(sender), *lines, b"Expect: 100-Continue"))
        leave = read_answer(connection)
        connection.sendall(b"{}")
        answer = read_answer(connection)

    assert (leave.status, answer.status) == (100, 202)


@pytest.mark.parametrize("is_known", [True, False])
def test_endless_chunks_end_at_the_limit(server, sender, is_known):
    path = path_of(sender) if is_known else UNKNOWN
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    answer = exchange(server, head(path, JSON, b"Transfer-Encoding: chunked"), *[chunk] * 40)

    assert (answer.status, answer.body) == (413, b'{"error":"too_large"}')


@pytest.mark.parametrize("zeros", [9, 10, 30])
def test_zeros_in_front_of_a_length_make_it_no_shorter(server, zeros):
    line = b"Content-Length: " + b"0" * zeros + b"1000000000"
    with connect(server) as connection:
        connection.sendall(head(UNKNOWN, JSON, line) + b"x" * 100_000)
        assert read_answer(connection).status == 413


def test_refused_connection_ends(server):
    with connect(server) as connection:
        connection.sendall(head(UNKNOWN, JSON, TEN_GB))
        assert read_answer(connection).status == 413
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 2", b"Content-Length: 2"],
        [b"Content-Length: 2", b"Content-Length: 3"],
        [b"Content-Length: 2, 2"],
        [b"Content-Length: +2"],
        [b"Content-Length: -2"],
        [b"Content-Length: 0x2"],
        [b"Content-Length: 2_0"],
        [b"Content-Length: " + b"9" * 5000],
        [b"Content-Length: 2", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 2"],
        [b"Transfer-Encoding: identity", b"Content-Length: 2"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding: chunked, gzip"],
        [b"webhook-signature: v1,AAAA\r\n v1,BBBB", b"Content-Length: 2"],
        [b"webhook-signature : v1,AAAA", b"Content-Length: 2"],
        [b": nameless", b"Content-Length: 2"],
        [b"no colon", b"Content-Length: 2"],
        [b"na me: x", b"Content-Length: 2"],
        [b"x: a\0b", b"Content-Length: 2"],
        [b"x: a\rb", b"Content-Length: 2"],
        *([b"x: a%bb" % bytes([odd]), b"Content-Length: 2"] for odd in b"\x0b\x0c\x1c\x1d\x1e\x85"),
    ],
    ids=lambda lines: " ".join(map(ascii, lines))[:60],
)
def test_head_with_two_meanings_is_a_bad_request(server, lines):
    answer = exchange(server, head(UNKNOWN, JSON, *lines), b"{}")

    assert (answer.status, answer.body) == (400, b'{"error":"bad_request"}')


@pytest.mark.parametrize(
    "line",
    [b"POST /webhooks/a", b"PO ST /a HTTP/1.1", b"\x16\x03\x01",
     b"POST /webhooks/\xff HTTP/1.1", b"POST /webhooks/a HTTP/9.1"],
    ids=ascii,
)  # fmt: skip
def test_odd_request_line_is_a_bad_request(server, line):
    assert exchange(server, line + b"\r\nHost: a\r\n\r\n").status == 400


@pytest.mark.parametrize(
    "lines",
    [
        [b"x-%d: a" % number for number in range(MAX_HEADERS)],
        [b"x: a"] * 2000,
        [b"x: " + b"a" * MAX_HEAD_BYTES],
        [b"x-%d: %b" % (number, b"a" * 8000) for number in range(5)],
    ],
    ids=["many", "same", "long", "much"],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_too_many_or_too_long_headers_are_refused_for_all_alike(server, sender, lines, is_known):
    path = path_of(sender) if is_known else UNKNOWN

    answer = exchange(server, head(path, JSON, *SIGNED, b"Content-Length: 2", *lines), b"{}")

    assert (answer.status, answer.body) == (431, b'{"error":"headers_too_large"}')


def test_request_line_without_end_is_refused(server):
    answer = exchange(server, b"POST /webhooks/" + b"a" * (MAX_HEAD_BYTES + 100))

    assert answer.status == 431


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (b"multipart/form-data", b"--x"),
        (b"multipart/form-data; boundary=", b"--x"),
        (b"multipart/form-data; boundary=x", b"--x\r\nno end"),
        (b"multipart/form-data; boundary=x", b"--x\r\n\r\n\r\n" * 1001),
        (b"application/x-www-form-urlencoded", b"%zz&&==&" * 1001),
    ],
    ids=["no boundary", "empty boundary", "no end", "1,001 parts", "1,001 fields"],
)
def test_forms_are_parsed_by_nobody_before_their_signature_counts(server, sender, media_type, body):
    lines = [b"Content-Type: " + media_type, b"Content-Length: %d" % len(body), *SIGNED]
    answers = [exchange(server, head(path, *lines), body) for path in (UNKNOWN, path_of(sender))]

    assert answers[0] == answers[1]
    assert (answers[0].status, answers[0].body) == (401, b'{"error":"invalid_signature"}')


def test_malformed_chunks_are_a_bad_request(server):
    for chunk in (b"zz\r\n", b"-1\r\n", b"2\r\nabcd\r\n"):
        start = head(UNKNOWN, JSON, b"Transfer-Encoding: chunked")
        assert exchange(server, start, chunk).status == 400, chunk[:8]


def test_connection_goes_on_after_a_refusal_that_read_everything(server, sender):
    refused = head(UNKNOWN, JSON, b"Content-Length: 2") + b"{}"
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(refused)
            assert read_answer(connection).status == 401
        connection.sendall(refused + refused)
        assert [read_answer(connection).status for _ in range(1)] == [401]
    assert sender.send().status_code == 202


def test_body_that_comes_in_single_bytes_is_whole(server, sender):
    request = sender.request(b'{"a": 1}')
    lines = [name + b": " + value for name, value in request.headers.raw if name != b"Host"]
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = head(path_of(sender), *lines) + request.content
        send_all(connection, [bytes([byte]) for byte in whole])
        assert read_answer(connection).status == 202
    assert Event.objects.get().raw == b'{"a": 1}'


def test_other_pages_have_a_limit_too(servers):
    answer = exchange(servers("daphne"), head("/api/v1/actions", JSON, TEN_GB))

    assert answer.status == 413
    assert ("content-type", "application/problem+json") in answer.headers

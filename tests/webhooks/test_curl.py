"""The curl command of an event sends its exact bytes, and nothing that a shell would run."""

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from webhooks.curl import MASK, command

HEADERS = [
    ("content-type", "application/json"),
    ("x-signature", "t=1,v1=abc"),
    ("x-odd", 'it\'s $(touch /tmp/x) `id` "q" \\'),
    ("content-length", "999"),
    ("host", "elsewhere.example"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-hidden", "a\u202eb"),
    ("x-empty", ""),
]
BODIES = [
    b"",
    b'{"a": 1}',
    b"no end of line",
    b"an end of line\n",
    b'it\'s $HOME `id` \\n %s %d "q"\n\n',
    b"-n",
    b"@file",
    b"\x00\xff\r\n\x1b[31m",
    "caf\u00e9 \u202e".encode(),
    b"BODY\n" * 2000,
    bytes(range(256)) * 200,
]


class Recorder(BaseHTTPRequestHandler):
    """Keeps the last request."""

    seen: tuple[dict[str, str], bytes] = ({}, b"")

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        Recorder.seen = ({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/in_1"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_a_shell_sends_exactly_these_bytes_and_headers(url, body):
    text = command(url, HEADERS, body)
    subprocess.run(["/bin/sh", "-c", text], check=True, capture_output=True, timeout=10)
    headers, came = Recorder.seen
    assert came == body
    assert headers["x-signature"] == "t=1,v1=abc"
    assert headers["x-odd"] == HEADERS[2][1]
    assert headers["content-type"] == "application/json"
    assert headers["x-empty"] == ""
    assert headers["content-length"] == str(len(body))
    assert headers["host"] != "elsewhere.example"
    assert not {"x-forwarded-for", "x-hidden"} & set(headers)


def test_a_header_that_was_never_stored_is_to_be_filled_in():
    text = command("http://x.example/", [], b"", masked=["x-gitlab-token"])
    assert f"x-gitlab-token: {MASK}" in text


def test_nothing_invisible_stands_in_the_command():
    for body in BODIES:
        text = command("http://x.example/", HEADERS, body)
        assert text.replace("\n", "").isprintable(), json.dumps(text)
        assert text.isascii()

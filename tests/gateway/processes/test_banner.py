"""What a stranger reads first: the lines have to work as they are printed."""

import base64
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from standardwebhooks import Webhook

from gateway.demo.seeded import DemoService, Login, Seeded
from gateway.processes import banner

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
SEEDED = Seeded(
    logins=(Login("ana@example.com", "a password", "reviewer"),),
    webhook_url="http://localhost:8000/webhooks/in_0123456789",
    webhook_secret=SECRET,
    service=DemoService(9, "http://127.0.0.1:8000/webhooks/in_x", "whsec_eA==", "key"),
)


def test_everything_a_stranger_needs_is_printed() -> None:
    text = banner.text("http://localhost:8000", seeded=SEEDED, intake_port=8001)
    for wanted in ("http://localhost:8000", "ana@example.com", "a password", SECRET, "8001"):
        assert wanted in text


def test_without_the_demo_only_the_address_is_printed() -> None:
    text = banner.text("http://localhost:8000", seeded=None)
    assert "http://localhost:8000" in text
    assert "curl" not in text


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="no openssl")
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_pasted_lines_send_an_event_that_verifies_and_a_new_one_each_time(shell: str) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        lines = banner.curl(f"http://127.0.0.1:{server.server_port}/webhooks/in_x", SECRET)
        for _ in range(2):
            done = subprocess.run([shell, "-c", lines], capture_output=True, timeout=30, check=True)
            assert b"202" in done.stdout.splitlines()[0]
        server.shutdown()
    for headers, body in seen:
        assert Webhook(SECRET).verify(body, headers) == {
            "type": "ping",
            "data": {"hello": "countersign"},
        }
    assert seen[0][0]["webhook-id"] != seen[1][0]["webhook-id"]

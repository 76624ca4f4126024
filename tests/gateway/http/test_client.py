"""The door out, against real loopback sockets: exact bytes, bounds, and honesty about effects."""

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.http.client import Client, client
from gateway.http.errors import OutsideError
from gateway.http.guard import Guard
from gateway.http.limits import Limits
from gateway.http.messages import Request, RetryClass
from tests.gateway.http.making import Sleeper, closing, make

Respond = Callable[..., Any]
SECRET = "csk-very-secret"  # noqa: S105  a marker that must not show up, not a credential


def test_exactly_the_given_bytes_arrive(peer: Any, answering: Respond) -> None:
    peer.scripts = [answering(200, "X-Request-Id: abc", body=b'{"ok":true}')]
    body = '{"näme":"x"}'.encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "act_1"}
    answer = make(peer).send(Request("POST", f"{peer.url}/a%2Fb?q=%20x", headers, body))
    head, _, sent = peer.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a%2Fb?q=%20x HTTP/1.1\r\n")
    assert sent == body
    assert b"Idempotency-Key: act_1" in head
    assert b"Accept-Encoding: identity" in head
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (
        200,
        b'{"ok":true}',
        "abc",
    )


def test_the_name_is_resolved_once_and_the_checked_address_is_called(
    peer: Any, answering: Respond
) -> None:
    asked: list[str] = []

    def flipping(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("127.0.0.9",)

    peer.scripts = [answering(200)]
    guard = Guard.of([f"shop.example:{peer.port}"], resolve=flipping)
    assert make(peer, guard=guard).send(Request("GET", f"http://shop.example:{peer.port}/")).ok
    assert asked == ["shop.example"]
    assert f"Host: shop.example:{peer.port}".encode() in peer.requests[0]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://inside.example/", "address_refused"),
        ("http://inside.example/", "https_required"),
        ("https://inside.example:{port}/", "port_refused"),
        ("http://127.0.0.1:{port}/", "https_required"),
        ("https://user:word@inside.example/", "userinfo_refused"),
        ("ftp://inside.example/", "scheme_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("//inside.example/", "scheme_refused"),
        ("https://[::ffff:127.0.0.1]/", "address_refused"),
        ("https://2130706433/", "address_refused"),
        ("https:///nowhere", "address_refused"),
        ("https://inside.example:notaport/", "bad_request"),
    ],
)
def test_what_the_guard_refuses_never_opens_a_connection(
    peer: Any, answering: Respond, url: str, reason: str
) -> None:
    peer.scripts = [answering(200)]

    def inside(host: str, port: int) -> tuple[str, ...]:
        return (host,) if ":" in host else ("127.0.0.1",)

    sleeper = Sleeper()
    door = make(peer, sleeper, guard=Guard.of([], resolve=inside))
    with pytest.raises(OutsideError) as caught:
        door.send(Request("GET", url.format(port=peer.port)), retry_class=RetryClass.SAFE)
    assert (caught.value.reason, caught.value.permanent) == (reason, True)
    assert not caught.value.may_have_happened
    assert (peer.accepted, sleeper.slept) == (0, [])


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "/a b", "/é", "/a?q=ä", "/a/..", '/"'])
def test_an_address_that_the_library_would_rewrite_is_refused(
    peer: Any, answering: Respond, path: str
) -> None:
    peer.scripts = [answering(200)]
    with pytest.raises(OutsideError) as caught:
        make(peer).send(Request("GET", peer.url + path))
    assert caught.value.reason == "address_not_exact"
    assert peer.accepted == 0


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\0b", "ä☃"])
def test_a_header_that_could_split_the_request_is_refused(
    peer: Any, answering: Respond, value: str
) -> None:
    peer.scripts = [answering(200)]
    with pytest.raises(OutsideError) as caught:
        make(peer).send(Request("GET", peer.url, {"X-Note": value}))
    assert (caught.value.reason, caught.value.may_have_happened) == ("bad_request", False)
    assert peer.accepted == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    peer: Any, answering: Respond, status: int
) -> None:
    peer.scripts = [answering(status, f"Location: {peer.url}/elsewhere")]
    assert make(peer).send(Request("GET", peer.url)).status == status
    assert peer.accepted == 1


def test_proxies_of_the_environment_are_ignored(
    peer: Any, answering: Respond, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.scripts = [answering(200)]
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert make(peer).send(Request("GET", peer.url)).ok


def test_an_answer_without_end_is_cut_at_the_limit(peer: Any) -> None:
    def endless(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not peer.done.is_set():
            connection.sendall(b"x" * 65536)

    peer.scripts = [endless]
    answer = make(peer, limits=Limits(max_body_bytes=100_000)).send(Request("GET", peer.url))
    assert (len(answer.body), answer.truncated, answer.status) == (100_000, True, 200)


def test_a_compressed_answer_is_unpacked_no_further_than_the_limit(
    peer: Any, answering: Respond
) -> None:
    packed = gzip.compress(b"0" * 50_000_000)
    peer.scripts = [answering(200, "Content-Encoding: gzip", body=packed)]
    answer = make(peer).send(Request("GET", peer.url))
    assert answer.truncated
    assert answer.body == b"0" * 1024 * 1024


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        ("gzip", gzip.compress(b"plain", mtime=0), b"plain"),
        ("gzip", b"broken", b"broken"),
        ("br", b"as it is", b"as it is"),
    ],
)
def test_an_encoding_that_nobody_asked_for_keeps_the_answer(
    peer: Any, answering: Respond, encoding: str, body: bytes, expected: bytes
) -> None:
    peer.scripts = [answering(200, f"Content-Encoding: {encoding}", body=body)]
    assert make(peer).send(Request("GET", peer.url)).body == expected


def test_many_slow_bytes_do_not_outlast_the_total_timeout(peer: Any) -> None:
    def dripping(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not peer.done.wait(0.02):
            connection.sendall(b"x")

    peer.scripts = [dripping]
    started = time.monotonic()
    with pytest.raises(OutsideError) as caught:
        make(peer, limits=Limits(total_s=0.3)).send(Request("POST", peer.url))
    assert (caught.value.reason, caught.value.status) == ("timeout", 200)
    assert caught.value.may_have_happened
    assert time.monotonic() - started < 5


def test_a_refused_connection_says_that_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OutsideError) as caught:
        client(allow=[f"127.0.0.1:{port}"]).send(
            Request("POST", f"http://127.0.0.1:{port}/"), attempts=1
        )
    assert (caught.value.reason, caught.value.may_have_happened) == ("connect", False)
    assert not caught.value.permanent


def test_a_connection_that_breaks_after_the_request_says_that_it_may_have_happened(
    peer: Any,
) -> None:
    peer.scripts = [closing]
    with pytest.raises(OutsideError) as caught:
        make(peer).send(Request("POST", peer.url))
    assert (caught.value.reason, caught.value.may_have_happened) == ("network", True)
    assert peer.accepted == 1


def test_an_answer_that_is_not_http_says_that_it_may_have_happened(peer: Any) -> None:
    def garbage(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        connection.sendall(b"\x00\xffnot http at all\r\n\r\n")

    peer.scripts = [garbage]
    with pytest.raises(OutsideError) as caught:
        make(peer).send(Request("POST", peer.url))
    assert caught.value.may_have_happened


def test_secrets_stay_out_of_texts_and_errors(
    peer: Any, answering: Respond, caplog: pytest.LogCaptureFixture
) -> None:
    peer.scripts = [closing]
    request = Request(
        "POST",
        f"{peer.url}/?token={SECRET}",
        {"Authorization": f"Bearer {SECRET}"},
        SECRET.encode(),
    )
    with pytest.raises(OutsideError) as caught:
        make(peer).send(request)
    assert SECRET not in f"{caught.value} {caught.value.detail}"
    assert "outbound" in caplog.text
    assert SECRET not in caplog.text


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A TLS server's context for shop.example, and a client's that trusts only it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(minutes=5))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("shop.example"), x509.IPAddress(ipaddress.ip_address("10.9.9.9"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = tmp_path / "shop.pem"
    file.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize(("host", "is_trusted"), [("shop.example", True), ("other.example", False)])
def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    peer: Any,
    answering: Respond,
    authority: tuple[ssl.SSLContext, ssl.SSLContext],
    host: str,
    is_trusted: bool,
) -> None:
    serving, trusting = authority

    def encrypted(peer: Any, connection: socket.socket) -> None:
        with serving.wrap_socket(connection, server_side=True) as secure:
            answering(200)(peer, secure)

    peer.scripts = [encrypted]
    guard = Guard.of([f"{host}:{peer.port}"], resolve=lambda host, port: ("127.0.0.1",))
    door = make(peer, guard=guard, tls=trusting)
    request = Request("GET", f"https://{host}:{peer.port}/")
    if is_trusted:
        assert door.send(request, attempts=1).ok
        return
    with pytest.raises(OutsideError) as caught:
        door.send(request, attempts=1)
    assert (caught.value.reason, caught.value.may_have_happened) == ("connect", False)
    assert peer.requests == []


def test_a_name_that_is_looked_up_for_ever_does_not_outlast_the_deadline() -> None:
    ended = threading.Event()

    def slow(host: str, port: int) -> tuple[str, ...]:
        ended.wait(10)
        return ("127.0.0.1",)

    started = time.monotonic()
    with pytest.raises(OutsideError) as caught:
        Client(guard=Guard.of([], resolve=slow)).send(
            Request("POST", "https://slow.example/"), deadline_s=0.1
        )
    ended.set()
    assert (caught.value.reason, caught.value.may_have_happened) == ("timeout", False)
    assert time.monotonic() - started < 5

"""One mail handed over to one server, and an honest word on whether it was taken.

Until the last dot of DATA the server has no mail. After it, an answer says whether it does; without
one nobody knows.
"""

import contextlib
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
GREETING, OK, START_DATA = 220, 250, 354
MAX_WORDS = 200
CONNECT_S = 10.0
CUT_EVERY_S = 0.05
_DOT = re.compile(rb"(?m)^\.")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class NotSent(Exception):
    """The server did not take the mail. `passing`: later it may."""

    def __init__(self, reason: str, detail: str, *, passing: bool, code: int = 0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.passing = passing
        self.code = code


class NobodyKnows(Exception):
    """The whole mail had left, and no answer came that says whether it was taken."""


@dataclass(frozen=True)
class Server:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    is_tls: bool
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Letter:
    """A finished mail: its bytes end with a line end, and hold ASCII only."""

    sender: str
    recipients: Sequence[str]
    raw: bytes = field(repr=False)


def server_of(dsn: str) -> Server:
    """The server in `smtp://user:password@host:587` or `smtps://…`; raises ValueError."""
    parts = urlsplit(dsn)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("The connection's value begins with smtp:// or smtps:// and a host.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("The connection's value ends with the host and its port.")
    return Server(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def deliver(
    letter: Letter,
    server: Server,
    *,
    addresses: Sequence[str],
    needs_tls: bool,
    tls: Callable[[], ssl.SSLContext],
    name: str,
    ends_at: float,
) -> str:
    """Hand it over, all recipients or none; the server's words. Raises NotSent, NobodyKnows.

    `name` is how we introduce ourselves; `ends_at`, on the monotonic clock, is when it is cut off.
    """
    context = tls() if server.is_tls else None
    session = _Session(server.host, addresses, context=context, name=name, ends_at=ends_at)
    with _connected(session, server):
        if needs_tls and not server.is_tls:
            _secure(session, tls)
        if server.username:
            _sign_in(session, server)
        _envelope(session, letter)
        return _data(session, letter)


class _Session(smtplib.SMTP):
    """Connects to checked addresses only; the name stays with TLS."""

    def __init__(
        self, host: str, addresses: Sequence[str], *, context: ssl.SSLContext | None, name: str,
        ends_at: float,
    ) -> None:  # fmt: skip
        self._addresses = addresses
        self._ends_at = ends_at
        self._context = context
        # Without a host it does not connect at once: the clock has to run before that.
        super().__init__(local_hostname=name, timeout=CONNECT_S)
        self._host = host

    def left_s(self) -> float:
        """Seconds until the deadline; raises TimeoutError where it has passed."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        failure: OSError = OSError("there is no address")
        for address in self._addresses:
            within = min(timeout, self.left_s())
            try:
                plain = socket.create_connection((address, port), within)
            except OSError as error:
                failure = error
                continue
            plain.settimeout(min(timeout, self.left_s()))
            # A handshake as a whole keeps within the time-out, so nothing has to end it.
            return (
                self._context.wrap_socket(plain, server_hostname=host) if self._context else plain
            )
        raise failure


@contextlib.contextmanager
def _connected(session: _Session, server: Server) -> Iterator[None]:
    # A server that sends one letter at a time keeps within every time-out of single reads.
    is_over = threading.Event()
    watch = threading.Thread(target=_watch, args=(session, is_over), daemon=True)
    watch.start()
    try:
        _greeted(session, server)
        session.sock.settimeout(session.left_s())  # type: ignore[union-attr]
        yield
    except ssl.SSLError as error:
        _fail_tls(error)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent("network", "The connection broke before the mail was sent.",
                      passing=True) from error  # fmt: skip
    finally:
        is_over.set()
        session.close()


def _greeted(session: _Session, server: Server) -> None:
    try:
        code, words = session.connect(server.host, server.port)
    except ssl.SSLError:
        raise
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent("connect", "No connection could be made.", passing=True) from error
    _expect((code, words), (GREETING,), "refused", "the connection")


def _watch(session: _Session, is_over: threading.Event) -> None:
    """From the deadline on, cut whatever line the session has: there may be none, or a new one."""
    with contextlib.suppress(TimeoutError):
        is_over.wait(session.left_s())
    while not is_over.wait(CUT_EVERY_S):
        _cut(session)


def _cut(session: _Session) -> None:
    with contextlib.suppress(OSError, AttributeError):
        session.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


def _secure(session: _Session, tls: Callable[[], ssl.SSLContext]) -> None:
    session.ehlo_or_helo_if_needed()
    if not session.has_extn("starttls"):
        raise NotSent("tls_missing", "The server offers no encryption (STARTTLS).", passing=False)
    # A handshake gets what is left as a whole: while it lasts there is no line that can be cut.
    session.sock.settimeout(session.left_s())  # type: ignore[union-attr]
    code, words = session.starttls(context=tls())
    if code != GREETING:
        raise NotSent("tls_missing", _said(code, words), passing=False, code=code)


def _sign_in(session: _Session, server: Server) -> None:
    try:
        session.login(server.username, server.password)
    except smtplib.SMTPResponseException as error:
        # The words may repeat what was sent, so they stay out.
        raise NotSent(
            "auth_refused", f"The server refused the user name or password ({error.smtp_code}).",
            passing=_passes(error.smtp_code), code=error.smtp_code,
        ) from error  # fmt: skip
    except smtplib.SMTPNotSupportedError as error:
        raise NotSent("auth_refused", "The server takes no user name.", passing=False) from error


def _envelope(session: _Session, letter: Letter) -> None:
    session.ehlo_or_helo_if_needed()
    _expect(session.mail(letter.sender), (OK,), "sender_refused", letter.sender)
    for recipient in letter.recipients:
        _expect(session.rcpt(recipient), (OK, 251), "recipient_refused", recipient)
    _expect(session.docmd("DATA"), (START_DATA,), "refused", "the mail")


def _data(session: _Session, letter: Letter) -> str:
    session.send(_DOT.sub(b"..", letter.raw))
    try:
        # From here on the server may have the mail.
        session.send(b".\r\n")
        code, words = session.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise NobodyKnows from error
    # The first digit says it (RFC 5321, 4.2.1), whatever code a server has of its own.
    if 400 <= code < 600:
        _expect((code, words), (), "refused", "the mail")
    if not 200 <= code < 300:
        raise NobodyKnows
    with contextlib.suppress(OSError, smtplib.SMTPException):
        session.docmd("QUIT")
    return _said(code, words)


def _expect(reply: tuple[int, bytes], good: Sequence[int], reason: str, what: str) -> None:
    code, words = reply
    if code not in good:
        detail = f"The server refused {what}: {_said(code, words)}"
        raise NotSent(reason, detail, passing=_passes(code), code=code)


def _passes(code: int) -> bool:
    return 400 <= code < 500


def _said(code: int, words: Any) -> str:
    text = words.decode("ascii", errors="replace") if isinstance(words, bytes) else str(words)
    return f"{code} {_CONTROL.sub(' ', text)}"[:MAX_WORDS].strip()


def _fail_tls(error: ssl.SSLError) -> NoReturn:
    words = getattr(error, "verify_message", "") or error.reason or "no encryption"
    raise NotSent("tls_failed", f"No encrypted connection: {words}", passing=False) from error

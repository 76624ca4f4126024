"""A real mail server (aiosmtpd): counts what it took, and breaks off where a test wants it to."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "mail.acme.example"
USER, PASSWORD = "robot", "p%w@rd-for-tests"


@dataclass
class Mail:
    """`breaks_at` is a command, `.` for the moment after the last dot; `says` answers instead."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    breaks_at: str = ""
    says: dict[str, str] = field(default_factory=dict)
    port: int = 0
    was_secure: bool = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._answer(server, "MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._answer(server, f"RCPT {address}", self._answer(server, "RCPT", "250 OK"))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self._answer(server, "DATA", "250 taken as 7")
        if not answer.startswith(("4", "5")):
            self.was_secure = session.ssl is not None
            self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
            raw = envelope.content
            assert isinstance(raw, bytes)
            self.mails.append(message_from_bytes(raw, policy=default))  # type: ignore[arg-type]
        if self.breaks_at == ".":
            server.transport.abort()
        return answer

    def _answer(self, server: SMTP, step: str, usual: str) -> str:
        if self.breaks_at == step:
            server.transport.abort()
        return self.says.get(step, usual)


def _authenticated(_server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, from_start: bool = False, needs_user: bool = False
) -> Iterator[Mail]:
    """The server on an ephemeral port, with STARTTLS or with TLS from the start."""
    mail, loop = Mail(), asyncio.new_event_loop()

    def session() -> SMTP:
        return SMTP(
            mail, hostname=HOST, loop=loop,
            tls_context=None if from_start else tls,
            require_starttls=tls is not None and not from_start,
            authenticator=_authenticated,
            # Of TLS from the start it knows nothing, and takes that for none.
            auth_required=needs_user and not from_start, auth_require_tls=not from_start,
        )  # fmt: skip

    listening = loop.create_server(session, "127.0.0.1", 0, ssl=tls if from_start else None)
    server = loop.run_until_complete(listening)
    mail.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield mail
    finally:
        asyncio.run_coroutine_threadsafe(_ended(loop, server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _ended(loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def certificate(folder: Path, name: str = HOST) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for this name, and the file that a client has to trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem

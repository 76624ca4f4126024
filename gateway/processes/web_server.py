"""daphne with limits in front of Django, which sees a request only once all of it is there.

Twisted neither limits bodies nor the time in which they come; daphne keeps whatever comes in a
file and only then asks an application. So the limits are here, where the bytes arrive.
"""

from http import HTTPStatus
from typing import Any

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.internet import defer
from twisted.web import http

from gateway.lib.problems import MEDIA_TYPE, problem
from gateway.processes.limits import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    LINGER_BYTES,
    LINGER_S,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    NOT_IN_HEADERS,
    RECEIVE_S,
    WEBHOOKS,
    answer,
)

TOO_LONG = "The body is longer than this server takes; send less at once."


def max_body_bytes(path: bytes) -> int:
    """How long a body sent to this path may be."""
    if path.startswith(WEBHOOKS):
        return int(settings.MAX_BODY_BYTES)
    return max(int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE), int(settings.MAX_BODY_BYTES))


def too_large(path: bytes) -> bytes:
    """The refusal of a body, in the form that this path answers in."""
    if path.startswith(WEBHOOKS):
        return BODY_TOO_LARGE
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return answer(status, problem(status, "too_large", TOO_LONG), media_type=MEDIA_TYPE)


class Request(WebRequest):
    """A request whose body is counted, and left to the application as it came."""

    received = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Twisted would parse forms, and refuse malformed ones before anybody verified a signature.
        super().__init__(*args, parsePOSTFormSubmission=False, **kwargs)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body, or refuse the request that it belongs to."""
        self.received += len(data)
        if self.received > self.channel.max_body_bytes:
            self.channel.refuse_body()
        else:
            super().handleContentChunk(data)


class Channel(http.HTTPChannel):
    """One connection. What is refused is answered here, and no application hears of it."""

    maxHeaders = MAX_HEADERS
    totalHeadersSize = MAX_HEAD_BYTES
    MAX_LENGTH = MAX_HEAD_BYTES
    requestFactory = Request

    _path: bytes  # type: ignore[assignment]  # the library names a wrong type
    transport: Any
    max_body_bytes = 0
    is_refused = False
    is_receiving = False
    discarded = 0

    def resetTimeout(self) -> None:
        """The time-out is one for the whole request, so only its first byte begins it anew."""
        if not self.is_receiving:
            self.is_receiving = True
            super().resetTimeout()

    def dataReceived(self, data: bytes) -> None:
        if self.is_refused:
            self._discard(len(data))
        else:
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        # A folded header says one thing to us and another to a proxy (RFC 9112, section 5.2).
        if line[:1] in (b" ", b"\t"):
            self.refuse(BAD_REQUEST)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(HEAD_TOO_LARGE)

    def headerReceived(self, line: bytes) -> bool:
        try:
            if line.translate(None, NOT_IN_HEADERS) == line:
                return bool(super().headerReceived(line))
        except ValueError:  # a length of thousands of digits
            pass
        self.refuse(BAD_REQUEST)
        return False

    def allHeadersReceived(self) -> None:
        headers = self.requests[-1].requestHeaders
        self.max_body_bytes = max_body_bytes(self._path)
        if headers.hasHeader(b"transfer-encoding") and headers.hasHeader(b"content-length"):
            self.refuse(BAD_REQUEST)
        elif self.length is not None and self.length > self.max_body_bytes:
            self.refuse_body()
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        if self.is_refused:
            self._discard(len(data))
        else:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        if not self.is_refused:
            self.is_receiving = False
            super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        self.is_receiving = False
        super().requestDone(request)

    def refuse_body(self) -> None:
        """Refuse a body for its length."""
        self.refuse(too_large(self._path))

    def refuse(self, wire: bytes) -> None:
        """Answer, end our half of the connection, and read on for a moment."""
        if self.is_refused:
            return
        self.is_refused = True
        self.persistent = False
        self.setRawMode()
        self.transport.write(wire)
        self.transport.loseWriteConnection()
        self.setTimeout(LINGER_S)

    def _discard(self, count: int) -> None:
        self.discarded += count
        if self.discarded > LINGER_BYTES:
            self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Twisted's one way to refuse a head, or a body that is not well chunked."""
        is_large = (
            self._receivedHeaderSize > self.totalHeadersSize
            or self._receivedHeaderCount > self.maxHeaders
        )
        self.refuse(HEAD_TOO_LARGE if is_large else BAD_REQUEST)


class Factory(HTTPFactory):
    """Makes our connections. HTTP/2 would need TLS, which ends in front of us."""

    protocol = Channel

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self.timeOut = RECEIVE_S

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel


class Server(daphne.server.Server):
    """daphne's server for the desk, the API, streams and webhooks."""

    def run(self) -> None:
        """Serve until SIGTERM."""
        # daphne offers no other way to choose the factory.
        daphne.server.HTTPFactory = Factory
        super().run()

    def kill_all_applications(self) -> Any:
        """End what is at work; connections that are still sending have nothing to end."""
        for protocol, details in list(self.connections.items()):
            if "application_instance" not in details:
                del self.connections[protocol]
        if not self.connections:
            return defer.succeed(None)
        return super().kill_all_applications()


def server(application: Any, **options: Any) -> Server:
    """The server of this application; `options` are daphne's."""
    return Server(
        application,
        # A body within the limit reaches the application in one piece.
        request_buffer_size=int(settings.MAX_BODY_BYTES) + 1,
        **options,
    )

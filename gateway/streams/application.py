"""The ASGI sub-application around Django: streams, `?wait=` and WebSockets; the rest passes on."""

import re

from gateway.streams import events, waiting
from gateway.streams.consumers import RunConsumer
from gateway.streams.listening import Application, Message, Receive, Send

DESK = re.compile(r"/(?P<tenant>[-\w]+)/(?P<environment>[-\w]+)/stream/?", re.ASCII)
RUN = re.compile(r"/api/v1/runs/(?P<id>run_[0-9a-z]+)/events/?")
SOCKET = re.compile(r"/ws/runs/(?P<id>run_[0-9a-z]+)/?")
UNKNOWN = 4404

_consumer = RunConsumer.as_asgi()


def around(django: Application) -> Application:
    """Django with everything that holds a connection open answered here."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _socket(scope, receive, send)
        elif scope["type"] != "http":
            await django(scope, receive, send)
        elif match := DESK.fullmatch(scope["path"]):
            await events.desk(scope, receive, send, place=(match["tenant"], match["environment"]))
        elif scope["method"] == "GET" and (match := RUN.fullmatch(scope["path"])):
            await events.run(scope, receive, send, id=match["id"], otherwise=django)
        elif seconds := waiting.seconds_of(scope):
            await waiting.hold(django, scope, receive, send, seconds=seconds)
        else:
            await django(scope, receive, send)

    return application


async def _socket(scope: Message, receive: Receive, send: Send) -> None:
    match = SOCKET.fullmatch(scope["path"])
    if match is None:
        await send({"type": "websocket.close", "code": UNKNOWN})
        return
    await _consumer({**scope, "url_route": {"kwargs": match.groupdict()}}, receive, send)

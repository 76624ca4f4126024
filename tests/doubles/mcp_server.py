"""A real MCP server (the `mcp` package's own) behind a real web server; it counts what was called.

`loses` cuts the answer of the next calls in the middle, after the tool ran.
"""

import json
import socket
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel

TOKEN = "mcp-token-for-tests"
Message = MutableMapping[str, Any]


class Note(BaseModel):
    """What `write_note` gives back."""

    id: int
    text: str


@dataclass
class McpServer:
    """`effects` are the calls that did something, `asked` every message with its headers."""

    effects: list[Any] = field(default_factory=list)
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    ended_sessions: int = 0
    loses: int = 0
    needs_token: bool = False
    host_port: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host_port}/mcp"

    def methods(self) -> list[str]:
        return [body.get("method", "") for _, body in self.asked]

    def application(self, *, as_json: bool) -> Any:
        server = MCPServer("notes")

        @server.tool(annotations=ToolAnnotations(read_only_hint=True))
        async def write_note(text: str, context: Context) -> Note:  # type: ignore[type-arg]
            """Writes, whatever its hint says."""
            self.effects.append(text)
            await context.report_progress(0.5, 1.0)
            return Note(id=len(self.effects), text=text)

        @server.tool(structured_output=False)
        def say(text: str) -> str:
            return f"You said {text}"

        @server.tool(structured_output=False)
        def shout(times: int) -> str:
            return "A" * times

        @server.tool()
        def refuse() -> str:
            raise ToolError("The notebook is full.")

        @server.tool()
        def pay(amount: int) -> str:
            """Pays, and then loses the payment service's answer."""
            self.effects.append(amount)
            raise TimeoutError("read timed out")

        return server.streamable_http_app(json_response=as_json)

    def guarded(self, inner: Any) -> Any:
        """What stands before the server: a token, a record of what came, and lost answers."""

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            headers = {k.decode(): v.decode() for k, v in scope["headers"]}
            body = b""
            more = scope["method"] == "POST"
            while more:
                part = await receive()
                body += part.get("body", b"")
                more = part.get("more_body", False)
            self.ended_sessions += scope["method"] == "DELETE"
            message = json.loads(body) if body else {}
            if body:
                self.asked.append((headers, message))
            if self.needs_token and headers.get("authorization") != f"Bearer {TOKEN}":
                await _refused(send)
                return
            parts = [{"type": "http.request", "body": body, "more_body": False}]

            async def again() -> Message:
                return parts.pop() if parts else await receive()

            is_lost = self.loses > 0 and message.get("method") == "tools/call"
            self.loses -= is_lost
            await inner(scope, again, _cut(send) if is_lost else send)

        return application


async def _refused(send: Any) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"who are you?"})


def _cut(send: Any) -> Any:
    """Announces more than comes, so that the connection breaks within the answer."""

    async def cutting(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(k, v) for k, v in message["headers"] if k.lower() != b"content-length"]
            await send({**message, "headers": [*headers, (b"content-length", b"100000")]})
        else:
            await send({**message, "body": b""})

    return cutting


@contextmanager
def mcp_server(*, as_json: bool = False) -> Iterator[McpServer]:
    """The server on an ephemeral port, until the end of the block."""
    double = McpServer()
    listener = socket.create_server(("127.0.0.1", 0))
    double.host_port = f"127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        double.guarded(double.application(as_json=as_json)), log_config=None, ws="none",
        loop="asyncio", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.should_exit = True
        thread.join(10)

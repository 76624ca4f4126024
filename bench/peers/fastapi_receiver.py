"""The peer: the receiver that is usually written by hand. Neither durable nor deduplicating.

FastAPI reads the body, checks the signature and the time as Standard Webhooks asks, parses the JSON
and puts it on a queue in memory, which a task of the same process empties.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException, Request

KEY = base64.b64decode(os.environ["BENCH_SECRET"].removeprefix("whsec_"))
TOLERANCE_S = 300
queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()


async def work() -> None:
    """Take what came; a real one would do something with it."""
    while True:
        await queue.get()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The worker lives as long as the server."""
    task = asyncio.create_task(work())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/{name}", status_code=202)
async def receive(name: str, request: Request) -> dict[str, str]:
    """One delivery."""
    body = await request.body()
    event_id = request.headers.get("webhook-id", "")
    stamp = request.headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        raise HTTPException(401, "timestamp")
    signed = f"{event_id}.{stamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    given = request.headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(f"v1,{wanted}", item) for item in given):
        raise HTTPException(401, "signature")
    queue.put_nowait(json.loads(body))
    return {"status": "accepted"}


def main() -> None:
    """Serve on the socket that `--fd N` names: uvicorn as it comes, without access log."""
    # `uvicorn --fd` takes the socket for a unix one and leaves Nagle's delay of 40 ms on.
    listening = socket.socket(fileno=int(sys.argv[2]))
    config = uvicorn.Config(app, access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()

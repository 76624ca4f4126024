"""Sends the sandbox agent's webhooks: signed, in order per run, until each has been taken."""

import base64
import hashlib
import hmac
import logging
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gateway.demo.store import Document, Store
from gateway.http.client import Client, client
from gateway.http.errors import OutsideError
from gateway.http.guard import DEFAULT_PORTS
from gateway.http.limits import Limits
from gateway.http.messages import Request

log = logging.getLogger(__name__)
PREFIX = "whsec_"
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
LIMITS = Limits(connect_s=2, total_s=15)


def sign(secret: str, *, message_id: str, sent_at: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks; `sent_at` in seconds since 1970.

    Raises ValueError where the secret is not base64, with or without its `whsec_`.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not key:
        raise ValueError("the webhook secret is empty")
    signed = f"{message_id}.{sent_at}.".encode() + body
    mark = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,{mark}",
    }


def door(url: str) -> Client:
    """A guarded client that may reach this one address, and no other private one."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    return client(allow=[f"{parts.hostname}:{port}"], limits=LIMITS)


@dataclass
class _Waiting:
    """When a webhook that was not taken is tried again; forgotten by a restart, which tries all."""

    tries: int = 0
    due_at: float = 0.0


@dataclass
class Outbox:
    """One thread that sends what the store holds; `first_wait_s` doubles with every failure."""

    store: Store
    url: str
    secret: str = field(repr=False)
    client: Client
    first_wait_s: float = FIRST_WAIT_S
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _bell: threading.Event = field(default_factory=threading.Event)
    _is_stopping: bool = False
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Send what is waiting, and from now on whatever is added."""
        self._thread = threading.Thread(target=self._loop, name="demo-outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is unsent stays in the store."""
        self._is_stopping = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(LIMITS.total_s)

    def wake(self) -> None:
        """There is something new to send."""
        self._bell.set()

    def _loop(self) -> None:
        while not self._is_stopping:
            self._bell.clear()
            self._bell.wait(self.send_due())

    def send_due(self) -> float | None:
        """Send every due webhook; seconds until the next is due, None where none waits."""
        while heads := self._heads():
            due = [head for head in heads if self._wait_of(head) <= 0]
            if not due or self._is_stopping:
                return max(0.0, min(self._wait_of(head) for head in heads))
            for webhook in due:
                self._send(webhook)
        return None

    def _heads(self) -> list[Document]:
        """The first unsent webhook of each run: the later ones wait for it."""
        with self.store.transaction() as documents:
            unsent = documents.all("webhook")
        heads: dict[str, Document] = {}
        for webhook in sorted(unsent, key=lambda one: int(one["sequence"])):
            heads.setdefault(webhook["run_id"], webhook)
        return list(heads.values())

    def _wait_of(self, webhook: Document) -> float:
        waiting = self._waiting.get(webhook["id"])
        return waiting.due_at - time.monotonic() if waiting else 0.0

    def _send(self, webhook: Document) -> None:
        body = webhook["body"].encode()
        # Signed afresh at every try: the receiver refuses an old stamp, the id stays the same.
        stamp = sign(self.secret, message_id=webhook["id"], sent_at=int(time.time()), body=body)
        headers = {"Content-Type": "application/json", **stamp}
        try:
            answer = self.client.send(Request("POST", self.url, headers, body), attempts=1)
            problem = "" if answer.ok else f"status {answer.status}"
        except OutsideError as error:
            problem = error.reason
        if problem:
            self._later(webhook, problem)
            return
        self._waiting.pop(webhook["id"], None)
        with self.store.transaction() as documents:
            documents.delete("webhook", webhook["id"])

    def _later(self, webhook: Document, problem: str) -> None:
        waiting = self._waiting.setdefault(webhook["id"], _Waiting())
        waiting.tries += 1
        wait = min(LONGEST_WAIT_S, self.first_wait_s * 2 ** min(waiting.tries - 1, 16))
        waiting.due_at = time.monotonic() + wait
        log.warning("webhook %s not taken (%s), again in %.1f s", webhook["id"], problem, wait)

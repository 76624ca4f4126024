"""What flows share: a tenant configured by its API, signed webhooks, the shop as a process."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from gateway.demo.service import HOOK_VARIABLE, KEY_VARIABLE
from tests.certificates import TRUSTED
from tests.factories.tools import TEXT, strict
from tests.flows.tree import MANAGE, ROOT, Tree, until

SECRET = "whsec_bWFueSBzbWFsbCBsYW1wcyBsaWdodCB0aGUgcXVheQ=="
SHOP_KEY = "key-of-the-shop"
PROVIDER_KEY = "key-of-the-provider"


@dataclass
class Place:
    """A configured environment: its API by a person's key, and where its webhooks go."""

    tree: Tree
    api: httpx.Client
    webhook_url: str

    def get(self, path: str, **query: Any) -> Any:
        """The answer's value; fails for anything but 200."""
        answer = self.api.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, resource: str, **fields: Any) -> Any:
        """Create something; fails for anything but 201."""
        answer = self.api.post(f"/{resource}", json=fields)
        assert answer.status_code == 201, f"{resource}: {answer.text}"
        return answer.json()

    def items(self, resource: str, **query: Any) -> list[Any]:
        """Every row of a list, over all its pages."""
        return [row for page in self.pages(resource, **query) for row in page]

    def pages(self, resource: str, **query: Any) -> Iterator[list[Any]]:
        """The pages of a list, one after the other."""
        cursor: str | None = None
        while True:
            page = self.get(f"/{resource}", **query, **({"cursor": cursor} if cursor else {}))
            yield page["items"]
            if not page["has_more"]:
                return
            cursor = page["next_cursor"]

    def settled(self, action_id: str, *, within_s: float = 30) -> Any:
        """The action once it has come to its end."""
        return until(
            lambda: found if (found := self.get(f"/actions/{action_id}"))["is_settled"] else None,
            f"{action_id} is settled",
            within_s=within_s,
        )


def configured(tree: Tree, provider_url: str) -> Place:
    """A new tenant with a provider at this address whose events come in at a `standard` source."""
    first = tree.bootstrap()
    place = Place(tree, tree.client(first["api_key"]), "")
    source = place.make("sources", scheme="standard", secrets=[{"value": SECRET}])
    place.webhook_url = source["url"]
    place.make(
        "providers", slug="their-agents", adapter="generic", base_url=provider_url,
        api_key=PROVIDER_KEY, source=source["id"],
    )  # fmt: skip
    return place


def note_tool(place: Place, url: str, *, name: str, retry_class: str) -> None:
    """A tool that POSTs its arguments to this address."""
    place.make(
        "tools", name=name, input_schema=strict(note=TEXT), side_effect="write", risk="low",
        retry_class=retry_class, connector="http", operation="request",
        config={"method": "POST", "url": url}, effect="Write {{ note }}",
    )  # fmt: skip


def signed(body: bytes, message_id: str, **headers: str) -> dict[str, str]:
    """Headers of Standard Webhooks, made by the project that wrote the specification."""
    now = datetime.now(UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, now, body.decode()),
        **headers,
    }


def send(place: Place, event: dict[str, Any], message_id: str, **headers: str) -> httpx.Response:
    """One signed webhook."""
    body = json.dumps(event).encode()
    return httpx.post(
        place.webhook_url,
        content=body,
        headers=signed(body, message_id, **headers),
        timeout=10,
        verify=TRUSTED,
    )


@contextmanager
def shop(tree: Tree, port: int) -> Iterator[httpx.Client]:
    """The demo's shop as a process of its own; a client with its key."""
    command = [*MANAGE, "demo_service", "--port", str(port), "--webhook-url", "http://127.0.0.1:9/"]
    secrets = {HOOK_VARIABLE: SECRET, KEY_VARIABLE: SHOP_KEY}
    with (tree.folder / "shop.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--state-dir", str(tree.folder / "shop")], env=tree.environment | secrets,
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {SHOP_KEY}"}
        )
        try:
            until(lambda: _is_open(client), "the shop is open")
            yield client
        finally:
            client.close()
            process.terminate()
            process.wait(10)


def _is_open(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False

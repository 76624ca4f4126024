"""The running demo: its people, and one row of every kind, so that every page has something."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.flows.scenes import Place
from tests.flows.tree import Tree, started, until

ADMIN = "ana@demo.example"
REVIEWER = "rui@demo.example"
AUDITOR = "ida@demo.example"
INVITED = "newcomer@example.com"


@dataclass
class Demo:
    """A tree with the demo and, by an admin's key, the API of its sandbox."""

    tree: Tree
    place: Place
    known: dict[str, str] = field(default_factory=dict)
    other_pages: dict[str, str] = field(default_factory=dict)


@contextmanager
def demo() -> Iterator[Demo]:
    """The demo, once its first action waits for a person."""
    with started() as tree:
        key = tree.bootstrap("demo", "tess@example.com")["api_key"]
        here = Demo(tree, Place(tree, tree.client(key), ""))
        _look_around(here)
        yield here


def _look_around(here: Demo) -> None:
    place = here.place
    waiting = until(lambda: place.items("actions", status="pending"), "the demo's action waits")
    made = place.make("members", email=INVITED, roles={"sandbox": ["viewer"]})
    here.known = {
        "tenant": "demo",
        "environment": "sandbox",
        "action": waiting[0]["id"],
        "run": place.items("runs")[0]["id"],
        "event": place.items("events")[0]["id"],
        "source": place.items("sources")[0]["slug"],
        "agent": place.items("agents")[0]["id"],
        "tool": next(tool["id"] for tool in place.items("tools") if tool["name"] == "refund"),
        "member": place.items("members")[0]["id"],
        "invitation": made["id"],
        "secret": made["url"].rstrip("/").rpartition("/")[2],
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": "password/reset/key/1-set/",
    }
    here.other_pages = {
        "admin": "/admin/",
        "admin-audit": "/admin/audit/auditrecord/",
        "api-docs": "/api/docs",
    }

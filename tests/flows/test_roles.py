"""The main road with PostgreSQL's roles: intake, web, worker and scheduler, each as its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from audit.roles import KINDS, Names
from tests.flows.outside import Outside, outside
from tests.flows.scenes import Place, configured, note_tool, send
from tests.flows.tree import MANAGE, ROOT, Tree, free_ports, started, until
from tests.gateway.roled import NO_ROLES, ON_POSTGRES, address

pytestmark = [pytest.mark.flow, pytest.mark.skipif(not ON_POSTGRES, reason=NO_ROLES)]
PREFIX = f"flow{os.getpid()}"
GIVEN = Names(*(f"{PREFIX}_{kind}" for kind in ("owner", *KINDS)))


def with_roles(environment: dict[str, str]) -> dict[str, str]:
    """Make the roles in the empty database; the settings of an installation that uses them."""
    name = urlsplit(environment["DATABASE_URL"]).path.removeprefix("/")
    more = {
        "COUNTERSIGN_DATABASE_ROLE_PREFIX": PREFIX,
        "COUNTERSIGN_MIGRATION_DATABASE_URL": environment["DATABASE_URL"],
        "DATABASE_URL": address(name, GIVEN.runtime),
        "COUNTERSIGN_INTAKE_DATABASE_URL": address(name, GIVEN.intake),
        "COUNTERSIGN_SCHEDULER_DATABASE_URL": address(name, GIVEN.scheduler),
    }
    subprocess.run(
        [*MANAGE, "database_roles", "--apply"], env=environment | more, cwd=ROOT, check=True,
        stdout=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    return more


@pytest.fixture(scope="module")
def service() -> Iterator[Outside]:
    with outside() as running:
        yield running


@pytest.fixture(scope="module")
def place(service: Outside) -> Iterator[Place]:
    """A tenant whose webhooks come in at an intake process; one person decides."""
    (port,) = free_ports(1)
    options = ["--no-demo", "--intake", "1", "--intake-port", str(port)]
    try:
        with started(*options, allow=[service.place], prepare=with_roles) as tree:
            made = configured(tree, service.url)
            made.webhook_url = made.webhook_url.replace(f":{tree.port}/", f":{port}/")
            note_tool(made, f"{service.url}/notes", name="note", retry_class="idempotent")
            rule = {"name": "one person", "when": "true", "verdict": "require_approval"}
            made.make("policies", name="notes", comment="For the flow.", rules=[rule])
            yield made
    finally:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as administrator:
            for role in (*GIVEN.logins, GIVEN.owner):
                administrator.execute(f'DROP ROLE IF EXISTS "{role}"')  # type: ignore[arg-type]


def doctor(tree: Tree) -> str:
    """What it says, whatever it ends with."""
    command = [*MANAGE, "doctor"]
    return subprocess.run(
        command, env=tree.environment, cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout


def test_from_the_webhook_to_the_result_and_its_proof(place: Place, service: Outside) -> None:
    tree = place.tree
    until(lambda: tree.pids("intake"), "the intake process runs")
    call = {"id": "call-1", "name": "note", "arguments": {"note": "hello"}}
    event = {"event": "run.tool_required", "run_id": "their-1", "sequence": 1, "tool_call": call}
    taken = until(lambda: taken_in(place, event), "intake takes a webhook")
    assert taken == 202
    assert send(place, event, "msg_1").status_code == 200  # a duplicate, which is counted
    assert send(place, event, "msg_1", **{"webhook-signature": "v1,bm8="}).status_code == 401

    (action,) = until(lambda: place.items("actions", status="pending"), "an action waits")
    approve = {"digest": action["digest"], "comment": "Fine."}
    assert place.api.post(f"/actions/{action['id']}/approve", json=approve).status_code == 200
    assert place.settled(action["id"])["status"] == "succeeded"
    assert sum(service.calls("/notes").values()) == 1
    until(lambda: service.posts("/v1/runs/their-1/tools/resolve"), "the result is reported")
    counted = "SELECT sum(duplicates) FROM webhooks_event"
    until(lambda: tree.sql(counted) == [(1,)], "the duplicate is counted")
    refused = "SELECT sum(count) FROM webhooks_refusal"
    until(lambda: tree.sql(refused) == [(1,)], "the refusal is counted")

    waiting = "SELECT count(*) FROM audit_pending"
    until(lambda: tree.sql(waiting) == [(0,)], "the scheduler gives every record its place")
    until(lambda: tree.sql("SELECT 1 FROM audit_checkpoint"), "the scheduler signs")
    assert "WRONG" not in tree.manage("audit_verify")


def taken_in(place: Place, event: dict[str, object]) -> int:
    """The status that intake answers; 0 while it still starts."""
    try:
        return send(place, event, "msg_1").status_code
    except httpx.HTTPError:
        return 0


def test_every_process_connects_as_its_own_role(place: Place) -> None:
    tree = place.tree
    with psycopg.connect(tree.environment["COUNTERSIGN_MIGRATION_DATABASE_URL"]) as administrator:
        found = administrator.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert {name for (name,) in found} == set(GIVEN.logins)
    administrators = b"COUNTERSIGN_MIGRATION_DATABASE_URL"
    known = [Path(f"/proc/{pid}/environ").read_bytes() for pid in tree.processes()]
    assert len(known) >= len(("tree", "watcher", "web", "intake", "worker", "scheduler"))
    assert not [one for one in known if administrators in one]
    text = [line for line in doctor(tree).splitlines() if " roles " in line]
    assert len(text) == 1, text
    assert text[0].startswith("ok")

"""Which processes the tree has, and what each of them may know."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from gateway.demo.seeded import DemoService
from gateway.demo.service import HOOK_VARIABLE, KEY_VARIABLE
from gateway.embedded import redis
from gateway.embedded.place import socket_path
from gateway.processes.children import CALLS_WITHIN_S, Spec

MANAGE = str(settings.BASE_DIR / "manage.py")
SIGNING = "COUNTERSIGN_APPROVAL_SIGNING_KEY"
VERIFYING = "COUNTERSIGN_APPROVAL_VERIFY_KEY"
AUDIT_SIGNING = "COUNTERSIGN_AUDIT_SIGNING_KEY"
OUTLET_TOKEN = "COUNTERSIGN_AUDIT_OUTLET_TOKEN"  # noqa: S105 - a name, not a secret
PUSH = "COUNTERSIGN_PUSH_KEY"
OWN = frozenset({"COUNTERSIGN_SECRET_KEY", "COUNTERSIGN_ENCRYPTION_KEYS"})
KEYS = OWN | {SIGNING, VERIFYING, AUDIT_SIGNING, OUTLET_TOKEN, PUSH, KEY_VARIABLE}
# DESIGN §6: what each kind of process may hold. The demo plays the outside and holds nothing.
MAY_HOLD = {
    "web": OWN | {SIGNING, VERIFYING, PUSH},
    "worker": OWN | {VERIFYING, OUTLET_TOKEN, PUSH},
    "scheduler": OWN | {AUDIT_SIGNING},
    "intake": OWN,
    "demo": frozenset[str](),
    "redis": frozenset[str](),
}
# Addresses with passwords in them, which the demo and the queue have no business to know.
PLACES = ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE")
# Other roles' addresses: each child gets its own as DATABASE_URL, and nobody the owner's.
ROLES = tuple(
    f"COUNTERSIGN_{kind}_DATABASE_URL{suffix}"
    for kind in ("MIGRATION", "INTAKE", "SCHEDULER")
    for suffix in ("", "_FILE")
)
OUTSIDERS = {"demo", "redis"}
# All stages but the workers' end within ten seconds.
ENTRANCES, WORKERS, QUEUE = range(3)
# A worker waits for its calls, and then has to end.
WORKER_S = CALLS_WITHIN_S + 3.0


@dataclass(frozen=True)
class Shape:
    """How many processes of which kind, and the sockets that are bound already."""

    web_socket: int
    web: int = 1
    intake: int = 0
    intake_socket: int = -1
    workers: int = 1
    embedded_queue: bool = True
    demo: DemoService | None = None


def changes(kind: str, *, verify_key: str = "", allow: Iterable[str] = ()) -> dict[str, str | None]:
    """What a child of this kind gets differently: no key but its own, and the demo's address.

    An empty variable means "this process does not get this key"; the rest it reads as we did.
    """
    found: dict[str, str | None] = {"COUNTERSIGN_PROCESS": kind}
    for name in KEYS - MAY_HOLD[kind]:
        found |= {name: "", f"{name}_FILE": None}
    if VERIFYING in MAY_HOLD[kind] and verify_key:
        found |= {VERIFYING: verify_key, f"{VERIFYING}_FILE": None}
    found |= dict.fromkeys(ROLES)
    if kind in OUTSIDERS:
        found |= dict.fromkeys(PLACES)
    else:
        if own := _database_url(kind):
            found |= {"DATABASE_URL": own, "DATABASE_URL_FILE": None}
        found["COUNTERSIGN_OUTBOUND_ALLOW"] = ",".join([*settings.OUTBOUND_ALLOW, *allow])
    return found


def _database_url(kind: str) -> str:
    """The address of a kind that has a database role of its own; else nothing."""
    own = {"intake": settings.INTAKE_DATABASE_URL, "scheduler": settings.SCHEDULER_DATABASE_URL}
    return str(own.get(kind, ""))


def queue() -> Spec:
    """The embedded queue on its unix socket."""
    return Spec(
        name="redis",
        command=redis.command(socket_path(settings.DATA_DIR), settings.DATA_DIR),
        changes=changes("redis"),
        stage=QUEUE,
        grace_s=1.5,
    )


def watcher(lock: int) -> Spec:
    """The process that ends all others when the tree is killed."""
    command = [sys.executable, "-m", "gateway.processes.watcher"]
    return Spec("watcher", command, changes("redis"), QUEUE, 0.0, [lock])


def early_web(descriptor: int, go: int, *, verify_key: str, allow: Iterable[str]) -> Spec:
    """The first web process, started while the database is still being prepared.

    It loads what it needs, which takes as long as all the rest, and serves once `go` says so.
    """
    known = changes("web", verify_key=verify_key, allow=allow)
    (spec,) = _entrances("web", 1, descriptor, known=known)
    return replace(spec, command=[*spec.command, "--go", str(go)], sockets=[descriptor, go])


def specs(shape: Shape, *, verify_key: str) -> list[Spec]:
    """All children, in the order in which they start."""
    allow = [shape.demo.place] if shape.demo else []
    known = {kind: changes(kind, verify_key=verify_key, allow=allow) for kind in MAY_HOLD}
    found = [queue()] if shape.embedded_queue else []
    found += _entrances("web", shape.web, shape.web_socket, known=known["web"])
    found += _entrances("intake", shape.intake, shape.intake_socket, known=known["intake"])
    for number, name in enumerate(_names("worker", shape.workers)):
        command = [sys.executable, "-m", "gateway.worker"]
        found.append(Spec(name, command, known["worker"], WORKERS, WORKER_S, later=number > 0))
    command = [sys.executable, MANAGE, "scheduler"]
    found.append(Spec("scheduler", command, known["scheduler"], ENTRANCES, 3.0, later=True))
    if shape.demo:
        found.append(_demo(shape.demo, known["demo"]))
    return found


def _entrances(
    kind: str, count: int, descriptor: int, *, known: dict[str, str | None]
) -> list[Spec]:
    command = [sys.executable, "-m", f"gateway.processes.{kind}", "--fd", str(descriptor)]
    return [
        Spec(name, command, known, ENTRANCES, 3.0, [descriptor], later=name != "web")
        for name in _names(kind, count)
    ]


def _names(kind: str, count: int) -> list[str]:
    """The first has the plain name of its kind."""
    return [kind if number == 1 else f"{kind}-{number}" for number in range(1, count + 1)]


def _demo(demo: DemoService, known: dict[str, str | None]) -> Spec:
    command = [sys.executable, "-m", "gateway.processes.demo_service", "--port", str(demo.port)]
    command += ["--webhook-url", demo.webhook_url]
    command += ["--state-dir", str(settings.DATA_DIR / "demo")]
    known = known | {HOOK_VARIABLE: demo.webhook_secret, KEY_VARIABLE: demo.api_key}
    # At once: its run begins with the tree, and a start that finds nobody waits before the next.
    return Spec("demo", command, known, ENTRANCES, 3.0)


def private_data_dir(folder: Path) -> None:
    """Keep others out of the data folder; raises PermissionError where it holds other things.

    A folder that somebody made beforehand, empty, is closed; one with other content is not ours.
    """
    if folder.stat().st_mode & 0o077 == 0:
        return
    if {entry.name for entry in folder.iterdir()} - {settings.KEY_DIR.name}:
        raise PermissionError(
            f"{folder} can be entered by others: chmod 700 {folder}, or name another folder "
            f"in COUNTERSIGN_DATA_DIR."
        )
    folder.chmod(0o700)

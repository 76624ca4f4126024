"""The worker process: runs the queue's messages on threads of one process.

Importing this module declares every task, so `dramatiq gateway.worker` works too.
`python -m gateway.worker` serves until SIGTERM, without the forks of dramatiq's own command.
"""

import os
import threading
import time

import django
import structlog
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
if not apps.ready:  # `manage.py` and tests import the tasks as well
    os.environ.setdefault("COUNTERSIGN_PROCESS", "worker")
# dramatiq's default of a second adds 375 ms to the first message after a pause; read at its import.
os.environ.setdefault("dramatiq_worker_timeout", "100")  # noqa: SIM112 - dramatiq spells it so
# Three for each thread: one is under way and one waits for it while others are fetched.
os.environ.setdefault("dramatiq_queue_prefetch", "24")  # noqa: SIM112 - as above
if not apps.ready:
    django.setup()

import dramatiq  # noqa: E402 - settings first
from django.db import DatabaseError, connections  # noqa: E402
from dramatiq.middleware import Middleware  # noqa: E402

import approvals.tasks  # noqa: E402, F401 - declare their tasks, as the four below
import gateway.notices.tasks  # noqa: E402
import gateway.outlets.tasks  # noqa: E402
import gateway.runs.tasks  # noqa: E402
import gateway.tasks  # noqa: E402, F401
import webhooks.tasks  # noqa: E402, F401
from gateway import setback  # noqa: E402
from gateway.lib import heartbeat  # noqa: E402
from gateway.lib.broker import QUEUES, broker  # noqa: E402
from gateway.processes.children import CALLS_WITHIN_S, end_with  # noqa: E402
from gateway.processes.signals import Signals  # noqa: E402

log = structlog.get_logger(__name__)
THREADS = 8
BEAT_S = 5.0
# Between two tries to reach the database at the start.
DATABASE_S = 1.0
# Senders and people wait for the entrances; what a worker has to do is in the database. Where they
# share processors, a worker takes about a third of what an entrance takes beside it. Whoever starts
# workers by dramatiq's own command decides for themselves.
NICE = 5


class DieWithParent(Middleware):
    """dramatiq's command forks worker processes that outlive a master killed by -9.

    The kernel's promise to end a child with its parent is not inherited by what the child forks, so
    each of them asks for itself.
    """

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Ask the kernel, where it can."""
        if ask_kernel := end_with(os.getppid()):
            ask_kernel()


class Heartbeat(Middleware):
    """Says every few seconds that somebody executes."""

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Begin to beat."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Say goodbye."""
        self.stopping.set()
        heartbeat.stop("worker")

    def _beat(self) -> None:
        heartbeat.beat("worker")
        while not self.stopping.wait(BEAT_S):
            heartbeat.beat("worker")


class LookBack(Middleware):
    """Takes no message before it is known whether the database was set back to a backup."""

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Stop everything where it was; wait for a database that does not answer yet."""
        while not _has_looked_back():
            time.sleep(DATABASE_S)


def _has_looked_back() -> bool:
    try:
        setback.stop_if_set_back()
    except DatabaseError as error:
        log.warning("worker_without_database", error=repr(error))
        return False
    except Exception:  # dramatiq would go on: whoever cannot know does not execute
        log.exception("worker_cannot_look_back")
        raise SystemExit(1) from None
    finally:
        connections.close_all()
    return True


broker.add_middleware(Heartbeat())
broker.add_middleware(LookBack())
if __name__ != "__main__":
    broker.add_middleware(DieWithParent())


def main() -> None:
    """Work until SIGTERM or SIGINT; what is under way is finished or left to its lease."""
    os.nice(NICE)
    signals = Signals()
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=THREADS)
    worker.start()
    log.info("worker_started", threads=THREADS, queues=sorted(set(QUEUES.values())))
    signals.wait()
    # What is still under way then is found by its lease.
    worker.stop(timeout=int(CALLS_WITHIN_S * 1000))
    broker.close()
    log.info("worker_stopped")


if __name__ == "__main__":
    main()

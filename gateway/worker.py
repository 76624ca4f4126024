"""The worker process: runs the queue's messages on threads of one process.

Importing this module declares every task. `python -m gateway.worker` serves until SIGTERM.
"""

import os
import signal
import threading

import django
import structlog
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
if __name__ == "__main__":
    os.environ.setdefault("COUNTERSIGN_PROCESS", "worker")
if not apps.ready:
    django.setup()

import dramatiq  # noqa: E402 - settings first

import approvals.tasks  # noqa: E402
import gateway.notices.tasks  # noqa: E402
import gateway.runs.tasks  # noqa: E402
import gateway.tasks  # noqa: E402
import webhooks.tasks  # noqa: E402, F401
from gateway.lib import heartbeat  # noqa: E402
from gateway.lib.broker import broker  # noqa: E402
from gateway.processes import parent  # noqa: E402

log = structlog.get_logger(__name__)
THREADS = 8
# dramatiq's default of a second adds 375 ms to the first message after a pause.
IDLE_POLL_MS = 100
SHUTDOWN_MS = 25_000
BEAT_S = 5.0


def main() -> None:
    """Work until SIGTERM or SIGINT; what is under way is finished or left to its lease."""
    parent.follow()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_timeout=IDLE_POLL_MS, worker_threads=THREADS)
    worker.start()
    log.info("worker_started", threads=THREADS)
    while not stopping.wait(BEAT_S if heartbeat.beat("worker") else 1.0):
        pass
    worker.stop(timeout=SHUTDOWN_MS)
    broker.emit_before("process_stop")
    log.info("worker_stopped")


if __name__ == "__main__":
    main()

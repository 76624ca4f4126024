"""Runs the messages that the stub broker collected, one after the other, in the calling thread."""

from queue import Empty
from typing import Any

import dramatiq
from django.db import connection
from dramatiq.common import dq_name

from gateway.lib.broker import QUEUES, broker

LIMIT = 1_000


def drain(*, delayed: bool = False) -> list[dramatiq.Message[Any]]:
    """Run commit hooks and jobs until neither is left; the messages that ran, in their order.

    An exception of a job is raised to the test. Messages with a delay stay unless `delayed`.
    """
    import gateway.worker  # noqa: F401, PLC0415 - declares the tasks; needs the apps to be ready

    ran: list[dramatiq.Message[Any]] = []
    while len(ran) < LIMIT:
        _commit_hooks()
        message = _next(delayed=delayed)
        if message is None:
            return ran
        _run(message)
        ran.append(message)
    raise AssertionError(f"still ringing after {LIMIT} messages: {ran[-3:]}")


def waiting(*, delayed: bool = False) -> list[dramatiq.Message[Any]]:
    """The messages that were rung and not yet run, without running them."""
    found = []
    for name in _queue_names(delayed=delayed):
        queue = broker.queues.get(name)  # type: ignore[attr-defined]
        found += [dramatiq.Message.decode(data) for data in list(queue.queue)] if queue else []
    return found


def _commit_hooks() -> None:
    """Inside a test's own transaction there is no commit, so run what would come after it."""
    while connection.run_on_commit:
        hooks, connection.run_on_commit = connection.run_on_commit, []
        for _, hook, _ in hooks:
            hook()


def _queue_names(*, delayed: bool) -> list[str]:
    names = sorted(set(QUEUES.values()))
    return names + [dq_name(name) for name in names] if delayed else names


def _next(*, delayed: bool) -> dramatiq.Message[Any] | None:
    for name in _queue_names(delayed=delayed):
        queue = broker.queues.get(name)  # type: ignore[attr-defined]
        if queue is None:
            continue
        try:
            data = queue.get_nowait()
        except Empty:
            continue
        queue.task_done()
        return dramatiq.Message.decode(data)
    return None


def _run(message: dramatiq.Message[Any]) -> None:
    broker.emit_before("process_message", message)
    try:
        broker.get_actor(message.actor_name).fn(*message.args, **message.kwargs)
    except Exception as error:
        broker.emit_after("process_message", message, exception=error)
        raise
    broker.emit_after("process_message", message)

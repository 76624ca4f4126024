"""A run as its page shows it to one person."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from audit.canonical import canonical
from gateway.lib import ids
from gateway.runs.models import Feedback, Report, Run
from gateway.runs.services import FELL_BACK, why_waiting
from gateway.runs.states import RunStatus
from gateway.runs.views.timeline import Axis, Bar, Step, Tick, steps_of

LOOP_CODE = "loop_detected"
MICRO = 1_000_000
TITLE_LENGTH = 140
NEXT_STEP = _("Look at the last step of the timeline, then run it again.")


@dataclass(frozen=True)
class Item:
    """A label with a text and perhaps a link, or a figure with a note."""

    label: str
    text: str = ""
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class Note:
    """A note above the page."""

    tone: str
    icon: str
    title: str
    text: str


@dataclass(frozen=True)
class Shown:
    """A step with its bar and the address it leads to."""

    step: Step
    bar: Bar
    url: str


def place(row: Any, name: str, **parts: str) -> str:
    """The address of a page in the row's environment."""
    where = {"tenant": row.environment.tenant.slug, "environment": row.environment.slug}
    return reverse(name, kwargs={**where, **parts})


def title_of(run: Run) -> str:
    """The task's first line, or what is known instead."""
    first = run.task.strip().split("\n")[0]
    return first[:TITLE_LENGTH] or gettext("Run of {agent}").format(agent=run.agent.slug)


class RunPage:
    """Everything on the page of one run."""

    def __init__(self, request: Any, run: Run) -> None:
        self.run = run
        self.user = request.user
        self.now = timezone.now()

    def _may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission, self.run.environment))

    @property
    def url(self) -> str:
        """The run's own page."""
        return place(self.run, "runs:detail", run=self.run.public_id)

    @property
    def title(self) -> str:
        """What the run is about."""
        return title_of(self.run)

    @property
    def may_cancel(self) -> bool:
        """Whether this person may end it."""
        return not self.run.is_final and self._may("runs.cancel_run")

    @property
    def may_retry(self) -> bool:
        """Whether this person may start it again."""
        return self.run.is_final and self._may("runs.retry_run")

    @property
    def may_rate(self) -> bool:
        """Whether this person may say now if the outcome was helpful."""
        return self.run.is_final and self._may("runs.rate_run")

    @cached_property
    def feedback(self) -> list[Feedback]:
        """What people said about the outcome, the newest first."""
        return list(self.run.feedback.select_related("user").order_by("-said_at"))

    @property
    def own(self) -> Feedback | None:
        """What this person said."""
        return next((said for said in self.feedback if said.user_id == self.user.pk), None)

    @cached_property
    def actions(self) -> list[Action]:
        """What the agent asked for, in order."""
        rows = Action.objects.within(self.run.environment).filter(run_id=self.run.pk)
        return list(rows.for_lists().prefetch_related("executions").order_by("id"))

    @cached_property
    def steps(self) -> list[Step]:
        """The timeline's lines."""
        return steps_of(self.run, self.actions, now=self.now)

    @cached_property
    def _axis(self) -> Axis:
        waits = [step for step in self.steps if step.is_wait]
        return Axis(self.run.created_at, self.run.finished_at or self.now, waits)

    @property
    def is_folded(self) -> bool:
        """Whether waits are not to scale."""
        return self._axis.is_folded

    @cached_property
    def shown(self) -> list[Shown]:
        """The lines with their bars."""
        return [Shown(step, self._axis.bar(step), self._url(step)) for step in self.steps]

    def _url(self, step: Step) -> str:
        if step.action is None or step.level != 2 or not self._may("approvals.view_action"):
            return ""
        return place(self.run, "approvals:detail", action=step.action.public_id)

    @property
    def ticks(self) -> list[Tick]:
        """Quarters of the axis; the end carries the agent's own time."""
        return [Tick(f"{x:.2f}", "0 s" if x == 0 else "") for x in (0.0, 25.0, 50.0, 75.0)]

    @property
    def human_wait(self) -> timedelta:
        """The time in which at least one person was waited for."""
        total, reached = timedelta(), self.run.created_at
        for step in sorted((s for s in self.steps if s.is_wait), key=lambda s: s.start):
            start = max(step.start, reached)
            if step.end > start:
                total += step.end - start
                reached = step.end
        return total

    @cached_property
    def tiles(self) -> list[Item]:
        """The figures."""
        run, usage = self.run, self.run.usage or {}
        whole = (run.finished_at or self.now) - run.created_at
        wait = self.human_wait
        share = round(100 * wait / whole) if whole else 0
        tokens = int(usage.get("input_tokens") or 0) + int(usage.get("output_tokens") or 0)
        cost = usage.get("cost_micro_usd")
        query = urlencode({"run": run.public_id})
        return [
            Item(gettext("Duration"), length(whole), note=gettext("wall clock")),
            Item(
                gettext("Agent time"),
                length(max(whole - wait, timedelta())),
                note=gettext("without the waits"),
            ),
            Item(
                gettext("Human wait"),
                length(wait),
                note=gettext("{share} % of the whole").format(share=share),
            ),
            Item(
                gettext("Tokens"), f"{tokens:,}", note=usage.get("model") or gettext("as reported")
            ),
            Item(
                gettext("Cost"),
                _usd(cost) if cost is not None else "–",
                note=gettext("as reported"),
            ),
            Item(
                gettext("Actions"),
                str(len(self.actions)),
                url=f"{place(run, 'approvals:list')}?{query}",
                note=gettext("asked for in this run"),
            ),
        ]

    @cached_property
    def events(self) -> list[Any]:
        """What the provider reported, in order."""
        return list(self.run.events.all())

    @property
    def reports(self) -> list[Report]:
        """The answers owed to the provider."""
        return list(self.run.reports.select_related("action"))

    @property
    def notes(self) -> list[Note]:
        """What a reader must know first: why it failed, or what cannot be delivered."""
        found = []
        if self.run.error:
            found.append(Note("bad", "circle-x", gettext("The run failed"), self._failure))
        elif self.run.status == RunStatus.QUEUED and (why := why_waiting(self.run.agent)):
            found.append(Note("warn", "clock-pause", gettext("It does not begin yet"), why))
        elif not self.run.is_final and self.run.provider_run_id is None and self.run.attempts:
            text = gettext("Tried {attempts} times; it is tried again by itself.").format(
                attempts=self.run.attempts
            )
            found.append(
                Note("warn", "alert-triangle", gettext("The provider did not start it yet"), text)
            )
        if any(action.code == LOOP_CODE and not action.is_settled for action in self.actions):
            text = gettext("It made the same call again and again. Decide whether once more helps.")
            found.append(
                Note("warn", "refresh", gettext("The run goes round in circles and waits"), text)
            )
        found += [self._fell_back(line) for line in self.events if line.kind == FELL_BACK]
        dead = [report for report in self.reports if report.status == "dead"]
        if dead:
            text = "; ".join(f"{report.call_id}: {report.error}" for report in dead)
            found.append(Note("bad", "skull", gettext("An answer could not be delivered"), text))
        return found

    @property
    def _failure(self) -> str:
        """What happened, what to do next, and the id to ask about."""
        told = self.run.error or {}
        what = told.get("message") or canonical(told).decode()
        debug_id = told.get("debug_id") or self.run.correlation_id
        return gettext("{what} {next} Debug id: {debug_id}").format(
            what=what, next=told.get("next") or NEXT_STEP, debug_id=debug_id
        )

    @staticmethod
    def _fell_back(line: Any) -> Note:
        told = line.data
        text = gettext("{first} did not start it ({reason}), so it runs at {second}.").format(
            first=told["from"], reason=told["reason"], second=told["to"]
        )
        return Note("warn", "git-merge", gettext("At the fallback provider"), text)

    @property
    def output(self) -> str:
        """What the agent returned."""
        return "" if self.run.output is None else text_of(self.run.output)

    @property
    def about(self) -> list[Item]:
        """Where it comes from."""
        run = self.run
        agent_url = place(run, "agents:detail", agent=run.agent.public_id)
        rows = [
            Item(
                gettext("Agent"),
                run.agent.slug,
                url=agent_url if self._may("agents.view_agent") else "",
            ),
            Item(gettext("Provider"), f"{run.provider.slug} ({run.provider.adapter})"),
            Item(gettext("Provider's id"), run.provider_run_id or gettext("not started yet")),
            Item(gettext("Origin"), run.get_origin_display()),
            Item(gettext("Started by"), run.started_by_label or run.started_by_id),
        ]
        if run.source_event:
            url = place(run, "webhooks:event", event=run.source_event)
            may = self._may("webhooks.view_event")
            rows.append(Item(gettext("Event"), run.source_event, url=url if may else ""))
        if run.retry_of_id:
            old = ids.encode("run", run.retry_of_id)
            rows.append(Item(gettext("Again after"), old, url=place(run, "runs:detail", run=old)))
        rows += [Item(name, text_of(value)) for name, value in sorted(run.constraints.items())]
        rows += [Item(name, text_of(value)) for name, value in sorted(run.tags.items())]
        rows.append(Item(gettext("Correlation"), run.correlation_id))
        return rows


def _usd(micro: int) -> str:
    """Millionths of a dollar as dollars, without needless zeros."""
    whole, rest = divmod(micro, MICRO)
    digits = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{whole}.{digits} USD"


def text_of(value: Any) -> str:
    """A text as it is, everything else as canonical JSON."""
    if isinstance(value, str):
        return value
    try:
        return canonical(value).decode()
    except ValueError:
        return json.dumps(value, ensure_ascii=False)


def length(span: timedelta) -> str:
    """A length of time in its two largest units."""
    seconds = max(span.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"

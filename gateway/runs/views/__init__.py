"""Pages of the runs: the list, one run, cancel, run again, start the demo."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from gateway.agents.models import Agent
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged, show
from gateway.runs import services
from gateway.runs.forms import RateForm, RunFilter
from gateway.runs.models import Run
from gateway.runs.views.run_page import RunPage, place
from gateway.tenants.principals import of_user

CSV_HEADER = ("id", "status", "agent", "provider", "task", "started", "finished")
FILTERS = ("q", "status", "agent")
DEMO_AGENT = "support-agent"
DEMO_TASK = "support_reply TICK-10021"
START = "runs.start_run"


@page("runs.view_run")
def index(request: Any) -> HttpResponse:
    """Every run of the environment, newest first."""
    form = RunFilter(request.GET)
    runs = form.narrow(Run.objects.within(request.environment)).for_lists()
    if request.GET.get("format") == "csv":
        return csv_answer(request, "runs", header=CSV_HEADER, rows=map(_cells, runs))
    page_obj = paged(request, runs)
    context = {
        "page_obj": page_obj,
        "rows": page_obj.object_list,
        "filters": [form[name] for name in FILTERS],
        "has_demo": _demo_agent(request) is not None,
    }
    return show(request, "runs/list.html", fragment="runs/_list.html", context=context)


@page("runs.view_run")
def detail(request: Any, run: str) -> HttpResponse:
    """One run with its timeline."""
    context = {"page": RunPage(request, _find(request, run))}
    return show(request, "runs/detail.html", fragment="runs/_run.html", context=context)


@page("runs.cancel_run")
def cancel(request: Any, run: str) -> HttpResponse:
    """GET asks again, POST ends the run and withdraws its open actions."""
    shown = RunPage(request, _find(request, run))
    if request.method != "POST":
        return render(request, "runs/cancel.html", {"page": shown})
    return _order(request, shown, services.cancel, said=gettext("The run is canceled."))


@page("runs.retry_run")
def retry(request: Any, run: str) -> HttpResponse:
    """Start the same task again, as a new run linked to this one."""
    shown = RunPage(request, _find(request, run))
    if request.method != "POST":
        return redirect(shown.url)
    return _order(
        request, shown, services.retry, said=gettext("A new run of the same task has begun.")
    )


@page("runs.rate_run")
def rate(request: Any, run: str) -> HttpResponse:
    """Say whether the outcome was helpful; a GET shows the run."""
    found = _find(request, run)
    shown = RunPage(request, found)
    if request.method != "POST":
        return redirect(shown.url)
    form = RateForm(request.POST)
    if not form.is_valid():
        context = {"page": shown, "rate_form": form}
        return render(request, "runs/detail.html", context, status=422)
    said = form.cleaned_data
    by = of_user(request.user, request.environment)
    try:
        services.rate(run=found, by=by, is_helpful=said["helpful"] == "yes", note=said["note"])
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, gettext("Thank you: it counts on the dashboard."))
    return redirect(f"{shown.url}#feedback")


@page(START)
def start_demo(request: Any) -> HttpResponse:
    """Start one more run of the demo's agent."""
    agent = _demo_agent(request)
    if request.method != "POST" or agent is None:
        return redirect(_listed(request))
    by = of_user(request.user, request.environment)
    try:
        run = services.start(request.environment, agent=agent, provider=None, task=DEMO_TASK, by=by)
    except DomainError as error:
        messages.error(request, error.detail)
        return redirect(_listed(request))
    return redirect(place(run, "runs:detail", run=run.public_id))


def _order(request: Any, shown: RunPage, order: Any, *, said: str) -> HttpResponse:
    try:
        run = order(run=shown.run, by=of_user(request.user, request.environment))
    except DomainError as error:
        messages.error(request, error.detail)
        return redirect(shown.url)
    messages.success(request, said)
    return redirect(place(run, "runs:detail", run=run.public_id))


def _find(request: Any, run: str) -> Run:
    rows = Run.objects.within(request.environment).public(run)
    return get_object_or_404(rows.for_lists())


def _demo_agent(request: Any) -> Agent | None:
    if not request.user.has_perm(START, request.environment):
        return None
    agents = Agent.objects.within(request.environment)
    return agents.filter(slug=DEMO_AGENT, is_enabled=True, provider__isnull=False).first()


def _listed(request: Any) -> str:
    here = request.environment
    return reverse("runs:list", kwargs={"tenant": here.tenant.slug, "environment": here.slug})


def _cells(run: Run) -> tuple[object, ...]:
    who = (run.public_id, run.status, run.agent.slug, run.provider.slug)
    return (*who, run.task, run.created_at, run.finished_at)

"""One policy: what is in force, what is on trial, its tests, its versions and their differences."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext

from approvals import services
from approvals.diff import words
from approvals.models import Policy, PolicyVersion, ShadowVerdict
from approvals.policy.changes import RuleChange, changes
from approvals.policy.comparing import Change
from approvals.policy_forms import RolloutForm
from approvals.services import disagreements
from approvals.services.examining import examine_stored
from approvals.services.policies import version_of
from approvals.services.trials import Rollout
from approvals.views.policies import CHANGE, VIEW, back, done, policy_of, shown
from approvals.views.rows import Row
from gateway.agents.models import Agent
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged, show
from gateway.lib.labels import labels_of

SHOWN_VERSIONS = 50
HEADER = (
    "action", "effect", "version", "change", "verdict", "rule", "applied verdict", "applied rule",
    "at",
)  # fmt: skip


@dataclass(frozen=True)
class Count:
    """How often a watched version decided so, and the list of it."""

    change: Change
    count: int

    @property
    def words(self) -> str:
        """The change in words."""
        return gettext(self.change.words)


@page(VIEW)
def policy(request: Any, policy: str) -> HttpResponse:
    """The policy's page."""
    found = policy_of(request, policy)
    rows = list(Policy.objects.within(request.environment))
    examined = dict(zip([row.pk for row in rows], examine_stored(rows), strict=True))
    versions = list(found.versions.all()[:SHOWN_VERSIONS])
    counts = disagreements.counts_of([found])
    context = {
        "policy": found,
        "rules": [shown(rule) for rule in found.rules],
        "examined": examined[found.pk],
        "versions": _with_authors(versions),
        "trial_rules": [shown(rule) for rule in found.trial.rules] if found.trial else [],
        "trial_agents": _names(found),
        "counts": _counts(counts, found),
        "rollout": _rollout_form(found),
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return show(request, "approvals/policy.html", fragment="approvals/policy.html", context=context)


def _with_authors(versions: list[PolicyVersion]) -> list[tuple[PolicyVersion, str]]:
    """The versions, each with its author's present name."""
    labels = labels_of(row.author_id for row in versions)
    return [
        (row, "Countersign" if row.author_kind == "system" else labels.get(row.author_id, ""))
        for row in versions
    ]


def _names(found: Policy) -> list[str]:
    labels = labels_of(found.trial_agents)
    return [labels.get(key, key) for key in found.trial_agents]


def _counts(counts: dict[tuple[str, int], Any], found: Policy) -> list[Count]:
    number = found.trial.number if found.trial else 0
    seen = counts.get((found.public_id, number), {})
    return [Count(change, seen.get(change, 0)) for change in Change]


def _rollout_form(found: Policy) -> RolloutForm:
    rows = Agent.objects.within(found.environment)
    slugs = [row.slug for row in rows if row.public_id in found.trial_agents]
    return RolloutForm(
        initial={
            "stage": found.trial_stage,
            "agents": ", ".join(slugs),
            "percent": found.trial_percent or None,
        }
    )


@page(VIEW)
def version(request: Any, policy: str, number: int) -> HttpResponse:
    """One version, compared with another one; without `?from=` with the one before."""
    found = policy_of(request, policy)
    new = _version(found, number)
    old = _older(found, new, request.GET.get("from", ""))
    context = {
        "policy": found,
        "new": new,
        "old": old,
        "changes": [_marked(one) for one in changes(old.rules if old else [], new.rules)],
        "rules": [shown(rule) for rule in new.rules],
        "others": [row for row in found.versions.all()[:SHOWN_VERSIONS] if row.pk != new.pk],
        "author": _with_authors([new])[0][1],
        "is_in_force": new.number == found.version,
        "may_change": request.user.has_perm(CHANGE, request.environment),
        "tests": words(old.tests if old else "", new.tests),
    }
    name = "approvals/policy_version.html"
    return show(request, name, fragment=name, context=context)


def _version(found: Policy, number: int) -> PolicyVersion:
    try:
        return version_of(found, number)
    except DomainError as error:
        raise Http404 from error


def _older(found: Policy, new: PolicyVersion, asked: str) -> PolicyVersion | None:
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return _version(found, int(asked))
    older: PolicyVersion | None = found.versions.filter(number__lt=new.number).first()
    return older


def _marked(change: RuleChange) -> dict[str, Any]:
    """A rule's change with each field's words marked, where both sides are text."""
    fields = [
        {
            "name": name,
            "old": old,
            "new": new,
            "words": words(old, new) if isinstance(old, str) and isinstance(new, str) else (),
        }
        for name, (old, new) in change.fields.items()
    ]
    return {"change": change, "fields": fields}


@page(VIEW)
def shadow(request: Any, policy: str) -> HttpResponse:
    """The actions on which a watched version and what was applied disagree."""
    found = policy_of(request, policy)
    asked, number = request.GET.get("change", ""), request.GET.get("version", "")
    change = asked if asked in set(Change) else ""
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    rows = disagreements.listed(found, number=wanted, change=change)
    if request.GET.get("format") == "csv":
        return csv_answer(request, "disagreements", header=HEADER, rows=map(_cells, rows))
    counts = disagreements.counts_of([found])
    page_obj = paged(request, rows)
    context = {
        "policy": found,
        "page_obj": page_obj,
        "rows": [(row, Row(row.action)) for row in page_obj.object_list],
        "versions": [
            (version, [Count(one, seen[one]) for one in Change])
            for (_, version), seen in sorted(counts.items(), reverse=True)
        ],
        "change": change,
        "number": wanted,
        "words": gettext(Change(change).words) if change else "",
    }
    name = "approvals/policy_shadow.html"
    return show(request, name, fragment=name, context=context)


def _cells(row: ShadowVerdict) -> tuple[object, ...]:
    return (
        row.action.public_id, row.action.effect, row.version.number, row.change, row.verdict,
        row.rule, row.applied_verdict, row.applied_rule, row.created_at,
    )  # fmt: skip


@page(CHANGE)
def restore(request: Any, policy: str, number: int) -> HttpResponse:
    """Put an old version in force again."""
    found = policy_of(request, policy)
    if request.method != "POST":
        return back(request, found)
    comment = request.POST.get("comment", "")
    return done(
        request, found,
        lambda: services.restore(found, number=number, comment=comment),
        gettext("Version {number} is in force again, as a new version.").format(number=number),
    )  # fmt: skip


@page(CHANGE)
def rollout(request: Any, policy: str) -> HttpResponse:
    """Let the version on trial count for others, for all, or for nobody any more."""
    found, what = policy_of(request, policy), request.POST.get("do", "")
    if request.method != "POST":
        return back(request, found)
    if what == "promote":
        return done(
            request, found, lambda: services.promote(found), gettext("It counts for all now.")
        )
    if what == "withdraw":
        return done(
            request, found, lambda: services.withdraw(found), gettext("The trial has ended.")
        )
    return done(
        request, found, lambda: services.widen(found, rollout=_asked(request)),
        gettext("The trial goes on as you said."),
    )  # fmt: skip


def _asked(request: Any) -> Rollout:
    form = RolloutForm(request.POST)
    data = form.cleaned_data if form.is_valid() else {}
    return rollout_of(data)


def rollout_of(data: dict[str, Any]) -> Rollout:
    """The roll-out that a form names; what it lacks is refused by the service."""
    agents = tuple(name for name in data.get("agents", "").replace(",", " ").split() if name)
    return Rollout(data.get("stage", ""), agents, data.get("percent") or 0)

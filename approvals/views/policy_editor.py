"""The editor: rules edited as one list, simulated on the last days, and only then saved."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from approvals import policy_forms, services
from approvals.models import Policy
from approvals.policy.advice import Advice, advice
from approvals.policy.cases import Outcome, failed
from approvals.policy.comparing import DISAGREEMENTS
from approvals.policy.templates import BY_SLUG, TEMPLATES
from approvals.policy_forms import NOW, PolicyForm, Raw, RuleForm
from approvals.services import policies, simulating
from approvals.services.simulating import Changed, Draft, Replay
from approvals.views.policies import CHANGE, at, policy_of
from approvals.views.policy_page import rollout_of
from approvals.views.rows import Row
from audit.canonical import digest
from gateway.lib.errors import DomainError, Refused
from gateway.lib.formrows import moved
from gateway.lib.html import page, show

DAYS = 7
SECONDS = 5.0
NEW: Raw = {
    "name": "", "when": "true", "verdict": "require_approval", "reviewers": "role:reviewer",
}  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """What the draft would do: its own tests, warnings, and the last days."""

    replay: Replay
    tests: list[Outcome]
    warnings: list[Advice]

    @property
    def groups(self) -> list[tuple[str, int, list[tuple[Changed, Row]]]]:
        """Each kind of change with its count and the newest actions."""
        return [
            (
                gettext(change.words),
                self.replay.counts[change],
                [(one, Row(one.action)) for one in self.replay.listed[change]],
            )
            for change in DISAGREEMENTS
            if self.replay.counts[change]
        ]

    @property
    def failed(self) -> list[Outcome]:
        """The tests that do not pass."""
        return failed(self.tests)


@page(CHANGE)
def create(request: Any) -> HttpResponse:
    """A new policy."""
    return _edit(request, None)


@page(CHANGE)
def edit(request: Any, policy: str) -> HttpResponse:
    """A new version of a policy."""
    return _edit(request, policy_of(request, policy))


def _edit(request: Any, policy: Policy | None) -> HttpResponse:
    if request.method != "POST":
        return _shown(request, policy, _stored_form(policy), _stored_rules(policy))
    given, what = policy_forms.posted(request.POST), request.POST.get("do", "")
    if what not in {"save", "preview"}:
        form = PolicyForm(initial=_plain(request.POST, given, what))
        return _shown(request, policy, form, policy_forms.unbound(_changed(request, given, what)))
    form, rules = PolicyForm(request.POST), policy_forms.bound(given)
    sound = [one.is_valid() for one in (form, *rules)]
    if not all(sound):
        return _shown(request, policy, form, rules, status=422)
    if request.POST.get("mark", "") != mark_of(policy):
        return _shown(request, policy, form, rules, is_stale=True, status=409)
    raw = [rule.rule for rule in rules]
    try:
        preview = _preview(request, policy, raw, form.cleaned_data["tests"])
        seen = digest([raw, form.cleaned_data["tests"]])
        if what == "save" and request.POST.get("seen") == seen:
            return _saved(request, policy, form, raw)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _shown(request, policy, form, rules, status=422)
    return _shown(request, policy, form, rules, preview=preview, seen=seen)


def _preview(request: Any, policy: Policy | None, raw: list[Raw], tests: str) -> Preview:
    place = request.environment
    rules, outcomes = policies.checked("draft", raw, tests)
    found = simulating.replay(place, days=DAYS, draft=Draft(raw, policy), seconds=SECONDS)
    warned = advice(rules, policies.tool_facts(place)) + services.warnings_of(place, raw)
    return Preview(found, outcomes, warned)


def _saved(request: Any, policy: Policy | None, form: PolicyForm, raw: list[Raw]) -> HttpResponse:
    data = form.cleaned_data
    name = policy.name if policy else data["name"].strip()
    taken = Policy.objects.within(request.environment).filter(name=name).exists()
    if policy is None and taken:
        raise Refused("name_in_use", f"There is a policy {name!r} already: edit that one.")
    common: dict[str, Any] = {
        "name": name, "rules": raw, "tests": data["tests"], "comment": data["comment"],
    }  # fmt: skip
    if data["stage"] in ("", NOW):
        saved = services.save_policy(request.environment, **common)
        messages.success(
            request, gettext("Version {version} is in force.").format(version=saved.version)
        )
    else:
        saved = services.try_version(request.environment, rollout=rollout_of(data), **common)
        messages.success(
            request,
            gettext("Version {number} is on trial.").format(
                number=saved.trial.number if saved.trial else ""
            ),
        )
    address = at(request, "approvals:policy", policy=saved.public_id)
    if getattr(request, "htmx", None):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _changed(request: Any, given: list[Raw], what: str) -> list[Raw]:
    """The rules after the pressed button."""
    if what == "add":
        return [*given, dict(NEW)]
    template = BY_SLUG.get(request.POST.get("template", ""))
    if what == "use" and template:
        return [policy_forms.raw_of(template.rule), *given]
    return moved(given, what)


def _plain(data: Any, given: list[Raw], what: str) -> Raw:
    """What surrounds the rules, as it was typed; a ready-made rule brings its cases along."""
    typed = {name: data.get(name, "") for name in PolicyForm.base_fields}
    template = BY_SLUG.get(data.get("template", ""))
    if what == "use" and template and template.cases not in typed["tests"]:
        typed["tests"] = f"{typed['tests'].rstrip()}\n{template.cases}".lstrip()
    return typed


def _stored_form(policy: Policy | None) -> PolicyForm:
    if policy is None:
        return PolicyForm()
    return PolicyForm(initial={"name": policy.name, "tests": policy.tests})


def _stored_rules(policy: Policy | None) -> list[RuleForm]:
    """What is in force; where nothing is yet, the version on trial."""
    if policy is None:
        return policy_forms.unbound([dict(NEW)])
    rules = policy.trial.rules if policy.trial and not policy.version else policy.rules
    return policy_forms.unbound([policy_forms.raw_of(rule) for rule in rules])


def mark_of(policy: Policy | None) -> str:
    """Which state of the policy an editor was opened on."""
    return f"{policy.version}/{policies.latest_number(policy)}" if policy else "new"


def _shown(
    request: Any,
    policy: Policy | None,
    form: PolicyForm,
    rules: list[RuleForm],
    *,
    preview: Preview | None = None,
    seen: str = "",
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "policy": policy,
        "form": form,
        "rules": rules,
        "templates": TEMPLATES,
        "preview": preview,
        "seen": seen,
        "mark": mark_of(policy),
        "next": policies.latest_number(policy) + 1 if policy else 1,
        "is_stale": is_stale,
        "days": DAYS,
    }
    return show(
        request, "approvals/policy_edit.html", fragment="approvals/_policy_edit.html",
        context=context, status=status,
    )  # fmt: skip

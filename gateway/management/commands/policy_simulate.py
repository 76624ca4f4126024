"""`manage.py policy_simulate`: what a draft of rules would have made of the last days' actions."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.models import Policy
from approvals.policy.comparing import DISAGREEMENTS, Change
from approvals.services.simulating import MAX_ACTIONS, Draft, Replay, replay
from gateway.lib.errors import DomainError
from gateway.management.commands.policy_check import read_file
from gateway.tenants.models import Environment

SECONDS = 600.0


class Command(BaseCommand):
    """Reads stored facts and writes nothing but the record that somebody simulated."""

    help = "Judge past actions by a draft of rules, or by the version on trial, and tell changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where, how far back, and which draft."""
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--environment", required=True, help="the environment's slug")
        parser.add_argument("--days", type=int, default=7)
        parser.add_argument("--limit", type=int, default=MAX_ACTIONS, help="at most so many")
        parser.add_argument("--draft", type=Path, metavar="FILE", help="YAML or JSON with rules")
        parser.add_argument("--policy", default="", help="whose rules the draft replaces")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay and print."""
        place = (
            Environment.objects.select_related("tenant")
            .filter(tenant__slug=options["tenant"], slug=options["environment"])
            .first()
        )
        if place is None:
            raise CommandError("There is no such environment: name tenant and environment by slug.")
        limit = min(max(1, options["limit"]), MAX_ACTIONS)
        try:
            found = replay(
                place, days=options["days"], draft=_draft(place, options), limit=limit,
                seconds=SECONDS,
            )  # fmt: skip
        except DomainError as error:
            caret = "\n".join(["", *str(error.extra.get("caret") or "").splitlines()])
            raise CommandError(f"{error.detail}{caret}") from error
        if options["json"]:
            self.stdout.write(json.dumps(_document(found), indent=2))
        else:
            self._print(found)

    def _print(self, found: Replay) -> None:
        self.stdout.write(
            f"{found.examined} actions, {found.counts[Change.SAME]} with the same verdict"
        )
        for change in DISAGREEMENTS:
            self.stdout.write(f"{found.counts[change]:>6}  {change.words.lower()}")
            for one in found.listed[change]:
                rules = f"{one.before.rule_name} -> {one.after.rule_name}"
                mark = " (uncertain: a masked value mattered)" if one.uncertain else ""
                self.stdout.write(
                    f"        {one.action.public_id} {one.action.tool_name}: {rules}{mark}"
                )
        if found.uncertain:
            self.stdout.write(f"{found.uncertain} rest on masked values and may be otherwise")
        if found.note:
            self.stdout.write(found.note)


def _draft(place: Environment, options: dict[str, Any]) -> Draft:
    name = options["policy"]
    if options["draft"] is None:
        policy = Policy.objects.within(place).select_related("trial").filter(name=name).first()
        if policy is None or policy.trial is None:
            raise CommandError(
                "Give --draft FILE, or --policy NAME of one with a version on trial."
            )
        return Draft(policy.trial.rules, policy)
    read = read_file(options["draft"])
    policy = Policy.objects.within(place).filter(name=name or read.name).first()
    if name and policy is None:
        raise CommandError(f"There is no policy {name!r} in this environment.")
    return Draft(read.rules, policy)


def _document(found: Replay) -> dict[str, Any]:
    return {
        "examined": found.examined,
        "without_facts": found.without_facts,
        "uncertain": found.uncertain,
        "note": found.note,
        **{str(change): found.counts[change] for change in Change},
        "changed": [
            {
                "action": one.action.public_id, "change": str(one.change),
                "before": one.before.rule_name, "after": one.after.rule_name,
            }
            for change in DISAGREEMENTS
            for one in found.listed[change]
        ],
    }  # fmt: skip

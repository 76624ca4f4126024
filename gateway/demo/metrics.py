"""A past for the demo's dashboard: thirty days of figures by chance, the same for everybody.

They are marked as samples, and the page says so: the lists behind them are empty.
"""

import random
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from gateway.board.counting import HOUR, JOIN, REASONS, hour_of
from gateway.board.figures import Figures, add, bucket
from gateway.board.models import Hour
from gateway.demo import cast
from gateway.tenants.models import Environment, User

DAYS = 30
SEED = 20_261_126
# Calls in an hour of a working day, and the share of each tool in them.
BUSIEST, AT_NIGHT = 9, 1
TOOLS = (("lookup_customer", 60), ("create_support_ticket", 18), ("send_email", 14), ("refund", 8))
RISKS = {"create_support_ticket": "medium", "send_email": "medium", "refund": "high"}
MODELS = ("sandbox-story", "sandbox-story-small")
FAILS, REJECTS, EXPIRES, REFUSES, LOOPS = 0.012, 0.14, 0.02, 0.015, 0.004
PROJECTS = ("support", "newsletter")


def show(environment: Environment) -> int:
    """Give the environment a past where it has none; how many hours of it."""
    if Hour.objects.within(environment).exists():
        return 0
    people = [
        str(pk)
        for pk in User.objects.filter(email__in=(cast.RUI.email, cast.ANA.email))
        .order_by("email")
        .values_list("pk", flat=True)
    ]
    hours = [
        Hour(environment=environment, hour=hour, figures=figures, is_sample=True)
        for hour, figures in _past(hour_of(timezone.now()), people)
    ]
    Hour.objects.bulk_create(hours)
    return len(hours)


def _past(end: datetime, people: list[str]) -> Iterator[tuple[datetime, Figures]]:
    chance = random.Random(SEED)  # noqa: S311 - made-up figures, no secret
    zone = ZoneInfo(cast.TIME_ZONE)
    for back in range(DAYS * 24, 0, -1):
        hour = end - back * HOUR
        local = hour.astimezone(zone)
        is_work = local.weekday() < 5 and 8 <= local.hour < 18
        calls = chance.randint(3, BUSIEST) if is_work else chance.randint(0, AT_NIGHT)
        figures: Figures = {}
        for _ in range(calls):
            _call(figures, chance, people)
        if figures:
            yield hour, figures


def _call(figures: Figures, chance: random.Random, people: list[str]) -> None:
    (tool,) = chance.choices([name for name, _ in TOOLS], [share for _, share in TOOLS])
    add(figures, ("tools", tool), [1, 0, 0])
    if chance.random() < LOOPS:
        add(figures, ("loops",))
    if chance.random() < REFUSES:
        add(figures, ("asked", "refused"))
        add(figures, ("ended", "refused"))
        return
    risk = RISKS.get(tool)
    add(figures, ("asked", "people" if risk else "self"))
    if risk and not _decided(figures, chance, people, risk):
        return
    _carried_out(figures, chance, tool, by_people=bool(risk))


def _decided(figures: Figures, chance: random.Random, people: list[str], risk: str) -> bool:
    """Whether somebody approved it."""
    if chance.random() < EXPIRES:
        add(figures, ("ended", "expired"))
        return False
    wait_s = chance.lognormvariate(5.6 if risk == "high" else 4.9, 0.9)
    add(figures, ("waits", risk, bucket(wait_s * 1000)))
    (who,) = chance.choices(people, [1, 2][: len(people)])
    is_approved = chance.random() >= REJECTS
    add(figures, ("votes", who), [1, 0] if is_approved else [0, 1])
    if not is_approved:
        add(figures, ("ended", "rejected"))
        add(figures, ("reasons", chance.choice(REASONS)))
    return is_approved


def _carried_out(figures: Figures, chance: random.Random, tool: str, *, by_people: bool) -> None:
    add(figures, ("latency", bucket(chance.lognormvariate(4.7, 0.6))))
    if chance.random() < FAILS:
        add(figures, ("ended", "failed"))
        add(figures, ("tools", tool), [0, 0, 1])
        return
    add(figures, ("ended", "approved" if by_people else "self"))
    add(figures, ("tools", tool), [0, 1, 0])
    if by_people and chance.random() < 0.5:
        project, model = chance.choice(PROJECTS), chance.choice(MODELS)
        tokens_in, tokens_out = chance.randint(1500, 9000), chance.randint(200, 1400)
        cost = tokens_in * 2 + tokens_out * 8
        add(figures, ("runs", "completed" if chance.random() > 0.03 else "failed"))
        who = JOIN.join((project, cast.AGENT, model))
        add(figures, ("spent", who), [1, tokens_in, tokens_out, cost])

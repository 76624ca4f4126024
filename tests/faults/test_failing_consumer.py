"""T61: results to a consumer that fails three times in ten: all arrive, under one id, in order."""

import random
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from gateway.http.limits import Account, Limits
from gateway.runs import services
from gateway.runs.models import Report, Run
from gateway.runs.services import provider_calls
from gateway.runs.states import ReportStatus
from tests.doubles.counting import Counting, Trouble, counting, lines
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.runs import ReportFactory, RunFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
SEED = 61
CALLS = 5
FAILS = 0.3
THREADS = 4
ROUNDS = 60
BAD = [Trouble.RESET_AFTER, Trouble.ERROR_AFTER, Trouble.CUT_AFTER,
       Trouble.RESET_BEFORE, Trouble.ERROR_BEFORE]  # fmt: skip


def trouble(key: str, number: int) -> Trouble:
    """Three in ten of all requests, by the report's place and the number of its try."""
    lot = random.Random(f"{SEED} {key} {number}")
    return lot.choice(BAD) if lot.random() < FAILS else Trouble.NONE


def owed(url: str, count: int) -> list[Run]:
    """Runs that are owed so many results together."""
    provider = ProviderFactory(base_url=url)
    agent = AgentFactory(environment=provider.environment, provider=provider)
    runs = [
        RunFactory(environment=provider.environment, provider=provider, agent=agent)
        for _ in range(count // CALLS)
    ]
    for run in runs:
        for _ in range(CALLS):
            ReportFactory(run=run)
    return runs


def send(run: Run) -> None:
    try:
        services.report_run(str(run.pk))
    finally:
        connections.close_all()


def deliver(runs: list[Run]) -> None:
    """Two workers at each run at the same time; waits of reports are cut short."""
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(send, [run for run in runs for _ in range(2)]))
        left = Report.objects.exclude(status=ReportStatus.DELIVERED)
        if not left.update(due_at=timezone.now() - timedelta(seconds=1)):
            return
    raise AssertionError(f"not delivered: {left.count()}")


@pytest.mark.long
@pytest.mark.parametrize("count", [60, 1000])
def test_each_result_arrives_under_one_id_in_the_order_of_calls(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The breaker would rightly leave such a consumer alone for half a minute at a time.
    monkeypatch.setattr(provider_calls, "Account", lambda key: Account(key, Limits(failures=100)))
    service = Counting(tmp_path / "journal", trouble=trouble)
    with counting(service), override_settings(OUTBOUND_ALLOW=[service.place]):
        runs = owed(service.url, count)
        deliver(runs)
    sent = lines(service.journal)
    arrived = Counter(one.key for one in sent if one.effect)
    reports = {one.public_id: one for one in Report.objects.select_related("run")}
    assert set(arrived) == set(reports), "each arrives, under its own id"
    assert len({(one.key, one.body) for one in sent}) == count, "and says the same every time"

    orders: dict[str, list[str]] = defaultdict(list)
    for one in sent:
        report = reports[one.key]
        orders[report.run.public_id].append(report.action.public_id)
    assert len(orders) == len(runs)
    for order in orders.values():
        assert order == sorted(order), "a later result waits for an earlier one"
    with capsys.disabled():
        twice = sum(times - 1 for times in arrived.values())
        print(f"\nT61 {count}: {len(sent)} requests, {twice} arrived again")  # noqa: T201

"""The dashboard's numbers against rows counted by hand, from live rows and from counted hours."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.forms import PRESETS
from approvals.states import ActionStatus, ExecutionStatus
from gateway.board import counting, rolling
from gateway.board.counting import hour_of
from gateway.board.models import Hour, Reached
from gateway.lib import ids
from gateway.runs.states import RunStatus
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory, ApprovalFactory, ExecutionFactory
from tests.factories.board import HourFactory
from tests.factories.runs import FeedbackFactory, RunFactory
from tests.factories.webhooks import RefusalFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


def made_at(row, moment):
    """The same row, made at another time: its id tells that time, too."""
    kept = {"created_at": moment}
    type(row)._base_manager.filter(pk=row.pk).update(**kept)
    row.created_at = moment
    return row


def at_time(moment):
    """A new id that tells this time."""
    return UUID(int=ids.floor(moment.timestamp()).int | ids.new_id().int & (1 << 64) - 1)


def action(met, moment, **fields):
    made = ActionFactory(id=at_time(moment), environment=met.environment, **fields)
    return made_at(made, moment)


def morning(met, start):
    """Seven calls of one hour: three ran by themselves (one failed), two were approved, one was
    rejected, one refused by a rule."""

    def ends(minutes):
        return start + timedelta(minutes=minutes)

    free = {"requirement": None, "approved_at": start}
    action(met, start, status=ActionStatus.SUCCEEDED, settled_at=ends(1), **free)
    action(met, start, status=ActionStatus.SUCCEEDED, settled_at=ends(2), **free)
    action(met, start, status=ActionStatus.FAILED, settled_at=ends(3), **free)
    asked = {"requirement": {"quorum": 1}, "risk": "high"}
    for minutes in (10, 20):
        approved = action(
            met, start, status=ActionStatus.SUCCEEDED, settled_at=ends(minutes), **asked
        )
        vote(approved, met.may, ends(minutes))
        ran = ExecutionFactory(
            id=at_time(ends(minutes)), action=approved, status=ExecutionStatus.SUCCEEDED,
            sent_at=ends(minutes), finished_at=ends(minutes) + timedelta(milliseconds=200),
        )  # fmt: skip
        made_at(ran, ends(minutes))
    rejected = action(met, start, status=ActionStatus.REJECTED, settled_at=ends(30), **asked)
    vote(rejected, met.second, ends(30), decision="reject", comment="Wrong amount: twice")
    action(met, start, status=ActionStatus.DENIED, settled_at=start, requirement=None)
    run = RunFactory(
        environment=met.environment, status=RunStatus.COMPLETED, finished_at=ends(40),
        tags={"project_id": "support"},
        usage={"model": "m1", "input_tokens": 10, "output_tokens": 5, "cost_micro_usd": 30_000},
    )  # fmt: skip
    FeedbackFactory(run=run, user=met.may, said_at=ends(45))


def vote(of, who, moment, **fields):
    made_at(ApprovalFactory(id=at_time(moment), action=of, user=who, **fields), moment)


EXPECTED = {
    "asked": {"self": 3, "people": 3, "refused": 1},
    "ended": {"self": 2, "failed": 1, "approved": 2, "rejected": 1, "refused": 1},
    "reasons": {"Wrong amount": 1},
    "runs": {"completed": 1},
}


def test_one_hour_is_counted_as_by_hand(met):
    start = hour_of(timezone.now()) - timedelta(hours=3)
    morning(met, start)
    counted = counting.count(start, start + timedelta(hours=1))
    figures = counted[met.environment.pk, start]
    assert {name: figures[name] for name in EXPECTED} == EXPECTED
    assert figures["votes"] == {str(met.may.pk): [2, 0], str(met.second.pk): [0, 1]}
    assert sum(figures["latency"].values()) == 2
    assert sum(figures["waits"]["high"].values()) == 3
    assert list(figures["spent"].values()) == [[1, 10, 5, 30_000]]
    assert set(counted) == {(met.environment.pk, start)}


def test_the_page_says_the_same_before_and_after_the_hours_are_counted(met):
    morning(met, hour_of(timezone.now()) - timedelta(hours=3))
    browser, address = signed_in(met.admin), at(met.environment, "board:dashboard")
    live = browser.get(address, {"range": "7d"}).context["tiles"]
    assert rolling.roll_up() >= 2
    assert Hour.objects.count() == 1
    counted = browser.get(address, {"range": "7d"}).context["tiles"]
    assert [(tile.label, tile.text) for tile in counted] == [
        (tile.label, tile.text) for tile in live
    ]
    told = {tile.label: tile.text for tile in counted}
    assert told["Approval rate"] == "67 %"
    assert told["Ran by itself"] == "43 %"
    assert told["Failed calls"] == "1"
    assert told["Tool-call success"] == "80 %"
    assert told["Task success"] == "100 %"
    assert told["Cost per task"] == "0.03 USD"
    assert told["Found helpful"] == "100 %"
    # Twenty minutes, to one percent.
    assert told["Median decision"] == "20 min 3 s"


def test_every_number_leads_to_a_list_with_as_many(met):
    morning(met, hour_of(timezone.now()) - timedelta(hours=1))
    browser = signed_in(met.admin)
    page = browser.get(at(met.environment, "board:dashboard"), {"range": "7d"})
    tiles = {tile.label: tile for tile in page.context["tiles"]}
    for label, count in (("Failed calls", 1), ("Tool-call success", 4), ("Ran by itself", 3)):
        listed = browser.get(tiles[label].url)
        assert listed.context["page_obj"].paginator.count == count, label
    for chart in page.context["charts"]:
        for line in chart.lines:
            for cell in line.cells:
                if cell.url:
                    found = browser.get(cell.url).context["page_obj"].paginator.count
                    wanted = cell.value if cell.listed is None else cell.listed
                    assert found == wanted, (chart.key, line.label, cell)


def test_no_number_of_a_chart_leads_nowhere(met):
    morning(met, hour_of(timezone.now()) - timedelta(hours=1))
    page = signed_in(met.admin).get(at(met.environment, "board:dashboard"), {"range": "24h"})
    for chart in page.context["charts"]:
        told = [cell for line in chart.lines for cell in line.cells if cell.value]
        assert told, chart.key
        assert all(cell.url for cell in told), chart.key


def test_a_column_counts_neither_what_ended_before_nor_after_it(met):
    start = hour_of(timezone.now()) - timedelta(hours=4)
    morning(met, start)
    morning(met, start + timedelta(hours=1))
    browser = signed_in(met.admin)
    page = browser.get(at(met.environment, "board:dashboard"), {"range": "24h"})
    calls = next(chart for chart in page.context["charts"] if chart.key == "calls")
    told = [line.cells[0] for line in calls.lines if line.cells[0].value]
    assert [cell.value for cell in told] == [2, 2]
    for cell in told:
        assert browser.get(cell.url).context["page_obj"].paginator.count == 2


def test_tasks_without_a_project_lead_to_those_without_one(met):
    ended = {"status": RunStatus.COMPLETED, "finished_at": timezone.now() - timedelta(minutes=5)}
    bare = RunFactory(environment=met.environment, tags={}, usage={}, **ended)
    morning(met, hour_of(timezone.now()) - timedelta(hours=1))
    browser = signed_in(met.admin)
    page = browser.get(at(met.environment, "board:dashboard"), {"range": "24h"})
    cost = next(chart for chart in page.context["charts"] if chart.key == "cost")
    line = next(line for line in cost.lines if line.label == bare.agent.slug)
    assert [row.pk for row in browser.get(line.cells[0].url).context["rows"]] == [bare.pk]


def test_counting_twice_changes_nothing_and_misses_nothing(met):
    start = hour_of(timezone.now()) - timedelta(hours=5)
    morning(met, start)
    assert rolling.roll_up() >= 4
    before = list(Hour.objects.values_list("environment", "hour", "figures"))
    assert rolling.roll_up() == 0
    Reached.objects.update(until=start)
    rolling.roll_up()
    assert list(Hour.objects.values_list("environment", "hour", "figures")) == before


def test_the_number_of_queries_does_not_grow(met):
    browser, address = signed_in(met.admin), at(met.environment, "board:dashboard")
    morning(met, hour_of(timezone.now()) - timedelta(hours=2))
    browser.get(address)
    with CaptureQueriesContext(connection) as few:
        browser.get(address)
    morning(met, hour_of(timezone.now()) - timedelta(hours=4))
    HourFactory(environment=met.environment)
    with CaptureQueriesContext(connection) as many:
        browser.get(address)
    assert len(many) == len(few)


def test_refused_webhooks_are_counted_and_anothers_are_not(met):
    RefusalFactory(
        source__environment=met.environment, count=4, hour=hour_of(timezone.now()), reason="a"
    )
    RefusalFactory(source__environment=met.elsewhere, hour=hour_of(timezone.now()), count=9)
    morning(met, hour_of(timezone.now()) - timedelta(hours=1))
    page = signed_in(met.may_not).get(at(met.environment, "board:dashboard"))
    told = {tile.label: tile.text for tile in page.context["tiles"]}
    assert told["Refused webhooks"] == "4"
    theirs = signed_in(met.stranger).get(at(met.elsewhere, "board:dashboard"))
    assert {tile.label: tile.text for tile in theirs.context["tiles"]}["Failed calls"] == "0"


@pytest.mark.parametrize("chart", ["calls", "latency", "wait", "reviewers", "tools", "cost"])
def test_each_chart_is_a_file_too(met, chart):
    morning(met, hour_of(timezone.now()) - timedelta(hours=1))
    query = {"chart": chart, "format": "csv", "range": "30d"}
    answer = signed_in(met.may_not).get(at(met.environment, "board:dashboard"), query)
    assert answer["Content-Type"].startswith("text/csv")
    assert len(text(answer).splitlines()) >= 2


def test_a_chart_that_does_not_exist_is_not_found(met):
    query = {"chart": "nothing", "format": "csv"}
    address = at(met.environment, "board:dashboard")
    assert signed_in(met.may).get(address, query).status_code == 404


def test_samples_are_named_as_such(met):
    HourFactory(environment=met.environment, is_sample=True)
    shown = text(signed_in(met.may).get(at(met.environment, "board:dashboard")))
    assert "past is made up" in shown


def test_the_reasons_are_those_that_the_form_offers():
    assert [label for value, label in PRESETS if value != "other"] == list(counting.REASONS)

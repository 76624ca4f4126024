"""The run's page, its timeline, cancel, run again and the demo's button."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from gateway.runs.views.timeline import Axis, Step
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunFactory

T0 = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def second(number):
    return T0 + timedelta(seconds=number)


def wait(start, end):
    return Step(3, "hourglass", "Person decides", "", second(start), second(end), "wait")


def test_a_long_wait_is_folded_so_that_seconds_of_work_stay_visible():
    axis = Axis(T0, second(610), [wait(5, 605)])
    assert axis.is_folded
    assert axis.at(second(5)) > 30
    assert axis.at(second(605)) - axis.at(second(5)) < 30
    assert axis.at(second(610)) == pytest.approx(100)


def test_without_a_wait_the_axis_is_to_scale():
    axis = Axis(T0, second(10), [])
    assert not axis.is_folded
    assert axis.at(second(5)) == pytest.approx(50)


def test_a_bar_never_leaves_the_axis_nor_vanishes():
    axis = Axis(T0, second(10), [])
    bar = axis.bar(Step(2, "bolt", "x", "", second(10), second(10), "write"))
    assert float(bar.width) >= 0.7
    assert float(bar.x) + float(bar.width) <= 100.01


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def run(met):
    return RunFactory(environment=met.environment, task="Answer ticket TICK-10021.")


def page(run, verb="detail"):
    return at(run.environment, f"runs:{verb}", run=run.public_id)


@pytest.mark.django_db
def test_the_page_shows_the_wait_for_a_person(met, run):
    ActionFactory(environment=met.environment, run_id=run.pk, agent=run.agent)
    shown = text(signed_in(met.may_not).get(page(run)))
    assert "Answer ticket TICK-10021." in shown
    assert "Person decides" in shown
    assert 'fill="url(#hatch)"' in shown


@pytest.mark.django_db
def test_htmx_gets_the_run_alone(met, run):
    shown = text(signed_in(met.may_not).get(page(run), headers=HTMX))
    assert "<html" not in shown
    assert "Timeline" in shown


@pytest.mark.django_db
def test_an_operator_cancels_a_run_by_post_only(met, run):
    browser = signed_in(met.operator)
    assert browser.get(page(run, "cancel")).status_code == 200
    run.refresh_from_db()
    assert not run.is_final
    assert browser.post(page(run, "cancel")).status_code == 302
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELED


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_who_may_only_look_changes_no_run(verb, met, run):
    assert signed_in(met.may_not).post(page(run, verb)).status_code == 403
    assert signed_in(met.stranger).post(page(run, verb)).status_code == 404


@pytest.mark.django_db
def test_running_again_makes_a_new_run_linked_to_the_old(met):
    old = RunFactory(environment=met.environment, status=RunStatus.FAILED)
    signed_in(met.operator).post(page(old, "retry"))
    assert Run.objects.exclude(pk=old.pk).get().retry_of == old


@pytest.mark.django_db
def test_an_open_run_cannot_be_run_again(met, run):
    answer = signed_in(met.operator).post(page(run, "retry"), follow=True)
    assert Run.objects.count() == 1
    assert "cs-note bad" in text(answer)


@pytest.mark.django_db
def test_the_demo_button_is_there_where_the_demo_is_and_starts_a_run(met):
    listed = at(met.environment, "runs:list")
    assert "Start the demo run" not in text(signed_in(met.operator).get(listed))
    provider = ProviderFactory(environment=met.environment)
    AgentFactory(environment=met.environment, slug="support-agent", provider=provider)
    assert "Start the demo run" in text(signed_in(met.operator).get(listed))
    assert "Start the demo run" not in text(signed_in(met.may_not).get(listed))
    signed_in(met.operator).post(at(met.environment, "runs:start_demo"))
    assert Run.objects.get().agent.slug == "support-agent"


@pytest.mark.parametrize(
    ("micro_usd", "said"), [(13_600, "0.0136 USD"), (2_500_000, "2.50 USD"), (0, "0.00 USD")]
)
@pytest.mark.django_db
def test_reported_cost_is_shown_in_dollars(met, run, micro_usd, said):
    run.usage = {"cost_micro_usd": micro_usd}
    run.save()
    assert said in text(signed_in(met.may).get(page(run)))


@pytest.mark.django_db
def test_a_run_in_circles_says_so_while_its_call_waits(met, run):
    ActionFactory(environment=met.environment, agent=run.agent, run_id=run.pk, code="loop_detected")
    assert "goes round in circles" in text(signed_in(met.may).get(page(run)))

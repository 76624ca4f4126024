"""Was a run helpful: who may say so, one voice each, and what the page shows of it."""

import pytest

from audit.models import AuditRecord
from gateway.lib.errors import Denied, StaleState
from gateway.runs import services
from gateway.runs.models import Feedback
from gateway.runs.states import ReportStatus, RunStatus
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.runs import FeedbackFactory, ReportFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def run(met):
    return RunFactory(environment=met.environment, status=RunStatus.COMPLETED)


def page(run, verb="detail"):
    return at(run.environment, f"runs:{verb}", run=run.public_id)


def test_a_reviewer_says_why_and_changes_their_mind(met, run):
    browser = signed_in(met.may)

    browser.post(page(run, "rate"), {"helpful": "no", "note": "Wrong customer."})
    browser.post(page(run, "rate"), {"helpful": "yes", "note": ""})

    said = Feedback.objects.get()
    assert (said.user, said.is_helpful, said.note) == (met.may, True, "")
    records = AuditRecord.objects.filter(action="runs.run.rated").order_by("id")
    told = [record.body_json["changes"]["is_helpful"] for record in records]
    assert told == [[None, False], [False, True]]


def test_what_was_said_is_shown_to_whoever_may_see_the_run(met, run):
    FeedbackFactory(run=run, user=met.may, is_helpful=False, note="Wrong <b>customer</b>.")
    shown = text(signed_in(met.may_not).get(page(run)))
    assert "Wrong &lt;b&gt;customer&lt;/b&gt;." in shown
    assert 'name="helpful"' not in shown


def test_who_only_looks_may_not_rate_and_a_stranger_finds_nothing(met, run):
    assert signed_in(met.may_not).post(page(run, "rate"), {"helpful": "yes"}).status_code == 403
    assert signed_in(met.stranger).post(page(run, "rate"), {"helpful": "yes"}).status_code == 404
    with pytest.raises(Denied):
        services.rate(run=run, by=met.principal(met.may_not), is_helpful=True)
    assert not Feedback.objects.exists()


def test_a_run_that_goes_on_cannot_be_rated_and_the_attempt_is_kept(met):
    run = RunFactory(environment=met.environment)
    with pytest.raises(StaleState):
        services.rate(run=run, by=met.principal(met.may), is_helpful=True)
    assert AuditRecord.objects.filter(action="runs.run.attempt_refused").count() == 1


def test_too_long_a_note_comes_back_with_its_error(met, run):
    answer = signed_in(met.may).post(page(run, "rate"), {"helpful": "yes", "note": "x" * 2001})
    assert answer.status_code == 422
    assert "at most 2000" in text(answer)
    assert not Feedback.objects.exists()


def test_the_list_finds_runs_by_what_was_said_of_them(met, run):
    RunFactory(environment=met.environment, task="Nobody said a word")
    FeedbackFactory(run=run, is_helpful=False)
    listed = at(met.environment, "runs:list")
    browser = signed_in(met.may_not)
    assert run.public_id in text(browser.get(listed, {"feedback": "unhelpful"}))
    assert run.public_id not in text(browser.get(listed, {"feedback": "helpful"}))
    assert "Nobody said a word" not in text(browser.get(listed, {"feedback": "unhelpful"}))


def test_the_list_finds_runs_whose_answers_do_not_arrive(met):
    dead = ReportFactory(run__environment=met.environment, status=ReportStatus.DEAD)
    tried = ReportFactory(run__environment=met.environment, attempts=3)
    fresh = ReportFactory(run__environment=met.environment, attempts=2)
    query = {"reports": "undelivered"}
    shown = text(signed_in(met.may_not).get(at(met.environment, "runs:list"), query))
    assert dead.run.public_id in shown
    assert tried.run.public_id in shown
    assert fresh.run.public_id not in shown


def test_an_output_is_a_draft_until_the_run_has_ended(met, run):
    run.output = {"reply": "Dear Mara"}
    run.save()
    assert "Draft" not in text(signed_in(met.may).get(page(run)))
    run.status = RunStatus.RUNNING
    run.save()
    assert "not final: it may still change" in text(signed_in(met.may).get(page(run)))


def test_a_failure_names_the_next_step_and_an_id_to_ask_about(met, run):
    run.status, run.error = RunStatus.FAILED, {"message": "It broke."}
    run.save()
    shown = text(signed_in(met.may).get(page(run)))
    assert "It broke. Look at the last step of the timeline" in shown
    assert f"Debug id: {run.correlation_id}" in shown

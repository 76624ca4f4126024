"""Runs, their timeline, and the answers owed to providers."""

from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit.context import new_correlation_id
from gateway.lib import ids
from gateway.runs.models import Feedback, Report, Run, RunEvent
from gateway.runs.states import ReportStatus, RunStatus
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import EnvironmentFactory, UserFactory


class RunFactory(DjangoModelFactory):
    """A run that its provider has begun."""

    class Meta:
        model = Run

    environment = factory.SubFactory(EnvironmentFactory)
    status = RunStatus.RUNNING
    provider = factory.SubFactory(
        ProviderFactory, environment=factory.SelfAttribute("..environment")
    )
    agent = factory.SubFactory(
        AgentFactory,
        environment=factory.SelfAttribute("..environment"),
        provider=factory.SelfAttribute("..provider"),
    )
    provider_run_id = factory.Sequence(lambda n: f"their-run-{n}")
    origin = Run.Origin.API
    task = "Answer ticket TICK-10021."
    started_by_kind = "person"
    started_by_id = factory.LazyFunction(lambda: ids.encode("usr", ids.new_id()))
    started_by_label = "Ana"
    started_at = factory.LazyFunction(timezone.now)
    correlation_id = factory.LazyFunction(new_correlation_id)


class RunEventFactory(DjangoModelFactory):
    class Meta:
        model = RunEvent

    run = factory.SubFactory(RunFactory)
    number = factory.Sequence(lambda n: n + 1)
    kind = "run.progress"


class FeedbackFactory(DjangoModelFactory):
    """A person found the outcome helpful."""

    class Meta:
        model = Feedback

    run = factory.SubFactory(RunFactory)
    user = factory.SubFactory(UserFactory)
    is_helpful = True
    said_at = factory.LazyFunction(timezone.now)


class ReportFactory(DjangoModelFactory):
    """A result that is due to the run's provider."""

    class Meta:
        model = Report

    run = factory.SubFactory(RunFactory)
    action = factory.SubFactory(
        ActionFactory,
        environment=factory.SelfAttribute("..run.environment"),
        agent=factory.SelfAttribute("..run.agent"),
        run_id=factory.SelfAttribute("..run.pk"),
    )
    call_id = factory.SelfAttribute("action.call_id")
    status = ReportStatus.DUE
    answer = factory.LazyFunction(lambda: {"result": {"ok": True}})
    give_up_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))
    due_at = factory.LazyFunction(timezone.now)

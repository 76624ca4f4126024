"""Every model's read-only page: own environments only, no secret, nothing inline."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.urls import get_resolver

from gateway.lib.admin import ReadOnlyAdmin, plain
from gateway.lib.labels import labels_of
from tests import people
from tests.factories.agents import ProviderFactory
from tests.factories.approvals import (
    ActionFactory,
    ActionTargetFactory,
    ActionVersionFactory,
    ApprovalFactory,
    BreakGlassFactory,
    CommentFactory,
    DelegationFactory,
    ExecutionFactory,
    GrantUseFactory,
    KillSwitchFactory,
    OpeningFactory,
    RunAgainFactory,
    SavedViewFactory,
    ShadowVerdictFactory,
    SnoozeFactory,
    TargetLockFactory,
)
from tests.factories.board import HourFactory
from tests.factories.budgets import BudgetAlertFactory, CounterFactory, UsageEntryFactory
from tests.factories.connections import ConnectionFactory, TokenFactory
from tests.factories.notices import (
    BrowserFactory,
    ChatIdentityFactory,
    LinkCodeFactory,
    NoticeFactory,
    PreferenceFactory,
)
from tests.factories.outlets import OutletFactory
from tests.factories.runs import FeedbackFactory, ReportFactory, RunEventFactory, RunFactory
from tests.factories.tenants import (
    ApiKeyFactory,
    GroupFactory,
    InvitationFactory,
    SubjectKeyFactory,
    UserFactory,
)
from tests.factories.tools import PinFactory
from tests.factories.webhooks import (
    DocumentFactory,
    EventFactory,
    EventOrderFactory,
    RefusalFactory,
    RouteFactory,
    SecretFactory,
)

pytestmark = pytest.mark.django_db
# What has no page, and why.
WITHOUT_PAGE = {
    # The tree of the audit log is read by `audit_verify` and the API, which prove what they show.
    "Leaf",
    "Checkpoint",
    "Pending",
    "IdempotencyKey",  # remembered answers of a day
    "SignIn",  # where a person is signed in is for that person alone
    "Challenge",  # nonces of five minutes
    "Reached",  # up to when the hours are counted
    "Lease",  # which process ticks just now
}
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)


@pytest.fixture
def here():
    return people.ready()


def everything(environment):
    """A row of every model in this environment; the models it is about."""
    run = RunFactory(environment=environment)
    action = ActionFactory(environment=environment, agent=run.agent, run_id=run.pk)
    event = EventFactory(source__environment=environment)
    approval = ApprovalFactory(action=action)
    BreakGlassFactory(action=action, approval=approval)
    ActionVersionFactory(action=action)
    CommentFactory(action=action)
    DelegationFactory(environment=environment)
    OpeningFactory(action=action)
    SnoozeFactory(action=action)
    SavedViewFactory(environment=environment)
    HourFactory(environment=environment)
    KillSwitchFactory(environment=environment)
    GrantUseFactory(grant__derived_from=action, action=action)
    ExecutionFactory(action=action)
    RunAgainFactory(action=action)
    ActionTargetFactory(action=action)
    TargetLockFactory(environment=environment)
    RunEventFactory(run=run)
    ReportFactory(run=run, action=action)
    FeedbackFactory(run=run)
    ShadowVerdictFactory(action=action)
    counter = CounterFactory(budget__environment=environment)
    UsageEntryFactory(counter=counter, ref=action.public_id)
    BudgetAlertFactory(counter=counter)
    TokenFactory(
        connection=ConnectionFactory(environment=environment, value="connection-secret"),
        access="access-secret",
    )
    ProviderFactory(environment=environment, api_key="provider-secret")
    SecretFactory(source=event.source, value="source-secret")
    RouteFactory(source=event.source)
    RefusalFactory(source=event.source)
    EventOrderFactory(event=event)
    DocumentFactory(source=event.source)
    ApiKeyFactory(environment=environment, secret=f"csk_one-and-only-{environment.pk}")
    OutletFactory(
        log=environment.tenant.public_id, address="https://keeper.example/in?key=outlet-secret"
    )
    PinFactory(upstream__environment=environment)
    GroupFactory(tenant=environment.tenant)
    InvitationFactory(tenant=environment.tenant)
    SubjectKeyFactory(tenant=environment.tenant)
    PreferenceFactory(environment=environment)
    BrowserFactory(environment=environment)
    LinkCodeFactory(chat=ChatIdentityFactory(chat__environment=environment).chat)
    NoticeFactory(action=action)


def pages():
    return [
        (model, model_admin)
        for model, model_admin in admin.site._registry.items()
        if isinstance(model_admin, ReadOnlyAdmin)
    ]


def url_of(model):
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def rows_on(response):
    return {row.pk for row in response.context["cl"].result_list}


def test_every_model_has_a_page_or_a_reason():
    # The pages are registered with the HTML addresses, which nothing may have read yet.
    assert get_resolver().url_patterns
    ours = {
        model.__name__
        for config in apps.get_app_configs()
        if config.name.partition(".")[0] in {"gateway", "approvals", "webhooks", "audit"}
        for model in config.get_models()
    }
    registered = {model.__name__ for model in admin.site._registry}
    assert ours - registered == WITHOUT_PAGE
    assert registered <= ours


def test_every_page_shows_the_own_rows_and_none_of_a_stranger(client, here):
    everything(here.environment)
    everything(here.elsewhere)
    client.force_login(here.auditor)

    for model, _ in pages():
        answer = client.get(url_of(model))
        assert answer.status_code == 200, model
        assert rows_on(answer), model
        client.force_login(here.stranger)
        theirs = rows_on(client.get(url_of(model)))
        client.force_login(here.auditor)
        assert theirs, model
        assert theirs.isdisjoint(rows_on(answer)), model
        foreign = client.get(f"{url_of(model)}{next(iter(theirs))}/change/", follow=True)
        assert foreign.context.get("original") is None, model


def test_single_rows_open_and_nothing_on_them_is_inline_or_secret(client, here):
    everything(here.environment)
    client.force_login(here.auditor)

    for model, _ in pages():
        listed = client.get(url_of(model))
        found = [listed.content.decode()]
        for pk in rows_on(listed):
            one = client.get(f"{url_of(model)}{pk}/change/")
            assert one.status_code == 200, model
            found.append(one.content.decode())
        for page in found:
            assert not INLINE.search(page), (model, INLINE.search(page))
            assert "csk_one-and-only" not in page
            for word in (
                "connection-secret",
                "provider-secret",
                "source-secret",
                "outlet-secret",
                "md5$",
                "v1.",
            ):
                assert word not in page, (model, word)


def test_the_other_pages_of_the_admin_carry_nothing_inline(client, here):
    client.force_login(UserFactory(is_superuser=True))

    for url in ("/admin/", "/admin/audit/", "/admin/audit/auditrecord/", "/admin/nowhere/"):
        answer = client.get(url, follow=True)
        assert not INLINE.search(answer.content.decode()), url


def test_every_admin_page_is_sent_with_the_strict_policy(client, here):
    client.force_login(here.auditor)

    policy = client.get("/admin/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


def test_signing_out_of_the_admin_is_recorded(client, here):
    from audit.models import AuditRecord

    client.force_login(here.auditor)

    client.post("/admin/logout/")

    assert AuditRecord.objects.filter(action="tenants.user.signed_out").exists()
    assert "/accounts/login/" in client.get("/admin/", follow=True).redirect_chain[-1][0]


def test_a_public_id_finds_its_row(client, here):
    wanted = ActionFactory(environment=here.environment)
    ActionFactory(environment=here.environment)
    client.force_login(here.auditor)

    answer = client.get("/admin/approvals/action/", {"q": wanted.public_id})

    assert rows_on(answer) == {wanted.pk}


def test_hidden_characters_are_named_and_markup_is_text():
    assert plain("a\u202eb") == ('a<mark title="right-to-left override">U+202E</mark>b')
    assert "&lt;b&gt;" in plain("<b>")


def test_labels_are_todays_names_and_unknown_ids_have_none(here):
    agent = ActionFactory(environment=here.environment).agent
    labels = labels_of([here.may.public_id, agent.public_id, "usr_0", "zzz_1", "nonsense"])

    assert labels == {here.may.public_id: here.may.name, agent.public_id: agent.slug}


def test_no_two_models_share_a_prefix():
    prefixes = [model.PREFIX for model in apps.get_models() if hasattr(model, "PREFIX")]
    assert len(prefixes) == len(set(prefixes))
    assert all(issubclass(model, models.Model) for model in apps.get_models())

"""T45: the admin only reads, stands where it is put, asks for the second factor, tells no tenant
of another."""

import importlib.util
import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, get_resolver, reverse

from gateway.lib.admin import ReadOnlyAdmin
from tests import people
from tests.factories.tenants import UserFactory
from tests.gateway.lib.test_admin import everything, rows_on, url_of

pytestmark = pytest.mark.django_db
OURS = ("approvals", "audit", "gateway", "webhooks")
WRITING = ("add", "change", "delete")


@pytest.fixture
def here():
    return people.ready()


def registered():
    assert get_resolver().url_patterns  # registers them
    return list(admin.site._registry.items())


def test_the_admin_stands_where_the_setting_puts_it(settings, monkeypatch):
    registered()
    # The addresses are read a second time, with the converters of the first.
    monkeypatch.setattr("django.urls.register_converter", lambda *_: None)
    settings.ADMIN_PATH = "records-of-ours/"
    spec = importlib.util.find_spec("gateway.urls")
    urls = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(urls)
    assert reverse("admin:index", urlconf=urls) == "/records-of-ours/"
    assert not any(str(one.pattern) == "admin/" for one in urls.urlpatterns)


@pytest.mark.parametrize("demand", ["reviewers", "everyone"])
def test_who_owes_a_second_factor_does_not_enter(client, here, settings, demand):
    settings.SECOND_FACTOR = demand
    client.force_login(here.admin)
    for url in ("/admin/", "/admin/audit/auditrecord/", "/admin/approvals/action/"):
        answer = client.get(url)
        assert (answer.status_code, answer.url) == (302, reverse("mfa_index"))


def test_to_be_staff_opens_nothing(client, here):
    """Django's own mark: whoever sets it in the database has not made an auditor."""
    person = UserFactory(is_staff=True)
    client.force_login(person)
    for model, _ in registered():
        assert client.get(url_of(model)).status_code in (302, 403)


def test_no_model_of_ours_has_a_view_that_writes(client, here, rf):
    """Zero, of every model and for everybody, a superuser included."""
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    request = rf.get("/admin/")
    request.user = UserFactory(is_superuser=True)
    may = [
        (model, verb)
        for model, page in registered()
        for verb in WRITING
        if getattr(page, f"has_{verb}_permission")(request)
    ]
    assert may == []
    assert {model._meta.app_config.name.partition(".")[0] for model, _ in registered()} <= {*OURS}
    for config in apps.get_app_configs():
        if config.name.partition(".")[0] in OURS:
            continue
        for model in config.get_models():  # neither Django's groups nor the accounts of others
            with pytest.raises(NoReverseMatch):
                reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_nobody_of_another_tenant_sees_a_row_or_a_word_of_one(client, here):
    everything(here.environment)
    mark = re.compile(re.escape(here.environment.tenant.public_id))
    client.force_login(here.stranger)
    looked_at = 0
    for model, page in registered():
        if not isinstance(page, ReadOnlyAdmin):
            continue
        mine = {row.pk for row in model._base_manager.all()}
        answer = client.get(url_of(model))
        seen = rows_on(answer)
        assert seen <= mine
        assert not mark.search(answer.content.decode()), model
        for pk in mine - seen:
            there = client.get(f"{url_of(model)}{pk}/change/", follow=True)
            assert there.context.get("original") is None, model
        looked_at += 1
    assert looked_at >= 30


def test_a_page_that_writes_would_be_found(monkeypatch, client, here, rf):
    """The planted fault: one page forgets to say no."""
    monkeypatch.setattr(ReadOnlyAdmin, "has_change_permission", lambda *_, **__: True)
    with pytest.raises(AssertionError):
        test_no_model_of_ours_has_a_view_that_writes(client, here, rf)

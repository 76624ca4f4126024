"""The demo goes by one press, evidence stays, and only the demo goes."""

import pytest

from approvals.models import Action
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.board.models import Hour
from gateway.demo import cast, kept, services
from gateway.runs.models import Run
from gateway.tenants.models import ApiKey, Environment, User
from tests import people
from tests.desk import at, signed_in, text
from webhooks.models import Source

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = {"service_port": 9, "public_url": "http://localhost", "web_url": "http://127.0.0.1"}


def test_the_demo_is_removed_and_can_be_made_again():
    services.seed(**PLACE)
    sandbox = Environment.objects.get(tenant__slug=cast.TENANT, slug="sandbox")
    ana = User.objects.get(email=cast.ANA.email)
    assert Hour.objects.filter(is_sample=True).count() > 200
    browser, address = signed_in(ana), at(sandbox, "demo:remove")
    assert "Remove the demo?" in text(browser.get(address))
    before = Action.objects.count()

    browser.post(address)

    assert not Run.objects.exclude(status="canceled").exists()
    assert not Action.objects.filter(status=ActionStatus.PENDING).exists()
    assert Action.objects.count() == before
    assert not Source.objects.filter(is_enabled=True).exists()
    assert not Agent.objects.filter(is_enabled=True).exists()
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert not Hour.objects.exists()
    ana.refresh_from_db()
    assert not ana.has_usable_password()
    assert browser.get(address)["Location"].startswith("/accounts/login/")
    assert AuditRecord.objects.filter(action="demo.tenant.removed").count() == 1
    assert kept.read().is_removed

    services.seed(**PLACE)
    ana.refresh_from_db()
    assert ana.has_usable_password()
    assert Source.objects.filter(is_enabled=True).count() == 2
    assert Agent.objects.filter(is_enabled=True, slug=cast.AGENT).exists()
    assert not kept.read().is_removed


def test_nobody_elses_organisation_is_removed():
    met = people.ready()
    address = at(met.environment, "demo:remove")
    assert signed_in(met.admin).post(address).status_code == 404
    assert signed_in(met.may).post(address).status_code == 403
    assert not AuditRecord.objects.filter(action="demo.tenant.removed").exists()

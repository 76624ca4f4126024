"""Whom a tenant erases is gone from rows, log and exports; others and every proof stay."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from approvals.models import Action
from approvals.states import ActionStatus
from audit import services
from audit.actions import AuditAction
from audit.context import Target
from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused
from gateway.retention import erasing, exporting
from gateway.tenants.models import User
from gateway.tenants.principals import system
from gateway.tenants.services import deactivate_member, subjects
from tests import people
from tests.factories.approvals import ActionFactory, ActionVersionFactory, CommentFactory
from tests.factories.runs import ReportFactory, RunFactory
from tests.factories.webhooks import EventFactory
from tests.gateway.retention.dump import dumped
from webhooks.models import Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
ANNA = "anna.berger@example.com"


@pytest.fixture
def here():
    return people.ready()


def settled(here, **fields):
    return ActionFactory(environment=here.environment, status=ActionStatus.SUCCEEDED, **fields)


def erase(here, *names):
    return erasing.erase(here.environment.tenant, names, by=here.principal(here.admin))


def test_an_action_that_names_the_person_goes_with_all_that_belongs_to_it(here):
    action = settled(here, with_arguments={"to": ANNA, "note": "hello"})
    ActionVersionFactory(action=action)
    CommentFactory(action=action, text="She called twice.")
    ReportFactory(
        run=RunFactory(environment=here.environment), action=action, status="delivered",
        due_at=None, answer={"sent_to": ANNA},
    )  # fmt: skip
    told = erase(here, ANNA)

    assert told.rows == {
        "runs.Report": 1, "approvals.Action": 1, "approvals.ActionVersion": 1,
        "approvals.Comment": 1,
    }  # fmt: skip
    assert ANNA not in dumped()
    assert "She called twice" not in dumped()
    after = Action.objects.get(pk=action.pk)
    assert (after.digest, after.nonce) == (action.digest, action.nonce)


def test_an_event_loses_its_bytes_whatever_the_case_of_the_address(here):
    event = EventFactory(
        source__environment=here.environment, status=EventStatus.PROCESSED, due_at=None,
        body=b'{"mail":"Anna.Berger@Example.com"}',
    )  # fmt: skip
    erase(here, ANNA)

    assert Event.objects.get(pk=event.pk).body is None


def test_what_is_still_needed_is_held_and_named(here):
    waiting = ActionFactory(environment=here.environment, with_arguments={"to": ANNA})
    told = erase(here, ANNA)

    assert told.held == {"approvals.Action": [waiting.public_id]}
    assert Action.objects.get(pk=waiting.pk).arguments == waiting.arguments


def test_another_tenants_rows_stay(here):
    theirs = ActionFactory(
        environment=here.elsewhere, status=ActionStatus.SUCCEEDED, with_arguments={"to": ANNA}
    )
    assert erase(here, ANNA).rows == {}
    assert ANNA in Action.objects.get(pk=theirs.pk).arguments


def test_a_member_who_left_is_erased_with_name_address_and_key(here):
    person, before = here.second, (here.second.email, here.second.name)
    deactivate_member(here.member(person), by=here.principal(here.admin))
    told = erase(here, person.email)

    after = User.objects.get(pk=person.pk)
    assert told.accounts == [person.public_id]
    assert (after.name, after.is_active) == ("", False)
    assert after.email.endswith("@erased.invalid")
    assert before[0] not in dumped()


def test_an_account_in_use_is_held(here):
    told = erase(here, here.may.public_id)

    assert told.held == {"tenants.User": [here.may.public_id]}
    assert User.objects.get(pk=here.may.pk).email == here.may.email


def test_a_dry_run_says_the_same_and_changes_nothing(here):
    action = settled(here, with_arguments={"to": ANNA})
    by, tenant = here.principal(here.admin), here.environment.tenant
    would = erasing.preview(tenant, [ANNA], by=by)

    assert Action.objects.get(pk=action.pk).arguments == action.arguments
    assert would == erasing.erase(tenant, [ANNA], by=by)


def test_the_record_of_an_erasure_does_not_name_whom_it_erased(here):
    settled(here, with_arguments={"to": ANNA})
    erase(here, ANNA)

    row = AuditRecord.objects.get(action="retention.subject.erased")
    assert ANNA not in row.body
    assert row.body_json["meta"]["rows"] == {"approvals.Action": 1}
    assert row.actor_id == here.admin.public_id


@pytest.mark.parametrize("who", ["may", "may_not", "operator", "auditor", "stranger"])
def test_only_admins_of_the_tenant_erase_or_export(here, who):
    by, tenant = here.principal(getattr(here, who)), here.environment.tenant
    for act in (erasing.erase, erasing.preview, exporting.export):
        with pytest.raises(Denied):
            act(tenant, [ANNA], by=by)


def test_a_name_that_would_be_found_everywhere_is_refused(here):
    with pytest.raises(Refused, match="too short"):
        erase(here, "ann")


def test_erasing_twice_finds_nothing_the_second_time(here):
    settled(here, with_arguments={"to": ANNA})
    erase(here, ANNA)

    assert erase(here, ANNA).rows == {}


def test_the_page_of_an_emptied_action_says_so(here, client):
    action = settled(here, with_arguments={"to": ANNA})
    erase(here, ANNA)
    client.force_login(here.may)
    place = here.environment

    page = client.get(f"/{place.tenant.slug}/{place.slug}/actions/{action.public_id}/")
    assert page.status_code == 200
    assert "The content is gone" in page.content.decode()
    assert client.get(f"/{place.tenant.slug}/{place.slug}/actions/").status_code == 200


def test_an_export_tells_all_that_is_held_with_secrets_masked(here):
    asked = {"to": ANNA, "api_key": "hunter2-hunter2"}
    action = settled(here, with_arguments=asked, effect="Write to somebody")
    deactivate_member(here.member(here.second), by=here.principal(here.admin))
    told = exporting.export(
        here.environment.tenant, [ANNA, here.second.email], by=here.principal(here.admin)
    )

    text = json.dumps(told)
    assert action.public_id in text
    assert ANNA in text
    assert "hunter2" not in text
    assert [account["email"] for account in told["accounts"]] == [here.second.email]
    assert AuditRecord.objects.filter(action="retention.subject.exported").count() == 1


def test_an_export_reveals_what_the_log_holds_sealed(here):
    tenant = here.environment.tenant
    services.record(
        AuditAction.INVITATION_CREATED, target=Target("invitation", "inv_1"),
        scope=tenant.audit_scope, sealed=subjects.sealer(tenant, ANNA, email=ANNA),
    )  # fmt: skip
    told = exporting.export(tenant, [ANNA], by=system(here.environment))

    assert [row["revealed"] for row in told["records"]] == [{"email": ANNA}]


def test_the_commands_print_what_went_and_what_is_held(here, tmp_path):
    settled(here, with_arguments={"to": ANNA})
    ActionFactory(environment=here.environment, with_arguments={"to": ANNA})
    names, kept = tmp_path / "names", tmp_path / "anna.json"
    names.write_text(f"{ANNA}\n")
    slug, out = here.environment.tenant.slug, io.StringIO()
    whom = {"names_from": names, "stdout": out}

    call_command("export_subject", slug, names_from=names, output=kept)
    call_command("erase_subject", slug, dry_run=True, **whom)
    call_command("erase_subject", slug, **whom)

    assert ANNA in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert "1 would go  approvals.Action" in out.getvalue()
    assert "1 erased  approvals.Action" in out.getvalue()
    assert "1 held, still needed  approvals.Action: act_" in out.getvalue()


def test_the_commands_refuse_an_unknown_tenant_and_no_name(here):
    with pytest.raises(CommandError, match="no tenant"):
        call_command("erase_subject", "nowhere", "somebody")
    with pytest.raises(CommandError, match="Say what the person is called"):
        call_command("erase_subject", here.environment.tenant.slug)

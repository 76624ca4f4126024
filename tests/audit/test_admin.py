"""The records as people read them: their own tenant only, and nothing to press."""

import pytest
from django.contrib import admin
from django.urls import reverse

from audit.actions import AuditAction
from audit.context import Actor, Scope, Target
from audit.models import AuditRecord
from gateway.lib import ids
from tests import people
from tests.factories.audit import AuditRecordFactory, RefusalCountFactory
from tests.factories.tenants import EnvironmentFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditrecord/"


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def reader(client, here):
    """The auditor's browser."""
    client.force_login(here.auditor)
    return client


def record_of(environment, **fields):
    return AuditRecordFactory(scope=environment.audit_scope, **fields)


def detail(record):
    return f"{LIST}{record.pk}/change/"


def ids_on(response):
    return {row.pk for row in response.context["cl"].result_list}


@pytest.mark.parametrize("who", ["admin", "auditor"])
def test_admins_and_auditors_read_without_being_staff(client, here, who):
    user = getattr(here, who)
    mine = record_of(here.environment)
    client.force_login(user)

    assert not user.is_staff
    assert mine.pk in ids_on(client.get(LIST))
    assert client.get(detail(mine)).status_code == 200
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("who", ["may", "may_not", "operator"])
def test_others_are_told_that_they_may_not(client, here, who):
    client.force_login(getattr(here, who))

    assert client.get(LIST, follow=True).status_code == 403


def test_who_is_signed_out_goes_to_the_one_sign_in_page(client, here):
    answer = client.get(LIST, follow=True)

    where, _ = answer.redirect_chain[-1]
    assert where.startswith(reverse("account_login"))
    assert "next=" in where


def test_nobody_sees_another_tenant(client, here):
    record = record_of(here.environment)
    client.force_login(here.stranger)

    assert record.pk not in ids_on(client.get(LIST))
    assert client.get(detail(record), follow=True).context.get("original") is None
    answer = client.get(LIST, {"correlation_id": record.correlation_id})
    assert not ids_on(answer)


def test_nobody_sees_another_environment_of_the_own_tenant(reader, here):
    other = EnvironmentFactory(tenant=here.environment.tenant)
    hidden, tenant_wide = (
        record_of(other),
        AuditRecordFactory(scope=here.environment.tenant.audit_scope),
    )

    seen = ids_on(reader.get(LIST))
    assert hidden.pk not in seen
    assert tenant_wide.pk in seen


def test_a_superuser_sees_all_and_the_log_of_the_system(client, here):
    records = [record_of(here.environment), record_of(here.elsewhere), AuditRecordFactory()]
    client.force_login(UserFactory(is_superuser=True))

    assert {record.pk for record in records} <= ids_on(client.get(LIST))


def test_a_deactivated_auditor_reads_nothing_any_more(reader, here):
    here.auditor.memberships.update(deactivated_at="2026-01-01T00:00:00Z")

    assert reader.get(LIST, follow=True).status_code == 403


def test_one_click_shows_all_records_of_a_journey(reader, here):
    journey = [record_of(here.environment, correlation_id="cor_a") for _ in range(3)]
    record_of(here.environment, correlation_id="cor_b")

    page = reader.get(detail(journey[0])).content.decode()
    link = f"{LIST}?correlation_id=cor_a"
    assert f'href="{link}"' in page
    assert ids_on(reader.get(link)) == {record.pk for record in journey}


def test_search_filters_and_dates_narrow(reader, here):
    person = Actor("person", here.may.public_id)
    wanted = record_of(here.environment, actor=person, target=Target("action", "act_77"))
    record_of(here.environment, action=AuditAction.RUN_STARTED)
    refused = record_of(here.environment, outcome="refused", reason="not_permitted")
    day = wanted.occurred_at

    def found(**query):
        return ids_on(reader.get(LIST, query))

    assert found(q="act_77") == {wanted.pk}
    assert found(q=here.may.public_id) == {wanted.pk}
    assert found(outcome_is="refused") == {refused.pk}
    assert found(actor_is="person") == {wanted.pk}
    assert found(area="approvals.action.") == {wanted.pk, refused.pk}
    assert wanted.pk in found(
        occurred_at__year=day.year, occurred_at__month=day.month, occurred_at__day=day.day
    )
    assert not found(occurred_at__year=day.year - 1)
    assert found(environment_is=here.elsewhere.public_id) == set()


def test_names_are_looked_up_and_not_stored(reader, here):
    record = record_of(here.environment, actor=Actor("person", here.may.public_id))
    here.may.name = "Somebody Renamed"
    here.may.save()

    assert "Somebody Renamed" in reader.get(LIST).content.decode()
    assert "Somebody Renamed" in reader.get(detail(record)).content.decode()


def test_a_list_asks_the_database_a_bounded_number_of_times(
    reader, here, django_assert_max_num_queries
):
    for _ in range(30):
        record_of(here.environment, target=Target("environment", here.environment.public_id))

    with django_assert_max_num_queries(40):
        reader.get(LIST)


def test_hostile_text_is_inert_and_visible(reader, here):
    evil = "<script>alert(1)</script>\u202e\u200b"
    record = record_of(here.environment, changes={"note": [None, evil]}, reason=evil)

    for url in (LIST, detail(record)):
        page = reader.get(url).content.decode()
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "\u200b" not in page
        assert "\\u202e" in page


def test_a_row_whose_text_was_exchanged_is_marked(reader, here):
    record = record_of(here.environment)
    whole = reader.get(detail(record)).content.decode()
    assert "icon-yes" in whole
    assert "icon-no." not in whole

    forged = AuditRecord(
        **{
            **{field.attname: getattr(record, field.attname) for field in record._meta.fields},
            "id": ids.new_id(),
            "body": record.body.replace("approved", "rejected"),
        }
    )
    forged.save()

    assert "icon-no" in reader.get(detail(forged)).content.decode()


def urls_of(model, pk):
    names = ("add", "change", "delete", "history")
    label = f"{model._meta.app_label}_{model._meta.model_name}"
    for name in names:
        args = () if name == "add" else (pk,)
        yield name, reverse(f"admin:{label}_{name}", args=args)


def test_no_address_adds_changes_or_deletes(client, here):
    superuser = UserFactory(is_superuser=True, is_staff=True)
    client.force_login(superuser)
    record = record_of(here.environment)
    RefusalCountFactory()
    counts = {model: model._base_manager.count() for model in admin.site._registry}

    for model in admin.site._registry:
        row = model._base_manager.first()
        for name, url in urls_of(model, row.pk if row else record.pk):
            answer = client.post(url, {"post": "yes", "_selected_action": [str(record.pk)]})
            if name in {"add", "delete"}:
                assert answer.status_code == 403, url
                assert client.get(url).status_code == 403, url
            if name == "change" and row:
                assert answer.status_code == 403, url
        changelist = url.partition(f"{model._meta.model_name}/")[0] + f"{model._meta.model_name}/"
        chosen = {"action": "delete_selected", "_selected_action": [str(record.pk)], "post": "yes"}
        client.post(changelist, chosen)

    after = {model: model._base_manager.count() for model in admin.site._registry}
    assert after == counts
    for model_admin in admin.site._registry.values():
        assert not model_admin.get_actions(answer.wsgi_request)


def test_refusal_counts_stay_within_the_tenant(reader, here):
    mine = RefusalCountFactory(tenant=here.environment.tenant.public_id)
    RefusalCountFactory(tenant=here.elsewhere.tenant.public_id)

    seen = ids_on(reader.get("/admin/audit/refusalcount/"))
    assert seen == {mine.pk}


def test_records_without_a_tenant_are_the_superusers(reader):
    record = AuditRecordFactory(scope=Scope(None))

    assert record.pk not in ids_on(reader.get(LIST))

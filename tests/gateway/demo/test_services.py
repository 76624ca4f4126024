"""Seeding the demo: complete, repeatable, and one story from start to end."""

import pytest

from approvals import services as approvals
from approvals.models import Action, Grant, ShadowVerdict
from approvals.services import active_rules
from audit.models import AuditRecord
from gateway.agents.models import Provider
from gateway.agents.services import principal_of_agent
from gateway.budgets.models import Budget, Counter
from gateway.demo import cast, kept, services
from gateway.runs.models import Run
from gateway.tenants.models import ApiKey, Environment, Tenant, User
from gateway.tenants.models.access import digest_of
from gateway.tenants.principals import of_user
from gateway.tools.models import Tool
from tests.demo_server import demo
from webhooks.models import Source

pytestmark = pytest.mark.django_db
WHERE = {
    "service_port": 4321,
    "public_url": "http://localhost:8000",
    "web_url": "http://127.0.0.1:8000",
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def sandbox():
    return lambda: Environment.objects.get(tenant__slug="demo", slug="sandbox")


def test_the_demo_is_complete(sandbox):
    seeded = services.seed(**WHERE)

    assert Tenant.objects.get(slug="demo").name == "Halden Supply"
    names = {"lookup_customer", "create_support_ticket", "send_email", "refund"}
    assert set(Tool.objects.within(sandbox()).values_list("name", flat=True)) == names
    assert len(active_rules(sandbox())) == len(cast.RULES)
    assert Provider.objects.get().base_url == "http://127.0.0.1:4321"
    assert seeded.webhook_url == "http://localhost:8000/webhooks/demo.try-it"
    assert seeded.service.webhook_url == "http://127.0.0.1:8000/webhooks/demo.sandbox-agent"
    assert seeded.service.place == "127.0.0.1:4321"
    assert Source.objects.get(slug="sandbox-agent").provider == Provider.objects.get()
    assert Run.objects.get().task == cast.TASK


def test_everybody_can_sign_in_and_does_what_they_are_there_for(sandbox):
    logins = services.seed(**WHERE).logins

    for login in logins:
        assert User.objects.get(email=login.email).check_password(login.password)
    ana, sam = (User.objects.get(email=f"{name}@demo.example") for name in ("ana", "sam"))
    assert ana.has_perm("approvals.decide_action", sandbox())
    assert not sam.has_perm("approvals.decide_action", sandbox())
    assert sam.has_perm("approvals.view_action", sandbox())


def test_seeding_again_changes_nothing():
    first = services.seed(**WHERE)
    records = AuditRecord.objects.count()

    again = services.seed(**WHERE)

    assert again == first
    assert AuditRecord.objects.count() == records
    assert Run.objects.count() == 1


def test_a_reviewer_asked_approved_and_granted_so_that_equal_calls_ran(sandbox):
    services.seed(**WHERE)

    first, *others = Action.objects.within(sandbox()).order_by("id")
    assert [said.text for said in first.comments.order_by("id")] == [cast.QUESTION, cast.ANSWER]
    assert first.approvals.get().user.email == cast.RUI.email
    assert {row.status for row in (first, *others)} == {"approved"}
    assert Grant.objects.get().uses == len(others) == 3
    budget = Budget.objects.get(name="newsletters_a_month")
    counter = Counter.objects.get(budget=budget)
    assert counter.used + counter.reserved == 4
    assert counter.alerted_at is not None
    assert ShadowVerdict.objects.filter(change="newly_run", action=first).exists()


def test_another_port_moves_the_agent_and_the_shop(sandbox):
    services.seed(**WHERE)

    services.seed(**{**WHERE, "service_port": 5555})

    assert Provider.objects.get().base_url == "http://127.0.0.1:5555"
    for tool in Tool.objects.within(sandbox()):
        assert tool.current.config == {"base_url": "http://127.0.0.1:5555"}


def test_what_is_kept_is_readable_by_its_owner_only():
    services.seed(**WHERE)

    assert kept.path().stat().st_mode & 0o777 == 0o600
    key = ApiKey.objects.get()
    assert key.digest == digest_of(kept.read().agent_api_key)
    assert key.member is None


def test_a_lost_file_gives_new_passwords_and_the_same_addresses():
    first = services.seed(**WHERE)
    kept.path().unlink()

    again = services.seed(**WHERE)

    assert again.webhook_secret == first.webhook_secret
    assert again.service == first.service
    for login in again.logins:
        assert User.objects.get(email=login.email).check_password(login.password)


def test_a_password_that_somebody_chose_stays_until_the_demo_begins_again():
    services.seed(**WHERE)
    ana = User.objects.get(email="ana@demo.example")
    ana.set_password("my-own-choice-88")
    ana.save()

    services.seed(**WHERE)
    ana.refresh_from_db()
    assert ana.check_password("my-own-choice-88")

    seeded = services.reload(**WHERE)
    ana.refresh_from_db()
    assert ana.check_password(seeded.logins[0].password)


def test_beginning_again_withdraws_what_is_open_and_keeps_what_happened():
    services.seed(**WHERE)
    old = Run.objects.get()

    services.reload(**WHERE)

    old.refresh_from_db()
    assert old.status == "canceled"
    assert Run.objects.exclude(pk=old.pk).get().status == "queued"


def test_no_secret_of_the_demo_is_in_the_audit_log():
    seeded = services.seed(**WHERE)

    text = "".join(AuditRecord.objects.values_list("body", flat=True))
    secrets = [seeded.webhook_secret, seeded.service.webhook_secret, seeded.service.api_key]
    for secret in [*secrets, *(login.password for login in seeded.logins)]:
        assert secret not in text
    assert "@demo.example" not in text


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "needed"),
    [
        ("lookup_customer", {"customer_id": "CUST-77"}, "approved", 0),
        ("create_support_ticket", {"priority": "low"}, "approved", 0),
        ("create_support_ticket", {"priority": "high"}, "pending", 1),
        ("send_email", {}, "pending", 1),
        ("refund", {"amount": "120.00"}, "pending", 1),
        ("refund", {"amount": "240.00"}, "pending", 2),
    ],
)
def test_the_rules_let_the_harmless_pass_and_the_rest_wait(
    tmp_path, settings, sandbox, tool, arguments, status, needed
):
    defaults = {
        "lookup_customer": {},
        "create_support_ticket": {"customer_id": "CUST-77", "subject": "Lid", "description": "x"},
        "send_email": {"to": "mara.lindqvist@example.com", "subject": "Sorry", "body": "Dear"},
        "refund": {"order_id": "ORD-1043", "currency": "EUR", "reason": "Damaged"},
    }
    with demo(tmp_path / "shop") as url:
        port = int(url.rpartition(":")[2])
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        services.seed(**{**WHERE, "service_port": port})
        agent = Run.objects.get().agent
        action = approvals.propose(
            environment=sandbox(), agent=agent, tool_name=tool,
            arguments={**defaults[tool], **arguments}, requester=principal_of_agent(agent),
        )  # fmt: skip

    assert action.status == status
    ana = of_user(User.objects.get(email="ana@demo.example"), sandbox())
    if needed:
        assert action.requirement["quorum"] == needed
        assert approvals.may_decide(action, ana) is None
    assert Action.objects.exclude(tags=cast.NEWS_TAGS).get() == action

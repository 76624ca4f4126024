"""Who sets rules and watches: a policy simulated and saved, a signature explained, the log."""

import hmac
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from approvals.models import Policy
from approvals.services import approve
from audit import published, sequencer
from audit.models import AuditRecord
from audit.sequencer import sequence
from gateway.lib.broker import JobName
from tests.factories.webhooks import SecretFactory, SourceFactory
from tests.flows.journeys.conftest import OpenDesk
from tests.flows.journeys.shop import Shop
from webhooks.models import Event, Refusal

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip
SECRET, WRONG = "the-secret-of-this-source", "the-secret-of-another"
BODY = '{"action":"opened","number":7}'


@pytest.mark.long
def test_a_policy_is_simulated_on_the_past_and_saved(here: Shop, open_desk: OpenDesk) -> None:
    for n in range(3):
        here.ask("refund", order=n)
    here.ask("tag_order", order=9)
    policy = Policy.objects.get()
    desk = open_desk(here.people.admin)
    page = desk.page
    desk.open(f"policies/{policy.public_id}/edit/")
    names = page.get_by_label("Name")
    desk.button("Add a rule").click()
    for place in (3, 2):
        expect(names.nth(place - 1)).to_have_value("")
        desk.button(f"Move rule {place} up").click()
    expect(names.first).to_have_value("")
    page.get_by_label("Name").first.fill("small refunds run")
    page.get_by_label("Matches").first.fill('tool.name == "refund')
    page.get_by_label("Outcome").first.select_option("allow")
    page.get_by_label("Reviewers").first.fill("")
    desk.button("Simulate on the last 7 days").click()
    expect(page.locator(".cs-cel.cs-errors")).to_contain_text("^")

    page.get_by_label("Matches").first.fill('tool.name == "refund"')
    desk.button("Simulate on the last 7 days").click()
    expect(page.get_by_role("heading", name="Simulated on the last 7 days")).to_be_visible()
    expect(page.locator("#policy")).to_contain_text("3 would newly run by themselves")
    policy.refresh_from_db()
    assert policy.version == 1

    page.get_by_label("Why do you change it?").fill("Refunds are small here.")
    desk.button("Save version 2").click()
    page.wait_for_url(f"**/policies/{policy.public_id}/")
    expect(page.locator("#messages")).to_contain_text("Version 2 is in force.")
    policy.refresh_from_db()
    assert [rule["name"] for rule in policy.rules][0] == "small refunds run"
    assert here.ask("refund", order=4).status == "approved"


def test_a_bad_signature_is_counted_and_explained(
    here: Shop, open_desk: OpenDesk, live_server: Any
) -> None:
    source = SourceFactory(environment=here.scene.environment, scheme="github", slug="code")
    SecretFactory(source=source, value=SECRET)
    made = hmac.digest(WRONG.encode(), BODY.encode(), "sha256").hex()
    headers = {"X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": f"sha256={made}",
               "X-GitHub-Event": "issues", "Content-Type": "application/json"}  # fmt: skip
    address = f"{live_server.url}/webhooks/{source.address}"
    assert httpx.post(address, content=BODY, headers=headers).status_code == 401
    assert not Event.objects.exists()

    desk = open_desk(here.people.operator)
    page = desk.page
    desk.open("sources/")
    page.get_by_role("link", name="Code").first.click()
    page.get_by_role("link", name="Debug a signature").first.click()
    page.get_by_label("Headers, or a curl command").fill(
        "\n".join(f"{name}: {value}" for name, value in headers.items())
    )
    page.get_by_label("Body").first.fill(BODY)
    desk.button("Explain").click()
    expect(page.get_by_role("heading", name="Refused: Wrong signature")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Exact signed bytes")
    expect(page.locator("main")).to_contain_text(made[:8])
    for secret in (SECRET, WRONG):
        assert secret not in page.content()
    assert Refusal.objects.count() <= 1
    assert not Event.objects.exists()


@pytest.fixture
def log(here: Shop, settings: Any, tmp_path: Path) -> str:
    """The tenant's log with one approval in it, sealed and signed."""
    settings.AUDIT_DIR = tmp_path / "audit"
    action = here.ask("refund", order=1)
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    while sequence():
        pass
    log = here.scene.environment.tenant.public_id
    published.announce_key(sequencer._public_key())
    sequencer.sign(log, sequencer.tree.size(log))
    return log


@pytest.mark.long
def test_an_auditor_finds_a_decision_and_has_the_log_verified(
    here: Shop, open_desk: OpenDesk, log: str, settle: Any
) -> None:
    record = AuditRecord.objects.get(log=log, action="approvals.action.approved")
    desk = open_desk(here.people.auditor)
    page = desk.page
    desk.open("audit/")
    page.get_by_label("Search an id, action or reason").fill(record.target_id)
    desk.button("Filter").click()
    page.wait_for_url("**q=act_**")
    records = page.get_by_role("region", name="Records", exact=True)
    expect(records).to_contain_text("approvals.action.approved")
    expect(records).not_to_contain_text("approvals.policy")

    desk.button("Verify now").click()
    badge = page.get_by_label("Verification")
    expect(badge).to_contain_text("Verifying now")
    assert JobName.VERIFY_LOGS in {message.actor_name for message in settle()}
    expect(badge).to_contain_text("Verified to #")

    records.get_by_role("link", name="approvals.action.approved").first.click()
    expect(page.locator("main")).to_contain_text("Proof of inclusion")


@pytest.mark.long
def test_the_explorer_finds_the_same_and_shows_the_badge(
    here: Shop, open_desk: OpenDesk, log: str
) -> None:
    record = AuditRecord.objects.get(log=log, action="approvals.action.approved")
    desk = open_desk(here.people.auditor)
    page = desk.page
    page.goto(f"{desk.url}/admin/audit/auditrecord/")
    page.locator("#searchbar").fill(record.correlation_id)
    page.locator("#searchbar").press("Enter")
    page.wait_for_url("**q=**")
    found = page.locator("#result_list")
    expect(found).to_contain_text("approvals.action.approved")
    expect(page.locator(".cs-badge").first).to_be_visible()
    found.get_by_role("link").filter(has_text="approvals.action.approved").first.click()
    expect(page.locator("#content")).to_contain_text(record.target_id)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)

"""Invariant 11: secrets are sealed at rest and masked in logs, pages, audit, API and errors."""

import json

import pytest
from django.test import Client

from approvals.services import edit
from tests.desk import signed_in, text
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.doors import RESOURCES, api, desk_addresses, named_rows, rows_of
from tests.invariants.scene import Scene, scene
from tests.invariants.stored import where_stored

pytestmark = pytest.mark.django_db
SECRET = "hush-5f21-not-to-be-seen"
SIGNING = "whsec_aHVzaC01ZjIxLW5vdC10by1iZS1zZWVuLWF0LWFsbA=="


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def admin(here: Scene) -> Client:
    return api(here.people.member(here.people.admin), here.environment)


def create(client: Client, resource: str, **fields: object) -> str:
    """What the API answers to a creating call."""
    answer = client.post(f"/api/v1/{resource}", json.dumps(fields), content_type="application/json")
    assert answer.status_code == 201, answer.content
    return text(answer)


def test_configured_secrets_are_nowhere_in_the_clear(
    here: Scene, admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answers = create(admin, "connections", slug="c", kind="bearer", value=SECRET)
    answers += create(
        admin, "providers", slug="p", adapter="generic", base_url="https://x.example",
        api_key=SECRET,
    )  # fmt: skip
    answers += create(admin, "sources", slug="s", scheme="standard", secrets=[{"value": SIGNING}])
    for resource in RESOURCES:
        answers += text(admin.get(f"/api/v1/{resource}"))
    browser, rows = signed_in(here.people.admin), rows_of(here.environment) | {"source": "s"}
    for name, address in desk_addresses(here.environment, rows).items():
        if not named_rows(name, address, rows) or "sources" in address:
            answers += text(browser.get(address))
    for secret in (SECRET, SIGNING, SIGNING.removeprefix("whsec_")):
        assert secret not in answers
        assert secret not in caplog.text
        assert where_stored(secret) == []


def test_refused_secrets_are_not_echoed(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    wrong = {"slug": "s", "scheme": "standard", "secrets": [{"value": f"{SECRET} %%"}]}
    answer = admin.post("/api/v1/sources", json.dumps(wrong), content_type="application/json")
    assert answer.status_code == 422, answer.content
    assert SECRET not in text(answer) + caplog.text
    assert where_stored(SECRET) == []


def test_a_key_is_shown_once_and_kept_as_a_digest(admin: Client) -> None:
    made = json.loads(create(admin, "api-keys", name="a machine"))
    assert made["key"].startswith("csk_")
    assert where_stored(made["key"]) == []
    assert made["key"] not in text(admin.get("/api/v1/api-keys"))


def test_a_sensitive_argument_is_masked_wherever_people_look(here: Scene, admin: Client) -> None:
    from gateway.tools.services import save

    save(
        here.environment,
        **ToolDefinitionFactory(
            name="pay", input_schema=strict(note=TEXT, iban=TEXT), sensitive=["/iban"],
            effect="Pay {{ note }}", connector="http", operation="request",
            config={"method": "POST", "url": "https://bank.example/payments"},
        ),
    )  # fmt: skip
    action = here.ask("pay", arguments={"note": "rent", "iban": SECRET})
    action = edit(
        action=action, by=here.people.principal(here.people.may), digest=action.digest,
        arguments={"note": "half", "iban": SECRET},
    )  # fmt: skip
    address = f"/{here.environment.tenant.slug}/{here.environment.slug}/actions/{action.public_id}/"
    shown = text(signed_in(here.people.may).get(address))
    shown += text(admin.get(f"/api/v1/actions/{action.public_id}"))
    assert SECRET not in shown
    # The request itself has to hold it, or it could not be sent; nothing else does.
    assert set(where_stored(SECRET)) <= {
        "approvals_action.arguments", "approvals_action.rendered",
        "approvals_actionversion.arguments", "approvals_actionversion.rendered",
    }  # fmt: skip

"""What an argument's path hides is hidden wherever its value is said again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.urls import reverse

from approvals import executor, services
from approvals.models import Action
from approvals.redact import is_mask
from approvals.services import simulating
from approvals.services.policies import save_policy
from gateway.connectors import registry
from gateway.connectors.fake import FakeConnector
from gateway.notices.services.saying import effect_of
from gateway.retention import exporting
from gateway.tools.services import save
from tests.approvals.execution.test_looking_up import work
from tests.desk import at, signed_in, text
from tests.doubles.serving import Asked, Said, Service, serving
from tests.factories.connections import ConnectionFactory
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.doors import api
from tests.invariants.scene import Scene, fakes, scene
from tests.invariants.stored import where_stored

pytestmark = pytest.mark.django_db
IBAN = "DE 89/3704 ä@x"
FORMS = (IBAN, "DE%2089%2F3704%20%C3%A4%40x", "DE+89%2F3704+%C3%A4%40x", "DE 89/3704 \\u00e4@x")
PIN = 731
SCHEMA = strict(iban=TEXT, pin={"type": "integer"}, owner=TEXT)
CALL = {"iban": IBAN, "pin": PIN, "owner": "Anna"}
# The request holds what is sent, and the target is bound by the digest: both as they are.
STORED = {
    f"approvals_{table}.{column}"
    for table in ("action", "actionversion")
    for column in ("arguments", "rendered", "target")
}


@dataclass
class Bank(Service):
    """Says what it was sent, in its answer and in its refusal."""

    status: int = 200

    def answer(self, asked: Asked) -> Said:
        self.effects.append(asked)
        echo = {"paid": asked.json, "at": asked.query, "note": f"to {asked.steps[-1]}"}
        return Said(self.status, echo, headers={"X-Paid": "yes"})


@pytest.fixture
def bank(settings: Any) -> Iterator[Bank]:
    with serving(Bank()) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        yield double


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def pay(here: Scene, bank: Bank, **more: Any) -> Action:
    """A payment whose account and PIN go into address and body under other names."""
    body = {"to": {"account": "{iban}", "code": "{pin}"}, "from": "{owner}", "count": 7}
    config = {
        "method": "POST", "url": f"{bank.url}/accounts/{{iban}}/{{pin}}/pay-{{iban}}",
        "query": {"account": "{iban}", "code": "{pin}", "text": "to {iban}!"}, "body": body,
    }  # fmt: skip
    connection = ConnectionFactory(environment=here.environment, kind="bearer", value="unused")
    save(
        here.environment, connection=connection,
        **ToolDefinitionFactory(
            name="pay", input_schema=SCHEMA, sensitive=["/iban", "pin"], connector="http",
            operation="request", config=config, effect="{{ owner }} pays {{ iban }} by {{ pin }}",
            **more,
        ),
    )  # fmt: skip
    return here.ask("pay", arguments=CALL)


def shown_of(here: Scene, action: Action) -> str:
    """All that people and agents see of it, on the pages and in the API."""
    browser, place = signed_in(here.people.may), here.environment
    pages = [
        at(place, "approvals:detail", action=action.public_id), at(place, "approvals:list"),
        at(place, "approvals:inbox"),
    ]  # fmt: skip
    client = api(here.people.member(here.people.admin), place)
    found = [browser.get(page) for page in pages]
    found += [client.get("/api/v1/actions"), client.get(f"/api/v1/actions/{action.public_id}")]
    assert [answer.status_code for answer in found] == [200] * 5
    return "\n".join(text(answer) for answer in found)


def told_by_api(here: Scene, action: Action) -> Any:
    client = api(here.people.member(here.people.admin), here.environment)
    return client.get(f"/api/v1/actions/{action.public_id}").json()


def test_an_argument_that_goes_elsewhere_in_the_request_is_masked_there(bank: Bank) -> None:
    here = scene()
    action = pay(here, bank)
    told = told_by_api(here, action)
    account, code = told["arguments"]["iban"], told["arguments"]["pin"]
    assert is_mask(account)
    assert is_mask(code)
    assert told["effect"] == f"Anna pays {account} by {code}"
    address, _, query = told["request"]["url"].partition("?")
    assert address == f"{bank.url}/accounts/{account}/{code}/pay-{account}"
    # PostgreSQL keeps the members of a definition in an order of its own.
    assert set(query.split("&")) == {
        f"account={account}", f"code={code}", f"text=to%20{account}%21",
    }  # fmt: skip
    assert json.loads(told["request"]["body"]) == {
        "to": {"account": account, "code": code}, "from": "Anna", "count": 7,
    }  # fmt: skip
    assert told["target"] == [f"POST {bank.url}/accounts/{account}/{code}/pay-{account}"]
    shown = shown_of(here, action)
    assert all(form not in shown for form in FORMS)
    assert account in shown
    assert effect_of(action) == told["effect"]


@pytest.mark.parametrize("status", [200, 422])
def test_what_was_sent_and_answered_is_kept_masked_and_what_is_sent_is_not(
    bank: Bank, status: int
) -> None:
    here = scene()
    bank.status = status
    action = pay(here, bank)
    digest = action.digest
    action = services.approve(
        action=action, by=here.people.principal(here.people.may), digest=digest
    )
    executor.execute(str(action.pk))
    action.refresh_from_db()
    (sent,) = bank.effects
    assert sent.json == {"to": {"account": IBAN, "code": PIN}, "from": "Anna", "count": 7}
    assert sent.steps == ["accounts", IBAN, str(PIN), f"pay-{IBAN}"]
    assert (action.digest, action.attempts) == (digest, 1)
    account = told_by_api(here, action)["arguments"]["iban"]
    (attempt,) = action.executions.all()
    assert f"/accounts/{account}/" in attempt.request["url"]
    assert account in attempt.response["body"]
    assert attempt.response["status"] == status
    for form in FORMS:
        assert set(where_stored(form)) <= STORED
        assert form not in shown_of(here, action)
    person = exporting.export(
        here.environment.tenant, ["Anna"], by=here.people.principal(here.people.admin)
    )
    assert action.public_id in str(person)
    assert IBAN not in str(person)
    assert FORMS[1] not in str(person)


def test_a_form_is_masked_by_its_values(bank: Bank) -> None:
    here, described = scene(), registry.connector("stripe").operations["refund"]
    save(
        here.environment,
        connection=ConnectionFactory(environment=here.environment, kind="bearer", value="unused"),
        **ToolDefinitionFactory(
            name="refund", connector="stripe", operation="refund", effect="Refund",
            config={"base_url": bank.url}, sensitive=["payment_intent", "amount"],
            side_effect=described.side_effect, input_schema=described.schema,
        ),
    )  # fmt: skip
    call = {"payment_intent": "pi_731", "amount": 731}
    told = told_by_api(here, here.ask("refund", arguments=call))
    form = dict(parse_qsl(told["request"]["body"]))
    assert form["payment_intent"] == told["arguments"]["payment_intent"]
    assert form["amount"] == told["arguments"]["amount"]


def test_previews_and_diffs_are_masked_and_still_say_that_something_changes(
    service: FakeConnector,
) -> None:
    here = scene(
        sensitive=["note"], config={"before": {"last": "old-account", "by": {"new-account": 1}}},
    )  # fmt: skip
    service.world["last"] = "for new-account"
    action = here.ask(arguments={"note": "new-account"})
    told = told_by_api(here, action)
    mark = told["arguments"]["note"]
    assert told["before"] == {"last": f"for {mark}", "by": {mark: 1}}
    assert told["after"] == {"note": mark}
    shown = shown_of(here, action)
    assert "new-account" not in shown
    assert f"for {mark}" in shown
    # What is compared before sending is the state itself, not what is shown of it.
    assert action.before["last"] == "for new-account"


def test_rules_see_who_is_affected_and_the_stored_facts_do_not(service: FakeConnector) -> None:
    here = scene(sensitive=["note"], affected='["account:" + args.note]')
    rule = {
        "name": "own", "when": 'affected.exists(one, one.id == "my-account")', "verdict": "allow",
    }  # fmt: skip
    save_policy(environment=here.environment, name="own", rules=[rule], comment="x")
    action = here.ask(arguments={"note": "my-account"})
    mark = told_by_api(here, action)["arguments"]["note"]
    assert (action.status, action.rule) == ("approved", "own")
    assert action.facts["affected"] == [{"kind": "account", "id": mark}]
    simulated = simulating.simulate_action(action)
    assert "/affected/0/id" in simulated.uncertain
    # The second look, at the claim, judges by the account itself.
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, len(service.calls)) == ("succeeded", 1)


def test_an_edit_through_masks_keeps_what_is_behind_them(bank: Bank) -> None:
    here = scene()
    action = pay(here, bank)
    shown = told_by_api(here, action)["arguments"]
    action = services.edit(
        action=action, by=here.people.principal(here.people.may), digest=action.digest,
        arguments={**shown, "owner": "Berta"},
    )  # fmt: skip
    assert action.arguments_value == {**CALL, "owner": "Berta"}
    assert told_by_api(here, action)["effect"].startswith("Berta pays [masked ")


def test_an_error_of_a_rule_does_not_name_what_it_stumbled_over() -> None:
    here = scene(sensitive=["note"])
    rule = {"name": "odd", "when": "args[args.note] == 1", "verdict": "deny"}
    save_policy(environment=here.environment, name="own", rules=[rule], comment="x")
    action = here.ask(arguments={"note": "my-account"})
    assert [line["outcome"] for line in action.trace] == ["error"]
    assert "[masked " in action.trace[0]["detail"]
    assert "my-account" not in shown_of(here, action)


def test_an_argument_may_be_called_as_a_part_of_the_request(bank: Bank) -> None:
    here = scene()
    config = {"method": "POST", "url": f"{bank.url}/notes", "body": {"text": "{headers}"}}
    save(
        here.environment,
        connection=ConnectionFactory(environment=here.environment, kind="bearer", value="unused"),
        **ToolDefinitionFactory(
            name="write", connector="http", operation="request", effect="Write", config=config,
            sensitive=["headers"], input_schema=strict(headers=TEXT),
        ),
    )  # fmt: skip
    action = here.ask("write", arguments={"headers": "my-account"})
    assert "my-account" not in shown_of(here, action)
    assert told_by_api(here, action)["request"]["headers"] == {"Content-Type": "application/json"}


def test_the_admin_shows_nothing_of_it(bank: Bank) -> None:
    here = scene()
    action = pay(here, bank)
    here.people.admin.is_staff = here.people.admin.is_superuser = True
    here.people.admin.save()
    page = signed_in(here.people.admin).get(
        reverse("admin:approvals_action_change", args=(action.pk,))
    )
    assert page.status_code == 200
    assert all(form not in text(page) for form in FORMS)


def test_an_agent_cannot_blank_out_what_the_reviewer_has_to_see(bank: Bank) -> None:
    here, free = scene(), {"type": "object", "additionalProperties": TEXT}
    config = {
        "method": "POST", "url": f"{bank.url}/repos/{{repo}}/workflows/{{workflow}}/runs",
        "body": {"ref": "{ref}", "inputs": "{inputs}", "env": "production"},
    }  # fmt: skip
    save(
        here.environment,
        connection=ConnectionFactory(environment=here.environment, kind="bearer", value="unused"),
        **ToolDefinitionFactory(
            name="deploy", connector="http", operation="request", config=config,
            effect="Deploy {{ workflow }} of {{ repo }} at {{ ref }}", sensitive=[],
            input_schema=strict(repo=TEXT, workflow=TEXT, ref=TEXT, inputs=free),
        ),
    )  # fmt: skip
    call = {"repo": "payments", "workflow": "prod.yml", "ref": "main"}
    inputs = {
        "token": "main", "secret": "prod.yml", "otp": "payments", "jwt": "production",
        "pwd": "prod.yml/runs", "password": "Deploy prod.yml", "credentials": "inputs",
        "cookie": "real secret", "note": "by cookie",
    }  # fmt: skip
    told = told_by_api(here, here.ask("deploy", arguments={**call, "inputs": inputs}))
    assert told["effect"] == "Deploy prod.yml of payments at main"
    assert told["request"]["url"] == f"{bank.url}/repos/payments/workflows/prod.yml/runs"
    assert told["target"] == [f"POST {bank.url}/repos/payments/workflows/prod.yml/runs"]
    body = json.loads(told["request"]["body"])
    assert (body["ref"], body["env"], body["inputs"]["note"]) == ("main", "production", "by cookie")
    assert is_mask(body["inputs"]["cookie"])


@pytest.mark.parametrize("note", ["x https://[b", "GET https://[b", "GET https://a\u2100b.example"])
def test_an_id_that_looks_like_an_address_is_shown_as_an_id(
    service: FakeConnector, note: str
) -> None:
    here = scene(sensitive=["note"], affected='args.note + " my-id"')
    action = here.ask(arguments={"note": note})
    told = told_by_api(here, action)
    assert not any(note in text for text in told["target"])
    shown_of(here, action)
    person = exporting.export(
        here.environment.tenant, ["agent"], by=here.people.principal(here.people.admin)
    )
    assert person is not None


def test_a_number_that_has_no_exact_form_is_masked_as_any_other(bank: Bank) -> None:
    here = scene()
    number = {"type": "number"}
    config = {"method": "POST", "url": f"{bank.url}/notes", "body": {"n": "{n}", "of": "{iban}"}}
    save(
        here.environment,
        connection=ConnectionFactory(environment=here.environment, kind="bearer", value="unused"),
        **ToolDefinitionFactory(
            name="write", connector="http", operation="request", effect="Write", config=config,
            sensitive=["iban"], input_schema=strict(n=number, iban=TEXT),
        ),
    )  # fmt: skip
    action = here.ask("write", arguments={"n": 1e20, "iban": IBAN})
    account = told_by_api(here, action)["arguments"]["iban"]
    shown = json.loads(told_by_api(here, action)["request"]["body"])
    assert shown == {"n": 10**20, "of": account}
    action = services.approve(
        action=action, by=here.people.principal(here.people.may), digest=action.digest
    )
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, bank.effects[0].json) == ("succeeded", {"n": 10**20, "of": IBAN})


def test_what_is_within_a_masked_object_is_said_by_its_mask(service: FakeConnector) -> None:
    customer = strict(name=TEXT)
    here = scene(
        sensitive=["customer"], effect="Pay {{ customer.name }}",
        input_schema=strict(customer=customer),
    )  # fmt: skip
    told = told_by_api(here, here.ask(arguments={"customer": {"name": "Anna"}}))
    assert told["effect"] == f"Pay {told['arguments']['customer']}"


@pytest.mark.parametrize("token", ["order:A12345", "A12345", "order"])
def test_no_value_hides_the_target(service: FakeConnector, token: str) -> None:
    here = scene(
        sensitive=["token"], affected='"order:" + args.order', effect="Cancel {{ order }}",
        input_schema=strict(order=TEXT, token=TEXT),
    )  # fmt: skip
    action = here.ask(arguments={"order": "A12345", "token": token})
    assert told_by_api(here, action)["target"] == ["order:A12345"]


def test_what_an_agent_calls_a_secret_hides_nothing_elsewhere(service: FakeConnector) -> None:
    here = scene(
        sensitive=["pin"], effect="Tell {{ to }}", config={"before": {"name": "Mallory Ltd"}},
        input_schema=strict(to=TEXT, pin=TEXT, extra=strict(token=TEXT)),
    )  # fmt: skip
    action = here.ask(arguments={"to": "bob", "pin": "1234", "extra": {"token": "Mallory Ltd"}})
    told = told_by_api(here, action)
    assert is_mask(told["arguments"]["extra"]["token"])
    assert told["before"] == {"name": "Mallory Ltd"}


def test_an_undo_shows_the_words_of_the_tools_way_to_undo(bank: Bank) -> None:
    here = scene()
    config = {"method": "POST", "url": f"{bank.url}/refunds/{{order}}", "body": {"t": "{token}"}}
    undo = {
        "operation": "request", "effect": "Take it back",
        "config": {"method": "POST", "url": f"{bank.url}/refunds/{{order}}/reverse"},
    }  # fmt: skip
    connection = ConnectionFactory(environment=here.environment, kind="bearer", value="unused")
    save(
        here.environment, connection=connection,
        **ToolDefinitionFactory(
            name="refund", connector="http", operation="request", effect="Refund", config=config,
            sensitive=["token"], input_schema=strict(order=TEXT, token=TEXT), compensate=undo,
        ),
    )  # fmt: skip
    action = work(here.approved(tool="refund", arguments={"order": "7", "token": "reverse"}))
    back = services.compensate(action=action, by=here.people.principal(here.people.operator))
    assert told_by_api(here, back)["request"]["url"] == f"{bank.url}/refunds/7/reverse"


def test_a_fault_in_masking_costs_no_known_outcome(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(sensitive=["note"]).approved()

    def fault(*_args: Any) -> None:
        raise RecursionError

    monkeypatch.setattr("approvals.execution.finishing.shown", fault)
    assert work(action).status == "succeeded"
    assert action.result is None

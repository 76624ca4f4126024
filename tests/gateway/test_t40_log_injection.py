"""T40: whatever is logged is one parseable line, and 40 planted secrets are in none of our papers.

Papers: log lines, answers to errors, the audit log and its export, lists as files, the export about
a person, messages of the queue, the cache, and every page of the admin.
"""

import io
import json
import logging
from pathlib import Path

import pytest
import structlog
from django.apps import apps
from django.core.cache import cache
from django.test import Client

from approvals.services import edit
from audit.models import AuditRecord
from gateway import logs
from gateway.retention import exporting
from gateway.tenants.services import invite
from gateway.tools.services import save
from tests.desk import signed_in, text
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.doors import api
from tests.invariants.scene import fakes, scene
from tests.jobs import drain, waiting

NAUGHTY = json.loads(
    (Path(__file__).parents[1] / "corpora/naughty-strings/blns.json").read_text(encoding="utf-8")
)
FIELDS = (
    "path", "agent", "reason", "error", "url", "event_type", "tool", "source", "host",
    "correlation_id",
)  # fmt: skip
NAMES = (
    "password", "passwd", "passphrase", "secret", "client_secret", "token", "access_token",
    "refreshToken", "api_key", "apiKey", "private_key", "signing_key", "authorization", "cookie",
    "credential", "bearer", "jwt", "otp", "pin", "cvv", "card_number", "ssn", "session_id",
)  # fmt: skip


@pytest.fixture
def written():
    """What the deployment's own handler and formatter write."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.json_formatter())
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_t40_each_of_515_strings_in_each_of_ten_fields_is_one_line_that_reads_back(written):
    assert len(NAUGHTY) == 515
    log = structlog.get_logger("gateway.t40")
    for string in NAUGHTY:
        for field in FIELDS:
            log.warning("t40", **{field: string})

    lines = written.getvalue().split("\n")[:-1]
    assert len(lines) == len(NAUGHTY) * len(FIELDS)
    assert all(line.isascii() and line.isprintable() for line in lines)
    told = iter(map(json.loads, lines))
    assert all(next(told)[field] == string for string in NAUGHTY for field in FIELDS)


def test_t40_a_library_and_an_exception_that_say_them_make_one_line_each(written):
    library = logging.getLogger("some.library")
    for string in NAUGHTY:
        library.warning("it said %s", string)
        try:
            raise ValueError(string)
        except ValueError:
            library.exception("it failed")

    lines = written.getvalue().split("\n")[:-1]
    assert len(lines) == 2 * len(NAUGHTY)
    assert all(json.loads(line)["logger"] == "some.library" for line in lines)


class Planted:
    """Forty texts that nobody should read again, each with where it was put."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def new(self, where: str) -> str:
        """A fresh one."""
        self.all[where] = f"planted-{len(self.all):02d}-{where.replace('_', '-')}-5f21c0de"
        return self.all[where]

    def found_in(self, papers: str) -> list[str]:
        """Where those were put that stand there."""
        return [where for where, secret in self.all.items() if secret in papers]


def configured(planted, client, environment):
    """Secrets that administrators type; the answers, and those to wrong ones."""
    told = []

    def post(resource, **fields):
        answer = client.post(
            f"/api/v1/{resource}", json.dumps(fields), content_type="application/json"
        )
        told.append(text(answer))
        return answer

    for slug in ("one", "two", "three"):
        post("connections", slug=slug, kind="bearer", value=planted.new(f"connection {slug}"))
    for slug in ("four", "five"):
        post("providers", slug=slug, adapter="generic", base_url="https://x.example",
             api_key=planted.new(f"provider {slug}"))  # fmt: skip
    for slug in ("six", "seven"):
        post("sources", slug=slug, scheme="generic_sha256",
             secrets=[{"value": planted.new(f"source {slug}")}])  # fmt: skip
    wrong = (
        ("connections", {"slug": "one", "kind": "bearer", "value": planted.new("taken name")}),
        ("connections", {"slug": "x", "kind": "nonsense", "value": planted.new("wrong kind")}),
        ("sources", {"slug": "y", "scheme": "standard",
                     "secrets": [{"value": planted.new("malformed secret") + " %%"}]}),
        ("providers", {"slug": "four", "adapter": "generic", "base_url": "https://x.example",
                       "api_key": planted.new("taken provider")}),
    )  # fmt: skip
    for resource, fields in wrong:
        assert post(resource, **fields).status_code >= 400
    broken = f'{{"slug": "z", "kind": "bearer", "value": "{planted.new("broken JSON")}"'
    answer = client.post("/api/v1/connections", broken, content_type="application/json")
    assert answer.status_code >= 400
    return [*told, text(answer)]


def signed(planted, here):
    """Passwords and links that people use."""
    person = here.people.may
    person.set_password(planted.new("password"))
    person.save()
    _, token = invite(
        environment=here.environment, email="new@example.com",
        by=here.people.principal(here.people.admin), roles={here.environment.slug: ["viewer"]},
    )  # fmt: skip
    planted.all["invitation"] = token
    for password in (planted.all["password"], planted.new("wrong password")):
        Client().post("/accounts/login/", {"login": person.email, "password": password})
    key = f"csk_{planted.new('unknown key')}"
    return text(Client(headers={"Authorization": f"Bearer {key}"}).get("/api/v1/actions"))


def asked(planted, here):
    """Secrets in what an agent asks: under names that mean one, and at a path that a tool names."""
    names = {name: planted.new(f"argument {name}") for name in NAMES}
    fields = dict.fromkeys((*names, "iban", "note"), TEXT)
    save(
        here.environment,
        **ToolDefinitionFactory(
            name="pay", input_schema=strict(**fields), sensitive=["/iban"], effect="Pay {{ note }}"
        ),
    )
    arguments = {"note": "rent", "iban": planted.new("sensitive iban"), **names}
    action = here.ask("pay", arguments=arguments)
    action = edit(
        action=action, by=here.people.principal(here.people.may), digest=action.digest,
        arguments={**arguments, "note": "half"},
    )  # fmt: skip
    here.approved(tool="pay", arguments={**arguments, "note": "other"})
    return action


def admin_pages(browser):
    """Every list, and the first row of each, as the records' reader sees them."""
    for model in apps.get_models():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        answer = browser.get(base)
        if answer.status_code != 200:
            continue
        yield text(answer)
        for row in model._base_manager.all()[:5]:
            yield text(browser.get(f"{base}{row.pk}/change/", follow=True))


@pytest.mark.django_db
def test_t40_forty_planted_secrets_stand_in_no_paper_of_ours(written):
    here, planted = scene(), Planted()
    admin = api(here.people.member(here.people.admin), here.environment)
    errors = configured(planted, admin, here.environment)
    errors.append(signed(planted, here))
    with fakes():
        action = asked(planted, here)
        messages = [message.encode().decode() for message in waiting(delayed=True)]
        drain()
    assert len(planted.all) == 40

    browser, place = signed_in(here.people.admin), f"/{here.environment.tenant.slug}/"
    place += here.environment.slug
    papers = {
        "logs": written.getvalue(),
        "errors": "\n".join(errors),
        "audit": "\n".join(AuditRecord.objects.values_list("body", flat=True)),
        "exports": "\n".join(
            [
                *(
                    text(browser.get(f"{place}/{page}/", {"format": "csv"}))
                    for page in ("actions", "audit", "events", "sources", "tools", "agents")
                ),
                json.dumps(
                    exporting.export(
                        here.environment.tenant,
                        [here.people.may.email, "rent", "half"],
                        by=here.people.principal(here.people.admin),
                    )
                ),
                text(browser.get(f"{place}/actions/{action.public_id}/")),
                text(admin.get(f"/api/v1/actions/{action.public_id}")),
            ]
        ),  # fmt: skip
        "queue": "\n".join([*messages, *map(str, getattr(cache, "_cache", {}).items())]),
        "admin": "\n".join(admin_pages(browser)),
    }
    assert all(papers[name] for name in ("logs", "errors", "audit", "exports", "admin"))
    assert {name: planted.found_in(paper) for name, paper in papers.items()} == {
        name: [] for name in papers
    }

"""Every page in a language of no country: what is not in it was never marked for translation."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import pytest
from django.apps import apps
from django.db import models
from django.test import Client

from gateway.connections.presets import PRESETS
from gateway.demo import cast, services
from gateway.tenants.models import Environment, User
from gateway.tenants.roles import Role
from gateway.tools import services as tools
from tests.factories.tenants import EnvironmentFactory, MemberFactory
from tests.flows import pages, tongue
from tests.flows.browser import routes
from tests.invariants.doors import rows_of
from webhooks.samples import SAMPLES
from webhooks.schemes.catalogue import CHOICES

pytestmark = [pytest.mark.django_db, pytest.mark.once]
WHERE = {
    "service_port": 4321,
    "public_url": "http://localhost:8000",
    "web_url": "http://127.0.0.1:8000",
}
WORD = re.compile(r"[A-Za-z]{3,}")
# What is no sentence of a page, and why.
# What is no sentence of a page, and why.
NO_WORDS = (
    re.compile(r"\b[a-z]{3}_[0-9a-z]{26}\b"),  # ids
    re.compile(r"\b[0-9a-f]{12,64}\b"),  # digests
    re.compile(r"\b[a-z_]+(?:[.:][a-z_]+)+\b"),  # codes of rules, reviewers, records
    re.compile(r"\b[a-z]+_(?:sha\d+|key)\b"),  # names of schemes and kinds
    re.compile(r"\b(?:min|USD|EUR|CET|UTC|SHA|HMAC|JSON)\b"),  # units, zones and algorithms
    re.compile(r"\bx-[a-z0-9-]+"),  # names of headers
    re.compile(r"\{[a-z_]+\}"),  # what a scheme signs
)
NAMES = {
    "Countersign", "Slack", "Discord", "Claude Code", "Cursor", "Codex", "Python", "English",
    "Pseudo", "localtime", "sandbox-story", "sandbox-story-small", "newsletter", "hello",
    "role", "admin", "auditor", "reviewer", "refused", "target", "Target", "‹note›",
    "Write the note", "Etc",
}  # fmt: skip
# What services and pure modules say is one sentence for page, API and log, so it stays English:
# docs/architecture.md. The debugger's findings are of this kind, which is its whole page.
OF_SERVICES = {
    "A grant is derived from an action that was approved.",
    "needs nobody's consent: nothing to connect.",
    "It needs somebody who has no substitute: where that member asked for the action, or owns the "
    "agent, nobody can decide it.",
    "of any reviewer", "of role", "hold 10 min", "record (implicit)", "calls", "1 call",
    "stage 1, support", "stage 2, management", "medium",
}  # fmt: skip
ENGLISH_PAGES = {"webhooks:explain"}


@pytest.fixture
def spoken(settings: Any) -> Iterator[None]:
    """People may choose the language."""
    with tongue.spoken(settings):
        yield


def parts_in(environment: Environment) -> dict[str, str]:
    """One row of every kind, and what else fills in the parts of addresses."""
    reset = r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"
    return rows_of(environment) | {
        "tenant": environment.tenant.slug, "environment": environment.slug, "number": "1",
        "offer": "http.request", "kind": "slack", "secret": "none", "pk": "1",
        "sign_in": "sgn_none", reset: "password/reset/key/1-set/",
    }  # fmt: skip


def forgotten(environment: Environment, user: User) -> dict[str, set[str]]:
    """What pages say in plain letters, and which pages."""
    User.objects.filter(pk=user.pk).update(language=tongue.CODE)
    reader, stranger = Client(), Client(headers={"Accept-Language": tongue.CODE})
    reader.force_login(User.objects.get(pk=user.pk))
    addresses = walked(parts_in(environment))
    said = defaultdict(set)
    for name, address in addresses.items():
        answer = (stranger if name in pages.SIGNED_OUT else reader).get(address)
        assert answer.status_code < 500, name
        for text in tongue.said_on(answer.content.decode()):
            said[text].add(name)
    data = Data()
    return {text: names for text, names in said.items() if data.without(text)}


def test_every_page_speaks_it(spoken: None) -> None:
    environment = EnvironmentFactory()
    admin = MemberFactory(
        tenant=environment.tenant, roles={environment: [Role.ADMIN, Role.AUDITOR]}
    )
    assert forgotten(environment, admin.user) == {}


def test_what_was_forgotten_would_be_found(spoken: None) -> None:
    data = Data()
    page = '<h1>A forgotten title</h1><p title="a hint">{}</p><code>code</code>'
    said = tongue.said_on(page.format(tongue.longer("marked %(n)s <b>text</b>")))
    assert [one for one in said if data.without(one)] == ["A forgotten title", "a hint"]


@pytest.mark.long
def test_every_page_of_the_demo_speaks_it(spoken: None, tmp_path: Any, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    services.seed(**WHERE)
    sandbox = Environment.objects.get(tenant__slug=cast.TENANT, slug="sandbox")
    assert forgotten(sandbox, User.objects.get(email=cast.ANA.email)) == {}


def walked(known: dict[str, str]) -> dict[str, str]:
    """Every page of ours, by its name."""
    return {
        name: at
        for name, at in routes(known).items()
        if name not in pages.NO_PAGES | ENGLISH_PAGES and pages.is_ours(at)
    }


class Data:
    """What stands in rows and catalogues: no page translates it."""

    def __init__(self) -> None:
        self.by_word: defaultdict[str, set[str]] = defaultdict(set)
        for text in {*_stored(), *_named(), *NAMES, *OF_SERVICES}:
            flat = " ".join(text.split())
            if word := WORD.search(flat):
                self.by_word[word[0]].add(flat)

    def without(self, said: str) -> str:
        """The text where words of it are neither in the language nor data, else nothing."""
        if not WORD.search(said) or any(pattern.fullmatch(said) for pattern in NO_WORDS):
            return ""
        left = said
        for word in WORD.findall(said):
            for one in sorted(self.by_word.get(word, ()), key=len, reverse=True):
                left = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", left)
        for pattern in NO_WORDS:
            left = pattern.sub(" ", left)
        return said if WORD.search(left) else ""


def _named() -> Iterator[str]:
    """Names of services and of what they offer, of kinds of samples, of time zones."""
    for offer in tools.offers():
        yield from (offer.operation.title, offer.connector, offer.key)
    yield from (title for _, title in CHOICES)
    yield from (sample.title for sent in SAMPLES.values() for sample in sent)
    yield from (preset.title for preset in PRESETS.values())
    yield from (name.replace("_", " ") for name in available_timezones())


def _stored() -> Iterator[str]:
    """Every text of every row, but for what is chosen from a list."""
    for model in apps.get_models():
        texts = [
            field.attname
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
            and not field.choices
        ]
        if texts:
            for row in model._default_manager.values_list(*texts):
                yield from (leaf for value in row for leaf in _leaves(value))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)

"""T17 for mails and chats: whatever fetches their links, and however, nothing is decided."""

import itertools
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from approvals.models import Action, Approval
from gateway.notices.services.saying import matter_of
from tests.desk import at, signed_in
from tests.gateway.notices.scene import in_slack, waiting
from tests.people import People, ready

pytestmark = [pytest.mark.django_db, pytest.mark.long]
METHODS = ("get", "head", "options")
WISHES = ("", "?decision=approve&confirm=yes", "?approve=1")
HINTS: tuple[dict[str, str], ...] = (
    {}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"X-Moz": "prefetch"},
)  # fmt: skip
# How link scanners, previews and robots name themselves.
SCANNERS = (
    "Slackbot-LinkExpanding 1.0", "Slackbot 1.0", "Slack-ImgProxy", "Discordbot/2.0",
    "facebookexternalhit/1.1", "Twitterbot/1.0", "LinkedInBot/1.0", "WhatsApp/2.23",
    "TelegramBot (like TwitterBot)", "Microsoft Office/16.0", "BingPreview/1.0b", "bingbot/2.0",
    "Googlebot/2.1", "GoogleImageProxy", "Google-Read-Aloud", "SkypeUriPreview Preview/0.5",
    "Mimecast URL Protect", "Proofpoint URL Defense", "Barracuda Sentinel", "Symantec Click-time",
    "TrendMicro IMSVA", "FireEye ETP", "Cisco Secure Email", "Sophos Email", "ZoomBot/1.0",
    "Applebot/0.1", "YandexBot/3.0", "DuckDuckBot/1.1", "curl/8.5.0", "python-requests/2.32",
)  # fmt: skip
# What looking itself leaves: sessions, the mark that a card was opened, and its audit records.
MAY_CHANGE = {
    "django_session", "approvals_opening", "audit_auditrecord", "audit_pending",
    "audit_refusalcount", "tenants_signin",
}  # fmt: skip


def everything() -> dict[str, list[str]]:
    return {
        model._meta.db_table: sorted(map(repr, model._base_manager.values()))
        for model in apps.get_models()
        if model._meta.managed and model._meta.db_table not in MAY_CHANGE
    }


def addresses(people: People, action: Action, chat: Any) -> list[str]:
    link = "/" + matter_of(action).url.split("/", 3)[3]
    own = at(people.environment, "notices:preferences")
    press = f"/chats/slack/{chat.address}"
    more = [f"{link}{part}/" for part in ("approve", "reject", "edit")]
    return [link, own, press, *more]


def test_a_thousand_fetches_of_every_link_decide_nothing(people: People, settings: Any) -> None:
    with in_slack(people, settings) as room:
        action = waiting(people)
        room.tell(action)
        browsers = (Client(), signed_in(people.may))
        before, count = everything(), 0
        links = addresses(people, action, room.chat)
        for agent, method, browser in itertools.product(SCANNERS, METHODS, browsers):
            for at_, hint, wish in zip(links, itertools.cycle(HINTS), itertools.cycle(WISHES)):
                headers = {"User-Agent": agent, **hint}
                getattr(browser, method)(f"{at_}{wish}", headers=headers)
                count += 1
        assert count >= 1000
        assert everything() == before
        assert not Approval.objects.exists()
        figures = f"{count} requests, {len(SCANNERS)} user agents, 0 changes"
        print(f"T17, links of mails and chats: {figures}")  # noqa: T201 - the run's figure


@pytest.fixture
def people() -> People:
    return ready()

"""Mails: through a real server, in two parts that are inert, tried again, and never too late."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db.models.functions import Now
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action
from gateway.notices import services
from gateway.notices.models import Notice
from gateway.notices.services import filing, mailing
from gateway.tenants.models import Member
from tests.doubles.mail import Mail, mail_server
from tests.factories.notices import NoticeFactory, PreferenceFactory
from tests.flows import tongue
from tests.gateway.notices.scene import saying, waiting
from tests.people import People, ready
from tests.rendering.corpus import RAW, attributes, everything

pytestmark = pytest.mark.django_db
HIDDEN = "pay \u202eevil\u200b to \U000e0041ana"
ATTACKS = [
    "<script>fetch('//evil.example')</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='https://evil.example/approve'>Approve</a>",
    "https://evil.example/approve?id=1 www.evil.example mailto:eve@evil.example",
    "javascript:alert(1) data:text/html,x",
    "ok\r\nBcc: eve@evil.example\r\n\r\n<b>body</b>",
    "{{ matters }}{% load x %}",
    HIDDEN,
]
# What a mail program would run, fetch or follow.
ACTIVE = {
    "script", "img", "iframe", "object", "embed", "form", "input", "link", "svg", "video", "audio",
    "base", "style", "button", "area", "math",
}  # fmt: skip


class Found(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def server(settings: Any) -> Iterator[Mail]:
    with mail_server() as mail:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
        settings.EMAIL_URL = f"smtp://127.0.0.1:{mail.port}"
        yield mail


def tell(action: Action) -> None:
    filing.follow(action)
    while services.deliver_due():
        pass


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain = mail.get_body(("plain",))
    rich = mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    return plain.get_content(), rich.get_content()


def only(mails: list[EmailMessage], people: People) -> EmailMessage:
    found = [mail for mail in mails if mail["To"] == people.may.email]
    assert len(found) == 1
    return found[0]


def test_everybody_who_can_decide_gets_one_mail_in_two_parts(people: People, server: Mail) -> None:
    action = saying(people, "Ship it")
    tell(action)
    assert sorted(to for _, [to] in server.envelopes) == sorted(
        user.email for user in (people.may, people.second, people.admin)
    )
    mail = only(server.mails, people)
    assert "Medium risk" in mail["Subject"]
    assert action.tool_name in mail["Subject"]
    for text in parts(mail):
        assert "Note: Ship it" in text
        assert f"/actions/{action.public_id}/" in text
        assert "Decide by" in text
    assert set(Notice.objects.values_list("status", "attempts")) == {("sent", 1)}


def test_each_mail_is_in_the_language_of_its_reader(
    people: People, server: Mail, settings: Any
) -> None:
    with tongue.spoken(settings):
        people.may.language = tongue.CODE
        people.may.save()
        tell(saying(people, "Ship it"))
    mail = only(server.mails, people)
    assert "Medium risk" not in mail["Subject"]
    assert tongue.longer("Decide by:") in parts(mail)[0]
    assert tongue.longer("Asked by") in parts(mail)[1]
    others = [mail for mail in server.mails if mail["To"] != people.may.email]
    assert others
    assert all(
        "Medium risk" in mail["Subject"] and tongue.OPEN not in parts(mail)[0] for mail in others
    )


def test_the_link_only_opens_a_page_that_asks_for_the_sign_in(
    people: People, server: Mail, client: Any
) -> None:
    action = saying(people, "Ship it")
    tell(action)
    links = [a["href"] for tag, a in Found(parts(server.mails[0])[1]).tags if tag == "a"]
    for link in links:
        path = "/" + str(link).split("/", 3)[3]
        for method in ("get", "head", "options"):
            answer = getattr(client, method)(path)
            assert answer.status_code == 302
            assert "/accounts/login/" in answer["Location"]
    action.refresh_from_db()
    assert action.status == "pending"


def check_is_inert(mail: EmailMessage, *, base: str) -> None:
    plain, rich = parts(mail)
    found = Found(rich)
    assert not {tag for tag, _ in found.tags} & ACTIVE
    for tag, held in found.tags:
        assert not {name for name in held if name.startswith("on") or name == "style"}
        if tag == "a":
            assert str(held["href"]).startswith(base)
    for text in (plain, found.text):
        ours = text.replace(base, "")
        assert "://" not in ours
        assert not re.search("(?i)(javascript|vbscript|mailto):", ours)
        assert "www.evil" not in ours
    assert mail["Bcc"] is None
    assert mail["Subject"].isprintable()
    assert len(mail.get_all("To") or []) == 1


@pytest.mark.parametrize("note", ATTACKS)
def test_a_hostile_text_stays_inert_in_both_parts_and_in_the_headers(
    people: People, server: Mail, settings: Any, note: str
) -> None:
    tell(saying(people, note))
    check_is_inert(only(server.mails, people), base=settings.PUBLIC_URL)


@pytest.mark.long
def test_every_hostile_text_of_the_corpora_stays_inert(people: People, settings: Any) -> None:
    """T22, its mails: all corpora and our own attacks, each in both parts and in the headers."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    action = saying(people, "x")
    notice = NoticeFactory(action=action, member=people.member(people.may))
    texts = [*everything(), *attributes(), *RAW, *ATTACKS]
    for text in texts:
        # NUL and lone surrogates never get this far: such arguments are refused at the door.
        plain = text.encode("utf-8", "replace").decode().replace("\0", "")
        action.arguments = json.dumps({"note": plain}, ensure_ascii=False)
        action.affected = [{"kind": "customer", "id": "1", "label": plain}]
        django_mail.outbox.clear()
        mailing.mail(notice)
        sent = django_mail.outbox[0].message().as_bytes()
        parsed = message_from_bytes(sent, policy=default)
        check_is_inert(parsed, base=settings.PUBLIC_URL)  # type: ignore[arg-type]
    assert len(texts) > 2800
    print(f"T22, mails: {len(texts)} texts, 2 parts each, 0 active")  # noqa: T201 - its figure


def test_hidden_characters_show_as_their_code_points(people: People, server: Mail) -> None:
    tell(saying(people, HIDDEN))
    for text in parts(only(server.mails, people)):
        assert "⟦U+202E⟧" in text
        assert "⟦U+200B⟧" in text
        assert "⟦U+E0041⟧" in text
        assert not set("\u202e\u200b\U000e0041") & set(text)


def test_nothing_is_said_of_a_masked_argument(people: People, server: Mail) -> None:
    action = saying(people, "4711-secret-number", sensitive=["note"])
    Action.objects.filter(pk=action.pk).update(
        affected=[{"kind": "card", "id": "4711-secret-number", "label": "4711-secret-number"}]
    )
    tell(Action.objects.get(pk=action.pk))
    mail = only(server.mails, people)
    assert "4711" not in mail.as_string()
    for text in parts(mail):
        assert "4711" not in text
        assert "named on the desk" in text


def test_what_was_decided_meanwhile_is_not_mailed(people: People, server: Mail) -> None:
    action = waiting(people)
    filing.follow(action)
    approvals.approve(action=action, by=people.principal(people.second), digest=action.digest)
    services.deliver_due()
    assert server.mails == []
    assert set(Notice.objects.values_list("status", "reason")) == {("withdrawn", "no_longer_open")}


def test_what_has_expired_is_not_mailed(people: People, server: Mail) -> None:
    action = waiting(people)
    filing.follow(action)
    Action.objects.filter(pk=action.pk).update(decide_by=timezone.now() - timedelta(seconds=1))
    services.deliver_due()
    assert server.mails == []


def test_who_lost_the_role_or_has_voted_gets_no_mail(people: People, server: Mail) -> None:
    action = waiting(people)
    filing.follow(action)
    people.member(people.may).roles.all().delete()
    Member.objects.filter(user=people.second).update(deactivated_at=timezone.now())
    while services.deliver_due():
        pass
    assert [to for _, [to] in server.envelopes] == [people.admin.email]
    assert Notice.objects.filter(reason="not_for_them").count() == 2


def test_a_server_that_is_down_is_tried_again_later_and_the_log_says_why(
    people: People, server: Mail
) -> None:
    server.says["DATA"] = "451 try later"
    tell(waiting(people))
    failed = Notice.objects.get(member__user=people.may)
    assert (failed.status, failed.attempts, failed.reason) == ("due", 1, "mail_server")
    assert failed.due_at > timezone.now()
    del server.says["DATA"]
    Notice.objects.update(due_at=Now())
    services.deliver_due()
    failed.refresh_from_db()
    assert (failed.status, failed.attempts, failed.reason) == ("sent", 2, "")
    mail = only(server.mails, people)
    assert mail["Message-ID"].startswith(f"<{failed.public_id}@")


def test_an_address_that_is_refused_is_given_up_at_once(people: People, server: Mail) -> None:
    server.says[f"RCPT {people.may.email}"] = "550 no such user"
    tell(waiting(people))
    dead = Notice.objects.get(member__user=people.may)
    assert (dead.status, dead.reason) == ("dead", "recipient_refused")
    assert len(server.mails) == 2


def test_what_cannot_be_sent_for_a_day_is_given_up(people: People, server: Mail) -> None:
    server.says["DATA"] = "451 try later"
    filing.follow(waiting(people))
    Notice.objects.update(give_up_at=timezone.now() - timedelta(seconds=1))
    services.deliver_due()
    assert set(Notice.objects.values_list("status", flat=True)) == {"dead"}


def test_a_worker_that_died_while_sending_leaves_the_notice_to_another(
    people: People, server: Mail
) -> None:
    filing.follow(waiting(people))
    past = timezone.now() - timedelta(seconds=1)
    Notice.objects.update(status="sending", lease_until=past, attempts=1)
    services.deliver_due()
    assert set(Notice.objects.values_list("status", "attempts")) == {("sent", 2)}


def test_a_digest_names_all_that_still_waits_in_one_mail(people: People, server: Mail) -> None:
    PreferenceFactory(
        environment=people.environment, member=people.member(people.may), digest="hourly",
    )  # fmt: skip
    actions = [saying(people, f"Number {n}") for n in range(3)]
    for action in actions:
        filing.follow(action)
    approvals.reject(
        action=actions[1], by=people.principal(people.second), digest=actions[1].digest, reason="no"
    )
    services.deliver_due()
    assert people.may.email not in [to for _, [to] in server.envelopes]
    Notice.objects.filter(is_gathered=True).update(due_at=Now())
    services.deliver_due()
    mail = only(server.mails, people)
    assert "2 actions wait for your decision" in mail["Subject"]
    for text in parts(mail):
        assert [f"Number {n}" in text for n in range(3)] == [True, False, True]
    mine = Notice.objects.filter(member__user=people.may).values_list("status", flat=True)
    assert sorted(mine) == ["sent", "sent", "withdrawn"]


def test_a_notice_that_cannot_be_made_holds_no_other_back(people: People, server: Mail) -> None:
    broken, sound = saying(people, "broken"), saying(people, "sound")
    for action in (broken, sound):
        filing.follow(action)
    Action.objects.filter(pk=broken.pk).update(affected="no list")
    services.deliver_due()
    told = Notice.objects.filter(action=broken)
    assert set(told.values_list("status", "reason")) == {("due", "broken")}
    assert len(server.mails) == 3
    assert all("sound" in parts(mail)[0] for mail in server.mails)


def test_a_worker_that_was_too_slow_leaves_the_word_to_the_other(
    people: People, server: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    filing.follow(waiting(people))
    Notice.objects.exclude(member__user=people.may).delete()
    mail = mailing.mail

    def slow(notice: Notice) -> Any:
        Notice.objects.filter(pk=notice.pk).update(attempts=7)
        return mail(notice)

    monkeypatch.setattr(mailing, "mail", slow)
    assert services.deliver_due() == 1
    assert Notice.objects.get().status == "sending"

"""Pages: everybody sets their own notices, admins the chats, operators read the log."""

from typing import Any

import pytest

from audit.models import AuditRecord
from gateway.notices.models import Chat, ChatIdentity, LinkCode, Notice, Preference
from tests.desk import at, signed_in, text
from tests.doubles.serving import Said
from tests.factories.connections import ConnectionFactory
from tests.factories.notices import ChatFactory, ChatIdentityFactory, NoticeFactory
from tests.gateway.notices.scene import in_discord, in_slack, waiting
from tests.people import People, ready

pytestmark = pytest.mark.django_db
CHOSEN = {
    "media_low": ["slack"], "media_high": ["email", "discord"], "quiet_from": "22:00",
    "quiet_until": "07:00", "digest": "daily",
}  # fmt: skip
SLACK = {
    "room": "C00GENERAL", "risks": ["low", "medium"], "secret": "a-signing-secret-of-slack",
    "has_buttons": "on", "is_enabled": "on",
}  # fmt: skip


@pytest.fixture
def people() -> People:
    return ready()


def test_a_member_chooses_how_they_are_told(people: People) -> None:
    page = at(people.environment, "notices:preferences")
    browser = signed_in(people.may)
    assert browser.get(page).status_code == 200
    assert browser.post(page, CHOSEN).status_code == 302
    row = Preference.objects.get()
    assert row.member.user == people.may
    assert row.media == {
        "low": ["slack"],
        "medium": [],
        "high": ["discord", "email"],
        "critical": [],
    }
    assert (row.digest, row.quiet_from.hour, row.quiet_until.hour) == ("daily", 22, 7)
    record = AuditRecord.objects.get(action="notices.preference.chosen")
    assert record.body_json["changes"]["digest"] == ["none", "daily"]
    assert 'value="22:00"' in text(browser.get(page))


def test_half_a_night_is_no_quiet_hours_and_nothing_is_stored(people: People) -> None:
    page = at(people.environment, "notices:preferences")
    answer = signed_in(people.may).post(page, {**CHOSEN, "quiet_until": ""})
    assert answer.status_code == 422
    assert "a beginning and an end" in text(answer)
    assert not Preference.objects.exists()


@pytest.mark.parametrize("bad", [{"media_low": ["fax"]}, {"digest": "weekly"}])
def test_what_cannot_be_chosen_is_refused(people: People, bad: dict[str, Any]) -> None:
    page = at(people.environment, "notices:preferences")
    assert signed_in(people.may).post(page, {**CHOSEN, **bad}).status_code == 422


def test_one_choice_may_count_in_all_environments_of_the_member(people: People) -> None:
    page = at(people.environment, "notices:preferences")
    signed_in(people.may).post(page, {**CHOSEN, "everywhere": "on"})
    assert [row.environment for row in Preference.objects.all()] == [people.environment]


def test_a_code_is_shown_once_and_only_its_digest_is_kept(people: People) -> None:
    ChatFactory(environment=people.environment)
    browser = signed_in(people.may)
    answer = browser.post(at(people.environment, "notices:code", kind="slack"))
    shown = answer.context["code"]
    assert shown in text(answer)
    assert answer["Cache-Control"] == "no-store"
    assert shown not in repr(list(LinkCode.objects.values()))
    assert shown not in "".join(AuditRecord.objects.values_list("body", flat=True))
    assert shown not in text(browser.get(at(people.environment, "notices:preferences")))


def test_nobody_unlinks_anothers_account(people: People) -> None:
    identity = ChatIdentityFactory(
        chat__environment=people.environment, member=people.member(people.may)
    )
    address = at(people.environment, "notices:unlink", identity=identity.public_id)
    for user, status in ((people.second, 404), (people.admin, 404), (people.may, 302)):
        assert signed_in(user).post(address).status_code == status
    assert ChatIdentity.objects.get().unlinked_at is not None


def test_an_admin_sets_slack_up_and_its_secret_is_never_shown(people: People) -> None:
    ConnectionFactory(environment=people.environment, slug="bot")
    page = at(people.environment, "notices:chat", kind="slack")
    browser = signed_in(people.admin)
    assert browser.post(page, {**SLACK, "connection": "bot"}).status_code == 302
    chat = Chat.objects.get()
    assert (chat.room, chat.risks) == ("C00GENERAL", ["low", "medium"])
    assert SLACK["secret"] not in chat.sealed
    shown = text(browser.get(page))
    assert f"/chats/slack/{chat.address}" in shown
    bodies = "".join(AuditRecord.objects.values_list("body", flat=True))
    for place in (shown, bodies):
        assert str(SLACK["secret"]) not in place
    sealed = chat.sealed
    browser.post(page, {**SLACK, "connection": "bot", "secret": "", "risks": ["low"]})
    chat.refresh_from_db()
    assert (chat.sealed, chat.risks) == (sealed, ["low"])


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"secret": ""}, "signing secret"),
        ({"secret": "short"}, "cannot be"),
        ({"room": "#general"}, "copy the id"),
        ({"connection": "another"}, "Select a valid choice"),
    ],
)
def test_a_chat_that_could_not_work_is_refused(
    people: People, bad: dict[str, Any], word: str
) -> None:
    ConnectionFactory(environment=people.environment, slug="bot")
    ConnectionFactory(environment=people.elsewhere, slug="another")
    page = at(people.environment, "notices:chat", kind="slack")
    answer = signed_in(people.admin).post(page, {**SLACK, "connection": "bot", **bad})
    assert answer.status_code == 422
    assert word in text(answer)
    assert not Chat.objects.exists()


@pytest.mark.parametrize(
    ("name", "who"),
    [("notices:chats", "admin"), ("notices:log", "operator"), ("notices:preferences", "may_not")],
)
def test_pages_open_for_those_they_are_for(people: People, name: str, who: str) -> None:
    page = at(people.environment, name)
    assert signed_in(getattr(people, who)).get(page).status_code == 200
    assert signed_in(people.stranger).get(page).status_code == 404
    assert signed_in(people.auditor).get(page).status_code == 403


@pytest.mark.parametrize("name", ["notices:chats", "notices:log"])
def test_a_reviewer_sets_up_no_chat_and_reads_no_log(people: People, name: str) -> None:
    assert signed_in(people.may).get(at(people.environment, name)).status_code == 403


def test_a_chat_nobody_knows_is_not_there(people: People) -> None:
    for name in ("notices:chat", "notices:code"):
        address = at(people.environment, name, kind="fax")
        assert signed_in(people.admin).post(address).status_code == 404


def test_the_log_shows_state_attempts_and_error_and_filters(people: People) -> None:
    action = waiting(people)
    member = people.member(people.may)
    NoticeFactory(action=action, member=member, status="dead", attempts=3, error="no such user")
    NoticeFactory(action=action, member=member, medium="slack", status="sent")
    NoticeFactory(environment=people.elsewhere)
    browser, page = signed_in(people.operator), at(people.environment, "notices:log")
    shown = browser.get(page)
    assert len(shown.context["page_obj"].object_list) == 2
    assert "no such user" in text(shown)
    narrowed = browser.get(page, {"status": "dead"}).context["page_obj"].object_list
    assert [notice.status for notice in narrowed] == ["dead"]
    assert not browser.get(page, {"status": "odd"}).context["page_obj"].object_list
    lines = text(browser.get(page, {"format": "csv"})).splitlines()
    assert len(lines) == 3
    assert Notice.objects.count() == 3


@pytest.mark.parametrize("opened", [in_slack, in_discord], ids=["slack", "discord"])
def test_an_admin_tries_whether_a_message_arrives(
    people: People, settings: Any, opened: Any
) -> None:
    with opened(people, settings) as room:
        address = at(people.environment, "notices:try", kind=room.chat.kind)
        assert signed_in(people.may).post(address).status_code == 403
        assert signed_in(people.admin).get(address).status_code == 405
        answer = signed_in(people.admin).post(address, follow=True)
        assert "took a message" in text(answer)
        room.service.before = [Said(403, {"message": "Missing Permissions", "code": 50013})]
        assert "took a message" not in text(signed_in(people.admin).post(address, follow=True))
        assert len(room.service.effects) == 1
    assert AuditRecord.objects.filter(action="notices.chat.tried").count() == 2

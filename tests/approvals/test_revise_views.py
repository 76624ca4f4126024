"""Editing, undoing, extending and proving who one is, on the desk."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from approvals.models import Action, Approval
from approvals.services import edit, save_policy
from approvals.states import ActionStatus
from audit.models import AuditRecord
from tests.desk import HTMX, at, signed_in, text
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.scene import Scene, run_out, scene

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def here() -> Scene:
    return scene()


@pytest.fixture
def browser(here: Scene) -> Client:
    return signed_in(here.people.may)


def require(here: Scene, **more: Any) -> None:
    rules = [{"name": "all", "when": "true", "verdict": "require_approval", **more}]
    save_policy(here.environment, name="rules", rules=rules, comment="For a test.")


def page(action: Action, verb: str = "detail") -> str:
    return at(action.environment, f"approvals:{verb}", action=action.public_id)


def data(action: Action, arguments: str, **more: str) -> dict[str, str]:
    return {"digest": action.digest, "arguments": arguments, **more}


def test_an_edit_shows_the_new_version_beside_the_agents_before_anybody_votes(
    here: Scene, browser: Client
) -> None:
    action = here.ask()
    answer = browser.post(page(action, "edit"), data(action, '{"note": "goodbye"}', comment="So."))
    assert answer.status_code == 302
    action.refresh_from_db()
    assert (action.version, action.status) == (2, ActionStatus.PENDING)
    shown = text(browser.get(page(action)))
    assert f"Edited by {here.people.may}" in shown
    assert "<del>hello</del>" in shown
    assert "<ins>goodbye</ins>" in shown
    assert "Write the note goodbye" in shown
    assert f'name="digest" value="{action.digest}"' in shown
    assert "edited it: version 2" in shown


def test_htmx_gets_the_new_version_and_a_fault_comes_back_into_the_dialog(
    here: Scene, browser: Client
) -> None:
    action = here.ask()
    refused = browser.post(page(action, "edit"), data(action, '{"note": 5}'), headers=HTMX)
    assert (refused.status_code, refused["HX-Retarget"]) == (422, "#edit-form")
    assert "<code>/note</code>" in text(refused)
    done = browser.post(page(action, "edit"), data(action, '{"note": "bye"}'), headers=HTMX)
    assert done.status_code == 200
    assert "Write the note bye" in text(done)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('{"note": "a", "note": "b"}', "names a key twice at /note"),
        ("{note}", "is not JSON"),
        ('{"note": 1e999}', "would not stay exact"),
        ('{"note": "hello"}', "arguments that it has"),
    ],
)
def test_what_cannot_be_read_or_changes_nothing_is_said_and_kept_in_the_field(
    here: Scene, browser: Client, arguments: str, says: str
) -> None:
    action = here.ask()
    answer = browser.post(page(action, "edit"), data(action, arguments))
    assert answer.status_code == 422
    assert says in text(answer)
    action.refresh_from_db()
    assert action.version == 1


def test_the_form_shows_hidden_characters_as_escapes_and_secrets_as_masks(
    here: Scene, browser: Client
) -> None:
    from gateway.tools.services import save
    from tests.factories.tools import TEXT, strict

    save(
        here.environment,
        **ToolDefinitionFactory(
            name="pay", input_schema=strict(note=TEXT, iban=TEXT), sensitive=["/iban"]
        ),
    )
    action = here.ask("pay", arguments={"note": "a\u202eb\U000e0041", "iban": "DE99-SECRET"})
    shown = text(browser.get(page(action, "edit")))
    assert "a\\u202eb\\udb40\\udc41" in shown
    assert "DE99-SECRET" not in shown
    field = re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", shown, re.DOTALL)
    assert field is not None
    import html

    sent = html.unescape(field[1]).replace("a\\u", "A\\u")
    browser.post(page(action, "edit"), data(action, sent))
    action.refresh_from_db()
    assert action.arguments_value == {"note": "A\u202eb\U000e0041", "iban": "DE99-SECRET"}


def test_an_edit_of_what_changed_meanwhile_is_a_conflict(here: Scene, browser: Client) -> None:
    action = here.ask()
    by = here.people.principal(here.people.second)
    edit(action=action, by=by, digest=action.digest, arguments={"note": "mine"})
    answer = browser.post(page(action, "edit"), data(action, '{"note": "ours"}'))
    assert answer.status_code == 409
    assert "changed since you looked" in text(answer)


def test_who_may_not_decide_is_offered_no_edit_and_refused(here: Scene) -> None:
    action = here.ask()
    viewer = signed_in(here.people.may_not)
    assert f"{page(action, 'edit')}" not in text(viewer.get(page(action)))
    assert viewer.post(page(action, "edit"), data(action, "{}")).status_code == 403
    stranger = signed_in(here.people.stranger)
    assert stranger.post(page(action, "edit"), data(action, "{}")).status_code == 404


def test_the_editor_who_needs_a_second_person_can_reject_but_not_approve(
    here: Scene, browser: Client
) -> None:
    require(here, edit_needs_second=True)
    action = here.ask()
    browser.post(page(action, "edit"), data(action, '{"note": "bye"}'))
    shown = text(browser.get(page(action)))
    assert "leaves the decision to somebody else" in shown
    assert 'data-key="a"' not in shown
    assert 'data-key="r"' in shown


def test_an_approval_can_be_undone_on_the_page_while_it_rests(here: Scene, browser: Client) -> None:
    require(here, hold_s=60)
    action = here.approved()
    shown = text(browser.get(page(action)))
    assert 'data-key="u"' in shown
    assert "data-until" in shown
    assert browser.get(page(action, "undo")).status_code == 200
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert browser.post(page(action, "undo")).status_code == 302
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    run_out(Action.objects.filter(pk=here.approved().pk), "due_at")
    late = Action.objects.get(status=ActionStatus.APPROVED)
    assert 'data-key="u"' not in text(browser.get(page(late)))
    assert browser.post(page(late, "undo")).status_code == 409


def test_a_deadline_is_extended_by_a_step(here: Scene, browser: Client) -> None:
    action = here.ask()
    assert page(action, "extend") in text(browser.get(page(action)))
    assert browser.post(page(action, "extend"), {"hours": "5"}).status_code == 422
    assert browser.post(page(action, "extend"), {"hours": "24"}).status_code == 302
    before = action.decide_by
    action.refresh_from_db()
    assert action.decide_by == before + timedelta(hours=24)


def proven(here: Scene) -> Client:
    """A browser whose person typed the password just now."""
    person = here.people.may
    person.set_password(PASSWORD)
    person.save()
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def age(browser: Client, *, seconds: int) -> None:
    """Let the session's proofs be that old."""
    session = browser.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def test_a_sign_in_of_just_now_is_proof_enough_and_is_signed_with_the_vote(here: Scene) -> None:
    require(here, step_up=True)
    action, browser = here.ask(), proven(here)
    assert browser.post(page(action, "approve"), {"digest": action.digest}).status_code == 302
    vote = Approval.objects.get()
    assert vote.authentication_methods == ["password"]
    assert timezone.now() - vote.authenticated_at < timedelta(minutes=1)
    assert vote.statement_version == 2


@pytest.mark.parametrize("seconds", [301, 86_400, -60])
def test_an_old_sign_in_leads_through_the_password_and_back_to_the_card(
    here: Scene, seconds: int
) -> None:
    require(here, step_up=True)
    action, browser = here.ask(), proven(here)
    age(browser, seconds=seconds)
    ask = page(action, "approve")
    assert "Confirm it is you" in text(browser.get(ask))
    led = browser.post(ask, {"digest": action.digest})
    assert led.status_code == 302
    assert led["Location"].startswith("/accounts/reauthenticate/?next=")
    by_htmx = browser.post(ask, {"digest": action.digest}, headers=HTMX)
    assert by_htmx["HX-Redirect"] == led["Location"]
    assert not Approval.objects.exists()

    key = browser.session.session_key
    wrong = browser.post(led["Location"], {"password": "wrong", "next": ask})
    assert wrong.status_code == 200
    back = browser.post(led["Location"], {"password": PASSWORD, "next": ask})
    assert (back.status_code, back["Location"]) == (302, ask)
    assert browser.session.session_key != key
    assert AuditRecord.objects.filter(action="tenants.user.stepped_up").exists()
    if seconds > 0:
        assert browser.post(ask, {"digest": action.digest}).status_code == 302
        assert Approval.objects.count() == 1


def test_the_way_back_leads_to_no_other_site(here: Scene) -> None:
    browser = proven(here)
    answer = browser.post(
        "/accounts/reauthenticate/?next=https://evil.example/", {"password": PASSWORD}
    )
    assert answer["Location"] == "/"

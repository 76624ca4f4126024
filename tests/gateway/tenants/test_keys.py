"""Single keys: the usual ones, a person's own, and what cannot be one."""

import pytest
from django.test import Client

from audit.models import AuditRecord
from gateway.tenants import keys
from gateway.tenants.models import User
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.people import People, ready

PAGE = "/accounts/preferences/keys/"


def changed(**own: str) -> dict[str, str]:
    return keys.DEFAULTS | own


def test_what_is_stored_is_only_what_differs() -> None:
    assert keys.stored(keys.DEFAULTS) == ""
    own = changed(approve="y", snooze="", search="=")
    assert keys.stored(own) == "approve=y snooze= search=="
    assert keys.keymap(keys.stored(own)) == own


@pytest.mark.parametrize(
    "odd", ["approve", "fly=x", "approve=yes", "=", "  ", "approve=\N{DESERT}\N{DESERT}"]
)
def test_what_is_not_understood_counts_as_not_stored(odd: str) -> None:
    assert keys.keymap(odd) == keys.DEFAULTS


def test_the_longest_choice_fits() -> None:
    other = {name: chr(0x430 + place) for place, name in enumerate(keys.DEFAULTS)}
    assert len(keys.stored(other)) <= keys.LONGEST
    assert keys.faults(other) == {}


@pytest.mark.parametrize(
    ("own", "faults"),
    [
        ({"approve": "r"}, {"approve": "taken", "reject": "taken"}),
        ({"approve": "", "reject": ""}, {}),
        ({"approve": "yes"}, {"approve": "long"}),
        ({"approve": " "}, {"approve": "blank"}),
        ({"approve": "\u200b"}, {"approve": "blank"}),
        ({"approve": "Y"}, {"approve": "shift"}),
        ({"select": "."}, {"select": "shift"}),
        ({"approve": "."}, {}),
    ],
)
def test_no_two_commands_share_a_key_and_every_key_can_be_pressed(
    own: dict[str, str], faults: dict[str, str]
) -> None:
    assert keys.faults(changed(**own)) == faults


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def browser(people: People) -> Client:
    return signed_in(people.may)


def own(user: User) -> str:
    user.refresh_from_db()
    return user.keys


@pytest.mark.django_db
def test_a_choice_is_kept_shown_on_every_page_and_recorded(people: People, browser: Client) -> None:
    assert browser.post(PAGE, changed(approve="y", snooze="")).status_code == 302
    assert own(people.may) == "approve=y snooze="
    action = ActionFactory(environment=people.environment)
    shown = text(browser.get(at(people.environment, "approvals:detail", action=action.public_id)))
    assert 'aria-keyshortcuts="y" data-key="a"' in shown
    assert 'data-key="s"' in shown
    assert 'aria-keyshortcuts="s"' not in shown
    assert "&quot;y&quot;: &quot;approve&quot;" in shown
    other = signed_in(people.second)
    assert 'aria-keyshortcuts="y"' not in text(
        other.get(at(people.environment, "approvals:detail", action=action.public_id))
    )
    record = AuditRecord.objects.get(action="tenants.user.preferences_changed")
    assert '"keys":["","approve=y snooze="]' in record.body


@pytest.mark.django_db
def test_a_conflict_is_refused_and_named_at_its_fields(people: People, browser: Client) -> None:
    answer = browser.post(PAGE, changed(approve="r"))
    assert answer.status_code == 422
    assert text(answer).count("Another command has this key.") == 2
    assert own(people.may) == ""


@pytest.mark.django_db
def test_all_can_be_as_usual_again(people: People, browser: Client) -> None:
    browser.post(PAGE, changed(approve="y"))
    browser.post(PAGE, {"usual": "yes"})
    assert own(people.may) == ""


@pytest.mark.django_db
def test_with_the_keys_off_nothing_names_one(people: People, browser: Client) -> None:
    User.objects.filter(pk=people.may.pk).update(has_shortcuts=False)
    action = ActionFactory(environment=people.environment)
    shown = text(browser.get(at(people.environment, "approvals:detail", action=action.public_id)))
    assert 'aria-keyshortcuts="a"' not in shown
    assert 'data-keys="{}"' in shown
    assert "Single keys are off" in shown


@pytest.mark.django_db
def test_the_page_is_for_who_is_signed_in() -> None:
    assert Client().get(PAGE).status_code == 302

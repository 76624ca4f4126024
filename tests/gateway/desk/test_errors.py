"""What a person sees where nothing was done: the session was over, or the form was an old one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.models import Approval
from tests.desk import HTMX, at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def places(people: People) -> dict[str, str]:
    """An action's page, and where its approval is posted."""
    action = ActionFactory(environment=people.environment)
    part = {"action": action.public_id}
    return {
        name: at(people.environment, f"approvals:{name}", **part) for name in ("detail", "approve")
    }


def posted(client: Client, places: dict[str, str], **headers: str) -> Any:
    return client.post(places["approve"], {"digest": "0" * 64}, headers=headers)


def test_a_decision_after_the_session_leads_the_whole_page_to_the_sign_in(
    places: dict[str, str],
) -> None:
    answer = posted(
        Client(), places, **HTMX, **{"HX-Current-URL": f"http://testserver{places['detail']}"}
    )
    assert (
        answer["HX-Redirect"]
        == f"{reverse('account_login')}?next={places['detail'].replace('/', '%2F')}"
    )
    assert text(answer) == ""
    plain = posted(Client(), places)
    assert plain["Location"] == f"{reverse('account_login')}?next={places['approve']}"


def test_a_page_of_elsewhere_is_not_where_a_sign_in_leads_back_to(places: dict[str, str]) -> None:
    answer = posted(Client(), places, **HTMX, **{"HX-Current-URL": "https://evil.example/x"})
    assert answer["HX-Redirect"] == f"{reverse('account_login')}?next=%2F"


def test_a_form_without_its_token_is_answered_by_a_page_of_ours(
    people: People, places: dict[str, str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.may)
    answer = posted(client, places)
    assert answer.status_code == 403
    assert "This page is out of date" in text(answer)
    assert "<style" not in text(answer)
    assert not Approval.objects.exists()


def test_for_htmx_an_error_stands_beside_the_action_instead_of_in_its_place(
    people: People, places: dict[str, str]
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.may)
    answer = posted(client, places, **HTMX)
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#messages", "innerHTML")
    assert "<html" not in text(answer)
    may_not = signed_in(people.may_not).post(at(people.environment, "approvals:bulk"), headers=HTMX)
    assert may_not.status_code == 403
    assert may_not["HX-Retarget"] == "#messages"


def test_no_browser_keeps_a_page_for_whoever_presses_back(
    people: People, places: dict[str, str]
) -> None:
    assert signed_in(people.may).get(places["detail"])["Cache-Control"] == "no-store"

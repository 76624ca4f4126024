"""The inbox by tab, order and typed filter; today's figures lead to what they count."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.requirement import Requirement
from approvals.services import approve
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory, ApprovalFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db
TWO = Requirement(reviewers=("role:reviewer",), quorum=2).as_dict()


@pytest.fixture
def people() -> People:
    return ready()


def listed(people: People, **query: str) -> list[str]:
    """The ids of the rows, in order."""
    page = signed_in(people.may).get(at(people.environment, "approvals:inbox"), query)
    assert page.status_code == 200
    return re.findall(r'id="row-(act_\w+)"', text(page))


def of(people: People, **fields: Any) -> Action:
    made: Action = ActionFactory(environment=people.environment, **fields)
    return made


def test_what_i_agreed_to_and_others_have_to_is_waiting_on_others(people: People) -> None:
    both = of(people, requirement=TWO)
    of(people, requirement=TWO)
    assert listed(people, tab="others") == []
    approve(action=both, by=people.principal(people.may), digest=both.digest)
    assert listed(people, tab="others") == [both.public_id]
    approve(action=both, by=people.principal(people.second), digest=both.digest)
    assert listed(people, tab="others") == []


def test_what_rests_before_it_starts_is_held(people: People) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    held = of(people, status="approved", approved_at=timezone.now(), due_at=soon)
    of(people, status="approved", approved_at=timezone.now(), due_at=timezone.now())
    ActionFactory(environment=people.elsewhere, status="approved", due_at=soon)
    assert listed(people, tab="held") == [held.public_id]


def test_rows_come_in_the_order_that_is_asked_for(people: People) -> None:
    now = timezone.now()
    first = of(people, risk="low", decide_by=now + timedelta(hours=1))
    second = of(people, risk="high", decide_by=now + timedelta(hours=3))
    third = of(people, risk="high", decide_by=now + timedelta(hours=2))
    ids = [action.public_id for action in (first, second, third)]
    assert listed(people) == [ids[2], ids[1], ids[0]]
    assert listed(people, sort="deadline") == [ids[0], ids[2], ids[1]]
    assert listed(people, sort="newest") == ids[::-1]
    assert listed(people, sort="oldest") == ids


def test_a_filter_may_be_typed_into_the_search(people: People) -> None:
    wanted = of(people, risk="high", effect="Refund 12 EUR")
    of(people, risk="low", effect="Refund 12 EUR")
    of(people, risk="high", effect="Send a mail")
    assert listed(people, q="risk:high refund") == [wanted.public_id]
    assert listed(people, q=f"tool:{wanted.tool_name} refund risk:high") == [wanted.public_id]
    assert listed(people, q="risk:tremendous") == []
    assert listed(people, q="customer:42") == []


def test_every_figure_of_today_leads_to_what_it_counts(people: People) -> None:
    yesterday = timezone.now() - timedelta(days=1, minutes=5)
    for status, votes in (("rejected", "reject"), ("succeeded", "approve"), ("failed", "approve")):
        ApprovalFactory(action=of(people, status=status), decision=votes)
    of(people, status="expired")
    of(people, status="denied", requirement=None)
    of(people, status="succeeded", requirement=None, approved_at=timezone.now())
    Action.objects.filter(pk=of(people, status="expired").pk).update(created_at=yesterday)
    browser = signed_in(people.may)
    page = text(browser.get(at(people.environment, "approvals:inbox")))
    tiles = page[page.index("cs-tiles") : page.index("</dl>", page.index("cs-tiles"))]
    found = re.findall(r'href="([^"]+)">(\d+)', tiles)
    assert [int(number) for _, number in found] == [3, 2, 1, 1, 1, 1]
    for address, number in found:
        shown = text(browser.get(unescape(address)))
        assert f"of {number}</span>" in shown, address

"""Invariant 3: nothing of an unverified request is stored, but a count without payload."""

from dataclasses import replace

import pytest

from tests.invariants.door import Delivery, deliver, signed, standard_source
from tests.invariants.stored import where_stored
from tests.people import ready
from webhooks.models import Event, Refusal, Source

pytestmark = pytest.mark.django_db(transaction=True)
MARK = "smuggled-7f3a"
NOT_GENUINE = (401, {"error": "invalid_signature"})


@pytest.fixture
def source() -> Source:
    return standard_source(ready().environment)


def forged(source: Source, **headers: str) -> Delivery:
    genuine = signed(source)
    marked = {"user-agent": MARK, "x-note": MARK, **headers}
    return replace(genuine, body=f'{{"note": "{MARK}"}}'.encode(), headers=genuine.headers | marked)


def test_forged_deliveries_leave_a_count_and_nothing_else(source: Source) -> None:
    wanted = [
        forged(source),
        forged(source, **{"webhook-id": MARK}),
        forged(source, **{"webhook-signature": f"v1,{MARK}"}),
        replace(forged(source), address=f"in_{MARK}"),
    ]
    answers = deliver(*wanted)
    assert [(answer.status, answer.body) for answer in answers] == [NOT_GENUINE] * 4
    assert not Event.objects.exists()
    assert sum(Refusal.objects.values_list("count", flat=True)) == 4
    assert where_stored(MARK) == []


def test_the_search_of_this_test_would_find_it(source: Source) -> None:
    deliver(signed(source, f'{{"note": "{MARK}"}}'.encode()))
    assert where_stored(MARK) == ["webhooks_event.body"]

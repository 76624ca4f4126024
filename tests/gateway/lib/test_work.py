"""How long a row waits before it is tried again, and from when on it is due."""

import pytest

from gateway.lib import work
from gateway.lib.work import backoff_s
from gateway.runs.models import Run
from tests.factories.runs import RunFactory


def test_wait_is_doubled_and_bounded():
    waits = [backoff_s(attempts, limit_s=600, chance=0) for attempts in range(1, 13)]

    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-2:] == [600, 600]
    assert backoff_s(0, chance=0) == 1
    assert backoff_s(100_000, chance=0) == 600


def test_chance_shortens_a_wait_so_that_those_who_failed_together_do_not_return_together():
    assert backoff_s(4, chance=0.999) < backoff_s(4, chance=0.5) < backoff_s(4, chance=0) == 8
    assert backoff_s(4, chance=0.999) > 6 > backoff_s(3, chance=0)
    assert len({backoff_s(10) for _ in range(20)}) > 1


@pytest.mark.django_db
def test_what_is_due_at_once_is_due_within_the_same_millisecond():
    run = RunFactory()
    for _ in range(50):
        Run.objects.filter(pk=run.pk).update(due_at=work.at_once(), lease_until=None)
        assert work.due(Run.objects.filter(pk=run.pk)).exists()

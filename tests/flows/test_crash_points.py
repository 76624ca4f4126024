"""T47: kill -9 at each of fourteen points between a webhook and its result's arrival.

Nothing accepted is lost, nothing runs that nobody allowed, nothing happens twice, and `unknown` is
exactly what a dead worker had sent to a service that must not be asked again.
"""

import random

import pytest

from gateway.lib.failpoints import Point
from tests.flows.crash import POINTS, passes, stage

pytestmark = pytest.mark.flow
SEED = 14
FEW = [Point.SENT]


def kill(
    capsys: pytest.CaptureFixture[str], points: list[Point], *, kills: int, count: int
) -> None:
    """So many deaths at each point, with so many events around each death."""
    with stage() as here:
        for point in points:
            lot = random.Random(f"{SEED} {point}")
            for _ in range(kills):
                first = len(here.accepted)
                numbers = range(first, first + count)
                here.die(point, passes(point, count, lot), numbers)
        here.look_again()
        with capsys.disabled():
            # T201: the figure of this run.
            print(f"\nT47 {', '.join(points)}: {here.account}")  # noqa: T201


@pytest.mark.long
def test_a_few_deaths_lose_and_repeat_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    kill(capsys, FEW, kills=1, count=20)


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_five_deaths_at_each_point(point: Point, capsys: pytest.CaptureFixture[str]) -> None:
    kill(capsys, [point], kills=5, count=200)


@pytest.mark.release
@pytest.mark.parametrize("point", POINTS)
def test_twenty_deaths_in_two_thousand_events_at_each_point(
    point: Point, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(capsys, [point], kills=20, count=100)


@pytest.mark.release
@pytest.mark.parametrize("point", POINTS)
def test_twenty_deaths_with_two_thousand_events_each(
    point: Point, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(capsys, [point], kills=20, count=2000)

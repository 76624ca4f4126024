"""The circuit's states, and whose word counts."""

from itertools import count
from random import Random

import pytest

from gateway.http import breaker
from gateway.http.breaker import Circuit, CircuitState, End
from gateway.http.limits import Limits

LIMITS = Limits()
START = 1000.0


def after(circuit: Circuit, *ends: End, now: float = START) -> Circuit:
    """The circuit after calls that were let in one after the other."""
    for end in ends:
        circuit = breaker.enter(circuit, LIMITS, now=now, lease_s=30)
        circuit = breaker.leave(
            circuit, LIMITS, epoch=circuit.epoch, end=end, now=now, error="timeout"
        )
    return circuit


OPENED = after(Circuit(), *[End.FAILED] * 5)
PROBED = breaker.enter(OPENED, LIMITS, now=START + 60, lease_s=30)


def state(circuit: Circuit, now: float) -> CircuitState:
    return breaker.state(circuit, LIMITS, now)


def test_five_failures_in_a_row_open_it_for_a_minute() -> None:
    assert state(after(Circuit(), *[End.FAILED] * 4), START) == CircuitState.CLOSED
    assert state(OPENED, START) == CircuitState.OPEN
    assert breaker.wait_s(OPENED, LIMITS, START + 15) == 45
    assert state(OPENED, START + 59.9) == CircuitState.OPEN
    assert state(OPENED, START + 60) == CircuitState.HALF_OPEN
    assert (OPENED.last_error, OPENED.since) == ("timeout", START)


def test_an_answer_between_them_begins_the_count_anew() -> None:
    four = [End.FAILED] * 4
    assert state(after(Circuit(), *four, End.ALIVE, *four), START) == CircuitState.CLOSED


def test_what_says_nothing_neither_counts_nor_clears() -> None:
    found = after(Circuit(), *[End.FAILED] * 4, End.SILENT, End.FAILED)
    assert state(found, START) == CircuitState.OPEN


def test_half_open_lets_one_probe_out() -> None:
    assert breaker.wait_s(OPENED, LIMITS, START + 60) == 0
    assert breaker.wait_s(PROBED, LIMITS, START + 60) == 30
    assert state(PROBED, START + 60) == CircuitState.HALF_OPEN


def test_a_probe_that_was_answered_closes_it() -> None:
    closed = breaker.leave(PROBED, LIMITS, epoch=PROBED.epoch, end=End.ALIVE, now=START + 61)
    assert state(closed, START + 61) == CircuitState.CLOSED
    assert (closed.failures, closed.since) == (0, START + 61)


def test_a_probe_that_fails_opens_it_for_another_minute() -> None:
    again = breaker.leave(PROBED, LIMITS, epoch=PROBED.epoch, end=End.FAILED, now=START + 61)
    assert state(again, START + 120) == CircuitState.OPEN
    assert state(again, START + 121) == CircuitState.HALF_OPEN
    assert again.since == START


def test_a_probe_whose_process_died_is_forgotten_after_its_lease() -> None:
    assert breaker.wait_s(PROBED, LIMITS, START + 89) == pytest.approx(1)
    assert breaker.wait_s(PROBED, LIMITS, START + 90) == 0
    second = breaker.enter(PROBED, LIMITS, now=START + 90, lease_s=30)
    # The first one comes back after all: it tells of a time that is over.
    assert (
        breaker.leave(second, LIMITS, epoch=PROBED.epoch, end=End.ALIVE, now=START + 91) == second
    )


def test_a_probe_that_said_nothing_makes_room_for_the_next() -> None:
    freed = breaker.leave(PROBED, LIMITS, epoch=PROBED.epoch, end=End.SILENT, now=START + 61)
    assert breaker.wait_s(freed, LIMITS, START + 61) == 0


def test_calls_let_in_before_it_opened_neither_close_nor_prolong_it() -> None:
    early = Circuit().epoch
    for end in (End.ALIVE, End.FAILED):
        late = breaker.leave(OPENED, LIMITS, epoch=early, end=end, now=START + 30)
        assert state(late, START + 60) == CircuitState.HALF_OPEN
        assert late.opened_at == OPENED.opened_at


def test_a_clock_that_was_set_back_does_not_keep_it_open_for_longer() -> None:
    assert breaker.wait_s(OPENED, LIMITS, START - 10_000) == 60


def test_it_agrees_with_a_plain_model_in_any_order_of_events() -> None:
    """Four callers at random: sent while open is never, two probes at once are never."""
    chance, circuit, now, under_way = Random(11), Circuit(), START, []
    probes = 0
    for _ in count():
        now += chance.random() * 20
        if under_way and chance.random() < 0.5:
            epoch, was_probe = under_way.pop(chance.randrange(len(under_way)))
            end = chance.choice([End.FAILED, End.FAILED, End.ALIVE, End.SILENT])
            circuit = breaker.leave(circuit, LIMITS, epoch=epoch, end=end, now=now, error="x")
            probes -= was_probe
        elif len(under_way) < 4 and breaker.wait_s(circuit, LIMITS, now) == 0:
            found = state(circuit, now)
            assert found != CircuitState.OPEN
            was_probe = found == CircuitState.HALF_OPEN
            circuit = breaker.enter(circuit, LIMITS, now=now, lease_s=1e9)
            probes += was_probe
            under_way.append((circuit.epoch, was_probe))
            assert probes <= 1
        if circuit.epoch > 200:
            break


@pytest.mark.parametrize(
    ("status", "reason", "end"),
    [
        (200, "", End.ALIVE),
        (302, "", End.ALIVE),
        (401, "", End.ALIVE),
        (404, "", End.ALIVE),
        (429, "", End.ALIVE),
        (500, "", End.FAILED),
        (503, "", End.FAILED),
        (599, "", End.FAILED),
        (None, "timeout", End.FAILED),
        (200, "timeout", End.FAILED),
        (None, "network", End.FAILED),
        (None, "connect", End.FAILED),
        (None, "name_unresolved", End.FAILED),
        (None, "address_refused", End.SILENT),
        (None, "bad_request", End.SILENT),
    ],
)
def test_only_a_missing_answer_and_5xx_count_as_failures(
    status: int | None, reason: str, end: End
) -> None:
    assert breaker.end_of(status=status, reason=reason) == end

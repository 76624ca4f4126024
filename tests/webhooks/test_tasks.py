"""Few threads drain at the same time, and a bell that finds no place is not lost."""

from webhooks.tasks import Drains


def rung(monkeypatch) -> list[str]:
    bells: list[str] = []
    monkeypatch.setattr("webhooks.tasks.ring", bells.append)
    return bells


def filled() -> Drains:
    """All places taken."""
    drains = Drains()
    while drains.enter():
        pass
    drains.is_rung.clear()
    return drains


def test_a_bell_that_finds_no_place_is_rung_again_by_who_leaves(monkeypatch):
    bells, drains = rung(monkeypatch), filled()

    assert not drains.enter()
    drains.leave()

    assert bells == ["process_events"]
    assert drains.enter()


def test_who_leaves_rings_nothing_when_nobody_came(monkeypatch):
    bells, drains = rung(monkeypatch), filled()

    drains.leave()

    assert bells == []

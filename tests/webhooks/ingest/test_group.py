"""Batches, failures and the bound of the pending list, with a store that a test controls."""

import asyncio

import pytest

from webhooks.ingest import group as grouping
from webhooks.ingest.arrival import Arrival, Outcome
from webhooks.ingest.group import SECOND_BYTES, Group


class Store:
    """Commits what it is given once `open` is set; refuses ids in `bad`, fails while `is_down`."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.begun: list[list[str]] = []
        self.batches: list[list[str]] = []
        self.bad: set[str] = set()
        self.is_down = False

    async def commit(self, batch: list[Arrival]) -> None:
        self.begun.append([a.event_id for a in batch])
        await self.open.wait()
        self.batches.append([a.event_id for a in batch])
        if self.is_down:
            raise type("OperationalError", (Exception,), {})("down")
        if self.bad & {a.event_id for a in batch}:
            raise ValueError("a row is at fault")
        for a in batch:
            a.outcome = Outcome.ACCEPTED


class Bell:
    rung = 0

    def ring(self) -> None:
        self.rung += 1


class Entry:
    source_hex = "0"


def arrivals(*names: str) -> list[Arrival]:
    blank = dict.fromkeys(Arrival.__dataclass_fields__)
    return [
        Arrival(**(blank | {"entry": Entry(), "event_id": name, "body": b"{}"})) for name in names
    ]


def settled(group: Group, batch: list[Arrival]) -> list[Outcome | None]:
    async def run() -> None:
        await asyncio.gather(*(group.store_one(a) for a in batch))

    asyncio.get_event_loop().run_until_complete(run())
    return [a.outcome for a in batch]


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()


@pytest.fixture
def group(loop) -> Group:
    made = Group(Store(), Bell())
    made.store.open.set()
    return made


def test_what_arrives_in_one_turn_is_one_sorted_batch_and_one_bell(group):
    assert settled(group, arrivals("c", "a", "b")) == [Outcome.ACCEPTED] * 3
    assert group.store.batches == [["a", "b", "c"]]
    assert group.bell.rung == 1


@pytest.mark.parametrize(
    ("body_bytes", "begun"),
    [
        (SECOND_BYTES // 5, [["a"]]),
        (SECOND_BYTES // 2, [["a"], ["b", "c"]]),
    ],
)
def test_a_second_batch_is_under_way_once_it_is_worth_it_and_never_a_third(
    loop, group, body_bytes, begun
):
    group.store.open.clear()
    late = arrivals("a", "b", "c", "d", "e")
    for arrival in late[1:]:
        arrival.body = bytes(body_bytes)

    async def run() -> None:
        tasks = []
        for some in (late[:1], late[1:3], late[3:]):
            tasks += [asyncio.ensure_future(group.store_one(a)) for a in some]
            for _ in range(5):
                await asyncio.sleep(0)
        assert group.store.begun == begun
        group.store.open.set()
        await asyncio.gather(*tasks)

    loop.run_until_complete(run())
    assert [a.outcome for a in late] == [Outcome.ACCEPTED] * 5
    assert sorted(sum(group.store.batches, [])) == list("abcde")


def test_what_arrives_during_a_commit_goes_into_the_next(group, loop):
    group.store.open.clear()

    async def run() -> None:
        first = asyncio.ensure_future(group.store_one(arrivals("a")[0]))
        while group.pending or not group.under_way:
            await asyncio.sleep(0)
        rest = [asyncio.ensure_future(group.store_one(a)) for a in arrivals("b", "c")]
        await asyncio.sleep(0)
        group.store.open.set()
        await asyncio.gather(first, *rest)

    loop.run_until_complete(run())
    assert group.store.batches == [["a"], ["b", "c"]]


def test_batches_are_bounded(group, monkeypatch):
    monkeypatch.setattr(grouping, "MAX_ROWS", 2)

    settled(group, arrivals("a", "b", "c", "d", "e"))
    assert [len(batch) for batch in group.store.batches] == [2, 2, 1]


def test_batches_are_bounded_by_what_they_carry(group, monkeypatch):
    monkeypatch.setattr(grouping, "MAX_BATCH_BYTES", 5)
    several = arrivals("a", "b", "c", "d")
    several[1].body = b"x" * 100

    settled(group, several)
    assert group.store.batches == [["a"], ["b"], ["c", "d"]]


def test_database_that_is_down_leaves_everything_unstored_and_rings_nothing(group):
    group.store.is_down = True

    assert settled(group, arrivals("a", "b")) == [None, None]
    assert group.store.batches == [["a", "b"]]
    assert group.bell.rung == 0


def test_one_bad_row_does_not_cost_the_others(group):
    group.store.bad = {"b"}

    assert settled(group, arrivals("a", "b", "c")) == [Outcome.ACCEPTED, None, Outcome.ACCEPTED]


def test_sender_that_went_away_disturbs_nobody(group, loop):
    group.store.open.clear()

    async def run() -> Arrival:
        gone, stays = arrivals("a", "b")
        leaving = asyncio.ensure_future(group.store_one(gone))
        staying = asyncio.ensure_future(group.store_one(stays))
        await asyncio.sleep(0)
        leaving.cancel()
        group.store.open.set()
        await staying
        return stays

    assert loop.run_until_complete(run()).outcome is Outcome.ACCEPTED


def test_list_is_full_at_its_bound(group, monkeypatch):
    monkeypatch.setattr(grouping, "MAX_PENDING", 2)

    assert not group.is_full
    group.pending = arrivals("a", "b")
    assert group.is_full

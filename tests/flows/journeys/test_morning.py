"""A reviewer's morning by keyboard alone: what was pressed is what became of each action."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.models import Action, Approval, Comment, Snooze
from approvals.states import ActionStatus
from tests.flows.journeys.desk import SIZES, Desk
from tests.flows.journeys.shop import Shop
from tests.invariants.scene import fakes, run_out, sweep_until

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip
REASON = "Take the other account"
EDITED = "1.00 EUR"
QUESTION = "Which customer is this for?"


@dataclass
class Morning:
    """What was seen and pressed, by action."""

    desk: Desk
    pressed: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    next_one: str = ""

    def begin(self) -> None:
        """Open the inbox and its first action."""
        self.desk.open("inbox/")
        self.left = self._listed()
        self.next_one = self.left[0]
        self.desk.press("j")
        self._open()

    def _listed(self) -> list[str]:
        links = self.desk.page.locator(".cs-row-link")
        ids = links.evaluate_all("all => all.map(one => one.id)")
        return [str(one).removeprefix("row-") for one in ids]

    def _open(self) -> None:
        """Open the row in focus, by its key."""
        at = self.next_one if self.desk.has_pane else self.left[0]
        expect(self.desk.page.locator(f"#row-{at}")).to_be_focused()
        self.desk.press("o")
        expect(self.desk.card).to_have_attribute("data-action", at)

    def on(self) -> None:
        """To the next action; the decision has moved the focus to it already."""
        if not self.desk.has_pane:
            self.desk.press("g", "i")
            self.desk.page.wait_for_url("**/inbox/")
            if not self.left:
                return
            self.desk.press("j")
        if self.left:
            self._open()

    def decide(self, verb: str) -> None:
        """One action by this verb, with what the desk says of it and where the focus goes."""
        action = self.desk.shown
        self.digests[action] = self.desk.digest
        VERBS[verb](self)
        self.pressed[action] = verb
        place = self.left.index(action)
        self.left.remove(action)
        # The next row of the list; after its last one the one before.
        self.next_one = self.left[min(place, len(self.left) - 1)] if self.left else ""
        self._expect_focus()

    def _expect_focus(self) -> None:
        page = self.desk.page
        if not self.desk.has_pane:
            expect(page.locator("#action .cs-title")).to_be_focused()
            expect(page.locator("#action .cs-title")).to_be_in_viewport()
        elif self.next_one:
            expect(page.locator(f"#row-{self.next_one}")).to_be_focused()
        else:
            expect(page.locator("#inbox")).to_be_focused()

    def approve(self) -> None:
        """A opens the question; nothing is approved by one key more."""
        desk = self.desk
        self.digests[desk.shown] = desk.digest
        desk.press("a")
        question = desk.dialog("approve")
        expect(question).to_contain_text(desk.digest[:12])
        assert desk.focus == "Back"
        desk.press("Tab", "Enter")
        desk.expect_said(f"Approved: {self._effect}")

    def reject(self) -> None:
        """R asks for the reason: the first of the usual ones, and a text."""
        self.desk.press("r")
        self.desk.dialog("reject")
        self.desk.press("Space", "Tab")
        self.desk.write(REASON)
        self.desk.press("Tab", "Tab", "Enter")
        self.desk.expect_said(f"Rejected: {self._effect}")

    def edit(self) -> None:
        """E, other arguments, and then the new version is approved."""
        desk, before = self.desk, self.desk.digest
        desk.press("e")
        arguments = json.loads(desk.dialog("edit").locator("textarea").input_value())
        desk.press("Control+a")
        desk.write(json.dumps({**arguments, "what": EDITED}))
        desk.press("Tab")
        desk.write("Only the postage")
        desk.press("Enter")
        desk.expect_said("Edited, not approved yet")
        expect(desk.card.locator(".cs-title")).to_contain_text(EDITED)
        assert desk.digest != before
        self._expect_to_stay()
        self.approve()

    def snooze(self) -> None:
        """S, and the first of the usual times."""
        self.desk.press("s")
        self.desk.dialog("snooze")
        self.desk.press("Space", "Enter")
        self.desk.expect_said(f"Snoozed: {self._effect}")

    def ask(self) -> None:
        """C, a question to the agent; it is approved afterwards all the same."""
        desk = self.desk
        desk.press("c")
        desk.dialog("comment")
        desk.write(QUESTION)
        desk.press("Tab", "Tab", "Tab", "Enter")
        desk.expect_said(f"Asked the agent about: {self._effect}")
        expect(desk.card.locator(".cs-thread")).to_contain_text(QUESTION)
        self._expect_to_stay()
        self.approve()

    def undo(self) -> None:
        """Approved, taken back with U within the hold, looked at again and approved."""
        desk, action = self.desk, self.desk.shown
        self.approve()
        desk.press("u")
        desk.expect_said(f"Approval undone: {self._effect}")
        expect(desk.card).to_contain_text("Pending")
        assert desk.shown == action
        assert desk.digest != self.digests[action]
        self._expect_to_stay()
        if desk.has_pane:
            # It comes back where its time to decide, which begins again, puts it.
            self.left = self._listed()
        self.approve()

    @property
    def _effect(self) -> str:
        """The sentence of the action that is shown."""
        return self.desk.card.locator(".cs-title").inner_text()

    def _expect_to_stay(self) -> None:
        """What can still be decided keeps the focus."""
        place = f"#row-{self.desk.shown}" if self.desk.has_pane else "#action .cs-title"
        expect(self.desk.page.locator(place)).to_be_focused()


VERBS: dict[str, Callable[[Morning], None]] = {
    "approve": Morning.approve, "reject": Morning.reject, "edit": Morning.edit,
    "snooze": Morning.snooze, "ask": Morning.ask, "undo": Morning.undo,
}  # fmt: skip
RAN = {"approve", "edit", "ask", "undo"}


def asked(here: Shop, count: int) -> tuple[list[Action], list[Action]]:
    """So many actions of every risk: those that ran by themselves, and those that wait."""
    tools = cycle(("look", "tag_order", "refund", "transfer", "tag_order", "refund"))
    made = [here.ask(tool, order=1000 + n) for n, tool in zip(range(count), tools, strict=False)]
    waiting = [one for one in made if one.status == ActionStatus.PENDING]
    return [one for one in made if one not in waiting], waiting


def walk(here: Shop, desk: Desk, *, verbs: tuple[str, ...], waiting: list[Action]) -> Morning:
    """The whole inbox, action by action."""
    desk.refuse_pointers()
    morning = Morning(desk)
    morning.begin()
    assert set(morning.left) == {one.public_id for one in waiting}
    for verb in cycle(verbs):
        if not morning.left:
            break
        morning.decide(verb)
        morning.on()
    return morning


def check(morning: Morning, *, allowed: list[Action], settle: Any) -> None:
    """Each has the outcome that was pressed, by a vote on the digest that was shown."""
    with fakes() as (connector, _):
        settle()
        assert {call.arguments["note"] for call in connector.calls} == {
            json.loads(one.arguments)["note"] for one in allowed
        }
        run_out(Action.objects.filter(status=ActionStatus.APPROVED), "due_at")
        sweep_until(lambda: not Action.objects.filter(status=ActionStatus.APPROVED).exists())
        done = {key for key, verb in morning.pressed.items() if verb in RAN}
        assert len(connector.effects) == len(done) + len(allowed)
    for action in Action.objects.exclude(pk__in=[one.pk for one in allowed]):
        _check_one(morning, action)


def _check_one(morning: Morning, action: Action) -> None:
    verb, shown = morning.pressed[action.public_id], morning.digests[action.public_id]
    votes = list(Approval.objects.filter(action=action, void_at=None))
    assert [vote.digest for vote in votes] == ([] if verb == "snooze" else [shown]), verb
    assert action.status == {
        "reject": ActionStatus.REJECTED, "snooze": ActionStatus.PENDING
    }.get(verb, ActionStatus.SUCCEEDED), verb  # fmt: skip
    assert (verb == "reject") == action.reason.endswith(REASON)
    assert (verb == "edit") == (json.loads(action.arguments)["what"] == EDITED)
    assert (verb == "snooze") == Snooze.objects.filter(action=action).exists()
    assert (verb == "ask") == Comment.objects.filter(action=action, text=QUESTION).exists()
    assert (action.version == 2) == (verb in {"edit", "undo"})


@pytest.mark.parametrize("size", SIZES, indirect=True)
def test_a_short_morning_by_keyboard_alone(
    here: Shop, open_desk: Callable[..., Desk], settle: Any
) -> None:
    allowed, waiting = asked(here, 7)
    desk = open_desk(here.people.may)
    verbs = ("approve", "reject", "edit", "snooze", "ask", "undo")
    morning = walk(here, desk, verbs=verbs, waiting=waiting)
    check(morning, allowed=allowed, settle=settle)


@pytest.mark.long
def test_a_morning_of_thirty_mixed_actions_by_keyboard_alone(
    here: Shop, open_desk: Callable[..., Desk], settle: Any
) -> None:
    allowed, waiting = asked(here, 30)
    assert {one.risk for one in waiting} == {"low", "medium", "high"}
    desk = open_desk(here.people.may)
    verbs = ("approve", "reject", "approve", "undo", "approve", "ask", "reject", "snooze", "edit")
    morning = walk(here, desk, verbs=verbs, waiting=waiting)
    assert len(morning.pressed) + len(allowed) == 30
    check(morning, allowed=allowed, settle=settle)


@pytest.mark.long
def test_the_other_keys_of_an_action(here: Shop, open_desk: Callable[..., Desk]) -> None:
    here.ask("refund", order=1)
    here.ask("refund", order=2)
    desk = open_desk(here.people.may)
    desk.refuse_pointers()
    morning = Morning(desk)
    morning.begin()
    page = desk.page

    split = page.locator("#diff-split")
    desk.press("d")
    expect(split).to_be_visible()
    desk.press("d")
    expect(split).to_be_hidden()

    selected = page.locator("[role=tab][aria-selected=true]")
    desk.press("]")
    expect(selected).to_have_attribute("id", "t-policy")
    desk.press("[")
    expect(selected).to_have_attribute("id", "t-changes")

    desk.press("?")
    expect(desk.dialog("keys")).to_contain_text("next and previous action")
    desk.press("j", "a")
    assert desk.page.locator("dialog[open]").count() == 1
    desk.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.long
def test_the_keys_of_the_list(here: Shop, open_desk: Callable[..., Desk]) -> None:
    first, second = here.ask("refund", order=1), here.ask("tag_order", order=2)
    desk = open_desk(here.people.may)
    desk.refuse_pointers()
    page = desk.page
    desk.open("inbox/")
    desk.press("j", "j")
    expect(page.locator(f"#row-{second.public_id}")).to_be_focused()
    desk.press("k")
    expect(page.locator(f"#row-{first.public_id}")).to_be_focused()

    desk.press("x")
    desk.expect_said("1 ticked")
    desk.press("j", "Shift+X")
    desk.expect_said("2 ticked")

    desk.press("/")
    expect(page.locator(".cs-filters input[name=q]")).to_be_focused()
    desk.write("ORD-2")
    desk.press("Enter")
    page.wait_for_url("**q=ORD-2**")
    expect(page.locator(".cs-row-link")).to_have_count(1)

    for key, place in zip("arteipd", PLACES, strict=True):
        desk.press("g", key)
        page.wait_for_url(f"**/{place}/**")


PLACES = ("actions", "runs", "tools", "events", "inbox", "policies", "dashboard")

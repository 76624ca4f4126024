"""Every number that counts something leads to what it counts."""

import re
from html.parser import HTMLParser

import pytest

from tests.desk import signed_in, text
from tests.invariants.doors import desk_addresses, rows_of
from tests.people import People, ready

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NUMBER = re.compile(r"[1-9][\d,.\s]*")
VOID = {"input", "br", "hr", "img", "meta", "link", "use", "circle", "rect", "path", "col"}
# In these a number is pressed, belongs to what is pressed, or is no count.
PRESSED = {
    "a", "button", "summary", "label", "option", "textarea", "script", "title", "code", "time",
    "kbd",
}  # fmt: skip
# Pieces that a page puts into a link of its own.
PIECES = {"approvals:inbox_count", "board:attention_count"}
# What is no count: the four blocks of the card, versions, places in a list, limits.
NO_COUNTS = {
    "span in h2", "dd in dl.cs-kv cs-small", "span.n in li.cs-rule", "td.cs-num cs-muted in tr",
}  # fmt: skip


class Numbers(HTMLParser):
    """The numbers of a page that nobody can press, each with the two elements around it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            kind = "a" if named.get("role") == "tab" else tag
            self.open.append((kind, f"{tag}.{named.get('class', '')}".rstrip(".")))

    def handle_endtag(self, tag: str) -> None:
        if any(what.split(".")[0] == tag for _, what in self.open):
            while self.open.pop()[1].split(".")[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if NUMBER.fullmatch(data.strip()) and not any(kind in PRESSED for kind, _ in self.open):
            around = [what for _, what in self.open[:-3:-1]]
            self.found[" in ".join(around)] = data.strip()


def unpressed(html: str) -> dict[str, str]:
    page = Numbers()
    page.feed(html)
    return page.found


@pytest.fixture
def people() -> People:
    return ready()


def test_every_number_of_the_desk_can_be_pressed(people: People) -> None:
    browser = signed_in(people.admin)
    found, seen = {}, 0
    for name, address in desk_addresses(people.environment, rows_of(people.environment)).items():
        answer = browser.get(address)
        is_page = answer.status_code == 200 and "html" in answer.get("Content-Type", "")
        if not is_page or name in PIECES:
            continue
        seen += 1
        if left := {where: one for where, one in unpressed(text(answer)).items()
                    if where not in NO_COUNTS}:  # fmt: skip
            found[name] = left
    assert seen > 40
    assert found == {}


def test_a_number_that_leads_nowhere_would_be_found() -> None:
    html = '<ul><li class="x"><svg><use></use></svg><span class="cs-count">3</span></li></ul>'
    assert unpressed(html) == {"span.cs-count in li.x": "3"}
    assert (
        unpressed(html.replace("<span", "<a href='?'><span").replace("</span>", "</span></a>"))
        == {}
    )

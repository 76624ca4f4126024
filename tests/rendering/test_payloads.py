"""What a reviewer sees is what is stored, and nothing of it acts: T21, T23, T24, T26."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from approvals.models import Action
from audit.canonical import canonical
from gateway.desk.payload import original
from tests.desk import at
from tests.factories.approvals import ActionFactory
from tests.people import People
from tests.rendering import corpus
from tests.rendering.conftest import Reader

pytestmark = [pytest.mark.browser, pytest.mark.once]
BATCH = 25
# Of the batches of the whole corpus, every so many is enough for every day.
SAMPLE_STEP = 20
USABLE_S = 2.0
KIB = 1024
READABLE = 64 * KIB


def batches(texts: Sequence[str], *, size: int = BATCH) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def action_sending(people: People, body: str, **more: Any) -> Action:
    """A waiting action whose request has exactly this body."""
    request = {
        "kind": "http", "method": "POST", "url": "https://shop.example/notes", "headers": {},
        "body": body,
    }  # fmt: skip
    fields = {"rendered": canonical(request).decode()} | more
    return ActionFactory(environment=people.environment, **fields)


def page_of(people: People, action: Action) -> str:
    return at(people.environment, "approvals:detail", action=action.public_id)


def seen(reader: Reader, people: People, body: str, **more: Any) -> str:
    """The body as the page shows it, decoded; the page must be whole and harmless."""
    action = action_sending(people, body, **more)
    answer = reader.open(page_of(people, action))
    assert answer.status == 200
    layout, text = reader.payload()
    assert reader.page.locator("[data-key=a]").is_visible()
    assert reader.harm() == []
    return original(text) if layout == "json" else text


def many_seen(reader: Reader, people: People, chosen: list[Sequence[str]]) -> list[str]:
    """The batches that the page shows otherwise than they are stored."""
    wrong = []
    for batch in chosen:
        body = canonical(list(batch)).decode()
        everywhere = "\n".join(batch)
        shown = seen(
            reader, people, body, effect=everywhere, agent_reason=everywhere,
            target=[f"customer:{text}" for text in batch], after={"texts": list(batch)},
        )  # fmt: skip
        wrong += [body] if shown != body else []
    return wrong


def test_what_an_html_parser_changes_is_shown_as_it_is(reader: Reader, people: People) -> None:
    wrong = [text for text in corpus.RAW if seen(reader, people, text) != text]
    assert wrong == []


def test_hostile_texts_are_shown_as_they_are_and_do_nothing(reader: Reader, people: People) -> None:
    chosen = list(batches(corpus.everything()))[::SAMPLE_STEP]
    assert many_seen(reader, people, chosen) == []


@pytest.mark.long
def test_every_hostile_text_is_shown_as_it_is_and_does_nothing(
    reader: Reader, people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = corpus.everything()
    wrong = many_seen(reader, people, list(batches(texts, size=100)))
    with capsys.disabled():
        line = f"T21: {len(texts)} texts, {len(wrong)} shown otherwise than stored, 0 acted"
        print(f"\n{line}", end="")  # noqa: T201 - the figure of docs/assurance.md
    assert wrong == []


def test_a_page_that_changes_or_runs_something_would_be_found(
    reader: Reader, people: People
) -> None:
    reader.open(page_of(people, action_sending(people, '{"a":1}')))
    reader.page.evaluate("document.querySelector('[data-layout] span').remove()")
    assert original(reader.payload()[1]) != '{"a":1}'
    reader.page.evaluate("alert(1)")
    assert any("RAN alert" in line for line in reader.harm())
    reader.page.evaluate("fetch('/evil').catch(() => 0)")
    assert any("/evil" in line for line in reader.harm())


def test_no_attribute_of_a_payload_makes_htmx_ask(reader: Reader, people: People) -> None:
    texts = corpus.attributes()
    assert many_seen(reader, people, list(batches(texts, size=100))) == []
    assert reader.page.locator("[hx-get*=evil], [data-hx-get*=evil]").count() == 0


def test_every_invisible_code_point_within_a_word_has_a_chip(
    reader: Reader, people: People
) -> None:
    points = corpus.invisible()
    assert len(points) >= 400
    action = action_sending(people, "\n".join(p.join(corpus.WORD) for p in points if p != "\n"))
    reader.open(page_of(people, action))
    chips = reader.page.locator("[data-layout] .cs-uni").evaluate_all(
        "all => all.map(one => [one.dataset.char, one.offsetWidth, one.offsetHeight])"
    )
    assert [mark for mark, _, _ in chips] == [f"U+{ord(p):04X}" for p in points]
    assert all(width >= 20 and height >= 10 for _, width, height in chips)


# Without number and mark of its line only the text itself can look otherwise.
BARE_LINES = """() => {
  const sheet = [...document.styleSheets].at(-1);
  for (const rule of [
    ".cs-pre > span::before { content: none !important; }",
    ".cs-pre > .hit { background: none !important; box-shadow: none !important; }",
  ]) sheet.insertRule(rule, sheet.cssRules.length);
}"""


@pytest.mark.long
def test_no_word_with_an_invisible_code_point_looks_like_the_word(
    reader: Reader, people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [point for point in corpus.invisible() if point != "\n"]
    plain = "".join(corpus.WORD)
    words = [plain, *(point.join(corpus.WORD) for point in points), plain]
    reader.open(page_of(people, action_sending(people, "\n".join(words))))
    reader.hold_still()
    reader.page.evaluate(BARE_LINES)
    pictures = [line.screenshot() for line in reader.page.locator("[data-layout] > span").all()]
    same = [
        f"U+{ord(point):04X}"
        for point, picture in zip(points, pictures[1:-1], strict=True)
        if picture == pictures[0]
    ]
    with capsys.disabled():
        line = f"T23: {len(points)} pictures of a word, {len(same)} like the plain word's"
        print(f"\n{line}", end="")  # noqa: T201 - the figure of docs/assurance.md
    # The same word twice is the same picture, so a difference is one of the text.
    assert pictures[-1] == pictures[0]
    assert same == []


SIZES = {
    "64 KiB": {"text": "x" * (64 * KIB - 20)},
    "10,000 keys": {f"k{number}": number for number in range(10_000)},
    "250 KiB": {"text": "word " * (50 * KIB)},
}


def nested(depth: int) -> Any:
    """An object within an object, so many times."""
    value: Any = 1
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.long
@pytest.mark.parametrize("name", [*SIZES, "depth 64"])
def test_a_large_payload_is_shown_whole_and_soon(
    reader: Reader, people: People, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    value = SIZES.get(name) or nested(64)
    body = canonical(value).decode()
    action = action_sending(people, body, with_arguments=value)
    reader.open("/accounts/login/")
    begun = time.monotonic()
    reader.open(page_of(people, action))
    reader.page.locator("[data-key=r]").wait_for()
    taken = time.monotonic() - begun
    with capsys.disabled():
        line = f"T24: {name}, {len(body)} bytes: usable in {taken:.1f} s"
        print(f"\n{line}", end="")  # noqa: T201 - the figure of docs/assurance.md
    assert original(reader.payload()[1]) == body
    # What is longer than anybody reads is shown whole, too, but only to be rejected.
    is_readable = len(body) <= READABLE
    assert reader.page.locator("[data-key=a]").count() == is_readable
    assert taken <= USABLE_S or not is_readable

"""Hostile texts on the other pages, in the explorer, in files and in streams: T22.

They stay inert and visible, and move nothing: each box of a page is where a harmless text has it.
"""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from approvals.models import Action
from gateway.lib.html import FORMULA_STARTS
from gateway.runs.api import as_sse
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.runs import RunEventFactory, RunFactory
from tests.flows.pages import too_wide
from tests.people import People
from tests.rendering import corpus
from tests.rendering.conftest import Reader
from tests.rendering.standing import addresses_of, rows_holding
from tests.rendering.test_payloads import batches

pytestmark = [pytest.mark.browser, pytest.mark.once]
SAMPLE = 150
CHUNK = 150
HARMLESS = "a text like any other, of nine or ten words"
# What a page's frame is made of: whatever a text does, these stay where they are.
FRAME = (
    ".cs-side", ".cs-top", "#main", ".cs-detail-in", ".cs-card", ".cs-block", ".cs-bar",
    "#header", "#content-main", "#changelist", "#footer",
)  # fmt: skip
BOXES = """names => Object.fromEntries(names.flatMap(name =>
  [...document.querySelectorAll(name)].slice(0, 4).map((one, at) => {
    const box = one.getBoundingClientRect();
    return [name + at, [Math.round(box.left), Math.round(box.width)]];
  })))"""
# Whoever writes has to see what is there: fields hold texts as they are.
BARE = """hidden => {
  const found = new Set(), seen = new Set(hidden);
  const look = text => { for (const one of text ?? "") if (seen.has(one)) found.add(one); };
  for (const one of document.querySelectorAll("*")) {
    if (one.closest("textarea, script")) continue;
    for (const { name, value } of one.attributes) if (name !== "value") look(value);
    for (const node of one.childNodes) if (node.nodeType === Node.TEXT_NODE) look(node.data);
  }
  return [...found].map(one => "U+" + one.codePointAt(0).toString(16));
}"""
# The button must be what a click at its middle reaches: no text lies over it.
COVERED = """() => [...document.querySelectorAll(".cs-bar a, .cs-bar button")].flatMap(one => {
  const box = one.getBoundingClientRect();
  if (!box.width) return [];
  const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  if (hit && one.contains(hit)) return [];
  return [`${innerWidth} px: ${one.textContent.trim()} under ${hit?.outerHTML.slice(0, 100)}`];
})"""
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
BLANKS = {"\u00a0", "\n", "\t", " "}
HIDDEN = [point for point in corpus.invisible() if point not in BLANKS]


def boxes_of(reader: Reader, people: People, shown: str) -> dict[str, dict[str, list[int]]]:
    """Where the frame of every page with this text is; each must be whole and harmless."""
    found, wrong = {}, {}
    for name, address in addresses_of(people, rows_holding(people, shown)).items():
        answer = reader.open(address)
        assert answer.status == 200, name
        reader.hold_still()
        faults = [*reader.harm(), *too_wide(reader.page, widths=(1440, 390))]
        # As wide as before again, which takes the browser a frame or two.
        reader.page.evaluate(FRAMES)
        faults += [*reader.page.evaluate(BARE, HIDDEN), *reader.page.evaluate(COVERED)]
        if faults:
            wrong[name] = faults
        found[name] = reader.page.evaluate(BOXES, list(FRAME))
    assert wrong == {}
    return found


def moved(reader: Reader, people: People, chosen: Sequence[str]) -> list[str]:
    """The pages whose frame these texts move, all in one and one under the other."""
    still = boxes_of(reader, people, HARMLESS)
    found = boxes_of(reader, people, "\n".join(chosen))
    return [name for name in still if found[name] != still[name]]


@pytest.mark.long
def test_the_other_pages_show_a_sample_inert_visible_and_in_its_place(
    admin: Reader, people: People
) -> None:
    sample = [*corpus.RAW, *corpus.everything()[::SAMPLE]]
    assert moved(admin, people, sample) == []


@pytest.mark.long
def test_the_other_pages_show_every_text_inert_visible_and_in_its_place(
    admin: Reader, people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    texts, pages = corpus.everything(), 0
    still = boxes_of(admin, people, HARMLESS)
    for chosen in batches(texts, size=CHUNK):
        found = boxes_of(admin, people, "\n".join(chosen))
        assert found == still
        pages += len(found)
    with capsys.disabled():
        line = f"T22: {len(texts)} texts on {len(still)} pages each, {pages} visits: 0 active"
        print(f"\n{line}", end="")  # noqa: T201 - the figure of docs/assurance.md


def test_a_page_that_lets_a_text_move_hide_or_cover_would_be_found(
    reader: Reader, people: People
) -> None:
    action = ActionFactory(environment=people.environment)
    reader.open(at(people.environment, "approvals:detail", action=action.public_id))
    before = reader.page.evaluate(BOXES, list(FRAME))
    assert reader.page.evaluate(BARE, HIDDEN) == reader.page.evaluate(COVERED) == []
    reader.page.evaluate(
        """() => {
          document.querySelector(".cs-effect").append("\\u202e");
          document.querySelector(".cs-side").style.width = "400px";
          const veil = document.body.appendChild(document.createElement("p"));
          Object.assign(veil.style, { position: "fixed", inset: 0, zIndex: 99 });
        }"""
    )
    assert reader.page.evaluate(BOXES, list(FRAME)) != before
    assert reader.page.evaluate(BARE, HIDDEN) == ["U+202e"]
    assert reader.page.evaluate(COVERED)


def listed(people: People, texts: Sequence[str]) -> None:
    """An action for each of these texts, made at once."""
    like = ActionFactory(environment=people.environment)
    kept = {f.attname: getattr(like, f.attname) for f in Action._meta.concrete_fields}
    del kept["id"]
    Action.objects.bulk_create(
        Action(**kept | {"call_id": f"{number}", "effect": one}) for number, one in enumerate(texts)
    )
    like.delete()


def test_a_file_holds_every_text_whole_and_starts_no_formula(people: People) -> None:
    texts = [one for one in corpus.everything() if one]
    listed(people, texts)
    answer = signed_in(people.may).get(f"{at(people.environment, 'approvals:list')}?format=csv")
    # One of the texts is two hundred thousand brackets.
    before = csv.field_size_limit(10 * 1024 * 1024)
    try:
        header, *rows = csv.reader(io.StringIO(text(answer), newline=""), strict=True)
    finally:
        csv.field_size_limit(before)
    assert len(rows) == len(texts)
    assert all(len(row) == len(header) for row in rows)
    assert not [one for row in rows for one in row if one.startswith(FORMULA_STARTS)]
    effects = [row[header.index("effect")] for row in rows]
    quoted = {one: f"'{one}" if one.startswith(FORMULA_STARTS) else one for one in texts}
    assert sorted(effects) == sorted(quoted[one] for one in texts)


def test_a_stream_carries_every_text_as_one_message(people: People) -> None:
    run = RunFactory(environment=people.environment)
    for number, one in enumerate(corpus.everything(), 1):
        line = RunEventFactory.build(
            run=run, number=number, data={"text": one, one: 1}, created_at=run.created_at
        )
        head, event, data, *rest = as_sse(line).split("\n")
        assert (head, event, rest) == (f"id: {number}", f"event: {line.kind}", ["", ""])
        assert as_sse(line).isascii()
        assert json.loads(data.removeprefix("data: "))["data"] == {"text": one, one: 1}

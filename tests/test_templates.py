"""What the content security policy and hostile text forbid in a template."""

import re
from pathlib import Path

import pytest
from django.template import engines

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "templates").rglob("*.html"))
NAMES = [str(path.relative_to(ROOT / "templates")) for path in FILES]
FORBIDDEN = {
    "an inline style": re.compile(r"\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)[^>]*>", re.I),
    "an inline handler": re.compile(r"\son[a-z]+\s*=", re.I),
    "hx-on": re.compile(r"\shx-on\b", re.I),
    "a trigger filter, which would need eval": re.compile(r"hx-trigger\s*=\s*[\"'][^\"']*\["),
    "a js: value, which would need eval": re.compile(
        r"hx-(?:vals|headers)\s*=\s*[\"']\s*js:", re.I
    ),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "the safe filter": re.compile(r"\|\s*safe\b"),
    "autoescape off": re.compile(r"autoescape\s+off"),
    "an address on another host": re.compile(r"(?:src|href|action)=[\"'](?:https?:)?//"),
}


def test_the_lint_sees_every_template():
    assert len(FILES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_no_template_contains_what_is_forbidden(name):
    text = (ROOT / "templates" / name).read_text()
    found = {
        what: match.group() for what, rule in FORBIDDEN.items() if (match := rule.search(text))
    }
    assert found == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_template_compiles(name):
    engines["django"].get_template(name)


@pytest.mark.parametrize(
    "bad",
    [
        '<p style="color:red">',
        "<script>alert(1)</script>",
        '<a onclick="x()">',
        '<b hx-on:click="x()">',
        '<b hx-trigger="keyup[key]">',
        "{{ text|safe }}",
    ],
)
def test_the_lint_can_fail(bad):
    assert any(rule.search(bad) for rule in FORBIDDEN.values())


def test_vendored_files_are_below_one_megabyte_and_carry_a_licence():
    vendor = ROOT / "static" / "vendor"
    for folder in vendor.iterdir():
        assert (folder / "LICENSE").exists()
        assert all(path.stat().st_size < 1_000_000 for path in folder.rglob("*"))

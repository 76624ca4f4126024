"""Kinds, presets and limits as data: sound, and all in the guide."""

from pathlib import Path

import pytest

from gateway.connections import limits
from gateway.connections.kinds import KINDS, is_address
from gateway.connections.presets import PRESETS, filled

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "connections.md"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_guide_names_every_kind_and_field(kind):
    section = (
        GUIDE.read_text(encoding="utf-8").partition(f"### `{kind.name}`")[2].partition("###")[0]
    )
    assert section
    assert "`value`" in section
    for field in kind.fields:
        assert f"`config.{field.name}`" in section, field.name


def test_the_guide_names_every_preset_and_limit():
    text = GUIDE.read_text(encoding="utf-8")
    assert not [name for name in (*PRESETS, *limits.LIMITS) if f"| `{name}`" not in text]


@pytest.mark.parametrize("limit", limits.LIMITS.values(), ids=lambda limit: limit.name)
def test_the_guide_says_the_bounds_that_a_limit_has(limit):
    rows = GUIDE.read_text(encoding="utf-8").splitlines()
    (row,) = [row for row in rows if row.startswith(f"| `{limit.name}`")]
    assert row.endswith(f"| {limit.least:.15g} to {limit.most:.15g} |")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_a_presets_addresses_are_whole_and_its_fields_those_of_the_kind(preset):
    config = {"preset": preset.name, "client_id": "a/b"} | (
        {"place": "acme"} if preset.asks else {}
    )
    kind = KINDS["oauth2_authorization_code"]
    assert kind.faults(filled(config)) == []
    for address in kind.addresses(filled(config)).values():
        assert not address or address.startswith("https://")


@pytest.mark.parametrize(
    "place", ["", "a/b", "a?b", "a#b", "evil.com/", "a b", "-a", "a.", "{shop}", "a\\b", "é"]
)
def test_a_place_cannot_lead_to_another_host(place):
    with pytest.raises(ValueError, match="Shopify needs the shop"):
        filled({"preset": "shopify", "client_id": "a", "place": place})


@pytest.mark.parametrize(
    "text",
    ["", "x", "https://", "ftp://a.example/", "https://u:p@a.example/", "https://a.example:0/",
     "https://a.example;script-src/", "https://a example/", "https://é.example/", "//a.example/",
     "javascript:alert(1)", "https://a.example:99999/"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(text):
    assert not is_address(text)


@pytest.mark.parametrize("text", ["https://a.example", "http://[::1]:8000/x?y=1#z"])
def test_a_plain_address_is_taken(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "header",
    ["Host: x", "Idempotency-Key: 1", "no colon", "X:", "Two Words: 1", "X-Version: \u00e9", ": 1"],
)
def test_a_pinned_header_is_none_that_we_write(header):
    kind = KINDS["bearer"]
    assert kind.faults({"version_header": header})
    assert not kind.faults({"version_header": "Stripe-Version: 2026-01-28"})

"""The README's table says of each scheme what its entry says."""

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command

from webhooks.schemes import table
from webhooks.schemes.base import Algorithm
from webhooks.schemes.catalogue import SCHEMES

PAGE = f"before\n{table.BEGIN}\nan old table\n{table.END}\nafter\n"


def row(name: str) -> list[str]:
    head, _, line, *_ = table.table([SCHEMES[name]]).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert len(cells) == head.count("|") - 1
    return cells


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stripe", ["Stripe", "HMAC-SHA256 `{timestamp}.{body}`", "5 min"]),
        ("box", ["Box", "HMAC-SHA256 `{body}{timestamp}`", "10 min, 5 min ahead"]),
        ("sendgrid", ["Twilio SendGrid", "ECDSA P-256 `{timestamp}{body}`", "1 d, 5 min ahead"]),
        ("github", ["GitHub", "HMAC-SHA256 `{body}`", "no time signed"]),
        ("gitlab_token", ["GitLab, token", "the secret itself; nothing is signed"]),
    ],
)
def test_row_says_what_is_verified_and_within_which_time(name, said):
    assert row(name)[: len(said) + 1] == [f"`{name}`", *said]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("standard", "`webhook-id`"),
        ("stripe", "the body's `id`, else the digest"),
        ("dropbox", "none: each is new"),
        ("google_drive", "`x-goog-channel-id` + `x-goog-message-number`"),
        ("sendgrid", "per item: `sg_event_id`"),
    ],
)
def test_row_says_where_the_id_of_an_event_is(name, said):
    assert row(name)[4] == said


def test_equal_warnings_share_a_number_and_stand_below():
    weak = [SCHEMES[name] for name in ("hubspot_v1", "stripe", "hubspot_v2", "gitlab_token")]

    lines = table.table(weak).splitlines()

    assert [line.split("|")[7].strip() for line in lines[2:6]] == ["(1)", "", "(1)", "(2)"]
    assert lines[7:] == [f"1. {weak[0].warning}", f"2. {weak[3].warning}"]


def test_what_code_checks_is_said_to_be_checked_so():
    coded = replace(SCHEMES["square"], check=lambda *_: None)

    assert "by code of its own: HMAC-SHA256 `{url}{body}`" in table.table([coded])


def test_of_what_code_checks_a_template_that_was_left_alone_says_nothing():
    coded = replace(SCHEMES["github"], check=lambda *_: None)

    assert "by code of its own: HMAC-SHA256 |" in table.table([coded])


def test_every_algorithm_has_its_words():
    assert {*table.ALGORITHMS, Algorithm.TOKEN} == set(Algorithm)


def test_command_writes_the_table_between_the_marks_and_nothing_else(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    page = tmp_path / "README.md"
    page.write_text(PAGE)

    call_command("scheme_table", "--write", stdout=StringIO())

    begun, _, rest = page.read_text().partition(table.BEGIN)
    written, _, ended = rest.partition(table.END)
    assert (begun, ended) == ("before\n", "\nafter\n")
    assert written.strip() == table.table(SCHEMES.values())


def test_page_without_the_marks_is_refused_as_it_is():
    with pytest.raises(ValueError, match="has to contain"):
        table.written_into("no marks", SCHEMES.values())

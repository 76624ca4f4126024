"""Secrets are masked by name and by path; equal secrets stay recognisable, others readable."""

import base64
from dataclasses import replace

import pytest

from approvals.redact import (
    MOST_HIDDEN,
    StrayMask,
    hidden_in,
    hide,
    hide_base64,
    hide_text,
    hide_url,
    is_secret_name,
    mask,
    redact,
    restore,
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "userPassword",
        "api_key",
        "apiKey",
        "X-API-Key",
        "API_KEY",
        "access_token",
        "accessToken",
        "token",
        "client_secret",
        "Authorization",
        "Set-Cookie",
        "privateKey",
        "cvc",
        "cardNumber",
        "awsSecretAccessKey",
        "db.password",
    ],
)
def test_usual_names_of_secrets_are_known(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "token_count", "secretary", "key", "pinned", "cookies_accepted", "spin", "span"],
)
def test_names_that_only_look_alike_stay_readable(name):
    assert not is_secret_name(name)


def test_secrets_are_masked_at_every_depth_and_the_rest_is_untouched():
    value = {"to": "a@b.example", "auth": [{"password": "s3cret", "user": "ana"}], "n": 1.5}
    masked = redact(value)
    assert masked == {
        "to": "a@b.example",
        "auth": [{"password": mask("s3cret"), "user": "ana"}],
        "n": 1.5,
    }
    assert "s3cret" not in str(masked)
    assert value["auth"][0]["password"] == "s3cret"


@pytest.mark.parametrize(
    ("path", "value", "hidden"),
    [
        ("iban", {"iban": "DE1", "x": "y"}, {"iban"}),
        ("/iban", {"iban": "DE1", "x": "y"}, {"iban"}),
        ("*", {"iban": "DE1", "x": "y"}, {"iban", "x"}),
        ("other", {"iban": "DE1"}, set()),
        ("/a~1b", {"a/b": 1}, {"a/b"}),
    ],
)
def test_paths_of_the_tool_are_masked(path, value, hidden):
    masked = redact(value, [path])
    assert {name for name in value if masked[name] != value[name]} == hidden


def test_path_may_go_through_lists():
    masked = redact({"lines": [{"iban": "a"}, {"iban": "b"}]}, ["lines.*.iban"])
    assert masked == {"lines": [{"iban": mask("a")}, {"iban": mask("b")}]}


def test_whole_branches_are_masked_and_nothing_stays_nothing():
    assert redact({"secret": {"a": ["x"]}, "token": None}) == {
        "secret": mask({"a": ["x"]}),
        "token": None,
    }


def test_fingerprint_is_stable_short_and_bound_to_the_key():
    assert mask("a") == mask("a")
    assert mask("a") != mask("b")
    assert mask("a", key=b"k") != mask("a")
    assert len(mask("a" * 999)) == len("[masked 12345678]")


def test_masking_twice_changes_nothing_more():
    once = redact({"password": "x"})
    assert redact(once) == once


def test_an_edited_copy_gets_its_secrets_back():
    original = {"note": "a", "token": "t1", "lines": [{"iban": "x"}, {"iban": "y"}]}
    shown = redact(original, ["lines.*.iban"])
    edited = {**shown, "note": "b", "lines": shown["lines"][1:]}
    assert restore(edited, original, ["lines.*.iban"]) == {
        "note": "b",
        "token": "t1",
        "lines": [{"iban": "y"}],
    }


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"note": mask("t1")}, "/note"),
        ({"token": mask("unknown")}, "/token"),
        ({"more": [mask("t1")]}, "/more/0"),
    ],
)
def test_a_mask_stands_for_nothing_where_its_value_would_be_seen(change, path):
    original = {"note": "a", "token": "t1"}
    with pytest.raises(StrayMask) as refused:
        restore({**redact(original), **change}, original)
    assert refused.value.path == path


def test_a_text_that_only_looks_like_a_mask_stays_what_it_is():
    original = {"note": "[masked 01234567]", "token": {"inner": "[masked 89abcdef]"}}
    shown = redact(original)
    assert restore(shown, original) == original


SECRET = {
    "iban": "DE 89/3704", "pin": 73, "count": 5, "is_old": True, "who": {"name": "Anna", "n": 12},
}  # fmt: skip
PATHS = ["iban", "pin", "is_old", "who"]


def hidden(document=SECRET, paths=PATHS):
    return hidden_in(document, paths)


@pytest.mark.parametrize(
    "said",
    [
        "DE 89/3704",
        "DE%2089%2F3704",
        "DE%2089%2f3704",
        "DE+89%2F3704",
        "DE+89/3704",
        "%44E%2089/3704",
    ],
)
def test_a_value_is_found_in_a_text_however_it_is_encoded(said):
    assert hide_text(f"a+b={said}&c", hidden()) == f"a+b={mask('DE 89/3704')}&c"


def test_a_text_with_quotes_is_found_within_json_and_html():
    found = hidden({"note": 'say "é"'}, ["note"])
    mark = mask('say "é"')
    assert hide_text('{\\"note\\":\\"', found) == '{\\"note\\":\\"'
    for said in ('say "é"', 'say \\"é\\"', 'say \\"\\u00e9\\"', "say &quot;é&quot;"):
        assert hide_text(f"<{said}>", found) == f"<{mark}>"


def test_members_of_a_masked_object_get_its_mask():
    mark = mask(SECRET["who"])
    value = {"a": "for Anna", "b": SECRET["who"], "Anna": 1, "n": 12}
    members = {
        name: mark if isinstance(text, str) else text for name, text in SECRET["who"].items()
    }
    assert hide(value, hidden()) == {"a": f"for {mark}", "b": members, mark: 1, "n": 12}
    assert hide(value, hidden(), is_whole=True)["n"] == mark


def test_short_values_count_where_they_are_all_that_is_said():
    value = {"pin": 73, "code": "73", "text": "no 73", "more": 731, "old": True}
    expected = {**value, "pin": mask(73), "code": mask(73)}
    assert hide(value, hidden(), is_whole=True) == expected
    assert hide(value, hidden()) == value
    assert (
        hide_url("https://73.example/73/x73?73=73&a=b73", hidden())
        == f"https://73.example/{mask(73)}/x73?73={mask(73)}&a=b73"
    )


def test_a_short_value_that_the_arguments_show_as_well_is_not_looked_for():
    assert hide([5, 73], hidden({"pin": 5, "count": 5}, ["pin"]), is_whole=True) == [5, 73]


def test_where_a_request_goes_is_never_hidden():
    found = hidden({"host": "bank"}, ["host"])
    assert hide_url("https://bank.example/bank", found) == f"https://bank.example/{mask('bank')}"


def test_a_number_within_another_number_is_no_such_value():
    found = hidden({"n": 1234}, ["n"])
    assert hide([12345, 1234, "1234.0"], found) == [12345, mask(1234), f"{mask(1234)}.0"]


def test_masks_stay_as_they_are_whatever_a_secret_says():
    found = hidden({"word": "masked"}, ["word"])
    assert hide_text(f"{mask(1)} masked", found) == f"{mask(1)} {mask('masked')}"


def test_values_that_overlap_are_hidden_as_one_and_members_stay_two():
    found = hidden({"a": "abcd", "b": "cdef"}, ["a", "b"])
    assert hide_text("xabcdefx", found) == f"x{mask('abcd')}x"
    one = hidden({"a": ["aaaa", "bbbb"]}, ["a"])
    mark = mask(["aaaa", "bbbb"])
    assert hide({"aaaa": 1, "bbbb": 2}, one) == {mark: 1, f"{mark} (2)": 2}


def test_bytes_that_hold_a_value_are_hidden_whole():
    raw = base64.b64encode(b"\xff..DE 89/3704..").decode()
    other = base64.b64encode(b"\xff..").decode()
    assert hide_base64(raw, hidden()) == mask("DE 89/3704")
    assert hide_base64(other, hidden()) == other
    given = base64.b64encode(b"\xff\xfe content").decode()
    around = base64.b64encode(b"--part\r\n\xff\xfe content\r\n").decode()
    assert hide_base64(around, hidden({"content": given}, ["content"])) == mask(given)


def test_no_value_blanks_out_what_another_one_says_in_the_clear():
    call = {"ref": "main", "file": "deploy-prod.yml", "by": {"ref": "main"}, "count": 5}
    hiding = {
        "token": "main",
        "secret": "prod.yml",
        "pin": 5,
        "jwt": {"ref": "main"},
        "otp": "ount",
    }
    found = hidden_in({**call, **hiding}, [])
    assert hide(call, found, is_whole=True) == call
    assert hide_text("main: deploy-prod.yml", found) == "main: deploy-prod.yml"


def test_a_text_with_quotes_blanks_out_no_other_form_of_a_clear_one():
    found = hidden_in({"note": 'say "hi"', "token": 'say \\"hi\\"'}, [])
    assert hide_text('{"note":"say \\"hi\\""}', found) == '{"note":"say \\"hi\\""}'


def test_what_is_said_without_the_hidden_values_is_never_hidden():
    asked = []

    def said(arguments):
        asked.append(arguments)
        return [f"refund {arguments['who']['name']}"]

    document = {"who": {"name": "Anna", "n": 12}, "token": "refund"}
    found = hidden_in(document, ["who"], said=said)
    assert hide_text("refund Anna", found) == f"refund {mask(document['who'])}"
    mark = mask(document["who"])
    # What an agent calls a secret by its name is looked for nowhere else.
    assert asked == [{"who": {"name": mark, "n": mark}, "token": "refund"}]


@pytest.mark.parametrize("text", ["x https://[b", "https://[", "https://a\u2100b.example/Anna"])
def test_what_is_no_address_is_read_as_text(text):
    found = hidden({"name": "Anna"}, ["name"])
    assert hide_url(text, found) == text.replace("Anna", mask("Anna"))


def test_of_very_many_hidden_values_the_first_are_looked_for_and_nothing_else_is_hidden():
    names = [f"name {number:05}" for number in range(5_000)]
    found = hidden({"names": names, "note": "hello"}, ["names.*"])
    assert hide_text(f"for {names[0]}", found) == f"for {mask(names[0])}"
    assert hide_text(f"for {names[MOST_HIDDEN]}", found) == f"for {names[MOST_HIDDEN]}"
    assert hide({"n": 123, "to": "bob"}, found) == {"n": 123, "to": "bob"}


class Counted(dict):
    """Counts how often texts of one start are looked for."""

    looked = 0

    def __getitem__(self, start):
        self.looked += 1
        return super().__getitem__(start)


def test_a_text_is_gone_through_once_however_many_values_are_hidden():
    values = [f"{number:04}-account" for number in range(MOST_HIDDEN)]
    found = hidden({"accounts": values}, ["accounts.*"])
    starts = Counted(found.inside.starts)
    found = replace(found, inside=replace(found.inside, starts=starts))
    texts = [f"paid to {values[number % MOST_HIDDEN]}" for number in range(5_000)]
    shown = hide(texts, found)
    assert shown[7] == f"paid to {mask(values[7])}"
    assert not any("account" in text for text in shown)
    assert starts.looked == len(texts)


def test_a_text_with_more_places_than_anybody_reads_is_one_mask():
    values = ["a" * length for length in range(4, MOST_HIDDEN)]
    found = hidden({"accounts": values}, ["accounts.*"])
    assert hide_text(f"to {'a' * 1_000_000}!", found) in {mask(value) for value in values}
    longest = values[-1]
    assert hide_text(f"to {longest}!", found) == f"to {mask(longest)}!"

"""Secrets are masked by name and by path; equal secrets stay recognisable, others readable."""

import pytest

from approvals.redact import StrayMask, is_secret_name, mask, redact, restore


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

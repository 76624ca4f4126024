"""Environment readers: what does not parse stops the start with its name."""

import stat
from pathlib import Path

import pytest

from gateway import env

NAME = "COUNTERSIGN_UNDER_TEST"


def test_a_variable_wins_over_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert env.text(NAME) == "from the file"
    monkeypatch.setenv(NAME, "from the variable")
    assert env.text(NAME) == "from the variable"


@pytest.mark.parametrize("version", [(3, 34, 1), (3, 37, 2)])
def test_an_sqlite_that_is_too_old_is_refused_with_what_to_do(version: tuple[int, ...]) -> None:
    with pytest.raises(env.BadSetting, match="or newer is needed: take a newer Python"):
        env.check_sqlite(version)
    env.check_sqlite((3, 38, 0))


def test_a_missing_value_and_an_unreadable_file_name_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(env.BadSetting, match=NAME):
        env.text(NAME)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "nothing"))
    with pytest.raises(env.BadSetting, match=f"{NAME}_FILE"):
        env.text(NAME)


@pytest.mark.parametrize("raw", ["ten", "1.5", "", "-1"])
def test_a_number_that_is_none_or_too_small_is_refused(
    monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    monkeypatch.setenv(NAME, raw)
    with pytest.raises(env.BadSetting, match=NAME):
        env.number(NAME, 3)


@pytest.mark.parametrize(("raw", "value"), [("Yes", True), ("off", False), ("1", True)])
def test_yes_and_no_have_several_spellings(
    monkeypatch: pytest.MonkeyPatch, raw: str, *, value: bool
) -> None:
    monkeypatch.setenv(NAME, raw)
    assert env.yes_no(NAME, default=not value) is value


def test_maybe_is_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "maybe")
    with pytest.raises(env.BadSetting, match="yes or no"):
        env.yes_no(NAME, default=True)


def test_a_word_that_is_no_choice_is_refused_with_the_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "staging")
    with pytest.raises(env.BadSetting, match="dev, production"):
        env.choice(NAME, "dev", of=("dev", "production"))


def test_a_list_drops_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a, ,b,")
    assert env.items(NAME) == ["a", "b"]


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = env.kept_secret(NAME, folder, generate=env.random_key, required=False)
    assert env.kept_secret(NAME, folder, generate=env.random_key, required=False) == first
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_production_makes_no_secret(tmp_path: Path) -> None:
    with pytest.raises(env.BadSetting, match=NAME):
        env.kept_secret(NAME, tmp_path / "keys", generate=env.random_key, required=True)
    assert not (tmp_path / "keys").exists()


def test_an_empty_secret_means_that_this_process_does_not_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env.kept_secret(NAME, tmp_path, generate=env.random_key, required=False)
    monkeypatch.setenv(NAME, "")
    assert env.kept_secret(NAME, tmp_path, generate=env.random_key, required=False) == ""


def test_a_postgresql_address_is_taken_apart() -> None:
    found = env.database("postgresql://an%40a:s%2Fecret@db.internal:6432/gate?sslmode=require")
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["NAME"], found["USER"], found["PASSWORD"]) == ("gate", "an@a", "s/ecret")
    assert (found["HOST"], found["PORT"]) == ("db.internal", "6432")
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_a_unix_socket_of_postgresql_is_named_in_the_query() -> None:
    found = env.database("postgresql:///gate?host=/run/postgresql&user=ana")
    assert (found["HOST"], found["USER"], found["OPTIONS"]) == ("/run/postgresql", "ana", {})


def test_a_sqlite_path_may_be_absolute_or_relative() -> None:
    assert env.database("sqlite:////srv/gate.sqlite3")["NAME"] == "/srv/gate.sqlite3"
    assert env.database("sqlite:///gate.sqlite3")["NAME"] == "gate.sqlite3"


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(env.BadSetting, match="DATABASE_URL"):
        env.database("mysql://localhost/gate")


def test_mail_address_becomes_djangos_settings() -> None:
    settings = env.email("smtp://me:p%40ss@mail.example:2525")
    assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"]) == ("mail.example", 2525)
    assert (settings["EMAIL_HOST_PASSWORD"], settings["EMAIL_USE_TLS"]) == ("p@ss", True)


def test_mail_address_of_another_kind_stops_the_start() -> None:
    with pytest.raises(env.BadSetting, match="COUNTERSIGN_EMAIL_URL"):
        env.email("http://mail.example")


def test_a_mail_address_is_taken_apart() -> None:
    found = env.email("smtp://ana:p%40ss@mail.example:2525")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example", 2525)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("ana", "p@ss")
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (True, False)


def test_mail_over_tls_has_its_own_port() -> None:
    found = env.email("smtps://mail.example")
    assert (found["EMAIL_PORT"], found["EMAIL_USE_SSL"], found["EMAIL_USE_TLS"]) == (
        465,
        True,
        False,
    )


@pytest.mark.parametrize("url", ["mail.example", "imap://mail.example", "smtp://"])
def test_a_mail_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(env.BadSetting, match="COUNTERSIGN_EMAIL_URL"):
        env.email(url)

"""A reference reaches only what operators set aside for connections."""

from pathlib import Path

import pytest
from django.test import override_settings

from gateway.connections.services import create, reveal
from gateway.lib.errors import Refused
from tests.factories.tenants import EnvironmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "connections"
    inside.mkdir()
    (inside / "shop").write_text("s3cret\n")
    (tmp_path / "outside").write_text("the server's own")
    (inside / "link").symlink_to(tmp_path / "outside")
    return inside


def test_file_in_the_folder_is_read_at_each_use(folder: Path) -> None:
    with override_settings(CONNECTION_DIR=folder):
        made = create(EnvironmentFactory(), slug="shop", kind="bearer", value="file:shop")
        (folder / "shop").write_text("rotated")
        assert reveal(made).value == "rotated"


@pytest.mark.parametrize("name", ["../outside", "link", "/etc/passwd", "nothing"])
def test_file_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    with override_settings(CONNECTION_DIR=folder), pytest.raises(Refused, match="no file"):
        create(EnvironmentFactory(), slug="shop", kind="bearer", value=f"file:{name}")


def test_variable_of_the_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_CONNECTION_SHOP", "s3cret")
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "the server's own")
    made = create(
        EnvironmentFactory(), slug="shop", kind="bearer", value="env:COUNTERSIGN_CONNECTION_SHOP"
    )
    assert reveal(made).value == "s3cret"
    with pytest.raises(Refused, match="no variable"):
        create(EnvironmentFactory(), slug="x", kind="bearer", value="env:COUNTERSIGN_SECRET_KEY")

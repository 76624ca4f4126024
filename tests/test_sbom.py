"""The bill of materials names everything that the production lock names, and what pages carry."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import sbom

ROOT = Path(__file__).resolve().parent.parent
# Written anew, so that a mistake in how the bill reads the lock is none of this test.
ROW = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; .*)?((?: \\\n {4}--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["sbom", str(file)])
        assert sbom.main() == 0
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text()) is None
    return dict(json.loads(file.read_text()))


def found(written: dict[str, Any], kind: str) -> dict[str, set[str]]:
    """The digests of each package of this kind, by its name and version."""
    return {
        part["purl"].removeprefix(f"pkg:{kind}/"): {one["content"] for one in part["hashes"]}
        for part in written["components"]
        if part["purl"].startswith(f"pkg:{kind}/")
    }


def test_every_locked_package_is_named_with_its_version_and_hashes(written: dict[str, Any]) -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {
        f"{name}@{version}": set(re.findall(r"sha256:([0-9a-f]{64})", hashes))
        for name, version, hashes in ROW.findall(text)
    }
    assert len(locked) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 50
    assert found(written, "pypi") == locked


def test_what_pages_carry_is_named_by_its_own_bytes(written: dict[str, Any]) -> None:
    named = found(written, "npm")
    assert {name.rpartition("@")[0] for name in named} == {
        "%40tabler/core",
        "%40tabler/icons",
        "uplot",
    }
    digests = {
        hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path, _, _ in sbom.CARRIED
    }
    assert set().union(*named.values()) == digests


def test_nothing_is_carried_that_the_bill_leaves_out() -> None:
    folders = {path.name for path in (ROOT / "static" / "vendor").iterdir()}
    assert folders == {Path(path).parts[2] for path, _, _ in sbom.CARRIED if "vendor" in path}


def test_the_product_depends_on_all_of_it(written: dict[str, Any]) -> None:
    own = written["metadata"]["component"]
    assert own["name"] == "countersign"
    (edge,) = [row for row in written["dependencies"] if row["ref"] == own["bom-ref"]]
    assert sorted(edge["dependsOn"]) == sorted(part["bom-ref"] for part in written["components"])


def test_the_bill_names_no_registry(written: dict[str, Any]) -> None:
    text = json.dumps({name: value for name, value in written.items() if name != "$schema"})
    assert "://" not in text

"""What may stand in a tracked file: no secret, no address of a registry, no path of one machine."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from webhooks.schemes import table
from webhooks.schemes.catalogue import SCHEMES

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("requirements*.lock"))
MAX_BYTES = 1_000_000
# Keys that people paste by accident. Test secrets are made by tests, or marked beside this list.
SECRETS = re.compile(
    rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    rb"|gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z]{22}_|glpat-[0-9A-Za-z_-]{20}"
    rb"|xox[abeprs]-[0-9A-Za-z-]{20}|xapp-[0-9]-[0-9A-Z]{8,}-|[rs]k_live_[0-9A-Za-z]{20}"
    rb"|\bAIza[0-9A-Za-z_-]{35}\b|\bsk-(?:ant|proj)-[0-9A-Za-z_-]{24}|SG\.[\w-]{22}\.[\w-]{43}"
    rb"|\bnpm_[0-9A-Za-z]{36}\b|pypi-AgE[0-9A-Za-z_-]{50}|csk_(?!0{26})[0-9a-z]{26}"
)
# One of each kind, in two pieces, so that this file holds none.
FOUND = [
    ("-----BEGIN RSA ", "PRIVATE KEY-----"), ("-----BEGIN ", "PRIVATE KEY-----"),
    ("-----BEGIN ENCRYPTED ", "PRIVATE KEY-----"), ("AKIA", "IOSFODNN7EXAMPLE"),
    ("ASIA", "IOSFODNN7EXAMPLE"), ("ghp_", "a1" * 18), ("ghs_", "a1" * 18),
    ("github_pat_", "a1" * 11 + "_" + "b2" * 29), ("glpat-", "a1" * 10),
    ("xoxb-", "1234567890-" * 2),
    ("xapp-1-", "A0123456789-1-"), ("sk_live_", "a1" * 12), ("rk_live_", "a1" * 12),
    ("AIza", "a1" * 17 + "b"), ("sk-ant-", "api03-" + "a1" * 20), ("sk-proj-", "a1" * 20),
    ("SG.", "a1" * 11 + "." + "b2" * 21 + "c"), ("npm_", "a1" * 18),
    ("pypi-AgE", "IcHlwaS5vcmc" * 5), ("csk_", "a1" * 13),
]  # fmt: skip
MACHINE = re.compile(rb"(?<![\w.])/(?:home|root|Users)/[a-z]+/")


def tracked() -> list[Path]:
    """Every file that is committed or about to be; skips where this is no checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_names_versions_and_hashes_but_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pinned
    assert all("==" in line for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_developers_lock_holds_the_runtimes_versions() -> None:
    def pinned(name: str) -> set[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.split(" ")[0] for line in lines if line and not line.startswith((" ", "#"))}

    assert pinned("requirements.lock") <= pinned("requirements-dev.lock")


@pytest.mark.parametrize("folder", ["vendor", "lighthouse"])
def test_the_lock_of_npm_packages_holds_hashes_but_no_registry(folder: str) -> None:
    text = (ROOT / "tests" / folder / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: found for name, found in json.loads(text)["packages"].items() if name}
    assert packages
    assert all("resolved" not in found for found in packages.values())
    assert all(found["integrity"].startswith("sha512-") for found in packages.values())


def test_no_lock_of_another_kind_is_tracked() -> None:
    names = {file.name for file in tracked()}
    assert not {name for name in names if re.fullmatch(r"uv\.lock|pylock.*\.toml", name)}


def test_no_file_holds_a_key() -> None:
    assert not [
        str(file.relative_to(ROOT)) for file in tracked() if SECRETS.search(file.read_bytes())
    ]


@pytest.mark.parametrize("key", FOUND, ids=lambda key: key[0])
def test_a_key_of_each_kind_would_be_found(key: tuple[str, str]) -> None:
    assert SECRETS.search(f'token = "{"".join(key)}"\n'.encode())


def test_no_file_names_a_path_of_one_machine() -> None:
    here = str(ROOT).encode()
    found = [
        str(file.relative_to(ROOT))
        for file in tracked()
        if MACHINE.search(content := file.read_bytes()) or here in content
    ]
    assert not found


def test_no_file_is_large() -> None:
    assert not [str(file) for file in tracked() if file.stat().st_size > MAX_BYTES]


def test_the_readmes_table_of_schemes_says_what_the_catalogue_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == table.written_into(readme, SCHEMES.values()), (
        "Run `manage.py scheme_table --write`."
    )

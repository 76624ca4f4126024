"""Each child gets the keys of its kind and no others."""

import os
import stat
from pathlib import Path

import pytest
from pytest_django import Settings

from approvals.executor import CALL_DEADLINE_S
from gateway.demo.seeded import DemoService
from gateway.processes import plan
from gateway.processes.children import CALLS_WITHIN_S, Spec, environment

SECRETS = {name: f"the {name}" for name in plan.KEYS}
DEMO = DemoService(8123, "http://127.0.0.1:8000/webhooks/in_x", "whsec_x", "key-of-the-demo")


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> dict[str, Spec]:
    """All children of a tree whose own environment holds every key and address."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COUNTERSIGN_APPROVAL_SIGNING_KEY_FILE", "/run/secrets/signing")
    monkeypatch.setenv("DATABASE_URL", "postgresql://gate:password@db/gate")
    shape = plan.Shape(web_socket=5, web=2, intake=1, intake_socket=6, workers=2, demo=DEMO)
    return {spec.name: spec for spec in plan.specs(shape, verify_key="public")}


def held(spec: Spec) -> set[str]:
    """The names of keys whose value the child can read from its environment."""
    known = environment(spec)
    return {name for name in plan.KEYS if known.get(name)} | {
        name for name in plan.KEYS if known.get(f"{name}_FILE")
    }


def test_only_web_holds_the_key_that_signs_approvals(children: dict[str, Spec]) -> None:
    holders = {name for name, spec in children.items() if plan.SIGNING in held(spec)}
    assert holders == {"web", "web-2"}


def test_only_the_scheduler_holds_the_key_that_signs_checkpoints(children: dict[str, Spec]) -> None:
    assert {name for name, spec in children.items() if plan.AUDIT_SIGNING in held(spec)} == {
        "scheduler"
    }


def test_workers_hold_the_key_that_verifies(children: dict[str, Spec]) -> None:
    assert environment(children["worker"])[plan.VERIFYING] == "public"
    assert plan.VERIFYING not in held(children["intake"])
    assert plan.VERIFYING not in held(children["scheduler"])


def test_the_queue_holds_no_key_and_the_demo_only_its_own(children: dict[str, Spec]) -> None:
    assert held(children["redis"]) == set()
    assert held(children["demo"]) == {"COUNTERSIGN_DEMO_API_KEY"}
    assert environment(children["demo"])["COUNTERSIGN_DEMO_API_KEY"] == DEMO.api_key
    for name in ("redis", "demo"):
        assert not any("password" in value for value in environment(children[name]).values())


def test_a_key_withheld_is_empty_so_that_it_is_not_read_from_the_folder_instead(
    children: dict[str, Spec],
) -> None:
    assert environment(children["worker"])[plan.SIGNING] == ""
    assert f"{plan.SIGNING}_FILE" not in environment(children["worker"])


def test_only_the_demos_own_address_passes_the_guard(
    children: dict[str, Spec],
) -> None:
    assert environment(children["worker"])["COUNTERSIGN_OUTBOUND_ALLOW"] == "127.0.0.1:8123"


def test_entrances_stop_before_workers_and_the_queue_stops_last(children: dict[str, Spec]) -> None:
    stages = {name: spec.stage for name, spec in children.items()}
    assert stages["web"] == stages["intake"] == stages["scheduler"] < stages["worker"]
    assert stages["worker"] == stages["worker-2"] < stages["redis"] == max(stages.values())


def test_all_end_within_ten_seconds_but_workers_that_wait_for_a_call(
    children: dict[str, Spec],
) -> None:
    longest = {spec.stage: 0.0 for spec in children.values()}
    for spec in children.values():
        longest[spec.stage] = max(longest[spec.stage], spec.grace_s)
    workers_s = longest.pop(plan.WORKERS)
    assert sum(longest.values()) < 10
    assert CALLS_WITHIN_S < workers_s < CALL_DEADLINE_S


def test_an_empty_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    plan.private_data_dir(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    (folder / "thesis.tex").touch()
    with pytest.raises(PermissionError, match="COUNTERSIGN_DATA_DIR"):
        plan.private_data_dir(folder)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o755


def test_each_child_connects_as_its_own_role_and_none_as_the_owner(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://runtime:a@db/gate")
    monkeypatch.setenv("COUNTERSIGN_MIGRATION_DATABASE_URL", "postgresql://owner:b@db/gate")
    monkeypatch.setenv("COUNTERSIGN_INTAKE_DATABASE_URL_FILE", "/run/secrets/intake")
    settings.INTAKE_DATABASE_URL = "postgresql://intake:c@db/gate"
    settings.SCHEDULER_DATABASE_URL = "postgresql://scheduler:d@db/gate"
    shape = plan.Shape(web_socket=5, intake=1, intake_socket=6)
    known = {spec.name: environment(spec) for spec in plan.specs(shape, verify_key="public")}
    roles = {name: env.get("DATABASE_URL", "-").partition("//")[2] for name, env in known.items()}
    assert roles == {
        "web": "runtime:a@db/gate", "worker": "runtime:a@db/gate", "intake": "intake:c@db/gate",
        "scheduler": "scheduler:d@db/gate", "redis": "",
    }  # fmt: skip
    assert not any("owner:b" in value for env in known.values() for value in env.values())
    others = set(plan.ROLES)
    assert [name for name, env in known.items() if others & set(env)] == []

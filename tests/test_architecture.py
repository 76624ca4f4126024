"""The house keeps its shape: imports, jobs, settings."""

import re
import subprocess
import sys
from pathlib import Path

from django.apps import apps
from dramatiq import Broker

from gateway.lib.broker import QUEUES, JobName, broker

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("approvals", "audit", "gateway", "webhooks")
# As a reader of env.py is called: env.text("NAME"…), _key("NAME").
READ = re.compile(r'(?:env\.\w+|_key)\(\s*"([A-Z][A-Z_]+)"')
MAX_LINES = 400


def modules() -> list[Path]:
    """Every module of ours but migrations."""
    found = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return [file for file in found if "migrations" not in file.parts]


def declared() -> Broker:
    """The broker once every task is imported."""
    import gateway.worker  # noqa: F401, PLC0415 - declares them

    return broker


def test_imports_run_only_where_the_contracts_let_them() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("Broken") :] + done.stderr


def test_every_job_name_has_one_task_and_every_task_a_job_name() -> None:
    assert set(declared().get_declared_actors()) == {name.value for name in JobName}


def test_every_task_runs_in_the_queue_of_its_name_and_states_its_limits() -> None:
    for name in JobName:
        actor = declared().get_actor(name)
        assert actor.queue_name == QUEUES[name]
        assert actor.options["time_limit"] > 0
        assert actor.options["max_retries"] == 0


def test_every_setting_has_its_line_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    read = set(READ.findall((ROOT / "gateway" / "settings.py").read_text(encoding="utf-8")))
    assert read, "the pattern finds no setting at all"
    missing = {name for name in read if f"`{name}`" not in readme}
    assert not missing, f"no line in README: {sorted(missing)}"


def test_every_setting_in_the_readme_is_read_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `((?:COUNTERSIGN|DATABASE|REDIS)_[A-Z_]+)`", readme, re.M))
    source = "".join(file.read_text(encoding="utf-8") for file in modules())
    assert not {name for name in told if f'"{name}"' not in source}


def test_a_module_stays_short_enough_to_read() -> None:
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in modules()}
    too_long = {
        str(file.relative_to(ROOT)): count for file, count in lines.items() if count > MAX_LINES
    }
    assert too_long == {}


def test_the_project_package_stays_empty() -> None:
    assert (ROOT / "gateway" / "__init__.py").read_text() == ""


def test_nothing_but_the_settings_reads_the_environment() -> None:
    """A value with one name, one default and one line in the README has one place."""
    readers = {
        str(file.relative_to(ROOT))
        for file in modules()
        if re.search(r"os\.environ|os\.getenv", file.read_text(encoding="utf-8"))
    }
    assert readers <= {
        "gateway/env.py",
        # Entry points set DJANGO_SETTINGS_MODULE and dramatiq's own variable.
        "gateway/asgi.py",
        "gateway/intake.py",
        "gateway/worker.py",
        "gateway/processes/web.py",
        # The tree hands environments on; the switch of the fallback belongs to its test.
        "gateway/processes/children.py",
        "gateway/processes/start.py",
        "gateway/embedded/redis.py",
        # The value of a connection may be a reference to a variable.
        "gateway/connections/services/references.py",
        # The door is the demo's, too, which knows no settings; they refuse it in production.
        "gateway/lib/failpoints.py",
        # The demo plays the outside and knows no settings.
        "gateway/demo/service.py",
    }


def test_no_index_and_no_constraint_has_the_name_of_a_table() -> None:
    """PostgreSQL keeps all of them under one roof, SQLite does not."""
    options = [model._meta for model in apps.get_models(include_auto_created=True)]
    tables = {meta.db_table for meta in options}
    named = {one.name for meta in options for one in (*meta.indexes, *meta.constraints)}
    assert named
    assert named.isdisjoint(tables)

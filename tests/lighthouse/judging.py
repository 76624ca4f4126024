"""Google's Lighthouse, asked about one page as a signed-in person sees it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from tests.flows.browser import ARGUMENTS, CHROMIUM
from tests.flows.tree import free_ports
from tests.vendor import install

HERE = Path(__file__).resolve().parent
CATEGORIES = ("accessibility", "best-practices")
DEVICES = ("desktop", "mobile")
# The desk's stream never ends, so the network is never quite still.
PATIENCE_MS = 20_000
DEADLINE_S = 500
# Audits that say something without judging it.
SILENT = {"notApplicable", "informative", "manual"}


@dataclass(frozen=True)
class Judgement:
    """Scores of 0 to 100 by category, and what cost points: audit, and what it names."""

    scores: dict[str, int]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """A browser that Lighthouse works in: who signs in to its context is who is shown pages."""

    context: BrowserContext
    port: int

    def judge(self, url: str, *, device: str) -> Judgement:
        """What Lighthouse says of the page; raises AssertionError where it saw another."""
        answer = subprocess.run(
            self._command(url, device), check=True, capture_output=True, text=True,
            timeout=DEADLINE_S,
        )  # fmt: skip
        report = json.loads(answer.stdout)
        assert "runtimeError" not in report, report["runtimeError"]
        assert report["finalDisplayedUrl"] == url
        return Judgement(_scores(report), tuple(_faults(report)))

    def _command(self, url: str, device: str) -> list[str]:
        script = HERE / "node_modules" / "lighthouse" / "cli" / "index.js"
        form = ["--preset=desktop"] if device == "desktop" else ["--form-factor=mobile"]
        return [
            install.node(), str(script), url, *form, f"--port={self.port}", "--quiet",
            "--output=json", f"--only-categories={','.join(CATEGORIES)}",
            "--throttling-method=provided", f"--max-wait-for-load={PATIENCE_MS}",
            "--disable-storage-reset", "--no-enable-error-reporting",
        ]  # fmt: skip


@contextmanager
def judging(folder: Path) -> Iterator[Judge]:
    """A browser with its profile in the folder."""
    (port,) = free_ports(1)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=str(CHROMIUM),
            args=[*ARGUMENTS, f"--remote-debugging-port={port}"],
        )
        try:
            yield Judge(context, port)
        finally:
            context.close()


def _scores(report: Any) -> dict[str, int]:
    found = {name: report["categories"][name]["score"] for name in CATEGORIES}
    # None means that an audit of the category broke: no score to be proud of.
    return {name: round(100 * (score or 0)) for name, score in found.items()}


def _faults(report: Any) -> list[str]:
    weighty = {
        part["id"]
        for name in CATEGORIES
        for part in report["categories"][name]["auditRefs"]
        if part["weight"]
    }
    return [
        f"{name}: {audit['title']} {_named(audit)}"
        for name, audit in report["audits"].items()
        if name in weighty and audit["scoreDisplayMode"] not in SILENT and audit["score"] != 1
    ]


def _named(audit: Any) -> str:
    items = audit.get("details", {}).get("items", [])
    return json.dumps(items[:3])[:600] if items else audit.get("errorMessage", "")

"""Two tools at a counting service over real HTTP: one that may be repeated, one that may not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.test import override_settings

from approvals.models import Action
from gateway.tools.services import save
from tests.doubles.counting import IDEMPOTENT, UNSAFE, Counting, counting
from tests.factories.approvals import PolicyFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.invariants.scene import Scene, scene

TOOLS = {"write_note": IDEMPOTENT, "shout_note": UNSAFE}
FREE = [{"name": "free", "when": "true", "verdict": "allow"}]


@dataclass(frozen=True)
class Served:
    """The scene and the service its tools are at."""

    scene: Scene
    service: Counting

    def allowed(self, tool: str, number: int) -> Action:
        """A call that the policy allows."""
        return self.scene.ask(tool, arguments={"note": f"note {number}"})


@contextmanager
def served(
    journal: Path, configure: Callable[[Counting], None] = lambda _: None
) -> Iterator[Served]:
    """Both, as long as the block lasts; `configure` gives the service its troubles."""
    service = Counting(journal)
    configure(service)
    with counting(service), override_settings(OUTBOUND_ALLOW=[service.place]):
        here = scene()
        for name, path in TOOLS.items():
            config = {"method": "POST", "url": f"{service.url}{path}"}
            definition = ToolDefinitionFactory(
                name=name, retry_class=path.removeprefix("/"), connector="http",
                operation="request", config=config, risk="low",
            )  # fmt: skip
            save(here.environment, **definition)
        PolicyFactory(environment=here.environment, rules=FREE)
        yield Served(here, service)

"""A shop whose agent asks for things of every risk: reads, tags, refunds and transfers."""

from dataclasses import dataclass
from typing import Any

from approvals.models import Action
from approvals.services import save_policy
from gateway.tools.services import save
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.invariants.scene import Scene, scene

HOLD_S = 600
# Tool, its risk, and the sentence that the desk shows.
TOOLS = (
    ("tag_order", "low", "Tag order {{ order }} as {{ what }}"),
    ("refund", "medium", "Refund {{ what }} on order {{ order }}"),
    ("transfer", "high", "Transfer {{ what }} for order {{ order }}"),
)
RULES = [
    {"name": "reads run", "when": 'tool.side_effect == "read"', "verdict": "allow"},
    {
        "name": "a person looks", "when": "true", "verdict": "require_approval", "hold_s": HOLD_S,
    },
]  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """The scene with the shop's tools."""

    scene: Scene

    @property
    def people(self) -> Any:
        """Who works here."""
        return self.scene.people

    def ask(self, tool: str, *, order: int, what: str = "", **more: Any) -> Action:
        """The agent asks; what comes of it by the rules alone."""
        if tool == "look":
            return self.scene.ask("look", arguments={"note": f"order {order}"}, **more)
        arguments = {"order": f"ORD-{order}", "what": what or f"{order}.00 EUR"}
        return self.scene.ask(tool, arguments=arguments, **more)


def shop() -> Shop:
    """A fresh one; whatever a person approves rests ten minutes before it is done."""
    here = scene()
    for name, risk, effect in TOOLS:
        definition = ToolDefinitionFactory(
            name=name, risk=risk, effect=effect, input_schema=strict(order=TEXT, what=TEXT)
        )
        save(here.environment, **definition)
    save_policy(here.environment, name="rules", rules=RULES, comment="For the journeys.")
    return Shop(here)

"""Questions about tools that other services ask."""

from collections.abc import Mapping
from typing import Any

from gateway.connectors import registry
from gateway.lib.prepared import Prepared
from gateway.tenants.models import Environment
from gateway.tools.models import Risk, SideEffect, Tool, ToolVersion

_ENABLED = Prepared(
    lambda environment, name: (
        Tool.objects.within(environment)
        .filter(name=name, is_enabled=True, archived_at=None)
        .select_related("current__connection", "environment__tenant")
        .order_by()[:1]
    ),
    environment=Environment._meta.pk,
    name=Tool._meta.get_field("name"),
)


def enabled(environment: Environment, name: str) -> Tool | None:
    """The enabled tool of this name, with its current version, in one query."""
    found = next(iter(_ENABLED(environment=environment.pk, name=name)), None)
    if found is not None and found.current is not None:
        # What is asked of the version leads back here without another query.
        found.current.tool = found
    return found


def is_waiting(tool: Tool) -> bool:
    """Whether nothing of the tool may be decided or carried out now.

    Its upstream describes it otherwise than was accepted, and no administrator has said which of
    the two holds.
    """
    return tool.drifted_at is not None


def missing_blocks(version: ToolVersion) -> list[str]:
    """Which of the decision card's blocks the definition cannot fill, in words; none: complete."""
    names = ("side_effect", "effect", "affected", "connector", "risk")
    return missing({name: getattr(version, name) for name in names})


def missing(values: Mapping[str, Any]) -> list[str]:
    """As `missing_blocks`, for a definition that is not stored yet.

    A tool that only reads needs no more than a connector and a risk: nobody has to weigh it.
    """
    found = []
    if values["side_effect"] != SideEffect.READ and not values["effect"].strip():
        found.append("effect (the sentence of what will happen)")
    is_known = values["connector"] in registry.known()
    if not is_known and not values["affected"]:
        found.append("affected (who is affected: no connector gives a target)")
    if not is_known:
        name = values["connector"][:40]
        found.append(f"connector (the exact payload: nothing here speaks {name!r} yet)")
    if values["risk"] not in Risk.values:
        found.append("risk (how much harm a wrong call does)")
    return found

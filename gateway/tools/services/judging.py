"""Whether a definition holds together: each part alone, and against the arguments it names."""

from typing import Any

from gateway.connectors import registry
from gateway.lib.cel import CelError, compile_expression
from gateway.lib.errors import Refused
from gateway.lib.pointer import steps
from gateway.tenants.models import Environment, Group, Member
from gateway.tenants.roles import Role
from gateway.tools import render, schema
from gateway.tools.expressions import literal_keys, unknown_arguments
from gateway.tools.models import RetryClass, Risk, SideEffect
from gateway.tools.render import RenderError

AFFECTED_VARIABLES = ("args",)
COMPENSATE_FIELDS = frozenset({"operation", "config", "effect"})
RESULT = "result"


def check(environment: Environment, values: dict[str, Any], *, is_draft: bool = False) -> None:
    """Accepts a definition whose every part fits the others; raises Refused naming one that not.

    Whether it says enough to be enabled is another question (`reading.missing`).
    """
    _check_choices(values)
    try:
        schema.check_definition(values["input_schema"])
        if values["output_schema"] is not None:
            schema.check_output(values["output_schema"])
        if values["effect"].strip():
            render.check_effect(values["effect"], values["input_schema"])
        _check_affected(values)
        _check_material(values)
        if not (is_draft and values["connector"] not in registry.known()):
            _check_connector(values)
        for reviewer in values["reviewers"]:
            _check_reviewer(environment, reviewer)
    except (schema.SchemaError, RenderError, registry.Unknown, CelError) as error:
        raise Refused("tool_invalid", f"The tool's definition was refused: {error}") from error


def _check_choices(values: dict[str, Any]) -> None:
    for field, choices in (
        ("side_effect", SideEffect),
        ("retry_class", RetryClass),
        ("risk", Risk),
    ):
        # A risk that nobody has judged yet keeps the tool off; it is not wrong.
        if values[field] not in choices.values and (field, values[field]) != ("risk", ""):
            raise Refused("invalid", f"{field} must be one of {', '.join(choices.values)}.")


def _check_connector(values: dict[str, Any]) -> None:
    connector = registry.connector(values["connector"])
    # The connector judges the preview as well: it sees it where it will find it when called.
    preview = {"preview": values["preview"]} if values["preview"] else {}
    connector.check(values["operation"], {**values["config"], **preview}, values["input_schema"])
    if values["preview"]:
        for part in ("before", "after"):
            _check_names(str(values["preview"].get(part) or ""), values, field=f"preview.{part}")
    if values["compensate"]:
        _check_compensation(values, connector)


def _check_affected(values: dict[str, Any]) -> None:
    if values["affected"]:
        compile_expression(values["affected"], AFFECTED_VARIABLES)
        _check_names(values["affected"], values, field="affected")


def _check_names(source: str, values: dict[str, Any], *, field: str) -> None:
    if unknown := unknown_arguments(source, values["input_schema"]):
        named = ", ".join(f"args.{path}" for path in unknown)
        raise RenderError(field, f"{named}: not among the arguments")


def _check_material(values: dict[str, Any]) -> None:
    """Each path must be found in what the preview reads; else it would bind to nothing."""
    for path in values["material"]:
        if not isinstance(path, str) or not all(steps(path)) or not path:
            raise RenderError("material", "a path into the state before is needed")
    if not values["material"] or values["connector"] != "http":
        return
    before = (values["preview"] or {}).get("before")
    if not before:
        raise RenderError("material", "without preview.before there is no state to be bound to")
    keys = literal_keys(before)
    for path in values["material"]:
        if keys is not None and steps(path)[0] not in keys:
            raise RenderError("material", f"preview.before yields no {path!r}")


def _check_compensation(values: dict[str, Any], connector: Any) -> None:
    """The undoing operation, which may use the arguments and `result`, what the call gave."""
    undo = values["compensate"]
    if not isinstance(undo, dict) or not isinstance(undo.get("config", {}), dict):
        raise RenderError("compensate", "an object with operation and config is needed")
    if unknown := sorted(set(undo) - COMPENSATE_FIELDS):
        raise RenderError("compensate", f"there is no field {', '.join(unknown)}")
    known = with_result(values["input_schema"], values["output_schema"])
    try:
        connector.check(undo.get("operation", values["operation"]), undo.get("config", {}), known)
        if undo.get("effect"):
            render.check_effect(undo["effect"], known)
    except RenderError as error:
        raise RenderError(f"compensate.{error.field}", error.message) from error


def with_result(arguments: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments' definition with one more member, `result`."""
    if RESULT in arguments.get("properties", {}):
        raise RenderError("compensate", "an argument called result hides the call's result")
    defs = {**arguments.get("$defs", {}), **(result or {}).get("$defs", {})}
    return {
        **arguments,
        "properties": {**arguments.get("properties", {}), RESULT: result or {}},
        "required": [*arguments.get("required", ()), *([RESULT] if result else [])],
        "$defs": defs,
    }


def _check_reviewer(environment: Environment, reviewer: object) -> None:
    """A role, a group of the tenant, or one of its members; a name nobody answers to is refused."""
    kind, colon, name = str(reviewer).partition(":")
    if kind == "role" and name in Role.values:
        return
    if kind == "group" and Group.objects.filter(tenant=environment.tenant, slug=name).exists():
        return
    members = Member.objects.filter(tenant=environment.tenant, deactivated_at=None)
    if kind == "user" and members.filter(user__email__iexact=name).exists():
        return
    wanted = "role:name, group:name or user:address, of this tenant"
    raise RenderError("reviewers", f"{str(reviewer)[:80]!r} is nobody: use {wanted}")

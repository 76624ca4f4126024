"""What speaks against a call before any rule is asked: tool, scope, schema, request."""

from approvals.findings import Finding, Ruling
from approvals.services.masking import effect_sentence, masked
from approvals.services.wishes import Wish
from gateway.agents import services as agents
from gateway.connectors import registry
from gateway.connectors.base import Unknown
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.tools import render, schema
from gateway.tools import services as tools
from gateway.tools.models import ToolVersion

NOT_PERMITTED = "not_permitted"
DRIFTED = "definition_changed"


def check(wish: Wish) -> None:
    """Collect what speaks against the call: tool, scope, schema, request."""
    tool = tools.enabled(wish.environment, wish.tool_name)
    standing = agents.may_call(wish.agent, wish.tool_name, arguments=wish.arguments)
    if tool is None or tool.current is None:
        detail = f"There is no enabled tool {wish.tool_name!r} in this environment."
        wish.findings.append(Finding("tool", NOT_PERMITTED, detail, Ruling.INVALID))
        return
    wish.tool = tool
    if wish.findings:
        return
    if not standing.is_permitted:
        wish.findings.append(Finding("scope", NOT_PERMITTED, standing.detail, Ruling.INVALID))
        return
    if (version := wish.version) is None:
        detail = f"The tool {wish.tool_name} declares no way to undo a call of it any more."
        wish.findings.append(Finding("tool", "no_undo", detail, Ruling.INVALID))
        return
    for found in schema.problems(version.input_schema, wish.arguments):
        text = f"{found.path or 'arguments'}: {found.message}"
        wish.findings.append(Finding("schema", "invalid", text, Ruling.INVALID))
    if not wish.findings:
        _render(wish, version)
    if wish.is_sound and tools.is_waiting(tool):
        detail = "The tool's upstream describes it otherwise now: an administrator looks at that."
        wish.cautions.append(Finding("tool", DRIFTED, detail, Ruling.REQUIRE_APPROVAL))


def _render(wish: Wish, version: ToolVersion) -> None:
    try:
        connector = registry.connector(version.connector)
        wish.rendered = connector.render(version.config, version.operation, wish.arguments)
        wish.effect = effect_sentence(version, wish.arguments)
        wish.target = _target(version.affected, wish)
    except (render.RenderError, Unknown, CelError, CelRuntimeError) as error:
        text = masked(str(error), of=wish.arguments, paths=version.sensitive)
        wish.findings.append(Finding("render", "invalid", text, Ruling.INVALID))


def _target(affected: str, wish: Wish) -> list[str]:
    """The sorted kind:id texts of what is touched.

    Without an expression, method and URL without its query; of a database's tool the statement.
    """
    if affected:
        value = compile_expression(affected, ("args",)).evaluate({"args": wish.arguments})
        found = value if isinstance(value, list) else [value]
        return sorted({str(item) for item in found})
    if statement := wish.rendered.get("sql"):
        return [str(statement)]
    url = str(wish.rendered.get("url", "")).partition("?")[0]
    return [f"{wish.rendered.get('method', '')} {url}".strip() or wish.tool_name]

"""Block 4 of the card: the reasons behind the risk, each with its code."""

from approvals.models import Action
from approvals.views.lines import Line
from gateway.tools.models import RetryClass, SideEffect

EFFECTS = {
    SideEffect.WRITE: "The tool changes something",
    SideEffect.DESTRUCTIVE: "What the tool does cannot be undone",
}


def reasons_of(action: Action, *, agent: str, hidden: int) -> list[Line]:
    """Why the action is as risky as it says; `hidden` counts characters that hide from the eye."""
    why = str((action.requirement or {}).get("reason") or action.reason)
    found = [Line(why, icon="scale", code=action.rule)] if why else []
    version = action.tool_version
    if version and version.side_effect != SideEffect.READ:
        does = EFFECTS[SideEffect(version.side_effect)]
        text = f"{does}; its own risk is {version.risk}"
        found.append(Line(text, icon="tool", code="tool.side_effect"))
    if version and version.retry_class == RetryClass.UNSAFE:
        found.append(Line("It is never repeated by itself", icon="refresh", code="tool.retry"))
    signals = _signals(action, agent=agent, hidden=hidden)
    found += [Line(text, icon="sparkles", code=code) for text, code in signals]
    return found or [Line("Nothing out of the ordinary", icon="checks")]


def _signals(action: Action, *, agent: str, hidden: int) -> list[tuple[str, str]]:
    earlier = Action.objects.within(action.environment).filter(
        tool_name=action.tool_name, agent=action.agent, pk__lt=action.pk
    )
    found = []
    if not earlier.exists():
        found.append((f"First use of {action.tool_name} by {agent}", "signal.first_use"))
    same = earlier.filter(arguments_sha256=action.arguments_sha256).order_by("-id").first()
    if same is not None and action.arguments:
        found.append((f"Same arguments as {same.public_id}", "signal.same_as"))
    if hidden:
        found.append((f"{hidden} hidden or look-alike characters", "signal.hidden"))
    if action.preview_error:
        found.append((f"The live read failed: {action.preview_error}", "signal.no_preview"))
    return found

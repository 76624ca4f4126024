"""Block 4 of the card: the reasons behind the risk, each with its code."""

from functools import partial

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from approvals.views.lines import Line
from gateway.tools.models import RetryClass, SideEffect

EFFECTS = {
    SideEffect.WRITE: _("The tool changes something"),
    SideEffect.DESTRUCTIVE: _("What the tool does cannot be undone"),
}
KINDS = {
    "card_number": _("A card number"),
    "iban": _("An account number (IBAN)"),
    "email": _("An e-mail address"),
    "phone": _("A phone number"),
    "private_key": _("A private key"),
    "token": _("A credential"),
}
SHOWN_PATHS = 5


def reasons_of(action: Action, *, agent: str, hidden: int, external: int) -> list[Line]:
    """Why the action is as risky as it says.

    `hidden` counts characters that hide from the eye, `external` the recipients elsewhere.
    """
    why = str((action.requirement or {}).get("reason") or action.reason)
    found = [Line(why, icon="scale", code=action.rule)] if why else []
    version = action.tool_version
    if version and version.side_effect != SideEffect.READ:
        does = EFFECTS[SideEffect(version.side_effect)]
        text = gettext("{does}; its own risk is {risk}").format(does=does, risk=version.risk)
        found.append(Line(text, icon="tool", code="tool.side_effect"))
    if version and version.retry_class == RetryClass.UNSAFE:
        found.append(
            Line(gettext("It is never repeated by itself"), icon="refresh", code="tool.retry")
        )
    signals = _signals(action, agent=agent, hidden=hidden) + _external(external)
    found += [Line(text, icon="sparkles", code=code) for text, code in signals]
    return found or [Line(gettext("Nothing out of the ordinary"), icon="checks")]


def _sensitive(action: Action) -> list[tuple[str, str]]:
    """Which fields hold what, one line a kind; the values stand in the payload only."""
    seen = action.facts.get("sensitive") or {}
    by_kind: dict[str, list[str]] = {}
    for hit in seen.get("paths", ()):
        by_kind.setdefault(hit["kind"], []).append(hit["path"].removeprefix("/args"))
    found = [(_holds(kind, paths), f"sensitive.{kind}") for kind, paths in by_kind.items()]
    if seen.get("preview") == "unread":
        text = gettext(
            "The present state could not be read, so nothing sensitive was looked for in it"
        )
        found.append((text, "sensitive.unread"))
    return found


def _holds(kind: str, paths: list[str]) -> str:
    shown = ", ".join(dict.fromkeys(paths[:SHOWN_PATHS]))
    more = (
        gettext(" and {count} more").format(count=len(paths) - SHOWN_PATHS)
        if len(paths) > SHOWN_PATHS
        else ""
    )
    what = KINDS.get(kind) or gettext("Something on the list {name}").format(
        name=kind.removeprefix("list:")
    )
    return gettext("{what} in {shown}{more}").format(what=what, shown=shown, more=more)


def _external(count: int) -> list[tuple[str, str]]:
    if not count:
        return []
    text = ngettext(
        "{count} recipient with mail outside this environment's own domains",
        "{count} recipients with mail outside this environment's own domains",
        count,
    )
    return [(text.format(count=count), "signal.external")]


def _signals(action: Action, *, agent: str, hidden: int) -> list[tuple[str, str]]:
    earlier = Action.objects.within(action.environment).filter(
        tool_name=action.tool_name, agent=action.agent, pk__lt=action.pk
    )
    found = []
    if not Action.objects.let_through_before(partial(getattr, action)).exists():
        found.append(
            (
                gettext("First use of {tool_name} by {agent}: none was let through before").format(
                    tool_name=action.tool_name, agent=agent
                ),
                "signal.first_use",
            )
        )
    same = earlier.filter(arguments_sha256=action.arguments_sha256).order_by("-id").first()
    if same is not None and action.arguments:
        found.append(
            (
                gettext("Same arguments as {public_id}").format(public_id=same.public_id),
                "signal.same_as",
            )
        )
    if hidden:
        found.append(
            (
                gettext("{hidden} hidden or look-alike characters").format(hidden=hidden),
                "signal.hidden",
            )
        )
    found += _sensitive(action)
    if action.preview_error:
        found.append(
            (
                gettext("The live read failed: {preview_error}").format(
                    preview_error=action.preview_error
                ),
                "signal.no_preview",
            )
        )
    return found

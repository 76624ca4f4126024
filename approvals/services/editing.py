"""Changing what an action would do: the gate judges it anew, and every vote begins again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from approvals import diff
from approvals.findings import Finding
from approvals.models import Action
from approvals.redact import StrayMask
from approvals.requirement import stricter_of
from approvals.services import binding, reading, spending, trail, versions
from approvals.services.checking import NOT_PERMITTED, check
from approvals.services.locking import attempt, lock_for_decision, touch
from approvals.services.masking import unmasked
from approvals.services.previewing import Preview
from approvals.services.proposing import RECORDED_AS, look
from approvals.services.rejudging import columns_of, judged, wish_of
from approvals.services.wishes import Wish, read_arguments
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.errors import Denied, Refused
from gateway.lib.states import move
from gateway.tenants.principals import Principal
from gateway.tools import schema
from gateway.tools import services as tools

MAX_COMMENT = 4000
RECORDED_PATHS = 20


@dataclass(frozen=True)
class Edit:
    """New arguments that passed the checks, and what they would do; not judged or stored yet."""

    wish: Wish
    preview: Preview | None


def edit(
    *, action: Action, by: Principal, digest: str, arguments: Any, comment: str = ""
) -> Action:
    """Give the action other arguments: a new version with a new digest, which nobody has voted on.

    Policy is asked again. What it denies now is denied; what it allows still waits for a person.
    Raises Refused with `errors` by JSON Pointer for arguments that cannot be, Denied (who may not,
    or what the agent may not), StaleState (changed since it was shown).
    """
    prepared = prepare(action=action, by=by, digest=digest, arguments=arguments)
    if prepared is None:
        raise Refused("unchanged", "These are the arguments that it has: change one, or approve.")
    with attempt(action):
        locked = lock_for_decision(action, by, digest=digest, approving=False)
        apply(locked, prepared, by=by, comment=comment)
    return locked


def prepare(*, action: Action, by: Principal, digest: str, arguments: Any) -> Edit | None:
    """Check the arguments, then look at what they would change; None for the present ones.

    The look goes to the outside, so it is taken between two transactions. The digest says in the
    second one that the action is still the one that was checked here. Raises as `edit`.
    """
    with attempt(action):
        locked = lock_for_decision(action, by, digest=digest, approving=False)
        wish = _checked(locked, arguments)
    if wish.sha256 == locked.arguments_sha256:
        return None
    return Edit(wish, look(wish))


def apply(action: Action, edit: Edit, *, by: Principal, comment: str) -> None:
    """Judge the edit and store it as the locked action's next version."""
    if len(comment) > MAX_COMMENT:
        raise Refused("too_long", f"A comment has at most {MAX_COMMENT} characters.")
    found = judged(action, edit.wish, edit.preview)
    meta = _changes(action, edit)
    requirement, decide_by = _requirement(action, found)
    columns = versions.begin(
        action, origin=versions.Origin.EDITED, by=by.user, comment=comment.strip(),
        editor=by.user, proposed_sha256=action.asked_sha256, requirement=requirement,
        **columns_of(found),
    )  # fmt: skip
    ends = found.status not in {ActionStatus.PENDING, ActionStatus.APPROVED}
    if ends:
        move(
            action, found.status, code=found.code, reason=found.reason,
            refusal=found.refusal, settled_at=Now(), **columns,
        )  # fmt: skip
        spending.follow(action)
    else:
        touch(action, decide_by=decide_by, **columns)
    trail.record(action, AuditAction.ACTION_EDITED, before=action.status, actor=by.actor, meta=meta)
    if ends:
        ended = RECORDED_AS[ActionStatus(action.status)]
        trail.record(action, ended, before=ActionStatus.PENDING, reason=action.code)


def _checked(action: Action, arguments: Any) -> Wish:
    """The arguments as a wish that nothing but policy could speak against."""
    wish = wish_of(action, _whole(action, arguments))
    read_arguments(wish)
    wish.tool = tools.enabled(action.environment, action.tool_name)
    if wish.version is not None and not wish.findings:
        _check_schema(wish.version.input_schema, wish.arguments)
    check(wish)
    if wish.findings:
        raise _refusal(wish.findings[0])
    # What somebody makes of a call always waits for people.
    if found := reading.unreadable(wish.text):
        raise _refusal(found)
    return wish


def _whole(action: Action, arguments: Any) -> Any:
    """The arguments with their secrets, of which the editor saw masks only."""
    sensitive = action.tool_version.sensitive if action.tool_version else ()
    try:
        return unmasked(arguments, action.arguments_value, sensitive)
    except StrayMask as error:
        message = "A masked value stays where it was, or is written anew."
        raise Refused("masked_value", message, errors={error.path: [message]}) from error


def _check_schema(definition: dict[str, Any], arguments: Any) -> None:
    errors: dict[str, list[str]] = {}
    for found in schema.problems(definition, arguments):
        errors.setdefault(found.path, []).append(found.message)
    if errors:
        detail = "The tool does not take these arguments: see `errors`."
        raise Refused("invalid", detail, errors=errors)


def _refusal(found: Finding) -> Refused | Denied:
    if found.code == NOT_PERMITTED:
        return Denied(found.code, found.detail)
    return Refused(found.code, found.detail, errors={"": [found.detail]})


def _requirement(action: Action, found: Action) -> tuple[dict[str, Any], Any]:
    """What both versions ask for together, and the deadline: no edit makes either milder."""
    before, now = binding.requirement_of(action), binding.requirement_of(found)
    wanted = stricter_of(now, before)
    latest = timezone.now() + timedelta(seconds=wanted.expires_in_s)
    return wanted.as_dict(), min(action.decide_by or latest, latest)


def _changes(action: Action, edit: Edit) -> dict[str, Any]:
    """Which places were edited: the values stay with the versions."""
    found = diff.compare(action.arguments_value, edit.wish.arguments)
    return {"paths": [change.path for change in found[:RECORDED_PATHS]], "changes": len(found)}

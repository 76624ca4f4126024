"""What one person may do with an action beside voting: edit it, undo its approval, give it time."""

import json
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from approvals import services
from approvals.forms import EXTENSIONS, EditForm, ExtendForm
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.lib.errors import Denied, DomainError, StaleState
from gateway.lib.visible import reveal
from gateway.tenants import services as tenants
from gateway.tenants.principals import Principal, of_browser

DECIDE, CANCEL = "approvals.decide_action", "approvals.cancel_action"


class Powers:
    """The buttons of one action's bar for the person of this request."""

    def __init__(self, request: Any, action: Action) -> None:
        self.action = action
        self.by: Principal = of_browser(request, request.user, action.environment)

    @property
    def is_open(self) -> bool:
        """Whether people can still decide."""
        return self.action.status == ActionStatus.PENDING

    @cached_property
    def may_edit(self) -> bool:
        """Whether this person could decide it otherwise than by approving what it is now."""
        return self.is_open and self._is_reviewer and self.action.arguments_value is not None

    @cached_property
    def must_step_up(self) -> bool:
        """Whether approving asks this person to prove first that they are there."""
        return services.must_step_up(self.action, self.by)

    @cached_property
    def step_up_by(self) -> str:
        """By what this person proves it: `passkey`, `code`, `password`, or `nothing` yet."""
        return tenants.step_up_by(self.by.user) if self.by.user else "nothing"

    @cached_property
    def may_undo(self) -> bool:
        """Whether this person can take the approval back now."""
        try:
            services.check_is_held(self.action)
        except StaleState:
            return False
        return self.by.has(CANCEL) or self._is_reviewer

    @cached_property
    def may_compensate(self) -> bool:
        """Whether this person can propose to undo it."""
        try:
            services.check_can_be_undone(self.action, self.by)
        except DomainError:
            return False
        return True

    @property
    def may_break_glass(self) -> bool:
        """Whether this person could decide alone what others are asked for."""
        if not self.is_open or not self.by.has("approvals.break_glass"):
            return False
        try:
            services.may_decide_alone(self.action, self.by)
        except Denied:
            return False
        return services.unreviewed(self.action.environment) is None

    @property
    def may_extend(self) -> bool:
        """Whether this person can give the others more time."""
        return self.is_open and self.by.has(DECIDE) and bool(self.extensions)

    @cached_property
    def extensions(self) -> list[tuple[str, str]]:
        """The steps by which the deadline can still be moved on."""
        end = self.action.decide_by
        latest = services.latest_deadline(self.action)
        return [
            (hours, str(label))
            for hours, label in EXTENSIONS
            if end and end + timedelta(hours=int(hours)) <= latest
        ]

    @cached_property
    def edit_form(self) -> EditForm:
        """The arguments as text, bound to the digest that is shown."""
        text = editable(services.shown_arguments(self.action))
        return EditForm(initial={"digest": self.action.digest, "arguments": text})

    @cached_property
    def extend_form(self) -> ExtendForm:
        """The steps to choose from."""
        return ExtendForm()

    @property
    def step_up_url(self) -> str:
        """Where this person proves who they are; it leads back to the question."""
        return step_up_url(self.action)

    @cached_property
    def _is_reviewer(self) -> bool:
        try:
            services.may_decide(self.action, self.by, approving=False)
        except Denied:
            return False
        return True


def step_up_url(action: Action) -> str:
    """The page that asks who the person is and leads back to the question."""
    place = action.environment
    asked = "run_again" if action.status == ActionStatus.UNKNOWN else "approve"
    back = reverse(f"approvals:{asked}", args=(place.tenant.slug, place.slug, action.public_id))
    return f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}"


def editable(value: Any) -> str:
    """JSON to edit as text: laid out, and what the eye would miss written as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(
        json.dumps(span.text)[1:-1] if span.kind == "hidden" else span.text for span in reveal(text)
    )


def later(action: Action, *, hours: int) -> Any:
    """The deadline, so many hours on."""
    return (action.decide_by or timezone.now()) + timedelta(hours=hours)

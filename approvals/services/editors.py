"""Who has a hand in what an action would do: everybody who edited it, by its versions."""

from approvals.models import Action, ActionVersion
from gateway.lib import ids
from gateway.tenants.models import User


def editors_of(action: Action) -> frozenset[str]:
    """The public ids of all who ever edited the action; asked once for each version of it.

    Whoever edited before the last edit as well: what they wrote may be in it still. They stay among
    these where somebody put back what the agent asked.
    """
    if action.editor_id is None:
        return frozenset()
    if action.known_editors is None or action.known_editors[0] != action.version:
        made = ActionVersion.objects.filter(action=action, origin=ActionVersion.Origin.EDITED)
        people = made.order_by().values_list("made_by", flat=True)
        found = frozenset(ids.encode(User.PREFIX, key) for key in people if key)
        action.known_editors = (action.version, found)
    return action.known_editors[1]

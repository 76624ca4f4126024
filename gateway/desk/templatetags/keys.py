"""The person's own single keys, wherever a page names one."""

import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gateway.tenants import keys

register = template.Library()
# The marks by which a script finds what a command presses: a command's usual key, whoever asks.
NAMED = {"?": "Shift+?"}


def _keys(context: template.Context) -> dict[str, str]:
    """The keys of the person who asks; none where they turned them off."""
    request: Any = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.has_shortcuts:
        return {}
    if not hasattr(request, "own_keys"):
        request.own_keys = keys.keymap(user.keys)
    found: dict[str, str] = request.own_keys
    return found


@register.simple_tag(takes_context=True)
def keys_data(context: template.Context) -> str:
    """What each key does, for the script: JSON from key to command."""
    own = _keys(context)
    return json.dumps({key: name for name, key in own.items() if key})


@register.simple_tag(takes_context=True)
def key(context: template.Context, command: str) -> SafeString | str:
    """The key of a command as a cap; nothing where it has none."""
    own = _keys(context).get(command, "")
    return format_html('<kbd class="cs-kbd">{}</kbd>', own.upper()) if own else ""


@register.simple_tag(takes_context=True)
def pressed_by(context: template.Context, command: str) -> SafeString:
    """The attributes of what a command presses: for the script, and for assistive technology."""
    own = _keys(context).get(command, "")
    usual = keys.DEFAULTS[command]
    if not own:
        return format_html('data-key="{}"', usual)
    return format_html('aria-keyshortcuts="{}" data-key="{}"', NAMED.get(own, own), usual)

"""Single keys of the desk: what each does at first, and what a person chose instead.

Stored is only what differs, as `approve=y snooze=`; an empty key does nothing. A person's keys are
single characters, because Shift, Ctrl and the like belong to the browser and to `select`.
"""

from collections import Counter
from collections.abc import Mapping

DEFAULTS = {
    "next": "j", "previous": "k", "open": "o", "approve": "a", "reject": "r", "edit": "e",
    "comment": "c", "snooze": "s", "undo": "u", "select": "x", "diff": "d", "fold": "f",
    "previous_tab": "[", "next_tab": "]", "search": "/", "go": "g", "sheet": "?",
}  # fmt: skip
LONGEST = 200


def keymap(stored: str) -> dict[str, str]:
    """The key of every command; what is not understood counts as not stored."""
    pairs = (part.partition("=") for part in stored.split(" "))
    own = {name: key for name, mark, key in pairs if mark and name in DEFAULTS}
    return DEFAULTS | {name: key for name, key in own.items() if len(key) <= 1}


def stored(wanted: Mapping[str, str]) -> str:
    """What to keep of this choice."""
    return " ".join(
        f"{name}={wanted[name]}"
        for name, default in DEFAULTS.items()
        if wanted.get(name, default) != default
    )


def faults(wanted: Mapping[str, str]) -> dict[str, str]:
    """What cannot be, by command: `long`, `blank`, `shift`, `taken`."""
    times = Counter(key for key in wanted.values() if key)
    found = {}
    for name, key in wanted.items():
        if len(key) > 1:
            found[name] = "long"
        elif key and (key.isspace() or not key.isprintable()):
            found[name] = "blank"
        elif key != key.lower() or (name == "select" and key and key == key.upper()):
            found[name] = "shift"
        elif times[key] > 1:
            found[name] = "taken"
    return found

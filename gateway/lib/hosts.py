"""Lists of hosts as people write them: names separated by blanks. Pure.

`api.example.com`, `*.example.com` for every name below it, and a port (`api.example.com:8443`)
where it is not the scheme's usual one: 443 may be said and is left out.
"""

import re
from collections.abc import Iterable

BELOW = "*."
USUAL, MOST = ":443", 65535
_NAME = r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_ENTRY = re.compile(rf"(?:{_NAME}|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.IGNORECASE)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list, as a host's address is read: without the port of HTTPS."""
    return tuple(entry.removesuffix(USUAL) for entry in text.lower().split())


def is_list(text: str) -> bool:
    """Whether every entry is a host, with a port that there is."""
    return all(
        (found := _ENTRY.fullmatch(entry)) and int(found["port"] or 1) <= MOST
        for entry in listed(text)
    )


def names(entries: Iterable[str], place: str) -> bool:
    """Whether an entry names this host, or all the hosts of another entry."""
    return any(_covers(entry, place) for entry in entries)


def is_wider(before: str, after: str) -> bool:
    """Whether the second list names a host that the first does not; an empty one names all."""
    old, new = listed(before), listed(after)
    return bool(old) and (not new or not all(names(old, entry) for entry in new))


def _covers(entry: str, place: str) -> bool:
    if not entry.startswith(BELOW):
        return entry == place
    # A port belongs to the end that both have to share.
    return place.endswith(entry.removeprefix("*"))

"""Whom a call reaches outside the environment's own mail domains (pure).

Recipients are what the preview or the tool's `affected` names as mail addresses, and whatever
stands in the arguments under a name that mails give their recipients. Addresses in running text
are none. What cannot be read as one plain address of an own domain counts as external.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from audit.canonical import JSON

KINDS = frozenset({"email", "mail"})
NAMES = frozenset({"to", "cc", "bcc", "recipient", "recipients"})
_ADDRESS = re.compile(r"[^\s<>,;\"()]*@[^\s<>,;\"()]*")


def external(
    arguments: JSON, *, affected: Iterable[tuple[str, str]], domains: Collection[str]
) -> frozenset[str]:
    """Addresses in none of `domains`, in small letters; none where no domain is known to be ours.

    `affected` are pairs of kind and id.
    """
    if not domains:
        return frozenset()
    named = (id for kind, id in affected if kind in KINDS)
    texts = [*named, *_recipients(arguments)]
    found = {address.lower() for text in texts for address in _ADDRESS.findall(text)}
    return frozenset(address for address in found if not _is_ours(address, domains))


def _is_ours(address: str, domains: Collection[str]) -> bool:
    """Whether it is one plain address of an own domain; a second @ makes it anybody's guess."""
    name, _, domain = address.partition("@")
    return bool(name) and domain in domains


def _recipients(arguments: JSON) -> Iterator[str]:
    """Every text at or below a member that is named as recipients are."""
    waiting: list[tuple[bool, JSON]] = [(False, arguments)]
    while waiting:
        is_named, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(is_named or key.lower() in NAMES, inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(is_named, inner) for inner in value]
        elif is_named and isinstance(value, str):
            yield value

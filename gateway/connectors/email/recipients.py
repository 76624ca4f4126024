"""Who may be written to: the rules of a tool, held against each address (pure)."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.connectors.rest import check_fields, listed
from gateway.tools.render import RenderError

DEFAULT_MAX, HIGHEST_MAX = 10, 100
FIELDS = frozenset({"domains", "addresses", "max"})
# Of what RFC 5321 allows, what real addresses use: no quotes, no spaces, no comments, ASCII only.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_ADDRESS = re.compile(rf"({_LOCAL})@({_DOMAIN.pattern})")
MAX_ADDRESS = 254


def address(field: str, value: Any) -> str:
    """An address in its plain form, the domain in small letters; raises RenderError."""
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) and len(value) <= 254 else None
    if match is None:
        raise RenderError(field, "a plain address such as ana@example.com is needed")
    return f"{match[1]}@{match[2].lower()}"


def domain(value: str) -> str:
    """The part of an address behind its `@`."""
    return value.rpartition("@")[2]


def check(rules: Any) -> None:
    """Accepts rules that allow somebody; raises RenderError."""
    if not isinstance(rules, Mapping) or not (rules.get("domains") or rules.get("addresses")):
        raise RenderError("recipients", "domains or addresses that may be written to are needed")
    check_fields(rules, FIELDS)
    for name in ("domains", "addresses"):
        if not isinstance(rules.get(name, []), list):
            raise RenderError(f"recipients.{name}", "a list is needed")
    for value in rules.get("domains", ()):
        if not isinstance(value, str) or not _DOMAIN.fullmatch(value):
            raise RenderError("recipients.domains", "a domain such as example.com is needed")
    for value in rules.get("addresses", ()):
        address("recipients.addresses", value)
    highest = rules.get("max", DEFAULT_MAX)
    if isinstance(highest, bool) or not isinstance(highest, int) or not 0 < highest <= HIGHEST_MAX:
        raise RenderError("recipients.max", f"a number from 1 to {HIGHEST_MAX} is needed")


def allowed(arguments: Mapping[str, Any], rules: Mapping[str, Any]) -> dict[str, list[str]]:
    """`to` and `cc`, each address allowed and named once; raises RenderError."""
    found = {field: _addresses(arguments.get(field) or [], field) for field in ("to", "cc")}
    found["cc"] = [value for value in found["cc"] if value not in found["to"]]
    everyone = found["to"] + found["cc"]
    if not found["to"]:
        raise RenderError("to", "a recipient is needed")
    if len(everyone) > rules.get("max", DEFAULT_MAX):
        raise RenderError("to", f"at most {rules.get('max', DEFAULT_MAX)} recipients are allowed")
    domains = {value.lower() for value in rules.get("domains", ())}
    addresses = {value.lower() for value in rules.get("addresses", ())}
    for value in everyone:
        if domain(value) not in domains and value.lower() not in addresses:
            raise RenderError("to", f"this tool may not write to {value}")
    return found


def _addresses(values: Any, field: str) -> list[str]:
    if not isinstance(values, list):
        raise RenderError(field, "a list of addresses is needed")
    return list(listed(address(field, value) for value in values))

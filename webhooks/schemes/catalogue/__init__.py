"""Every scheme there is, by name. A new one is an entry here, a test and a recorded payload.

Read in the vendors' own packages and documents in November 2026; `proof` names whose material
shows that an entry is right, and the tests named after it check exactly that.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from webhooks.schemes import custom
from webhooks.schemes.base import Scheme
from webhooks.schemes.catalogue.code import CODE
from webhooks.schemes.catalogue.services import SERVICES
from webhooks.schemes.catalogue.standard import STANDARD, STANDARD_FAMILY
from webhooks.schemes.catalogue.tokens import TOKENS
from webhooks.schemes.catalogue.tokens import WARNING as TOKEN_WARNING
from webhooks.schemes.catalogue.tools import GENERIC_SHA256, GITHUB, TOOLS

CUSTOM = custom.NAME
SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme for scheme in (*STANDARD_FAMILY, *TOOLS, *SERVICES, *TOKENS, *CODE)
}
CHOICES = [*((scheme.name, scheme.title) for scheme in SCHEMES.values()), (CUSTOM, "Custom")]


def scheme_of(name: str, settings: Mapping[str, Any]) -> Scheme:
    """The scheme of this name; `custom` is described in the source's settings.

    Raises KeyError for an unknown name, custom.BadScheme for a description that cannot work.
    """
    if name != CUSTOM:
        return SCHEMES[name]
    return _described(json.dumps(settings.get("scheme", {}), sort_keys=True))


@lru_cache(maxsize=256)
def _described(text: str) -> Scheme:
    return custom.parse(json.loads(text))


__all__ = [
    "CHOICES",
    "CUSTOM",
    "GENERIC_SHA256",
    "GITHUB",
    "SCHEMES",
    "STANDARD",
    "TOKEN_WARNING",
    "scheme_of",
]
